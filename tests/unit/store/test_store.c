#include "rig.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "statement.h"

static struct span span_of(const char *text)
{
    return (struct span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

static struct job_record add(const char *command, const char *actor, const char *label)
{
    struct job_record record = sample(command, actor);
    struct job_label index = { span_of("pr"), span_of(label) };
    struct job_input input = {
        .params = span_of("params"), .labels = span_of("labels"), .index = &index, .index_count = label[0] != '\0'
    };
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_job_add(store, &record, &input, &err), 0, "%s", err.text);
    cr_assert_eq(store_commit(store, &err), 0);
    return record;
}

TestSuite(store, .init = setup, .fini = teardown);

Test(store, gives_back_every_member_after_a_restart)
{
    struct job_record record = add("deploy", "ci", "812"), found;
    record.state = JOB_FAILED;
    record.reason = JOB_REASON_EXITED;
    record.exit_code = 3;
    record.output_truncated = true;
    record.version = 9;
    strcpy(record.message, "exit 3 after 42 s");
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_job_update(store, &record, &err), 0);
    cr_assert_eq(store_commit(store, &err), 0);
    store_close(store);
    open_store();
    cr_assert_eq(store_job_read(store, &record.id, &found, &err), 1);
    cr_expect_arr_eq(&found.id, &record.id, sizeof found.id);
    cr_expect_eq(found.sequence, 1);
    cr_expect_eq(found.state, JOB_FAILED);
    cr_expect_eq(found.reason, JOB_REASON_EXITED);
    cr_expect_eq(found.exit_code, 3);
    cr_expect_eq(found.version, 9);
    cr_expect_eq(found.memory_peak_bytes, UINT64_MAX / 2);
    cr_expect(found.output_truncated && found.has_stdin && !found.has_secrets);
    cr_expect_str_eq(found.command, "deploy");
    cr_expect_str_eq(found.message, "exit 3 after 42 s");
    struct span params, labels;
    cr_assert_eq(store_job_input(store, &record.id, &params, &labels, &err), 1);
    cr_expect(params.size == 6 && memcmp(params.data, "params", 6) == 0);
    cr_expect(labels.size == 6 && memcmp(labels.data, "labels", 6) == 0);
}

Test(store, knows_no_job_that_was_rolled_back)
{
    struct job_record record = sample("deploy", "ci"), found;
    struct job_input input = { 0 };
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_job_add(store, &record, &input, &err), 0);
    cr_assert_eq(store_job_read(store, &record.id, &found, &err), 1);
    store_rollback(store);
    cr_expect_eq(store_job_read(store, &record.id, &found, &err), 0);
    cr_expect(!store_is_open(store));
}

Test(store, commits_all_of_one_turn_together)
{
    struct job_record records[50], found;
    struct job_input input = { 0 };
    for (int i = 0; i < 50; i++) {
        records[i] = sample("deploy", "ci");
        cr_assert_eq(store_begin(store, &err), 0);
        cr_assert_eq(store_job_add(store, &records[i], &input, &err), 0);
    }
    sqlite3 *other;
    cr_assert_eq(sqlite3_open(path, &other), SQLITE_OK);
    sqlite3_stmt *count;
    cr_assert_eq(sqlite3_prepare_v2(other, "SELECT count(*) FROM jobs", -1, &count, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(count), SQLITE_ROW);
    cr_expect_eq(sqlite3_column_int(count, 0), 0, "nobody sees a part of the turn");
    sqlite3_reset(count);
    cr_assert_eq(store_commit(store, &err), 0);
    cr_assert_eq(sqlite3_step(count), SQLITE_ROW);
    cr_expect_eq(sqlite3_column_int(count, 0), 50);
    sqlite3_finalize(count);
    sqlite3_close(other);
    for (int i = 0; i < 50; i++)
        cr_expect_eq(store_job_read(store, &records[i].id, &found, &err), 1);
}

struct seen {
    unsigned count;
    struct job_id ids[16];
};

static bool see(void *arg, const struct job_record *record)
{
    struct seen *seen = arg;
    seen->ids[seen->count++] = record->id;
    return seen->count < 16;
}

Test(store, walks_active_jobs_in_the_order_of_acceptance)
{
    struct job_record first = add("a", "x", ""), second = add("b", "x", ""), third = add("c", "x", "");
    second.state = JOB_LOST;
    second.reason = JOB_REASON_LOST;
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_job_update(store, &second, &err), 0);
    cr_assert_eq(store_commit(store, &err), 0);
    struct seen seen = { 0 };
    cr_assert_eq(store_jobs_active(store, see, &seen, &err), 0);
    cr_assert_eq(seen.count, 2);
    cr_expect(job_id_equal(&seen.ids[0], &first.id) && job_id_equal(&seen.ids[1], &third.id));
}

