#include "target.h"

static bool is_failing(const struct target *target)
{
    return target->failures >= CALLBACK_BREAKER_FAILURES;
}

unsigned target_room(const struct target *target, uint64_t now_ms)
{
    if (target->is_gone)
        return 0;
    if (is_failing(target))
        return target->under_way == 0 && now_ms >= target->probe_ms ? 1 : 0;
    return target->under_way < CALLBACKS_PER_TARGET ? CALLBACKS_PER_TARGET - target->under_way : 0;
}

uint64_t target_wait_ms(const struct target *target, uint64_t now_ms)
{
    return is_failing(target) && target->probe_ms > now_ms ? target->probe_ms - now_ms : 0;
}

void target_began(struct target *target)
{
    target->under_way++;
}

void target_ended(struct target *target, enum attempt_result result, uint64_t now_ms, uint64_t pause_ms)
{
    target->under_way--;
    target->results[result]++;
    if (result == ATTEMPT_NOT_SENT)
        return;
    if (result != ATTEMPT_AGAIN) { /* it answers */
        target->failures = 0;
        target->is_gone |= result == ATTEMPT_GONE;
        return;
    }
    target->failures++;
    if (is_failing(target))
        target->probe_ms = now_ms + pause_ms;
}

void target_renew(struct target *target)
{
    target->is_gone = false;
    target->failures = 0;
}
