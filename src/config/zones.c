#include "zones.h"

#include <stdlib.h>
#include <string.h>

#include "reading.h"
#include "zone_files.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/schedule/civil.h"

/* Tables are made anew at each start and reload. Back: a service may have been stopped. Ahead: it may run for long. */
#define YEAR_S      (366 * DAY_S)
#define YEARS_BACK  2
#define YEARS_AHEAD 20

static bool copy_utc(struct reading *reading, struct zone *zone)
{
    *zone = zone_utc;
    zone->periods = malloc(sizeof *zone->periods);
    if (zone->periods != NULL)
        zone->periods[0] = zone_utc.periods[0];
    else
        reading->report->is_out_of_memory = true;
    return zone->periods != NULL;
}

static bool read_zone(struct reading *reading, const char *name, struct zone *zone)
{
    char remark[ERROR_TEXT_BYTES];
    struct error err = { 0 };
    int64_t now_s = (int64_t)(clock_unix_ms() / 1000);
    struct zone_wish wish = {
        .directory = ZONEINFO_DIRECTORY,
        .name = name,
        .from_unix_s = now_s - YEARS_BACK * YEAR_S,
        .until_unix_s = now_s + YEARS_AHEAD * YEAR_S,
        .owners = reading->owners,
    };
    if (strcmp(name, zone_utc.name) == 0)
        return copy_utc(reading, zone);
    if (!reading->may_read_files) {
        fault_below(reading, "zone", -1, "files of time zones are not read from here");
        return false;
    }
    if (zone_table_make(&wish, zone, remark, &err) < 0) {
        fault_below(reading, "zone", -1, "%s", err.text);
        return false;
    }
    if (remark[0] != '\0')
        warning_below(reading, "zone", -1, "%s", remark);
    return true;
}

uint32_t zone_find(struct reading *reading, const char *name)
{
    struct config *config = reading->config;
    for (uint32_t i = 0; i < config->zone_count; i++)
        if (strcmp(config->zones[i].name, name) == 0)
            return i;
    if (config->zone_count == ZONE_COUNT_MAX) {
        fault_below(reading, "zone", -1, "all schedules together name more than %d time zones", ZONE_COUNT_MAX);
        return ZONE_NONE;
    }
    struct zone *zone = grow(reading, &config->zones, config->zone_count, sizeof *zone);
    if (zone == NULL || !read_zone(reading, name, zone))
        return ZONE_NONE;
    return config->zone_count++;
}