Test(store, lists_by_any_mix_of_filters_newest_first)
{
    struct job_record one = add("deploy", "ci", "1"), two = add("deploy", "ops", "2"), three = add("test", "ci", "1");
    struct job_record four = add("deploy", "ci", "1");
    const struct {
        struct job_filter filter;
        unsigned count;
        const struct job_id *first;
    } cases[] = {
        { { .command = "", .actor = "", .limit = 10 }, 4, &four.id },
        { { .command = "", .actor = "", .limit = 2 }, 2, &four.id },
        { { .command = "deploy", .actor = "", .limit = 10 }, 3, &four.id },
        { { .command = "deploy", .actor = "ci", .via = 1, .limit = 10 }, 2, &four.id },
        { { .command = "", .actor = "ci", .via = 2, .limit = 10 }, 0, NULL },
        { { .command = "", .actor = "", .state = JOB_QUEUED, .limit = 10 }, 4, &four.id },
        { { .command = "", .actor = "", .state = JOB_FAILED, .limit = 10 }, 0, NULL },
        { { .command = "", .actor = "", .before = &four.id, .limit = 10 }, 3, &three.id },
        { { .command = "", .actor = "", .label = { span_of("pr"), span_of("2") }, .limit = 10 }, 1, &two.id },
        { { .command = "test", .actor = "", .label = { span_of("pr"), span_of("1") }, .limit = 10 }, 1, &three.id },
        { { .command = "", .actor = "ci", .via = 1, .label = { span_of("pr"), span_of("1") }, .limit = 2 },
          2,
          &four.id },
        { { .command = "", .actor = "", .before = &four.id, .label = { span_of("pr"), span_of("1") }, .limit = 10 },
          2,
          &three.id },
        { { .command = "",
            .actor = "",
            .until_unix_ms = one.created_unix_ms - 1000,
            .label = { span_of("pr"), span_of("1") },
            .limit = 10 },
          0,
          NULL },
        { { .command = "",
            .actor = "",
            .since_unix_ms = one.created_unix_ms - 1000,
            .label = { span_of("pr"), span_of("1") },
            .limit = 10 },
          3,
          &four.id },
        { { .command = "", .actor = "", .since_unix_ms = one.created_unix_ms - 1000, .limit = 10 }, 4, &four.id },
        { { .command = "", .actor = "", .until_unix_ms = one.created_unix_ms - 1000, .limit = 10 }, 0, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct seen seen = { 0 };
        cr_assert_eq(store_jobs_list(store, &cases[i].filter, see, &seen, &err), 0, "%s", err.text);
        cr_expect_eq(seen.count, cases[i].count, "case %zu: %u", i, seen.count);
        if (cases[i].first != NULL)
            cr_expect(job_id_equal(&seen.ids[0], cases[i].first), "case %zu", i);
    }
}

static void add_many(unsigned count)
{
    const struct job_label index = { span_of("env"), span_of("prod") };
    const struct job_input input = {
        .params = span_of("params"), .labels = span_of("labels"), .index = &index, .index_count = 1
    };
    cr_assert_eq(store_begin(store, &err), 0);
    for (unsigned i = 0; i < count; i++) {
        struct job_record record = sample("deploy", "ci");
        cr_assert_eq(store_job_add(store, &record, &input, &err), 0, "%s", err.text);
    }
    cr_assert_eq(store_commit(store, &err), 0);
}

static int count_step(void *arg)
{
    ++*(unsigned *)arg;
    return 0;
}

/* Steps of SQLite's machine for the newest ten that fit. */
static unsigned steps_of(const struct job_filter *filter)
{
    struct seen seen = { 0 };
    unsigned steps = 0;
    sqlite3_progress_handler(store->db, 1, count_step, &steps);
    cr_assert_eq(store_jobs_list(store, filter, see, &seen, &err), 0, "%s", err.text);
    sqlite3_progress_handler(store->db, 0, NULL, NULL);
    cr_expect_eq(seen.count, 10);
    return steps;
}

Test(store, lists_a_page_with_the_same_work_however_many_jobs_there_are)
{
    const struct job_filter filters[] = {
        { .command = "", .actor = "", .limit = 10 },
        { .command = "deploy", .actor = "", .limit = 10 },
        { .command = "", .actor = "ci", .via = 1, .limit = 10 },
        { .command = "", .actor = "", .state = JOB_QUEUED, .limit = 10 },
        { .command = "", .actor = "", .label = { span_of("env"), span_of("prod") }, .limit = 10 },
        { .command = "", .actor = "", .since_unix_ms = 1, .limit = 10 },
    };
    unsigned few[sizeof filters / sizeof filters[0]];
    add_many(100);
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        few[i] = steps_of(&filters[i]);
    add_many(2000);
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        cr_expect_eq(steps_of(&filters[i]), few[i], "filter %zu: %u steps, and %u before", i, steps_of(&filters[i]),
                     few[i]);
}

Test(store, refuses_a_newer_schema_and_changes_nothing)
{
    store_close(store);
    store = NULL;
    meddle("INSERT INTO migrations VALUES (1000, 'from the future', 0)");
    cr_assert_eq(store_open(path, true, &store, &err), -EPROTO);
    cr_expect_not_null(strstr(err.text, "has schema 1000, and this program knows up to"), "%s", err.text);
    cr_expect_null(store);
}

Test(store, refuses_a_database_of_another_program)
{
    char other[112];
    struct store *none = NULL;
    snprintf(other, sizeof other, "%s/other.db", directory);
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(other, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, "CREATE TABLE t (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    cr_expect_eq(store_open(other, true, &none, &err), -EPROTO);
    cr_expect_not_null(strstr(err.text, "another program"), "%s", err.text);
}

Test(store, refuses_a_file_that_is_no_database)
{
    char other[112];
    struct store *none = NULL;
    snprintf(other, sizeof other, "%s/junk.db", directory);
    FILE *file = fopen(other, "w");
    for (int i = 0; i < 1000; i++)
        fputs("junk", file);
    fclose(file);
    cr_expect_eq(store_open(other, true, &none, &err), -EBADMSG, "%s", err.text);
}

Test(store, is_as_it_was_after_a_commit_that_failed)
{
    struct job_record first = add("deploy", "ci", ""), second = sample("deploy", "ci"), found;
    static char large[60000];
    memset(large, 'x', sizeof large);
    struct job_input input = { .params = { (uint8_t *)large, sizeof large } };
    uint8_t before[HASH_BYTES], after[HASH_BYTES];
    audit_head(store, before);
    /* The largest size of a file stands in for a full disk. */
    struct rlimit limit, tight = { 0 };
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    tight = (struct rlimit){ 16 * 1024, limit.rlim_max };
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_job_add(store, &second, &input, &err), 0);
    cr_assert_eq(audit_record(store, &(struct audit_entry){ .what = AUDIT_SUBMIT }, &err), 0);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
    int done = store_commit(store, &err);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_lt(done, 0);
    store_rollback(store);
    audit_head(store, after);
    cr_expect_arr_eq(before, after, HASH_BYTES);
    cr_expect_eq(store_job_read(store, &second.id, &found, &err), 0);
    cr_expect_eq(store_job_read(store, &first.id, &found, &err), 1);
    struct job_record third = add("deploy", "ci", "");
    cr_expect_eq(store_job_read(store, &third.id, &found, &err), 1);
}

/* SQLite rolls back by itself when it is full in the middle of a transaction, and would take what follows as it comes. */
Test(store, takes_nothing_of_a_transaction_that_was_given_up_in_its_middle)
{
    struct job_record first = sample("deploy", "ci"), second = sample("deploy", "ci"), third = sample("deploy", "ci");
    static char large[60000];
    memset(large, 'x', sizeof large);
    struct job_input input = { .params = { (uint8_t *)large, sizeof large } }, small = { 0 };
    uint64_t entries;
    tell(AUDIT_SUBMIT, &first.id, "ci");
    cr_assert_eq(sqlite3_exec(store->db, "PRAGMA max_page_count = 30", NULL, NULL, NULL), SQLITE_OK);
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_job_add(store, &first, &small, &err), 0);
    cr_assert_eq(audit_record(store, &(struct audit_entry){ .what = AUDIT_SUBMIT }, &err), 0);
    cr_expect_eq(store_job_add(store, &second, &input, &err), -ENOSPC, "%s", err.text);
    cr_expect(sqlite3_get_autocommit(store->db), "else this shows nothing");
    cr_expect_eq(store_begin(store, &err), 0);
    cr_expect_eq(store_job_add(store, &third, &small, &err), -ENOSPC, "%s", err.text);
    cr_expect_eq(audit_record(store, &(struct audit_entry){ .what = AUDIT_SUBMIT }, &err), -ENOSPC);
    cr_expect_eq(store_commit(store, &err), -ENOSPC);
    store_rollback(store);
    struct job_record *records[] = { &first, &second, &third }, found;
    for (int i = 0; i < 3; i++)
        cr_expect_eq(store_job_read(store, &records[i]->id, &found, &err), 0, "job %d", i);
    tell(AUDIT_SUBMIT, &third.id, "ci");
    cr_expect_eq(audit_verify(store, &entries, &err), 0, "%s", err.text);
    cr_expect_eq(entries, 2);
}

