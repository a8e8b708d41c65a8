/* The steps of sequences, as they were when the sequence was accepted: no reload changes them. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "statement.h"

int store_step_add(struct store *store, const struct job_id *parent, const struct job_step *step, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_STEP_ADD);
    bind_bytes(statement, 1, parent->bytes, JOB_ID_BYTES);
    bind_u64(statement, 2, step->index);
    bind_text(statement, 3, step->command);
    bind_u64(statement, 4, step->continues);
    bind_bytes(statement, 5, step->params.data, step->params.size);
    return statement_run(store, statement, err, "add a step");
}

int store_step_refuse(struct store *store, const struct job_id *parent, uint32_t index, const char *why,
                      struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_STEP_REFUSE);
    bind_bytes(statement, 1, parent->bytes, JOB_ID_BYTES);
    bind_u64(statement, 2, index);
    bind_text(statement, 3, why);
    return statement_run(store, statement, err, "note why a step was refused");
}

static int step_from_row(sqlite3_stmt *statement, struct job_step *ret_step, struct error *err)
{
    *ret_step =
        (struct job_step){ .index = (uint32_t)column_u64(statement, 0), .continues = column_u64(statement, 2) != 0 };
    const char *command = (const char *)sqlite3_column_text(statement, 1);
    const char *refusal = (const char *)sqlite3_column_text(statement, 3);
    if (command == NULL || !text_copy(ret_step->command, sizeof ret_step->command, command) || refusal == NULL)
        return fail_plain(err, EBADMSG, "step %u of a sequence is damaged", ret_step->index);
    text_copy(ret_step->refusal, sizeof ret_step->refusal, refusal);
    return 0;
}

int store_step_read(struct store *store, const struct job_id *parent, uint32_t index, struct job_step *ret_step,
                    struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_STEP_READ);
    bind_bytes(statement, 1, parent->bytes, JOB_ID_BYTES);
    bind_u64(statement, 2, index);
    int found = statement_step(store, statement, err, "read a step");
    if (found <= 0)
        return found;
    struct span params = column_bytes(statement, 4), none = { 0 };
    int done = step_from_row(statement, ret_step, err);
    if (done == 0)
        done = store_lend(store, params, none, &ret_step->params, &none, err);
    sqlite3_reset(statement);
    return done < 0 ? done : 1;
}

int store_steps_list(struct store *store, const struct job_id *parent, store_step_visit *visit, void *arg,
                     struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_STEPS_LIST);
    bind_bytes(statement, 1, parent->bytes, JOB_ID_BYTES);
    int found;
    while ((found = statement_step(store, statement, err, "list steps")) > 0) {
        struct job_step step;
        int done = step_from_row(statement, &step, err);
        if (done == 0 && visit(arg, &step))
            continue;
        sqlite3_reset(statement);
        return done;
    }
    return found;
}
