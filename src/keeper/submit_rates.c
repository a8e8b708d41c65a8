/*
 * How many jobs are accepted in a time: of the command, of the caller, of all. In no period of a rate are there more than it
 * says: the time of each acceptance is noted in the transaction that accepts, so that a restart forgets nothing, and the one
 * that was `count` ago decides. Only new jobs count.
 */
#include <stdio.h>

#include "authorize.h"
#include "keeper.h"
#include "submit.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/store/queue_rules.h"

#define BUCKET_MAX_BYTES (NAME_MAX_BYTES + 16)

struct bucket {
    const char *whose; /* for programs, */
    const char *owner; /* and for people */
    struct rate rate;
    char name[BUCKET_MAX_BYTES];
};

#define BUCKET_COUNT 3

static void fill_buckets(const struct keeper *keeper, const struct submit *submit, struct bucket buckets[BUCKET_COUNT])
{
    const struct caller *who = submit->request->who;
    struct rate of_caller = rules_quota(&keeper->rules, who->name, caller_via(who)).rate;
    buckets[0] = (struct bucket){ "command", "of this command", submit->command->queue.rate, "" };
    buckets[1] = (struct bucket){ "caller", "of this caller", of_caller, "" };
    buckets[2] = (struct bucket){ "service", "of all callers together", keeper->rules.settings.quota.rate, "service" };
    snprintf(buckets[0].name, BUCKET_MAX_BYTES, "command:%s", submit->command->name);
    snprintf(buckets[1].name, BUCKET_MAX_BYTES, "caller:%u:%s", caller_via(who), who->name);
}

static void refuse(struct keeper *keeper, const struct submit *submit, const struct bucket *bucket,
                   uint32_t retry_after_s)
{
    request_refuse(keeper, submit->request,
                   &(struct refusal){ .status = 429,
                                      .code = "rate-limited",
                                      .retry_after_s = retry_after_s,
                                      .command = submit->command->name,
                                      .rate_of = bucket->whose,
                                      .rate = bucket->rate },
                   "%u jobs %s in %llu s are as many as are accepted", bucket->rate.count, bucket->owner,
                   (unsigned long long)((bucket->rate.period_ms + 999) / 1000));
}

static bool check_bucket(struct keeper *keeper, const struct submit *submit, const struct bucket *bucket)
{
    struct error err = { 0 };
    uint64_t unix_ms, now_unix_ms = clock_unix_ms();
    if (bucket->rate.count == 0)
        return true;
    int found = store_rate_find(keeper->store, bucket->name, bucket->rate.count, &unix_ms, &err);
    if (found < 0) {
        request_fail(keeper, submit->request, &err);
        return false;
    }
    if (found == 0 || !clock_is_near(now_unix_ms, unix_ms, bucket->rate.period_ms))
        return true;
    refuse(keeper, submit, bucket, request_retry_after_s(now_unix_ms, unix_ms + bucket->rate.period_ms));
    return false;
}

bool submit_check_rates(struct keeper *keeper, const struct submit *submit)
{
    struct bucket buckets[BUCKET_COUNT];
    fill_buckets(keeper, submit, buckets);
    for (size_t i = 0; i < BUCKET_COUNT; i++)
        if (!check_bucket(keeper, submit, &buckets[i]))
            return false;
    return true;
}

int submit_note_rates(struct keeper *keeper, const struct submit *submit, uint64_t now_unix_ms, struct error *err)
{
    struct bucket buckets[BUCKET_COUNT];
    int done = 0;
    fill_buckets(keeper, submit, buckets);
    for (size_t i = 0; i < BUCKET_COUNT && done == 0; i++)
        if (buckets[i].rate.count != 0)
            done = store_rate_note(keeper->store, buckets[i].name, buckets[i].rate.count, now_unix_ms, err);
    return done;
}
