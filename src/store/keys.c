/* Idempotency keys: the same request sent twice makes one job. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "statement.h"

static sqlite3_stmt *take_with_scope(struct store *store, enum statement which, const struct key_scope *scope)
{
    sqlite3_stmt *statement = statement_take(store, which);
    bind_text(statement, 1, scope->actor);
    bind_u64(statement, 2, scope->via);
    bind_text(statement, 3, scope->command);
    bind_text(statement, 4, scope->key);
    return statement;
}

static bool is_over(sqlite3_stmt *statement, uint64_t now_unix_ms)
{
    uint64_t created_unix_ms = column_u64(statement, 2);
    bool is_active = column_u64(statement, 3) != 0;
    return !is_active && now_unix_ms > created_unix_ms && now_unix_ms - created_unix_ms > KEY_LIFE_MS;
}

int store_key_find(struct store *store, const struct key_scope *scope, uint64_t now_unix_ms, struct job_id *ret_job_id,
                   uint8_t ret_digest[HASH_BYTES], struct error *err)
{
    sqlite3_stmt *statement = take_with_scope(store, STATEMENT_KEY_FIND, scope);
    int found = statement_step(store, statement, err, "look for an idempotency key");
    if (found > 0 && is_over(statement, now_unix_ms))
        found = 0;
    if (found > 0 && (!column_exact(statement, 0, ret_job_id->bytes, JOB_ID_BYTES) ||
                      !column_exact(statement, 1, ret_digest, HASH_BYTES)))
        found = fail_plain(err, EBADMSG, "an idempotency key is damaged");
    sqlite3_reset(statement);
    return found;
}

int store_key_add(struct store *store, const struct key_scope *scope, uint64_t now_unix_ms, const struct job_id *job_id,
                  const uint8_t digest[HASH_BYTES], struct error *err)
{
    assert(store->is_open);
    struct job_id old;
    uint8_t old_digest[HASH_BYTES];
    int found = store_key_find(store, scope, now_unix_ms, &old, old_digest, err);
    if (found < 0)
        return found;
    if (found > 0)
        return fail_plain(err, EEXIST, "the idempotency key is in use");
    /* What is there now is too old, or its job record is gone. */
    int done =
        statement_run(store, take_with_scope(store, STATEMENT_KEY_REMOVE, scope), err, "replace an idempotency key");
    if (done < 0)
        return done;
    sqlite3_stmt *statement = take_with_scope(store, STATEMENT_KEY_ADD, scope);
    bind_bytes(statement, 5, job_id->bytes, JOB_ID_BYTES);
    bind_bytes(statement, 6, digest, HASH_BYTES);
    bind_u64(statement, 7, now_unix_ms);
    return statement_run(store, statement, err, "add an idempotency key");
}

int store_keys_expire(struct store *store, uint64_t now_unix_ms, unsigned most, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_KEYS_EXPIRE);
    bind_u64(statement, 1, now_unix_ms > KEY_LIFE_MS ? now_unix_ms - KEY_LIFE_MS : 0);
    bind_u64(statement, 2, most);
    int done = statement_run(store, statement, err, "remove old idempotency keys");
    return done < 0 ? done : sqlite3_changes(store->db);
}
