/*
 * The host's time zones (Debian's tzdata) as tables, read by libc. Its readers then need no file, and no parser of one.
 *
 * Not for a process with threads: libc has one zone for the whole process, which is changed here for a moment.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/config/config.h"
#include "sallyport/schedule/zone.h"

#define ZONEINFO_DIRECTORY "/usr/share/zoneinfo"

struct zone_wish {
    const char *directory; /* ZONEINFO_DIRECTORY, or a test's */
    const char *name;      /* "Europe/Berlin" */
    int64_t from_unix_s, until_unix_s;
    enum config_owner_check owners;
};

/*
 * Makes the table of the wished time. The file must be where the rules for the configuration's own files allow it (owner.h),
 * begin as RFC 8536 (TZif) says, and be taken by libc, which would otherwise silently go on with UTC. Two changes of the
 * offset within a day that leave it as it was are not seen.
 *
 *   ret_zone   freed with zone_done()
 *   remark     ERROR_TEXT_BYTES; for CONFIG_OWNER_ANY what the other checks would have refused, else ""
 *
 * -EINVAL for what is no name of a zone or no zone; -errno for a file that cannot be read or that others could change.
 */
int zone_table_make(const struct zone_wish *wish, struct zone *ret_zone, char *remark, struct error *err);
