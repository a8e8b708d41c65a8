#include "callback_events.h"

#include <string.h>

#include "keeper.h"
#include "outbox.h"
#include "sallyport/base/clock.h"
#include "sallyport/store/deliveries.h"

static bool is_of(const struct setting_notice *notice, const char *command)
{
    return strcmp(notice->command, command) == 0;
}

static bool has_own(const struct rules *rules, const char *command, enum callback_event event)
{
    for (uint32_t i = 0; i < rules->notice_count; i++)
        if (rules->notices[i].event == event && is_of(&rules->notices[i], command))
            return true;
    return false;
}

static bool is_listened_to(const struct rules *rules, const char *command)
{
    for (uint32_t i = 0; i < rules->notice_count; i++)
        if (is_of(&rules->notices[i], "") || is_of(&rules->notices[i], command))
            return true;
    return false;
}

/* 1 when it was told so lately that it is to hear nothing. A clock that was set back ends that. */
static int is_cooling(struct keeper *keeper, const struct setting_notice *notice, const char *command,
                      uint64_t now_unix_ms, struct error *err)
{
    uint64_t told_unix_ms = 0;
    if (notice->cool_down_ms == 0)
        return 0;
    int found = store_told_read(keeper->store, command, notice->event, notice->callback, &told_unix_ms, err);
    if (found <= 0)
        return found;
    return told_unix_ms <= now_unix_ms && now_unix_ms - told_unix_ms < notice->cool_down_ms;
}

static int tell(struct keeper *keeper, const struct setting_notice *notice, const struct job_record *record,
                struct error *err)
{
    uint64_t now_unix_ms = clock_unix_ms();
    int cooling = is_cooling(keeper, notice, record->command, now_unix_ms, err);
    if (cooling != 0)
        return cooling < 0 ? cooling : 0;
    const struct telling telling = {
        .event = notice->event, .callback = notice->callback, .url = "", .tail_bytes = notice->tail_bytes
    };
    int done = outbox_add(keeper, record, &telling, err);
    if (done == 0 && notice->cool_down_ms > 0)
        done = store_told_set(keeper->store, record->command, notice->event, notice->callback, now_unix_ms, err);
    return done;
}

/* `count`: how many such ends there were in a row. */
static int tell_all(struct keeper *keeper, const struct job_record *record, enum callback_event event, uint32_t count,
                    struct error *err)
{
    const struct rules *rules = &keeper->rules;
    const char *whose = has_own(rules, record->command, event) ? record->command : "";
    int done = 0;
    for (uint32_t i = 0; i < rules->notice_count && done == 0; i++) {
        const struct setting_notice *notice = &rules->notices[i];
        if (notice->event == event && is_of(notice, whose) && count >= notice->threshold)
            done = tell(keeper, notice, record, err);
    }
    return done;
}

static void count_end(struct streak *streak, enum callback_event event)
{
    streak->count = streak->event == event && streak->count < UINT32_MAX ? streak->count + 1 : 1;
    streak->event = (uint8_t)event;
    if (event == CALLBACK_SUCCEEDED)
        streak->has_failed = false;
    else
        streak->has_failed |= callback_event_is_failure(event);
}

int callback_events_note(struct keeper *keeper, const struct job_record *record, enum callback_event event,
                         struct error *err)
{
    struct streak streak = { 0 };
    if (event == CALLBACK_NONE || !is_listened_to(&keeper->rules, record->command))
        return 0;
    if (event == CALLBACK_STARTED)
        return tell_all(keeper, record, event, 1, err);
    int done = store_streak_read(keeper->store, record->command, record->queue_key, &streak, err);
    if (done < 0)
        return done;
    bool is_recovery = event == CALLBACK_SUCCEEDED && streak.has_failed;
    count_end(&streak, event);
    done = store_streak_set(keeper->store, record->command, record->queue_key, &streak, clock_unix_ms(), err);
    if (done == 0)
        done = tell_all(keeper, record, event, streak.count, err);
    if (done == 0 && is_recovery)
        done = tell_all(keeper, record, CALLBACK_RECOVERED, 1, err);
    return done;
}
