/* What the rules of the queue remember over a restart. */
#include "sallyport/store/queue_rules.h"

#include "rig.h"

TestSuite(queue_rules, .init = setup, .fini = teardown);

static struct job_id add_job(void)
{
    struct job_record record = sample("deploy", "ci");
    struct job_input input = { 0 };
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_job_add(store, &record, &input, &err), 0, "%s", err.text);
    cr_assert_eq(store_commit(store, &err), 0);
    return record.id;
}

static void commit(void)
{
    cr_assert_eq(store_commit(store, &err), 0, "%s", err.text);
}

static void begin(void)
{
    cr_assert_eq(store_begin(store, &err), 0, "%s", err.text);
}

static void note_key(const char *key, const struct job_id *id, uint64_t now_unix_ms)
{
    begin();
    cr_assert_eq(store_dedupe_note(store, "deploy", key, id, now_unix_ms, now_unix_ms + 100, &err), 0, "%s", err.text);
    commit();
}

Test(queue_rules, know_the_last_job_of_a_key)
{
    struct job_id first = add_job(), second = add_job(), found;
    uint64_t unix_ms;
    cr_expect_eq(store_dedupe_find(store, "deploy", "main", &found, &unix_ms, &err), 0);
    note_key("main", &first, 1000);
    note_key("main", &second, 2000);
    store_close(store);
    open_store();
    cr_assert_eq(store_dedupe_find(store, "deploy", "main", &found, &unix_ms, &err), 1);
    cr_expect(job_id_equal(&found, &second));
    cr_expect_eq(unix_ms, 2000);
    cr_expect_eq(store_dedupe_find(store, "deploy", "other", &found, &unix_ms, &err), 0);
    cr_expect_eq(store_dedupe_find(store, "build", "main", &found, &unix_ms, &err), 0);
    begin();
    cr_expect_eq(store_dedupe_expire(store, 2100, 10, &err), 0);
    commit();
    cr_expect_eq(store_dedupe_find(store, "deploy", "main", &found, &unix_ms, &err), 1, "not over yet");
    begin();
    cr_expect_eq(store_dedupe_expire(store, 2101, 10, &err), 0);
    commit();
    cr_expect_eq(store_dedupe_find(store, "deploy", "main", &found, &unix_ms, &err), 0);
}

Test(queue_rules, forget_a_key_whose_job_is_gone)
{
    struct job_id id = add_job(), found;
    uint64_t unix_ms;
    note_key("main", &id, 1000);
    meddle("UPDATE jobs SET is_active = 0");
    begin();
    cr_assert_eq(store_job_remove(store, &id, &err), 0);
    commit();
    cr_expect_eq(store_dedupe_find(store, "deploy", "main", &found, &unix_ms, &err), 0);
}

static void note_rate(const char *bucket, uint32_t count, uint64_t unix_ms)
{
    begin();
    cr_assert_eq(store_rate_note(store, bucket, count, unix_ms, &err), 0, "%s", err.text);
    commit();
}

static int find_rate(const char *bucket, uint32_t count, uint64_t *ret_unix_ms)
{
    int found = store_rate_find(store, bucket, count, ret_unix_ms, &err);
    cr_assert_geq(found, 0, "%s", err.text);
    return found;
}

Test(queue_rules, know_when_the_one_was_that_decides_a_rate)
{
    uint64_t unix_ms = 0;
    cr_expect_eq(find_rate("service", 3, &unix_ms), 0);
    for (uint64_t i = 1; i <= 2; i++)
        note_rate("service", 3, i * 100);
    cr_expect_eq(find_rate("service", 3, &unix_ms), 0, "two are fewer than three");
    for (uint64_t i = 3; i <= 10; i++)
        note_rate("service", 3, i * 100);
    store_close(store);
    open_store();
    for (uint32_t count = 1; count <= 3; count++) {
        cr_expect_eq(find_rate("service", count, &unix_ms), 1);
        cr_expect_eq(unix_ms, 1100 - count * 100);
    }
    cr_expect_eq(find_rate("service", 4, &unix_ms), 0, "no more are kept than decide");
    cr_expect_eq(find_rate("command:x", 1, &unix_ms), 0, "a bucket of its own");
}

Test(queue_rules, forget_a_mark_with_the_transaction_that_was_rolled_back)
{
    uint64_t unix_ms = 0;
    note_rate("service", 2, 100);
    begin();
    cr_assert_eq(store_rate_note(store, "service", 2, 200, &err), 0);
    cr_expect_eq(find_rate("service", 2, &unix_ms), 1, "within it, it counts");
    store_rollback(store);
    cr_expect_eq(find_rate("service", 2, &unix_ms), 0);
}

Test(queue_rules, forget_marks_that_are_too_old_for_any_rate)
{
    uint64_t unix_ms = 0;
    note_rate("command:gone", 2, 100);
    note_rate("service", 2, 200);
    begin();
    cr_expect_eq(store_rates_expire(store, 150, &err), 0);
    commit();
    cr_expect_eq(find_rate("command:gone", 1, &unix_ms), 0);
    cr_expect_eq(find_rate("service", 1, &unix_ms), 1);
}

struct seen {
    unsigned count;
    struct paused_command last;
};

static bool see(void *arg, const struct paused_command *paused)
{
    struct seen *seen = arg;
    seen->count++;
    seen->last = *paused;
    return true;
}

Test(queue_rules, know_which_commands_are_paused)
{
    struct paused_command paused = { .command = "deploy", .actor = "ops", .reason = "moving", .since_unix_ms = 5 };
    struct seen seen = { 0 };
    begin();
    cr_assert_eq(store_pause(store, &paused, &err), 0, "%s", err.text);
    paused.refuses = true;
    cr_assert_eq(store_pause(store, &paused, &err), 0, "as said last");
    commit();
    store_close(store);
    open_store();
    cr_assert_eq(store_paused(store, see, &seen, &err), 0);
    cr_expect_eq(seen.count, 1);
    cr_expect(seen.last.refuses);
    cr_expect_str_eq(seen.last.command, "deploy");
    cr_expect_str_eq(seen.last.actor, "ops");
    cr_expect_str_eq(seen.last.reason, "moving");
    cr_expect_eq(seen.last.since_unix_ms, 5);
    begin();
    cr_assert_eq(store_resume(store, "deploy", &err), 0);
    cr_assert_eq(store_resume(store, "deploy", &err), 0, "twice is no fault");
    commit();
    seen = (struct seen){ 0 };
    cr_assert_eq(store_paused(store, see, &seen, &err), 0);
    cr_expect_eq(seen.count, 0);
}
