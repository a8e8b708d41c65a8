/* How far each schedule was settled. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "statement.h"

int store_schedule_read(struct store *store, const char *name, struct schedule_mark *ret_mark, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_SCHEDULE_READ);
    bind_text(statement, 1, name);
    int found = statement_step(store, statement, err, "read a schedule's mark");
    if (found > 0) {
        ret_mark->seen_unix_ms = column_u64(statement, 1);
        if (!column_exact(statement, 0, ret_mark->digest, HASH_BYTES))
            found = fail_plain(err, EBADMSG, "the mark of schedule '%s' is damaged", name);
    }
    sqlite3_reset(statement);
    return found;
}

int store_schedule_next(struct store *store, const char *after, char ret_name[NAME_MAX_BYTES], struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_SCHEDULE_NEXT);
    bind_text(statement, 1, after);
    int found = statement_step(store, statement, err, "list schedules");
    if (found > 0) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        if (name == NULL || !text_copy(ret_name, NAME_MAX_BYTES, name))
            found = fail_plain(err, EBADMSG, "a schedule's name is damaged");
    }
    sqlite3_reset(statement);
    return found;
}

int store_schedule_set(struct store *store, const char *name, const struct schedule_mark *mark, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_SCHEDULE_SET);
    bind_text(statement, 1, name);
    bind_bytes(statement, 2, mark->digest, HASH_BYTES);
    bind_u64(statement, 3, mark->seen_unix_ms);
    return statement_run(store, statement, err, "settle a schedule");
}

int store_schedule_remove(struct store *store, const char *name, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_SCHEDULE_REMOVE);
    bind_text(statement, 1, name);
    return statement_run(store, statement, err, "forget a schedule");
}
