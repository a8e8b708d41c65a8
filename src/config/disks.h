/* Disks whose use a command limits: `sandbox.io`, by the path of each. */
#pragma once

#include <stdbool.h>

struct reading;

#define DISK_NAME_RULE                                                                                                 \
    "a path from the root on in its shortest form, of a disk or of what lies on it, such as /srv/data"

bool disk_is_name(const char *name);

/* Entry of the table: begins a disk of the command that is being read, and ends it. */
void *disk_open(struct reading *reading, const char *name);
void disk_close(struct reading *reading);
