/* `on`: which callback is told of which ends. */
#pragma once

#include <stdbool.h>

#define NOTICE_EVENT_RULE "started, succeeded, failed, timed_out, cancelled, lost, launch_failed, rejected or recovered"

struct reading;

bool notice_event_is_name(const char *name);
void *notice_default_open(struct reading *reading, const char *name);
void *notice_command_open(struct reading *reading, const char *name);
void *notice_open(struct reading *reading, const char *name);

/* When all callbacks are read. */
void notices_take(struct reading *reading);
