/* What ended jobs left behind: found by age, counted, and forgotten. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "statement.h"

/* The numbers in the SQL of statement.c and schema.c. */
static_assert(OUTPUT_KEPT == 1 && OUTPUT_REMOVED == 2, "output_fate in the database");

int store_command_next(struct store *store, const char *after, char ret_command[NAME_MAX_BYTES], struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_COMMAND_NEXT);
    bind_text(statement, 1, after);
    int found = statement_step(store, statement, err, "look for the next command");
    const char *name = found > 0 ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (found > 0 && (name == NULL || !text_copy(ret_command, NAME_MAX_BYTES, name)))
        found = fail_plain(err, EBADMSG, "the name of a job's command is damaged");
    sqlite3_reset(statement);
    return found;
}

int store_outputs_total(struct store *store, const char *command, uint64_t *ret_outputs, uint64_t *ret_bytes,
                        struct error *err)
{
    bool is_all = command[0] == '\0';
    sqlite3_stmt *statement = statement_take(store, is_all ? STATEMENT_OUTPUTS_TOTAL_ALL : STATEMENT_OUTPUTS_TOTAL);
    if (!is_all)
        bind_text(statement, 1, command);
    int found = statement_step(store, statement, err, "count kept outputs");
    if (found < 0)
        return found;
    *ret_outputs = found > 0 ? column_u64(statement, 0) : 0;
    *ret_bytes = found > 0 ? column_u64(statement, 1) : 0;
    sqlite3_reset(statement);
    return 0;
}

/* The rows of a statement of REMAINS, whose limit is bound already. */
static int take_remains(struct store *store, sqlite3_stmt *statement, struct remains *ret_remains, struct error *err)
{
    int count = 0, found;
    while ((found = statement_step(store, statement, err, "look for what ended jobs left")) > 0) {
        struct remains *remains = &ret_remains[count++];
        if (!column_exact(statement, 0, remains->id.bytes, JOB_ID_BYTES)) {
            sqlite3_reset(statement);
            return fail_plain(err, EBADMSG, "the id of a job is damaged");
        }
        remains->finished_unix_ms = column_u64(statement, 1);
        remains->stored_bytes = column_u64(statement, 2);
        remains->has_output = column_u64(statement, 3) == OUTPUT_KEPT;
    }
    return found < 0 ? found : count;
}

int store_outputs_oldest(struct store *store, const char *command, struct remains *ret_remains, uint32_t most,
                         struct error *err)
{
    bool is_all = command[0] == '\0';
    sqlite3_stmt *statement = statement_take(store, is_all ? STATEMENT_OUTPUTS_OLDEST_ALL : STATEMENT_OUTPUTS_OLDEST);
    if (!is_all)
        bind_text(statement, 1, command);
    bind_u64(statement, 2, most);
    return take_remains(store, statement, ret_remains, err);
}

int store_outputs_unwanted(struct store *store, struct remains *ret_remains, uint32_t most, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_OUTPUTS_UNWANTED);
    bind_u64(statement, 2, most);
    return take_remains(store, statement, ret_remains, err);
}

int store_jobs_oldest(struct store *store, const char *command, uint64_t before_unix_ms, struct remains *ret_remains,
                      uint32_t most, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_JOBS_OLDEST);
    bind_text(statement, 1, command);
    bind_u64(statement, 2, most);
    bind_u64(statement, 3, before_unix_ms);
    return take_remains(store, statement, ret_remains, err);
}

static int run_for_job(struct store *store, enum statement which, const struct job_id *id, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, which);
    bind_bytes(statement, 1, id->bytes, JOB_ID_BYTES);
    return statement_run(store, statement, err, "forget what an ended job left");
}

int store_output_removed(struct store *store, const struct job_id *id, struct error *err)
{
    return run_for_job(store, STATEMENT_OUTPUT_REMOVED, id, err);
}

int store_job_remove(struct store *store, const struct job_id *id, struct error *err)
{
    static const enum statement steps[] = { STATEMENT_INPUT_REMOVE, STATEMENT_LABELS_REMOVE, STATEMENT_JOB_REMOVE };
    int done = 0;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && done == 0; i++)
        done = run_for_job(store, steps[i], id, err);
    return done;
}
