/* What ended jobs left behind, as the store knows it. */
#include <criterion/criterion.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/store/store.h"

static char directory[64], path[96];
static struct store *store;
static struct error err;

static void setup(void)
{
    strcpy(directory, "/tmp/sallyport-store-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/jobs.db", directory);
    cr_assert_eq(store_open(path, false, &store, &err), 0, "%s", err.text);
    cr_assert_eq(store_begin(store, &err), 0);
}

static void teardown(void)
{
    store_close(store);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

TestSuite(remains, .init = setup, .fini = teardown);

static struct span span_of(const char *text)
{
    return (struct span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

/* A job of this command that ended at this time and left so many bytes. */
static struct job_record ended(const char *command, uint64_t finished_unix_ms, uint64_t bytes)
{
    struct job_record record = { .id = job_id_new(), .state = JOB_QUEUED, .version = 1 };
    struct job_label label = { span_of("pr"), span_of("42") };
    struct job_input input = {
        .params = span_of("params"), .labels = span_of("labels"), .index = &label, .index_count = 1
    };
    text_copy(record.command, sizeof record.command, command);
    cr_assert_eq(store_job_add(store, &record, &input, &err), 0, "%s", err.text);
    record.state = JOB_SUCCEEDED;
    record.finished_unix_ms = finished_unix_ms;
    record.output_fate = OUTPUT_KEPT;
    record.output_stored_bytes = bytes;
    cr_assert_eq(store_job_update(store, &record, &err), 0, "%s", err.text);
    return record;
}

static void expect_total(const char *command, uint64_t outputs, uint64_t bytes)
{
    uint64_t has_outputs, has_bytes;
    cr_assert_eq(store_outputs_total(store, command, &has_outputs, &has_bytes, &err), 0, "%s", err.text);
    cr_expect_eq(has_outputs, outputs, "%s: %llu", command, (unsigned long long)has_outputs);
    cr_expect_eq(has_bytes, bytes, "%s: %llu", command, (unsigned long long)has_bytes);
}

/* On a connection of its own: the store has no question that would tell. */
static int count_labels(void)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM job_labels", -1, &statement, NULL), SQLITE_OK);
    cr_assert_eq(sqlite3_step(statement), SQLITE_ROW);
    int count = sqlite3_column_int(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return count;
}

Test(remains, are_counted_with_every_end_removal_and_rollback)
{
    expect_total("", 0, 0);
    struct job_record first = ended("a", 1000, 10);
    ended("a", 2000, 20);
    ended("b", 1500, 5);
    expect_total("a", 2, 30);
    expect_total("b", 1, 5);
    expect_total("", 3, 35);
    cr_assert_eq(store_job_update(store, &first, &err), 0, "an end that is written again counts once");
    expect_total("a", 2, 30);
    cr_assert_eq(store_commit(store, &err), 0);
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(store_output_removed(store, &first.id, &err), 0);
    expect_total("a", 1, 20);
    cr_assert_eq(store_output_removed(store, &first.id, &err), 0);
    expect_total("a", 1, 20);
    store_rollback(store);
    expect_total("a", 2, 30);
}

Test(remains, are_found_oldest_first_of_one_command_or_of_all)
{
    struct remains found[8];
    struct job_record late = ended("a", 3000, 1), early = ended("a", 1000, 2), other = ended("b", 2000, 3);
    cr_assert_eq(store_outputs_oldest(store, "a", found, 8, &err), 2);
    cr_expect(job_id_equal(&found[0].id, &early.id));
    cr_expect(job_id_equal(&found[1].id, &late.id));
    cr_assert_eq(store_outputs_oldest(store, "", found, 2, &err), 2);
    cr_expect(job_id_equal(&found[1].id, &other.id));
    cr_expect_eq(found[1].stored_bytes, 3);
    cr_assert_eq(store_jobs_oldest(store, "a", 3000, found, 8, &err), 1);
    cr_expect(job_id_equal(&found[0].id, &early.id));
    cr_expect(found[0].has_output);
    cr_assert_eq(store_outputs_unwanted(store, found, 8, &err), 0);
    late.is_metadata_only = true;
    cr_assert_eq(store_job_update(store, &late, &err), 0);
    cr_assert_eq(store_outputs_unwanted(store, found, 8, &err), 1);
    cr_expect(job_id_equal(&found[0].id, &late.id));
}

Test(remains, of_a_job_go_with_its_record_parameters_and_labels)
{
    struct job_record record = ended("a", 1000, 10), read;
    struct span params, labels;
    cr_assert_eq(store_job_remove(store, &record.id, &err), 0, "%s", err.text);
    cr_expect_eq(store_job_read(store, &record.id, &read, &err), 0);
    cr_expect_eq(store_job_input(store, &record.id, &params, &labels, &err), 0);
    expect_total("", 0, 0);
    cr_assert_eq(store_commit(store, &err), 0);
    cr_expect_eq(count_labels(), 0);
}

Test(remains, of_a_job_that_has_not_ended_stay)
{
    struct job_record record = { .id = job_id_new(), .state = JOB_QUEUED, .version = 1 }, read;
    struct job_input input = { 0 };
    cr_assert_eq(store_job_add(store, &record, &input, &err), 0);
    cr_assert_eq(store_job_remove(store, &record.id, &err), 0);
    cr_expect_eq(store_job_read(store, &record.id, &read, &err), 1);
}

Test(remains, name_their_commands_one_after_the_other)
{
    char command[NAME_MAX_BYTES] = "";
    ended("b", 1000, 1);
    ended("a", 1000, 1);
    ended("b", 2000, 1);
    cr_assert_eq(store_command_next(store, command, command, &err), 1);
    cr_expect_str_eq(command, "a");
    cr_assert_eq(store_command_next(store, command, command, &err), 1);
    cr_expect_str_eq(command, "b");
    cr_assert_eq(store_command_next(store, command, command, &err), 0);
}
