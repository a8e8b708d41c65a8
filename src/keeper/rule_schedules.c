#include "rule_schedules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rules.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

int rule_zone_add(struct rules *draft, const struct setting_zone *setting, struct error *err)
{
    struct rule_schedules *schedules = &draft->schedules;
    if (schedules->zone_count >= ZONE_COUNT_MAX)
        return fail_plain(err, EBADMSG, "more than %d zones", ZONE_COUNT_MAX);
    struct zone *larger = realloc(schedules->zones, (schedules->zone_count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "read settings");
    schedules->zones = larger;
    struct zone *zone = &larger[schedules->zone_count++];
    *zone = (struct zone){ 0 };
    text_copy(zone->name, sizeof zone->name, setting->name);
    return 0;
}

int rule_zone_period_add(struct rules *draft, const struct setting_zone_period *setting, struct error *err)
{
    if (draft->schedules.zone_count == 0)
        return fail_plain(err, EBADMSG, "a period without a zone before it");
    struct zone *zone = &draft->schedules.zones[draft->schedules.zone_count - 1];
    if (zone->period_count >= ZONE_PERIOD_COUNT_MAX)
        return fail_plain(err, EBADMSG, "zone '%s' has more than %d periods", zone->name, ZONE_PERIOD_COUNT_MAX);
    struct zone_period *larger = realloc(zone->periods, (zone->period_count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "read settings");
    zone->periods = larger;
    larger[zone->period_count++] = (struct zone_period){ setting->from_unix_s, setting->offset_s };
    return 0;
}

/* Text and parameters are judged as a person's would be; coming from the bootstrap, they break the protocol. */
static int misfit(struct error *err)
{
    err->code = EBADMSG;
    return -EBADMSG;
}

static bool is_taken(const struct rule_schedules *schedules, const char *name)
{
    for (uint32_t i = 0; i < schedules->count; i++)
        if (strcmp(schedules->list[i].name, name) == 0)
            return true;
    return false;
}

/* Everything but the parameters. */
static int read_schedule(const struct rules *draft, const struct setting_schedule *setting, struct rule_schedule *ret,
                         struct error *err)
{
    int command = policy_find_command(draft->policy, setting->command);
    if (!text_is_name(setting->name) || is_taken(&draft->schedules, setting->name))
        return fail_plain(err, EBADMSG, "has no name of its own");
    if (command < 0)
        return fail_plain(err, EBADMSG, "there is no command '%s'", setting->command);
    struct rule_schedule schedule = {
        .command = (uint32_t)command,
        .zone = setting->zone,
        .is_enabled = setting->is_enabled,
        .timing = { .jitter_ms = setting->jitter_ms, .missed = (enum missed_policy)setting->missed },
    };
    if (schedule_parse((enum schedule_form)setting->form, setting->text, &schedule.timing.schedule, err) < 0)
        return misfit(err);
    if (setting->jitter_ms > schedule_apart_ms(&schedule.timing.schedule))
        return fail_plain(err, EBADMSG, "its jitter is larger than the time between two runs");
    text_copy(schedule.name, sizeof schedule.name, setting->name);
    text_copy(schedule.text, sizeof schedule.text, setting->text);
    *ret = schedule;
    return 0;
}

static int copy_params(const struct rules *draft, struct span params, struct rule_schedule *schedule, struct error *err)
{
    if (matcher_check(draft->matcher, schedule->command, params, NULL, err) < 0)
        return misfit(err);
    schedule->params = malloc(params.size + 1);
    if (schedule->params == NULL)
        return fail(err, ENOMEM, "read settings");
    if (params.size > 0)
        memcpy(schedule->params, params.data, params.size);
    schedule->params_bytes = params.size;
    return 0;
}

int rule_schedule_add(struct rules *draft, const struct setting_schedule *setting, struct error *err)
{
    struct rule_schedules *schedules = &draft->schedules;
    struct rule_schedule schedule = { 0 };
    if (schedules->count >= SCHEDULE_COUNT_MAX)
        return fail_plain(err, EBADMSG, "more than %d schedules", SCHEDULE_COUNT_MAX);
    struct rule_schedule *larger = realloc(schedules->list, (schedules->count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "read settings");
    schedules->list = larger;
    int done = read_schedule(draft, setting, &schedule, err);
    if (done == 0)
        done = copy_params(draft, setting->params, &schedule, err);
    if (done < 0)
        return fail_in(err, "schedule '%s'", setting->name);
    larger[schedules->count++] = schedule;
    return 0;
}

int rule_schedules_finish(struct rules *draft, struct error *err)
{
    struct rule_schedules *schedules = &draft->schedules;
    for (uint32_t i = 0; i < schedules->zone_count; i++)
        if (zone_fault(&schedules->zones[i]) != NULL)
            return fail_plain(err, EBADMSG, "zone '%s' %s", schedules->zones[i].name, zone_fault(&schedules->zones[i]));
    for (uint32_t i = 0; i < schedules->count; i++) {
        struct rule_schedule *schedule = &schedules->list[i];
        if (schedule->zone >= schedules->zone_count)
            return fail_plain(err, EBADMSG, "schedule '%s': there is no zone %u", schedule->name, schedule->zone);
        schedule->timing.name = schedule->name;
        schedule->timing.zone = &schedules->zones[schedule->zone];
    }
    return 0;
}

void rule_schedules_free(struct rule_schedules *schedules)
{
    for (uint32_t i = 0; i < schedules->zone_count; i++)
        zone_done(&schedules->zones[i]);
    free(schedules->zones);
    for (uint32_t i = 0; i < schedules->count; i++)
        free(schedules->list[i].params);
    free(schedules->list);
    *schedules = (struct rule_schedules){ 0 };
}
