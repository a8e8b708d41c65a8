#include "schedules.h"

#include <string.h>

#include "commands.h"
#include "keys.h"
#include "reading.h"
#include "schedule_params.h"
#include "zones.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/schedule/timing.h"

void *schedule_open(struct reading *reading, const char *name)
{
    struct config *config = reading->config;
    struct config_schedule *schedule = grow(reading, &config->schedules, config->schedule_count, sizeof *schedule);
    if (schedule == NULL)
        return NULL;
    config->schedule_count++;
    text_copy(schedule->setting.name, sizeof schedule->setting.name, name);
    reading->schedule = (struct schedule_draft){ 0 };
    return &reading->schedule;
}

static bool is_written(struct reading *reading, const char *key)
{
    size_t length = enter_key(reading, key);
    bool is_there = tree_has(reading->tree, reading->path.text);
    leave(reading, length);
    return is_there;
}

static void take_command(struct reading *reading, struct config_schedule *schedule)
{
    const char *name = reading->schedule.command;
    const struct command *command = name != NULL ? command_wanted(reading, name) : NULL;
    if (command == NULL)
        return;
    text_copy(schedule->setting.command, sizeof schedule->setting.command, name);
    schedule_params_take(reading, command, reading->schedule.params, "a schedule", &schedule->params,
                         &schedule->setting.params);
}

/* Which of the three is written; SCHEDULE_NONE and a fault unless it is exactly one. */
static enum schedule_form find_form(struct reading *reading)
{
    enum schedule_form found = SCHEDULE_NONE;
    for (enum schedule_form form = SCHEDULE_NONE + 1; form < SCHEDULE_FORM_COUNT; form++) {
        if (!is_written(reading, schedule_form_text(form)))
            continue;
        if (found != SCHEDULE_NONE) {
            fault_at_key(reading, "has both '%s' and '%s'; a schedule has one of cron, every and at",
                         schedule_form_text(found), schedule_form_text(form));
            return SCHEDULE_NONE;
        }
        found = form;
    }
    if (found == SCHEDULE_NONE)
        fault_at_key(reading,
                     "has no time; write one of cron: \"30 3 * * *\", every: 15m and at: 2027-01-31T18:00:00+01:00");
    return found;
}

/* False when there is no time, or one that is none; it has been told. */
static bool take_time(struct reading *reading, struct setting_schedule *setting, struct schedule *ret_schedule)
{
    const struct schedule_draft *draft = &reading->schedule;
    const char *const texts[SCHEDULE_FORM_COUNT] = {
        [SCHEDULE_CRON] = draft->cron, [SCHEDULE_EVERY] = draft->every, [SCHEDULE_AT] = draft->at
    };
    enum schedule_form form = find_form(reading);
    struct error err = { 0 };
    if (texts[form] == NULL)
        return false;
    setting->form = (uint8_t)form;
    text_copy(setting->text, sizeof setting->text, texts[form]);
    if (schedule_parse(form, texts[form], ret_schedule, &err) == 0)
        return true;
    fault_below(reading, schedule_form_text(form), -1, "%s", err.text);
    return false;
}

/* A zone that would change nothing was written in error: its writer means a local time that is none. */
static void take_zone(struct reading *reading, struct setting_schedule *setting, const struct schedule *schedule)
{
    const char *name = reading->schedule.zone;
    if (name == NULL)
        return;
    bool is_local = schedule->form == SCHEDULE_CRON || (schedule->form == SCHEDULE_AT && schedule->is_at_local);
    if (!is_local && is_written(reading, "zone"))
        fault_below(reading, "zone", -1, "means nothing %s; remove it",
                    schedule->form == SCHEDULE_AT ? "for a time with an offset of its own" : "for 'every'");
    uint32_t zone = zone_find(reading, name);
    setting->zone = zone != ZONE_NONE ? zone : 0;
}

static void take_jitter(struct reading *reading, struct setting_schedule *setting, const struct schedule *schedule)
{
    uint64_t apart_ms = schedule_apart_ms(schedule);
    setting->jitter_ms = (uint32_t)reading->schedule.jitter_ms;
    if (reading->schedule.jitter_ms <= apart_ms)
        return;
    static const struct key duration = { .type = KEY_DURATION };
    char text[BOUND_TEXT_BYTES];
    fault_below(reading, "jitter", -1, "is more than the %s that lie between two runs; they would change places",
                key_bound_text(&duration, apart_ms, text));
}

/* A file whose one run is done stays good, and its writer is told. */
static void warn_past(struct reading *reading, const struct setting_schedule *setting, const struct schedule *schedule)
{
    uint64_t next;
    if (schedule->form == SCHEDULE_AT && setting->zone < reading->config->zone_count &&
        !schedule_next(schedule, &reading->config->zones[setting->zone], clock_unix_ms(), &next))
        warning_below(reading, "at", -1, "has passed; it runs no more, unless 'missed' makes up for it");
}

void schedule_close(struct reading *reading)
{
    struct config_schedule *schedule = &reading->config->schedules[reading->config->schedule_count - 1];
    struct schedule time;
    take_command(reading, schedule);
    if (take_time(reading, &schedule->setting, &time)) {
        take_zone(reading, &schedule->setting, &time);
        take_jitter(reading, &schedule->setting, &time);
        warn_past(reading, &schedule->setting, &time);
    }
    schedule->setting.missed = (uint8_t)reading->schedule.missed;
    schedule->setting.is_enabled = reading->schedule.is_enabled;
}
