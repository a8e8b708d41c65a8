#include "sallyport/schedule/timing.h"

#include <string.h>

#include "sallyport/schedule/zone.h"

/* FNV-1a (draft-eastlake-fnv), the same on every host. */
static uint64_t hash_byte(uint64_t hash, uint8_t byte)
{
    return (hash ^ byte) * 0x100000001b3;
}

/*
 * FNV's low bits depend on its input's low bits alone, and fire times are round numbers: the product of three shifts and
 * multiplications spreads all bits over all (the finalizer of MurmurHash3).
 */
static uint64_t mix(uint64_t hash)
{
    hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccd;
    hash = (hash ^ hash >> 33) * 0xc4ceb9fe1a85ec53;
    return hash ^ hash >> 33;
}

uint64_t timing_due_unix_ms(const struct timing *timing, uint64_t nominal_unix_ms)
{
    if (timing->jitter_ms == 0)
        return nominal_unix_ms;
    uint64_t hash = 0xcbf29ce484222325;
    for (const char *at = timing->name; *at != '\0'; at++)
        hash = hash_byte(hash, (uint8_t)*at);
    for (unsigned shift = 0; shift < 64; shift += 8)
        hash = hash_byte(hash, (uint8_t)(nominal_unix_ms >> shift));
    return nominal_unix_ms + mix(hash) % timing->jitter_ms;
}

/* How many of the missed runs are started; late_ms: since the latest one was due. */
static uint32_t count_to_run(enum missed_policy policy, uint64_t late_ms)
{
    if (policy == MISSED_RUN_ALL)
        return MISSED_RUN_MAX;
    return policy == MISSED_RUN_ONCE || late_ms <= MISSED_LATE_MS ? 1 : 0;
}

static void reverse(uint64_t *times, uint32_t count)
{
    for (uint32_t i = 0; i < count / 2; i++) {
        uint64_t time = times[i];
        times[i] = times[count - 1 - i];
        times[count - 1 - i] = time;
    }
}

/* From now backwards, so that the work does not grow with the pause. */
void timing_catch_up(const struct timing *timing, uint64_t seen_unix_ms, uint64_t now_unix_ms, struct catch_up *ret)
{
    uint64_t nominal, until = now_unix_ms;
    uint32_t most = 0;
    ret->run_count = ret->count = 0;
    ret->seen_unix_ms = seen_unix_ms;
    while (ret->count < MISSED_COUNT_MAX && schedule_last(&timing->schedule, timing->zone, until, &nominal) &&
           nominal > seen_unix_ms) {
        uint64_t due = timing_due_unix_ms(timing, nominal);
        until = nominal - 1;
        if (ret->count == 0 && due > now_unix_ms)
            continue; /* still to come */
        if (ret->count++ == 0) {
            ret->seen_unix_ms = nominal;
            most = count_to_run(timing->missed, now_unix_ms - due);
        }
        if (ret->run_count < most)
            ret->run_unix_ms[ret->run_count++] = nominal;
    }
    reverse(ret->run_unix_ms, ret->run_count);
}
