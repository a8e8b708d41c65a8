/*
 * The text of a schedule. The first byte is its form and the zone, the rest the text. What is taken fires again and again, each time
 * later, and the way back is the same.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/schedule/schedule.h"
#include "sallyport/schedule/zone.h"

#define START_UNIX_MS 1743200000000 /* some hours before a gap */
#define FIRES         20

/* A gap, a repeated hour, and a day that is left out. */
static struct zone_period periods[] = {
    { 1704067200, 3600 }, { 1743296400, 7200 }, { 1743382800, 3600 }, { 1743469200, 90000 }, { 1743555600, -45 },
};
static const struct zone jumpy = { "Jumpy", periods, sizeof periods / sizeof periods[0] };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void walk(const struct schedule *schedule, const struct zone *zone)
{
    uint64_t at = START_UNIX_MS, before = 0, next, last;
    for (unsigned i = 0; i < FIRES && schedule_next(schedule, zone, at, &next); i++) {
        check(next > at && next <= SCHEDULE_UNIX_MAX_MS);
        check(schedule_last(schedule, zone, next, &last) && last == next);
        if (before > 0)
            check(schedule_last(schedule, zone, next - 1, &last) && last == before);
        before = at = next;
    }
    check(before > 0 || schedule->form == SCHEDULE_AT); /* what never fires was refused */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct schedule schedule;
    struct error err = { 0 };
    if (size == 0)
        return 0;
    char *text = strndup((const char *)data + 1, size - 1);
    if (schedule_parse(data[0] & 3, text, &schedule, &err) == 0)
        walk(&schedule, (data[0] & 4) != 0 ? &jumpy : &zone_utc);
    else
        check(err.text[0] != '\0');
    free(text);
    return 0;
}
