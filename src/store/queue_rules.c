#include "sallyport/store/queue_rules.h"

#include <assert.h>
#include <errno.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "statement.h"

int store_dedupe_find(struct store *store, const char *command, const char *key, struct job_id *ret_job_id,
                      uint64_t *ret_accepted_unix_ms, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_DEDUPE_FIND);
    bind_text(statement, 1, command);
    bind_text(statement, 2, key);
    int found = statement_step(store, statement, err, "look for a job of the same key");
    if (found > 0 && !column_exact(statement, 0, ret_job_id->bytes, JOB_ID_BYTES))
        found = fail_plain(err, EBADMSG, "a key of the queue is damaged");
    if (found > 0)
        *ret_accepted_unix_ms = column_u64(statement, 1);
    sqlite3_reset(statement);
    return found;
}

int store_dedupe_note(struct store *store, const char *command, const char *key, const struct job_id *job_id,
                      uint64_t now_unix_ms, uint64_t until_unix_ms, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_DEDUPE_NOTE);
    bind_text(statement, 1, command);
    bind_text(statement, 2, key);
    bind_bytes(statement, 3, job_id->bytes, JOB_ID_BYTES);
    bind_u64(statement, 4, now_unix_ms);
    bind_u64(statement, 5, until_unix_ms);
    return statement_run(store, statement, err, "note a job's key");
}

int store_dedupe_expire(struct store *store, uint64_t now_unix_ms, unsigned most, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_DEDUPE_EXPIRE);
    bind_u64(statement, 1, now_unix_ms);
    bind_u64(statement, 2, most);
    return statement_run(store, statement, err, "remove old keys of the queue");
}

int store_rate_find(struct store *store, const char *bucket, uint32_t count, uint64_t *ret_unix_ms, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_RATE_FIND);
    bind_text(statement, 1, bucket);
    bind_u64(statement, 2, count);
    int found = statement_step(store, statement, err, "look for what a rate counts");
    if (found > 0)
        *ret_unix_ms = column_u64(statement, 0);
    sqlite3_reset(statement);
    return found;
}

int store_rate_note(struct store *store, const char *bucket, uint32_t count, uint64_t now_unix_ms, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_RATE_NOTE);
    bind_text(statement, 1, bucket);
    bind_u64(statement, 2, now_unix_ms);
    int done = statement_run(store, statement, err, "note what a rate counts");
    if (done < 0)
        return done;
    statement = statement_take(store, STATEMENT_RATE_CUT);
    bind_text(statement, 1, bucket);
    bind_u64(statement, 2, count);
    return statement_run(store, statement, err, "forget what a rate counts no more");
}

int store_rates_expire(struct store *store, uint64_t before_unix_ms, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_RATES_EXPIRE);
    bind_u64(statement, 1, before_unix_ms);
    return statement_run(store, statement, err, "forget old rates");
}

int store_pause(struct store *store, const struct paused_command *paused, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_PAUSE);
    bind_text(statement, 1, paused->command);
    bind_u64(statement, 2, paused->refuses);
    bind_text(statement, 3, paused->reason);
    bind_text(statement, 4, paused->actor);
    bind_u64(statement, 5, paused->since_unix_ms);
    return statement_run(store, statement, err, "note that a command is paused");
}

int store_resume(struct store *store, const char *command, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_RESUME);
    bind_text(statement, 1, command);
    return statement_run(store, statement, err, "note that a command is not paused any more");
}

static bool take_text(sqlite3_stmt *statement, int at, char *to, size_t room)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);
    return text != NULL && text_copy(to, room, text);
}

int store_paused(struct store *store, store_visit_paused *visit, void *arg, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_PAUSED);
    int found;
    while ((found = statement_step(store, statement, err, "read which commands are paused")) > 0) {
        struct paused_command paused = { .refuses = column_u64(statement, 1) != 0,
                                         .since_unix_ms = column_u64(statement, 4) };
        if (!take_text(statement, 0, paused.command, sizeof paused.command) ||
            !take_text(statement, 2, paused.reason, sizeof paused.reason) ||
            !take_text(statement, 3, paused.actor, sizeof paused.actor)) {
            sqlite3_reset(statement);
            return fail_plain(err, EBADMSG, "the note of a paused command is damaged");
        }
        if (!visit(arg, &paused)) {
            sqlite3_reset(statement);
            return 0;
        }
    }
    return found;
}
