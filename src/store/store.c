#include "sallyport/store/store.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "statement.h"

/* Before the schema is looked at: what these say concerns our connection, or is what SQLite does to any database. */
const char store_reading_sql[] = "PRAGMA trusted_schema = OFF;"
                                 "PRAGMA cell_size_check = ON;"
                                 "PRAGMA temp_store = MEMORY;"; /* there is no /tmp beneath our root */

#define BUSY_WAIT_MS 1000 /* nobody else writes, but a reader that comes first holds a lock while it opens */

static int enter_wal(sqlite3 *db, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    bool is_wal = result == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(statement, 0), "wal") == 0;
    int done = 0;
    if (result != SQLITE_ROW)
        done = store_fail(db, result, err, "switch to a write-ahead log");
    else if (!is_wal)
        done = fail_plain(err, EIO, "switch to a write-ahead log: the file system does not let it");
    sqlite3_finalize(statement);
    return done;
}

int store_set_sync(struct store *store, bool syncs_fully, struct error *err)
{
    return store_execute(store->db, syncs_fully ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", err);
}

static int store_prepare(struct store *store, const char *path, bool syncs_fully, struct error *err)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_NOMUTEX;
    int done = place_check(path, err);
    if (done < 0)
        return done;
    int result = sqlite3_open_v2(path, &store->db, flags, NULL);
    if (result != SQLITE_OK)
        return store_fail(store->db, result, err, "open");
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* What cannot be used is left as it was: letting go does not move its log into it (store_settle_at_close()). */
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_busy_timeout(store->db, BUSY_WAIT_MS);
    done = store_execute(store->db, store_reading_sql, err);
    if (done == 0)
        done = store_execute(store->db, "PRAGMA journal_size_limit = 67108864", err);
    if (done == 0)
        done = schema_apply(store->db, err); /* before WAL: a database that is not ours is left as it was */
    if (done == 0)
        done = enter_wal(store->db, err);
    if (done == 0)
        done = store_set_sync(store, syncs_fully, err);
    if (done == 0)
        done = statements_prepare(store, err);
    if (done == 0)
        done = audit_load(store, err);
    return done;
}

int store_open(const char *path, bool syncs_fully, struct store **ret_store, struct error *err)
{
    struct store *store = calloc(1, sizeof *store);
    if (store == NULL)
        return fail(err, ENOMEM, "open database '%s'", path);
    if (store_prepare(store, path, syncs_fully, err) < 0) {
        store_close(store);
        return fail_in(err, "open database '%s'", path);
    }
    *ret_store = store;
    return 0;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    store_rollback(store);
    statements_free(store);
    sqlite3_close(store->db);
    free(store->input);
    free(store);
}

int store_begin(struct store *store, struct error *err)
{
    if (store->is_open)
        return 0;
    int done = statement_run(store, statement_take(store, STATEMENT_BEGIN), err, "begin a transaction");
    if (done == 0) {
        store->is_open = true;
        store->lost_code = EIO; /* unless a statement says why */
    }
    return done;
}

int store_commit(struct store *store, struct error *err)
{
    assert(store->is_open);
    int done = statement_run(store, statement_take(store, STATEMENT_COMMIT), err, "commit");
    if (done < 0)
        return done;
    store->is_open = false;
    store_settle_at_close(store);
    store->audit_sequence_committed = store->audit_sequence;
    memcpy(store->audit_head_committed, store->audit_head, HASH_BYTES);
    return 0;
}

void store_rollback(struct store *store)
{
    if (!store->is_open)
        return;
    if (!sqlite3_get_autocommit(store->db))
        statement_run(store, statement_take(store, STATEMENT_ROLLBACK), NULL, "roll back");
    store->is_open = false;
    store->audit_sequence = store->audit_sequence_committed;
    memcpy(store->audit_head, store->audit_head_committed, HASH_BYTES);
}

void store_settle_at_close(struct store *store)
{
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
}

bool store_is_open(const struct store *store)
{
    return store->is_open;
}
