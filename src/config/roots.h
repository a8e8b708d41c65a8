/* What a command's jobs see of the host: `read`, `write` and `network`. Commands with equal ones share a root. */
#pragma once

#include <stdint.h>

struct reading;

/* The index in the policy's roots, which grow, for the command that is being read. */
uint32_t root_find(struct reading *reading);
