#include "sallyport/schedule/schedule.h"

#include <assert.h>
#include <errno.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/schedule/civil.h"
#include "sallyport/schedule/zone.h"

static int parse_cron(const char *text, struct schedule *schedule, struct error *err)
{
    return cron_parse(text, &schedule->cron, err);
}

static int parse_every(const char *text, struct schedule *schedule, struct error *err)
{
    if (!text_duration_ms(text, &schedule->every_ms))
        return fail_plain(err, EINVAL, "'%.40s' is no duration; write a whole number and s, m, h or d, such as 15m",
                          text);
    if (schedule->every_ms < SCHEDULE_EVERY_MIN_MS || schedule->every_ms > SCHEDULE_EVERY_MAX_MS)
        return fail_plain(err, EINVAL, "must be between 1s and 366d");
    return 0;
}

/* NULL, or what is wrong at *at. */
static const char *read_at(const char **at, struct schedule *schedule)
{
    int64_t day, clock_s, offset_s = 0;
    const char *why = civil_read_date(at, &day);
    if (why != NULL)
        return why;
    if (**at != 'T')
        return "must be 'T' and a time such as T18:00:00";
    (*at)++;
    why = civil_read_clock(at, &clock_s);
    if (why != NULL)
        return why;
    schedule->is_at_local = **at == '\0';
    if (!schedule->is_at_local)
        why = civil_read_offset(at, &offset_s);
    schedule->at_s = day * DAY_S + clock_s - offset_s;
    return why != NULL || **at == '\0' ? why : "must be the end";
}

static int parse_at(const char *text, struct schedule *schedule, struct error *err)
{
    const char *at = text, *why = read_at(&at, schedule);
    return why == NULL ? 0 : fail_plain(err, EINVAL, "at character %zu: %s", (size_t)(at - text) + 1, why);
}

/* A fire time is a whole second but for `every`; those before 1970 or after the year 9999 do not exist. */
static bool give(int64_t unix_s, uint64_t *ret_unix_ms)
{
    if (unix_s < 0 || unix_s > CIVIL_MAX_S)
        return false;
    *ret_unix_ms = (uint64_t)unix_s * 1000;
    return true;
}

/*
 * The first fire time of a cron entry in one period of the zone that is not before from_unix_s, which lies before the period's
 * end. What the clock jumped over at its begin belongs to its first moment.
 */
static bool cron_next_in(const struct cron *cron, const struct zone_span *span, int64_t from_unix_s,
                         int64_t *ret_unix_s)
{
    int64_t start_local_s = span->from_unix_s + span->offset_s, local_s;
    if (!cron->follows_clock && from_unix_s <= span->from_unix_s &&
        cron_first(cron, span->seen_local_s, start_local_s, &local_s)) {
        *ret_unix_s = span->from_unix_s;
        return true;
    }
    int64_t from_local_s = from_unix_s > span->from_unix_s ? from_unix_s + span->offset_s : start_local_s;
    if (!cron->follows_clock && from_local_s < span->seen_local_s)
        from_local_s = span->seen_local_s; /* the clock shows these a second time */
    if (!cron_first(cron, from_local_s, span->until_unix_s + span->offset_s, &local_s))
        return false;
    *ret_unix_s = local_s - span->offset_s;
    return true;
}

/* The last one that is not after until_unix_s, which does not lie before the period. */
static bool cron_last_in(const struct cron *cron, const struct zone_span *span, int64_t until_unix_s,
                         int64_t *ret_unix_s)
{
    int64_t start_local_s = span->from_unix_s + span->offset_s, local_s;
    int64_t from_local_s = start_local_s;
    if (!cron->follows_clock && from_local_s < span->seen_local_s)
        from_local_s = span->seen_local_s;
    int64_t past_unix_s = until_unix_s < span->until_unix_s ? until_unix_s + 1 : span->until_unix_s;
    if (cron_last(cron, from_local_s, past_unix_s + span->offset_s, &local_s)) {
        *ret_unix_s = local_s - span->offset_s;
        return true;
    }
    *ret_unix_s = span->from_unix_s;
    return !cron->follows_clock && cron_first(cron, span->seen_local_s, start_local_s, &local_s);
}

static bool next_cron(const struct schedule *schedule, const struct zone *zone, uint64_t after_unix_ms,
                      uint64_t *ret_unix_ms)
{
    int64_t from_unix_s = (int64_t)(after_unix_ms / 1000) + 1, unix_s;
    for (uint32_t i = zone_find_period(zone, from_unix_s); i < zone->period_count; i++) {
        struct zone_span span = zone_span(zone, i);
        if (cron_next_in(&schedule->cron, &span, from_unix_s, &unix_s))
            return give(unix_s, ret_unix_ms);
    }
    return false;
}

