/* The schedules that a caller may see, and when each comes next. */
#include <stdio.h>
#include <string.h>

#include "authorize.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/schedule/civil.h"

/* "2027-03-28T03:00:00+02:00" */
static int add_time(const struct zone *zone, uint64_t unix_ms, char *to, size_t room, bool is_first)
{
    int64_t unix_s = (int64_t)(unix_ms / 1000), local_s = zone_local_s(zone, unix_s), offset_s = local_s - unix_s;
    int64_t day = civil_day_of(local_s), clock_s = local_s - day * DAY_S;
    struct civil_date date = civil_date_of(day);
    long long minutes = (offset_s < 0 ? -offset_s : offset_s) / MINUTE_S;
    return snprintf(to, room, "%s%04lld-%02u-%02uT%02lld:%02lld:%02lld%c%02lld:%02lld", is_first ? "" : " ",
                    (long long)date.year, date.month, date.day, (long long)clock_s / 3600, (long long)clock_s / 60 % 60,
                    (long long)clock_s % 60, offset_s < 0 ? '-' : '+', minutes / 60, minutes % 60);
}

static void tell_next(struct keeper *keeper, const struct rule_schedule *rule, char to[SCHEDULE_NEXT_BYTES])
{
    uint64_t at_ms = alarms_now_ms(keeper);
    size_t used = 0;
    for (int i = 0; i < SCHEDULE_NEXT_COUNT && rule->is_enabled && used < SCHEDULE_NEXT_BYTES; i++) {
        if (!schedule_next(&rule->timing.schedule, rule->timing.zone, at_ms, &at_ms))
            break;
        used += (size_t)add_time(rule->timing.zone, at_ms, to + used, SCHEDULE_NEXT_BYTES - used, i == 0);
    }
}

static bool take_latest(void *arg, const struct job_record *record)
{
    struct msg_schedule *told = arg;
    told->has_job = true;
    told->job_id = record->id;
    told->job_state = record->state;
    return false;
}

static int tell(struct keeper *keeper, const struct request *request, const struct rule_schedule *rule,
                struct error *err)
{
    struct msg_schedule told = { .form = (uint8_t)rule->timing.schedule.form,
                                 .jitter_ms = rule->timing.jitter_ms,
                                 .missed = (uint8_t)rule->timing.missed,
                                 .is_enabled = rule->is_enabled,
                                 .params = { rule->params, rule->params_bytes } };
    struct job_filter filter = { .command = "", .actor = rule->name, .via = EVIDENCE_SERVICE, .limit = 1 };
    text_copy(told.name, sizeof told.name, rule->name);
    text_copy(told.command, sizeof told.command, keeper->rules.policy->commands[rule->command].name);
    text_copy(told.zone, sizeof told.zone, rule->timing.zone->name);
    text_copy(told.text, sizeof told.text, rule->text);
    tell_next(keeper, rule, told.next);
    int done = store_jobs_list(keeper->store, &filter, take_latest, &told, err);
    if (done < 0)
        return done;
    const struct job *live = told.has_job ? job_find(keeper, &told.job_id) : NULL;
    if (live != NULL)
        told.job_state = live->record.state;
    request_answer(keeper, request, MSG_SCHEDULE, &told);
    return 0;
}

void answer_list_schedules(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct rule_schedules *schedules = &keeper->rules.schedules;
    struct error err = { 0 };
    int done = 0;
    (void)message;
    for (uint32_t i = 0; i < schedules->count && done == 0; i++)
        if (may_see(request->who, keeper->rules.policy->commands[schedules->list[i].command].name))
            done = tell(keeper, request, &schedules->list[i], &err);
    if (done < 0)
        request_fail(keeper, request, &err);
    else
        request_answer(keeper, request, MSG_JOBS_END, &(struct msg_jobs_end){ 0 });
}
