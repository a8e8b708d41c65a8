/* Callbacks that requests have named, for as long as their jobs have not ended. */
#include <assert.h>
#include <errno.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/store/deliveries.h"
#include "statement.h"

int store_job_callback_add(struct store *store, const struct job_id *job_id, const struct job_callback *callback,
                           struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_JOB_CALLBACK_ADD);
    bind_bytes(statement, 1, job_id->bytes, JOB_ID_BYTES);
    bind_text(statement, 2, callback->callback);
    bind_text(statement, 3, callback->url);
    bind_u64(statement, 4, callback->format);
    return statement_run(store, statement, err, "note the callback of a request");
}

int store_job_callback_next(struct store *store, const struct job_id *job_id, uint32_t after,
                            struct job_callback *ret_callback, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_JOB_CALLBACK_NEXT);
    bind_bytes(statement, 1, job_id->bytes, JOB_ID_BYTES);
    bind_u64(statement, 2, after);
    int found = statement_step(store, statement, err, "look for the callback of a request");
    if (found > 0) {
        const char *callback = (const char *)sqlite3_column_text(statement, 1);
        const char *url = (const char *)sqlite3_column_text(statement, 2);
        uint64_t format = column_u64(statement, 3);
        ret_callback->number = (uint32_t)column_u64(statement, 0);
        ret_callback->format = (uint8_t)format;
        if (format >= CALLBACK_FORMAT_COUNT || callback == NULL ||
            !text_copy(ret_callback->callback, sizeof ret_callback->callback, callback) || url == NULL ||
            !text_copy(ret_callback->url, sizeof ret_callback->url, url))
            found = fail_plain(err, EBADMSG, "the callback of a request is damaged");
    }
    sqlite3_reset(statement);
    return found;
}

int store_job_callbacks_remove(struct store *store, const struct job_id *job_id, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_JOB_CALLBACKS_REMOVE);
    bind_bytes(statement, 1, job_id->bytes, JOB_ID_BYTES);
    return statement_run(store, statement, err, "forget the callback of a request");
}