static bool last_cron(const struct schedule *schedule, const struct zone *zone, uint64_t until_unix_ms,
                      uint64_t *ret_unix_ms)
{
    int64_t until_unix_s = (int64_t)(until_unix_ms / 1000), unix_s;
    for (uint32_t i = zone_find_period(zone, until_unix_s) + 1; i > 0; i--) {
        struct zone_span span = zone_span(zone, i - 1);
        if (cron_last_in(&schedule->cron, &span, until_unix_s, &unix_s))
            return give(unix_s, ret_unix_ms);
    }
    return false;
}

static bool next_every(const struct schedule *schedule, const struct zone *zone, uint64_t after_unix_ms,
                       uint64_t *ret_unix_ms)
{
    (void)zone;
    *ret_unix_ms = (after_unix_ms / schedule->every_ms + 1) * schedule->every_ms;
    return true;
}

static bool last_every(const struct schedule *schedule, const struct zone *zone, uint64_t until_unix_ms,
                       uint64_t *ret_unix_ms)
{
    (void)zone;
    *ret_unix_ms = until_unix_ms / schedule->every_ms * schedule->every_ms;
    return true;
}

static bool at_time(const struct schedule *schedule, const struct zone *zone, uint64_t *ret_unix_ms)
{
    return give(schedule->is_at_local ? zone_unix_s(zone, schedule->at_s) : schedule->at_s, ret_unix_ms);
}

static bool next_at(const struct schedule *schedule, const struct zone *zone, uint64_t after_unix_ms,
                    uint64_t *ret_unix_ms)
{
    return at_time(schedule, zone, ret_unix_ms) && *ret_unix_ms > after_unix_ms;
}

static bool last_at(const struct schedule *schedule, const struct zone *zone, uint64_t until_unix_ms,
                    uint64_t *ret_unix_ms)
{
    return at_time(schedule, zone, ret_unix_ms) && *ret_unix_ms <= until_unix_ms;
}

typedef bool find_time(const struct schedule *, const struct zone *, uint64_t, uint64_t *);

static const struct {
    const char *text;
    int (*parse)(const char *text, struct schedule *schedule, struct error *err);
    find_time *next, *last;
} forms[SCHEDULE_FORM_COUNT] = {
    [SCHEDULE_CRON] = { "cron", parse_cron, next_cron, last_cron },
    [SCHEDULE_EVERY] = { "every", parse_every, next_every, last_every },
    [SCHEDULE_AT] = { "at", parse_at, next_at, last_at },
};

int schedule_parse(enum schedule_form form, const char *text, struct schedule *ret_schedule, struct error *err)
{
    if (form <= SCHEDULE_NONE || form >= SCHEDULE_FORM_COUNT)
        return fail_plain(err, EINVAL, "has no form that is known");
    struct schedule schedule = { .form = form };
    int done = forms[form].parse(text, &schedule, err);
    if (done == 0)
        *ret_schedule = schedule;
    return done;
}

bool schedule_next(const struct schedule *schedule, const struct zone *zone, uint64_t after_unix_ms,
                   uint64_t *ret_unix_ms)
{
    assert(schedule->form > SCHEDULE_NONE && schedule->form < SCHEDULE_FORM_COUNT);
    uint64_t unix_ms;
    if (after_unix_ms >= SCHEDULE_UNIX_MAX_MS || !forms[schedule->form].next(schedule, zone, after_unix_ms, &unix_ms) ||
        unix_ms > SCHEDULE_UNIX_MAX_MS)
        return false;
    *ret_unix_ms = unix_ms;
    return true;
}

bool schedule_last(const struct schedule *schedule, const struct zone *zone, uint64_t until_unix_ms,
                   uint64_t *ret_unix_ms)
{
    assert(schedule->form > SCHEDULE_NONE && schedule->form < SCHEDULE_FORM_COUNT);
    uint64_t unix_ms;
    if (until_unix_ms > SCHEDULE_UNIX_MAX_MS)
        until_unix_ms = SCHEDULE_UNIX_MAX_MS;
    if (!forms[schedule->form].last(schedule, zone, until_unix_ms, &unix_ms))
        return false;
    *ret_unix_ms = unix_ms;
    return true;
}

uint64_t schedule_apart_ms(const struct schedule *schedule)
{
    if (schedule->form == SCHEDULE_AT)
        return UINT64_MAX;
    return schedule->form == SCHEDULE_EVERY ? schedule->every_ms : (uint64_t)cron_apart_s(&schedule->cron) * 1000;
}

const char *schedule_form_text(enum schedule_form form)
{
    return form > SCHEDULE_NONE && form < SCHEDULE_FORM_COUNT ? forms[form].text : "";
}