static uint64_t mark(const char *name)
{
    uint64_t number = 99;
    cr_assert_eq(store_mark_read(store, name, &number, &err), 0, "%s", err.text);
    return number;
}

Test(store, keeps_marks_through_a_restart_and_undoes_them_with_their_transaction)
{
    cr_expect_eq(mark("one"), 0);
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_mark_set(store, "one", UINT64_MAX, &err), 0, "%s", err.text);
    cr_assert_eq(store_mark_set(store, "two", 2, &err), 0);
    cr_assert_eq(store_commit(store, &err), 0);
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_mark_set(store, "one", 1, &err), 0);
    cr_expect_eq(mark("one"), 1);
    store_rollback(store);
    store_close(store);
    open_store();
    cr_expect_eq(mark("one"), UINT64_MAX);
    cr_expect_eq(mark("two"), 2);
}

TestSuite(keys, .init = setup, .fini = teardown);

static const struct key_scope scope = { "ci", 1, "deploy", "key-1" };

Test(keys, give_the_first_job_to_every_twin)
{
    struct job_record record = add("deploy", "ci", "");
    uint8_t digest[HASH_BYTES] = { 7 }, found_digest[HASH_BYTES];
    struct job_id found;
    uint64_t now = clock_unix_ms();
    cr_assert_eq(store_key_find(store, &scope, now, &found, found_digest, &err), 0);
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_key_add(store, &scope, now, &record.id, digest, &err), 0);
    /* A twin in the same turn, before the commit. */
    cr_assert_eq(store_key_find(store, &scope, now, &found, found_digest, &err), 1);
    cr_expect(job_id_equal(&found, &record.id));
    cr_expect_arr_eq(found_digest, digest, HASH_BYTES);
    struct job_id other = job_id_new();
    cr_expect_eq(store_key_add(store, &scope, now, &other, digest, &err), -EEXIST);
    cr_assert_eq(store_commit(store, &err), 0);
    store_close(store);
    open_store();
    cr_expect_eq(store_key_find(store, &scope, now, &found, found_digest, &err), 1);
}

