/* A store of its own for each test, in a directory that goes with it. */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/store/store.h"

static char directory[64], path[96];
static struct store *store;
static struct error err;

static inline void open_store(void)
{
    cr_assert_eq(store_open(path, false, &store, &err), 0, "%s", err.text);
}

static inline void setup(void)
{
    strcpy(directory, "/tmp/sallyport-store-XXXXXX");
    cr_assert_not_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/jobs.db", directory);
    open_store();
}

static inline void teardown(void)
{
    store_close(store);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_assert_eq(system(command), 0);
}

/* Changes the database behind the store's back, as an intruder with the file would. */
static inline void meddle(const char *sql)
{
    sqlite3 *db;
    char *text = NULL;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, &text), SQLITE_OK, "%s", text);
    sqlite3_close(db);
}

static inline struct job_record sample(const char *command, const char *actor)
{
    struct job_record record = { .id = job_id_new(),
                                 .state = JOB_QUEUED,
                                 .created_unix_ms = clock_unix_ms(),
                                 .version = 1,
                                 .timeout_ms = 1000,
                                 .via = 1,
                                 .memory_peak_bytes = UINT64_MAX / 2,
                                 .has_stdin = true };
    text_copy(record.command, sizeof record.command, command);
    text_copy(record.actor, sizeof record.actor, actor);
    return record;
}

static inline void tell(enum audit_what what, const struct job_id *id, const char *actor)
{
    const struct audit_entry entry = {
        .what = what, .job_id = id, .actor = actor, .command = "deploy", .detail = "because"
    };
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(audit_record(store, &entry, &err), 0, "%s", err.text);
    cr_assert_eq(store_commit(store, &err), 0);
}
