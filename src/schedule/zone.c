#include "sallyport/schedule/zone.h"

#include <assert.h>
#include <stdlib.h>

#include "sallyport/schedule/civil.h"

#define FAR_S (2 * CIVIL_MAX_S) /* beyond all that is asked for, and far from overflow */

static struct zone_period utc_period = { 0, 0 };
const struct zone zone_utc = { "UTC", &utc_period, 1 };

const char *zone_fault(const struct zone *zone)
{
    if (zone->name[0] == '\0')
        return "has no name";
    if (zone->period_count == 0)
        return "has no period";
    if (zone->period_count > ZONE_PERIOD_COUNT_MAX)
        return "has too many periods";
    for (uint32_t i = 0; i < zone->period_count; i++) {
        const struct zone_period *period = &zone->periods[i];
        if (period->offset_s < -ZONE_OFFSET_MAX_S || period->offset_s > ZONE_OFFSET_MAX_S)
            return "has an offset of more than 26 hours";
        if (period->from_unix_s < -CIVIL_MAX_S || period->from_unix_s > CIVIL_MAX_S)
            return "has a period out of all time";
        if (i > 0 && period->from_unix_s <= zone->periods[i - 1].from_unix_s)
            return "has periods out of order";
    }
    return NULL;
}

uint32_t zone_find_period(const struct zone *zone, int64_t unix_s)
{
    assert(zone->period_count > 0);
    uint32_t index = zone->period_count - 1;
    while (index > 0 && zone->periods[index].from_unix_s > unix_s)
        index--;
    return index;
}

struct zone_span zone_span(const struct zone *zone, uint32_t index)
{
    assert(index < zone->period_count);
    const struct zone_period *periods = zone->periods;
    struct zone_span span = {
        .from_unix_s = index > 0 ? periods[index].from_unix_s : -FAR_S,
        .until_unix_s = index + 1 < zone->period_count ? periods[index + 1].from_unix_s : FAR_S,
        .offset_s = periods[index].offset_s,
        .seen_local_s = -FAR_S + periods[0].offset_s,
    };
    /* Not that of the period before alone: one that is shorter than what it repeats leaves the rest to the next. */
    for (uint32_t i = 0; i < index; i++) {
        int64_t end_local_s = periods[i + 1].from_unix_s + periods[i].offset_s;
        span.seen_local_s = end_local_s > span.seen_local_s ? end_local_s : span.seen_local_s;
    }
    return span;
}

int64_t zone_local_s(const struct zone *zone, int64_t unix_s)
{
    return unix_s + zone->periods[zone_find_period(zone, unix_s)].offset_s;
}

int64_t zone_unix_s(const struct zone *zone, int64_t local_s)
{
    struct zone_span span = zone_span(zone, 0);
    for (uint32_t i = 1; i < zone->period_count && local_s >= span.until_unix_s + span.offset_s; i++)
        span = zone_span(zone, i);
    int64_t unix_s = local_s - span.offset_s;
    return unix_s > span.from_unix_s ? unix_s
                                     : span.from_unix_s; /* before it: in the gap that the period begins with */
}

void zone_done(struct zone *zone)
{
    free(zone->periods);
    *zone = (struct zone){ 0 };
}