Test(keys, belong_to_an_actor_and_a_command)
{
    struct job_record record = add("deploy", "ci", "");
    uint8_t digest[HASH_BYTES] = { 0 };
    struct job_id found;
    uint64_t now = clock_unix_ms();
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_key_add(store, &scope, now, &record.id, digest, &err), 0);
    cr_assert_eq(store_commit(store, &err), 0);
    const struct key_scope others[] = { { "ops", 1, "deploy", "key-1" },
                                        { "ci", 2, "deploy", "key-1" },
                                        { "ci", 1, "test", "key-1" },
                                        { "ci", 1, "deploy", "key-2" } };
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(store_key_find(store, &others[i], now, &found, digest, &err), 0, "case %zu", i);
}

Test(keys, live_for_a_day_and_as_long_as_their_job)
{
    struct job_record record = add("deploy", "ci", "");
    uint8_t digest[HASH_BYTES] = { 0 };
    struct job_id found;
    uint64_t now = clock_unix_ms(), later = now + KEY_LIFE_MS + 1000;
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_key_add(store, &scope, now, &record.id, digest, &err), 0);
    cr_expect_eq(store_key_find(store, &scope, later, &found, digest, &err), 1, "the job still runs");
    record.state = JOB_SUCCEEDED;
    record.reason = JOB_REASON_EXITED;
    cr_assert_eq(store_job_update(store, &record, &err), 0);
    cr_expect_eq(store_key_find(store, &scope, later, &found, digest, &err), 0);
    struct job_record second = sample("deploy", "ci");
    cr_assert_eq(store_job_add(store, &second, &(struct job_input){ 0 }, &err), 0);
    cr_expect_eq(store_key_add(store, &scope, later, &second.id, digest, &err), 0, "%s", err.text);
    cr_expect_eq(store_keys_expire(store, later, 10, &err), 0);
    cr_expect_eq(store_keys_expire(store, later + KEY_LIFE_MS + 1000, 10, &err), 1);
    store_rollback(store);
}
