/* A policy that could be read is one that can be matched against, written again, and comes out the same. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "sallyport/policy/policy.h"
#include "sallyport/policy/policy_match.h"
#include "sallyport/policy/policy_records.h"

static void match_nothing(const struct policy *policy)
{
    static uint8_t argv_room[ARGV_MAX_BYTES], env_room[ARGV_MAX_BYTES];
    struct matcher *matcher;
    if (matcher_new(policy, &matcher, NULL) < 0)
        return; /* a pattern that does not compile, a default that its rule refuses */
    for (uint32_t i = 0; i < policy->command_count; i++) {
        struct writer argv = { argv_room, sizeof argv_room }, env = { env_room, sizeof env_room };
        uint32_t argc, envc;
        matcher_check(matcher, i, (struct span){ 0 }, NULL, NULL);
        matcher_expand(matcher, i, (struct span){ 0 }, &argv, &argc, &env, &envc, NULL);
        struct writer key = { argv_room, sizeof argv_room };
        for (enum queue_key which = QUEUE_KEY_CONCURRENCY; which <= QUEUE_KEY_DEDUPE; which++)
            matcher_queue_key(matcher, i, which, (struct span){ 0 }, &key, NULL);
    }
    matcher_free(matcher);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct policy *policy;
    if (policy_read(data, size, &policy, NULL) < 0)
        return 0;
    struct record_file file = { 0 };
    int done = policy_write(policy, true, &file, NULL);
    assert(done == 0 && file.size == size && memcmp(file.data, data, size) == 0);
    (void)done;
    match_nothing(policy);
    record_file_done(&file);
    policy_free(policy);
    return 0;
}
