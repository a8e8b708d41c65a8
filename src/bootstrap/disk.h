/* A disk that a configuration names, as the kernel knows it. */
#pragma once

#include <stdint.h>

struct error;

/* The number of the whole disk that the path is, or lies on. What is judged is what was opened; nothing is read from it. */
int disk_identify(const char *path, uint64_t *ret_device, struct error *err);
