/*
 * Reading along while the keeper writes. A reader holds one snapshot from its opening to its end, so that what it says
 * fits together; writers do not wait for it. It is careful not to be in the keeper's way at its end either: it neither
 * moves the write-ahead log into the database nor removes it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "statement.h"

#define BUSY_WAIT_MS 5000 /* a keeper that starts after a crash holds the database for a moment */

static int reader_prepare(struct store *store, const char *path, struct error *err)
{
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX;
    int result = sqlite3_open_v2(path, &store->db, flags, NULL);
    if (result != SQLITE_OK)
        return store_fail(store->db, result, err, "open");
    sqlite3_busy_timeout(store->db, BUSY_WAIT_MS);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    int done = store_execute(store->db, store_reading_sql, err);
    if (done == 0)
        done =
            store_execute(store->db, "BEGIN", err); /* the next statement chooses the snapshot, for all that follow */
    if (done == 0)
        done = schema_check(store->db, err);
    if (done == 0)
        done = statements_prepare(store, err);
    return done < 0 ? done : audit_load(store, err);
}

int store_open_to_read(const char *path, struct store **ret_store, struct error *err)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return fail(err, ENOMEM, "open database '%s'", path);
    if (reader_prepare(store, path, err) < 0) {
        store_close(store);
        return fail_in(err, "open database '%s'", path);
    }
    *ret_store = store;
    return 0;
}

int store_check(struct store *store, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(store->db, "PRAGMA integrity_check(1)", -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    int done = 0;
    if (result != SQLITE_ROW) {
        done = store_fail(store->db, result, err, "check the database");
    } else {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (text == NULL || strcmp(text, "ok") != 0)
            done = fail_plain(err, EBADMSG, "the database is damaged: %s", text != NULL ? text : "nothing can be said");
    }
    sqlite3_finalize(statement);
    return done;
}

/* All pages at once: our snapshot does not change, so nobody waits and nothing begins again. */
static int copy_pages(struct store *store, sqlite3 *to, struct error *err)
{
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", store->db, "main");
    if (backup == NULL)
        return store_fail(to, sqlite3_errcode(to), err, "begin the copy");
    int result = sqlite3_backup_step(backup, -1);
    int finished = sqlite3_backup_finish(backup);
    if (result != SQLITE_DONE || finished != SQLITE_OK)
        return store_fail(to, result != SQLITE_DONE ? result : finished, err, "copy");
    /* One file that is whole by itself; the keeper that opens it chooses its own way again. */
    return store_execute(to, "PRAGMA journal_mode = DELETE", err);
}

int store_backup(struct store *store, const char *path, struct error *err)
{
    sqlite3 *to = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX;
    int result = sqlite3_open_v2(path, &to, flags, NULL);
    int done = result == SQLITE_OK ? copy_pages(store, to, err) : store_fail(to, result, err, "open");
    sqlite3_close(to);
    return done < 0 ? fail_in(err, "copy the database to '%s'", path) : 0;
}
