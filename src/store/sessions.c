#include "sallyport/store/sessions.h"

#include <assert.h>
#include <errno.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "statement.h"

int store_session_set(struct store *store, const struct session_row *row, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_SESSION_SET);
    bind_bytes(statement, 1, row->secret_sha256, HASH_BYTES);
    bind_text(statement, 2, row->user);
    bind_bytes(statement, 3, row->password_sha256, HASH_BYTES);
    bind_u64(statement, 4, row->began_unix_ms);
    bind_u64(statement, 5, row->used_unix_ms);
    return statement_run(store, statement, err, "keep a session");
}

int store_session_use(struct store *store, const struct session_row *row, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_SESSION_USE);
    bind_bytes(statement, 1, row->secret_sha256, HASH_BYTES);
    bind_u64(statement, 2, row->used_unix_ms);
    return statement_run(store, statement, err, "note the use of a session");
}

int store_session_remove(struct store *store, const uint8_t secret_sha256[HASH_BYTES], struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_SESSION_REMOVE);
    bind_bytes(statement, 1, secret_sha256, HASH_BYTES);
    return statement_run(store, statement, err, "forget a session");
}

static bool read_row(sqlite3_stmt *statement, struct session_row *row)
{
    const char *user = (const char *)sqlite3_column_text(statement, 1);
    row->began_unix_ms = column_u64(statement, 3);
    row->used_unix_ms = column_u64(statement, 4);
    return column_exact(statement, 0, row->secret_sha256, HASH_BYTES) && user != NULL &&
           text_copy(row->user, sizeof row->user, user) && column_exact(statement, 2, row->password_sha256, HASH_BYTES);
}

int store_sessions(struct store *store, struct session_row *ret_rows, uint32_t most, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_SESSIONS);
    uint32_t count = 0;
    int found = 0;
    while (count < most && (found = statement_step(store, statement, err, "read sessions")) > 0)
        if (!read_row(statement, &ret_rows[count++])) {
            found = fail_plain(err, EBADMSG, "a session is damaged");
            break;
        }
    sqlite3_reset(statement);
    return found < 0 ? found : (int)count;
}
