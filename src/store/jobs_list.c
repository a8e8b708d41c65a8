/* Walks over many jobs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "statement.h"

static int walk(struct store *store, sqlite3_stmt *statement, store_visit *visit, void *arg, struct error *err)
{
    int found;
    while ((found = statement_step(store, statement, err, "list jobs")) > 0) {
        struct job_record record;
        int done = job_from_row(statement, &record, err);
        if (done == 0 && visit(arg, &record))
            continue;
        sqlite3_reset(statement);
        return done;
    }
    return found;
}

int store_jobs_active(struct store *store, store_visit *visit, void *arg, struct error *err)
{
    return walk(store, statement_take(store, STATEMENT_JOBS_ACTIVE), visit, arg, err);
}

int store_children(struct store *store, const struct job_id *parent, store_visit *visit, void *arg, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_CHILDREN);
    bind_bytes(statement, 1, parent->bytes, JOB_ID_BYTES);
    return walk(store, statement, visit, arg, err);
}

/* The smallest or largest name that a job accepted at this time can have: names begin with 48 bits of time. */
static struct job_id id_at(uint64_t unix_ms, uint8_t filler)
{
    struct job_id id;
    memset(id.bytes, filler, sizeof id.bytes);
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(unix_ms >> (40 - 8 * i));
    return id;
}

/* Conditions in a fixed order with fixed numbers; those that are not wanted are left out of the text. */
enum {
    WANTS_COMMAND = 1,
    WANTS_ACTOR,
    WANTS_VIA,
    WANTS_STATE,
    WANTS_NAME,
    WANTS_VALUE,
    WANTS_PARENT,
    WANTS_SINCE,
    WANTS_UNTIL,
    WANTS_BEFORE,
    WANTS_LIMIT
};

/*
 * With a label the walk goes along its entries, which stand in the order of ids. CROSS JOIN says so: left to itself, SQLite
 * gathers all jobs of the label first, and a label can be on every job.
 */
#define FROM_LABEL                                                                                                     \
    " FROM (SELECT id AS walked FROM job_labels WHERE name = ?%d AND value = ?%d) CROSS JOIN jobs ON id = walked"

static char *list_sql(const struct job_filter *filter)
{
    bool has_label = filter->label.name.size > 0;
    const char *walked = has_label ? "walked" : "id";
    auto_free char *columns = job_sql_columns();
    char *sql = NULL;
    size_t size;
    FILE *out = columns != NULL ? open_memstream(&sql, &size) : NULL;
    if (out == NULL)
        return NULL;
    fprintf(out, "SELECT %s", columns);
    if (has_label)
        fprintf(out, FROM_LABEL, WANTS_NAME, WANTS_VALUE);
    else
        fputs(" FROM jobs", out);
    fputs(" WHERE 1", out);
    if (filter->command[0] != '\0')
        fprintf(out, " AND command = ?%d", WANTS_COMMAND);
    if (filter->actor[0] != '\0')
        fprintf(out, " AND actor = ?%d", WANTS_ACTOR);
    if (filter->via != 0)
        fprintf(out, " AND via = ?%d", WANTS_VIA);
    if (filter->state != 0)
        fprintf(out, " AND state = ?%d", WANTS_STATE);
    if (filter->parent != NULL) /* said twice, so that the index of those that have one is seen to fit */
        fprintf(out, " AND parent = ?%d AND parent <> x'00000000000000000000000000000000'", WANTS_PARENT);
    if (filter->since_unix_ms != 0)
        fprintf(out, " AND %s >= ?%d", walked, WANTS_SINCE);
    if (filter->until_unix_ms != 0)
        fprintf(out, " AND %s <= ?%d", walked, WANTS_UNTIL);
    if (filter->before != NULL)
        fprintf(out, " AND %s < ?%d", walked, WANTS_BEFORE);
    fprintf(out, " ORDER BY %s DESC LIMIT ?%d", walked, WANTS_LIMIT);
    fclose(out);
    return sql;
}

int store_jobs_list(struct store *store, const struct job_filter *filter, store_visit *visit, void *arg,
                    struct error *err)
{
    auto_free char *sql = list_sql(filter);
    if (sql == NULL)
        return fail(err, ENOMEM, "list jobs");
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (result != SQLITE_OK)
        return store_fail(store->db, result, err, "list jobs");
    const struct job_id since = id_at(filter->since_unix_ms, 0), until = id_at(filter->until_unix_ms, 0xff);
    /* Numbers that the text does not mention are refused by SQLite, and that is fine. */
    bind_text(statement, WANTS_COMMAND, filter->command);
    bind_text(statement, WANTS_ACTOR, filter->actor);
    bind_u64(statement, WANTS_VIA, filter->via);
    bind_text(statement, WANTS_STATE, job_state_text(filter->state));
    bind_bytes(statement, WANTS_NAME, filter->label.name.data, filter->label.name.size);
    bind_bytes(statement, WANTS_VALUE, filter->label.value.data, filter->label.value.size);
    if (filter->parent != NULL)
        bind_bytes(statement, WANTS_PARENT, filter->parent->bytes, JOB_ID_BYTES);
    bind_bytes(statement, WANTS_SINCE, since.bytes, JOB_ID_BYTES);
    bind_bytes(statement, WANTS_UNTIL, until.bytes, JOB_ID_BYTES);
    if (filter->before != NULL)
        bind_bytes(statement, WANTS_BEFORE, filter->before->bytes, JOB_ID_BYTES);
    bind_u64(statement, WANTS_LIMIT, filter->limit);
    int done = walk(store, statement, visit, arg, err);
    sqlite3_finalize(statement);
    return done;
}
