/* The time zones that schedules name. */
#pragma once

#include <stdint.h>

struct reading;

#define ZONE_NONE UINT32_MAX

/* The index in the configuration's zones, which grow; ZONE_NONE and a fault at `zone` when it is not to be had. UTC needs no file. */
uint32_t zone_find(struct reading *reading, const char *name);
