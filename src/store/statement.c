#include "statement.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define REMAINS "SELECT id, finished_unix_ms, output_stored_bytes, output_fate FROM jobs WHERE "
#define DELIVERY_COLUMNS                                                                                               \
    "id, job_id, command, event, callback, url, state, attempts, created_unix_ms, due_unix_ms, ended_unix_ms, "        \
    "detail, "                                                                                                         \
    "format"
#define HOOK_DELIVERY_COLUMNS                                                                                          \
    "id, hook, identity, delivery, fate, event, address, detail, job_id, bytes, created_unix_ms, seen_unix_ms, "       \
    "count, "                                                                                                          \
    "unsigned_digest"
/* Output of a job is kept while it waits to be sent, and no longer: format 1 is CALLBACK_FORMAT_HTTP_RUNNER. */
#define BODY_OF_STATE(state) "CASE WHEN " state " <> 1 AND format = 1 THEN x'' ELSE body END"
#define FUNCTION_COLUMNS     "functions.number, functions.id, image, variables"
#define FUNCTION_ROUTES                                                                                                \
    "SELECT function_routes.number, functions.id, image, variables, function_routes.id, path FROM function_routes "    \
    "JOIN functions ON functions.id = function_id "
#define AUDIT_COLUMNS "sequence, unix_ms, what, job_id, actor, address, command, detail, count, previous, head"

/* ?2 since, ?3 the actor, ?4 enum audit_verdict, ?5 the job; each may say "any". */
#define AUDIT_FITS                                                                                                     \
    "unix_ms >= ?2 AND (?3 = '' OR actor = ?3) AND (?4 = 0 OR (?4 = 1 AND what IN ('submit', 'cancel', 'signal', "     \
    "'reload', 'drain', 'login', 'logout')) OR "                                                                       \
    "(?4 = 2 AND what = 'refused')) AND (length(?5) = 0 OR job_id = ?5)"

/* The statements of jobs are missing here: they are written from the table of columns in jobs.c. */
static const char *const statement_sql[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_INPUT_ADD] = "INSERT INTO job_inputs (sequence, params, labels, callback) VALUES (?1, ?2, ?3, ?4)",
    [STATEMENT_INPUT_READ] = "SELECT i.params, i.labels, i.callback FROM jobs j JOIN job_inputs i ON i.sequence = "
                             "j.sequence WHERE j.id = ?1",
    [STATEMENT_LABEL_ADD] = "INSERT OR IGNORE INTO job_labels (name, value, id) VALUES (?1, ?2, ?3)",
    [STATEMENT_STEP_ADD] =
        "INSERT INTO job_steps (parent, step_index, command, continues, params) VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_STEP_REFUSE] = "UPDATE job_steps SET refusal = ?3 WHERE parent = ?1 AND step_index = ?2",
    [STATEMENT_STEP_READ] = "SELECT step_index, command, continues, refusal, params FROM job_steps "
                            "WHERE parent = ?1 AND step_index = ?2",
    [STATEMENT_STEPS_LIST] = "SELECT step_index, command, continues, refusal FROM job_steps WHERE parent = ?1 "
                             "ORDER BY step_index",
    [STATEMENT_COMMAND_NEXT] = "SELECT command FROM jobs WHERE NOT is_active AND command > ?1 ORDER BY command LIMIT 1",
    [STATEMENT_OUTPUTS_TOTAL] = "SELECT outputs, bytes FROM output_totals WHERE command = ?1",
    [STATEMENT_OUTPUTS_TOTAL_ALL] = "SELECT coalesce(sum(outputs), 0), coalesce(sum(bytes), 0) FROM output_totals",
    [STATEMENT_OUTPUTS_OLDEST] =
        REMAINS "output_fate = 1 AND command = ?1 ORDER BY finished_unix_ms, sequence LIMIT ?2",
    [STATEMENT_OUTPUTS_OLDEST_ALL] = REMAINS "output_fate = 1 ORDER BY finished_unix_ms, sequence LIMIT ?2",
    [STATEMENT_OUTPUTS_UNWANTED] = REMAINS "output_fate = 1 AND is_metadata_only "
                                           "ORDER BY finished_unix_ms, sequence LIMIT ?2",
    [STATEMENT_JOBS_OLDEST] = REMAINS "NOT is_active AND command = ?1 AND finished_unix_ms < ?3 "
                                      "ORDER BY finished_unix_ms, sequence LIMIT ?2",
    [STATEMENT_OUTPUT_REMOVED] =
        "UPDATE jobs SET output_fate = 2, output_stored_bytes = 0, artifacts_stored_bytes = 0 WHERE id = ?1",
    [STATEMENT_INPUT_REMOVE] = "DELETE FROM job_inputs WHERE sequence = (SELECT sequence FROM jobs WHERE id = ?1)",
    [STATEMENT_LABELS_REMOVE] = "DELETE FROM job_labels WHERE id = ?1",
    [STATEMENT_JOB_REMOVE] = "DELETE FROM jobs WHERE id = ?1 AND NOT is_active",
    [STATEMENT_KEY_ADD] = "INSERT INTO idempotency_keys (actor, via, command, key, job_id, digest, created_unix_ms) "
                          "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STATEMENT_KEY_FIND] =
        "SELECT k.job_id, k.digest, k.created_unix_ms, j.is_active FROM idempotency_keys k "
        "JOIN jobs j ON j.id = k.job_id WHERE k.actor = ?1 AND k.via = ?2 AND k.command = ?3 AND k.key = ?4",
    [STATEMENT_KEY_REMOVE] = "DELETE FROM idempotency_keys WHERE actor = ?1 AND via = ?2 AND command = ?3 AND key = ?4",
    [STATEMENT_KEYS_EXPIRE] = "DELETE FROM idempotency_keys WHERE rowid IN "
                              "(SELECT k.rowid FROM idempotency_keys k WHERE k.created_unix_ms < ?1 LIMIT ?2)",
    [STATEMENT_SCHEDULE_SET] = "INSERT OR REPLACE INTO schedules (name, digest, seen_unix_ms) VALUES (?1, ?2, ?3)",
    [STATEMENT_SCHEDULE_READ] = "SELECT digest, seen_unix_ms FROM schedules WHERE name = ?1",
    [STATEMENT_SCHEDULE_NEXT] = "SELECT name FROM schedules WHERE name > ?1 ORDER BY name LIMIT 1",
    [STATEMENT_SCHEDULE_REMOVE] = "DELETE FROM schedules WHERE name = ?1",
    [STATEMENT_MARK_SET] = "INSERT OR REPLACE INTO marks (name, number) VALUES (?1, ?2)",
    [STATEMENT_MARK_READ] = "SELECT number FROM marks WHERE name = ?1",
    [STATEMENT_DEDUPE_FIND] = "SELECT d.job_id, d.accepted_unix_ms FROM dedupe_keys d JOIN jobs j ON j.id = d.job_id "
                              "WHERE d.command = ?1 AND d.key = ?2",
    [STATEMENT_DEDUPE_NOTE] = "INSERT OR REPLACE INTO dedupe_keys (command, key, job_id, accepted_unix_ms, "
                              "until_unix_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_DEDUPE_EXPIRE] = "DELETE FROM dedupe_keys WHERE (command, key) IN "
                                "(SELECT command, key FROM dedupe_keys WHERE until_unix_ms < ?1 LIMIT ?2)",
    [STATEMENT_RATE_FIND] = "SELECT unix_ms FROM rate_marks WHERE bucket = ?1 AND number = "
                            "(SELECT max(number) FROM rate_marks WHERE bucket = ?1) - ?2 + 1",
    [STATEMENT_RATE_NOTE] = "INSERT INTO rate_marks (bucket, number, unix_ms) "
                            "SELECT ?1, coalesce(max(number), 0) + 1, ?2 FROM rate_marks WHERE bucket = ?1",
    [STATEMENT_RATE_CUT] = "DELETE FROM rate_marks WHERE bucket = ?1 AND number <= "
                           "(SELECT max(number) FROM rate_marks WHERE bucket = ?1) - ?2",
    [STATEMENT_RATES_EXPIRE] = "DELETE FROM rate_marks WHERE unix_ms < ?1",
    [STATEMENT_PAUSE] = "INSERT OR REPLACE INTO paused_commands (command, refuses, reason, actor, since_unix_ms) "
                        "VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_RESUME] = "DELETE FROM paused_commands WHERE command = ?1",
    [STATEMENT_PAUSED] = "SELECT command, refuses, reason, actor, since_unix_ms FROM paused_commands ORDER BY command",
    [STATEMENT_JOB_CALLBACK_ADD] =
        "INSERT INTO job_callbacks (job_id, number, callback, url, format) SELECT ?1, "
        "(SELECT coalesce(max(number), 0) + 1 FROM job_callbacks WHERE job_id = ?1), ?2, ?3, ?4 WHERE NOT EXISTS "
        "(SELECT 1 FROM job_callbacks WHERE job_id = ?1 AND callback = ?2 AND url = ?3 AND format = ?4)",
    [STATEMENT_JOB_CALLBACK_NEXT] = "SELECT number, callback, url, format FROM job_callbacks "
                                    "WHERE job_id = ?1 AND number > ?2 ORDER BY number LIMIT 1",
    [STATEMENT_JOB_CALLBACKS_REMOVE] = "DELETE FROM job_callbacks WHERE job_id = ?1",
    [STATEMENT_DELIVERY_ADD] = "INSERT INTO deliveries (" DELIVERY_COLUMNS ", body) "
                               "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    [STATEMENT_DELIVERY_UPDATE] = "UPDATE deliveries SET state = ?2, attempts = ?3, due_unix_ms = ?4, "
                                  "ended_unix_ms = ?5, detail = ?6, body = " BODY_OF_STATE("?2") " WHERE id = ?1",
    [STATEMENT_DELIVERY_BODY_SET] = "UPDATE deliveries SET body = ?2 WHERE id = ?1",
    [STATEMENT_DELIVERY_READ] = "SELECT " DELIVERY_COLUMNS " FROM deliveries WHERE id = ?1",
    [STATEMENT_DELIVERY_BODY] = "SELECT body FROM deliveries WHERE id = ?1",
    [STATEMENT_DELIVERIES_WAITING] = "SELECT " DELIVERY_COLUMNS " FROM deliveries WHERE state = 1 AND callback = ?1 "
                                     "ORDER BY due_unix_ms LIMIT ?2",
    [STATEMENT_DELIVERIES_LIST] =
        "SELECT " DELIVERY_COLUMNS " FROM deliveries d WHERE (?1 = '' OR callback = ?1) AND (?2 = 0 OR state = ?2) "
        "AND (length(?3) = 0 OR job_id = ?3) AND (length(?4) = 0 OR id < ?4) AND (?5 = '' OR EXISTS "
        "(SELECT 1 FROM jobs j WHERE j.id = d.job_id AND j.actor = ?5 AND j.via = ?6)) ORDER BY id DESC LIMIT ?7",
    [STATEMENT_ATTEMPTS_LIST] = "SELECT number, unix_ms, outcome, status, duration_ms, detail FROM delivery_attempts "
                                "WHERE delivery = ?1 ORDER BY number",
    [STATEMENT_DELIVERY_CALLBACK_NEXT] =
        "SELECT callback FROM deliveries WHERE state = 1 AND callback > ?1 ORDER BY callback LIMIT 1",
    [STATEMENT_DELIVERIES_FAIL] =
        "UPDATE deliveries SET state = 3, ended_unix_ms = ?2, detail = ?3, body = " BODY_OF_STATE(
            "3") " WHERE state = 1 "
                 "AND callback = ?1",
    [STATEMENT_DELIVERIES_TOTAL] = "SELECT coalesce(sum(waiting), 0), coalesce(sum(bytes), 0) FROM delivery_totals "
                                   "WHERE ?1 = '' OR callback = ?1",
    [STATEMENT_DELIVERIES_EXPIRE] = "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE state <> 1 "
                                    "AND ended_unix_ms < ?1 ORDER BY ended_unix_ms LIMIT ?2)",
    [STATEMENT_DELIVERIES_CUT] = "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE state <> 1 "
                                 "ORDER BY ended_unix_ms DESC LIMIT ?2 OFFSET ?1)",
    [STATEMENT_ATTEMPT_ADD] = "INSERT INTO delivery_attempts (delivery, number, unix_ms, outcome, status, duration_ms, "
                              "detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STATEMENT_STREAK_READ] = "SELECT event, count, has_failed FROM streaks WHERE command = ?1 AND key = ?2",
    [STATEMENT_STREAK_SET] = "INSERT OR REPLACE INTO streaks (command, key, event, count, has_failed, unix_ms) "
                             "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [STATEMENT_STREAKS_EXPIRE] = "DELETE FROM streaks WHERE (command, key) IN "
                                 "(SELECT command, key FROM streaks WHERE unix_ms < ?1 LIMIT ?2)",
    [STATEMENT_TOLD_READ] = "SELECT unix_ms FROM told WHERE command = ?1 AND event = ?2 AND callback = ?3",
    [STATEMENT_TOLD_SET] = "INSERT OR REPLACE INTO told (command, event, callback, unix_ms) VALUES (?1, ?2, ?3, ?4)",
    [STATEMENT_SESSION_SET] = "INSERT OR REPLACE INTO sessions (secret, user, password, began_unix_ms, used_unix_ms) "
                              "VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_SESSION_USE] = "UPDATE sessions SET used_unix_ms = ?2 WHERE secret = ?1",
    [STATEMENT_SESSION_REMOVE] = "DELETE FROM sessions WHERE secret = ?1",
    [STATEMENT_SESSIONS] = "SELECT secret, user, password, began_unix_ms, used_unix_ms FROM sessions",
    [STATEMENT_HOOK_DELIVERY_ADD] = "INSERT INTO hook_deliveries (" HOOK_DELIVERY_COLUMNS ") VALUES (?1, ?2, ?3, ?4, "
                                    "?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    [STATEMENT_HOOK_DELIVERY_UPDATE] =
        "UPDATE hook_deliveries SET fate = ?2, event = ?3, address = ?4, detail = ?5, job_id = ?6, seen_unix_ms = ?7, "
        "count = ?8, delivery = ?9 WHERE id = ?1",
    [STATEMENT_HOOK_DELIVERY_FIND] =
        "SELECT " HOOK_DELIVERY_COLUMNS " FROM hook_deliveries WHERE hook = ?1 AND identity = ?2",
    [STATEMENT_HOOK_DELIVERY_READ] = "SELECT " HOOK_DELIVERY_COLUMNS " FROM hook_deliveries WHERE id = ?1",
    [STATEMENT_HOOK_DELIVERIES_LIST] = "SELECT " HOOK_DELIVERY_COLUMNS " FROM hook_deliveries WHERE hook = ?1 "
                                       "AND (length(?2) = 0 OR id < ?2) ORDER BY id DESC LIMIT ?3",
    [STATEMENT_HOOK_DELIVERIES_COUNT] = "SELECT coalesce(sum(deliveries), 0) FROM hook_totals WHERE hook = ?1",
    [STATEMENT_HOOK_DELIVERIES_EXPIRE] = "DELETE FROM hook_deliveries WHERE id IN (SELECT id FROM hook_deliveries "
                                         "WHERE seen_unix_ms < ?1 ORDER BY seen_unix_ms LIMIT ?2)",
    [STATEMENT_FUNCTION_ADD] = "INSERT INTO functions (id, image, variables) VALUES (?1, ?2, ?3)",
    [STATEMENT_FUNCTION_REMOVE] = "DELETE FROM functions WHERE id = ?1",
    [STATEMENT_FUNCTION_READ] = "SELECT " FUNCTION_COLUMNS " FROM functions WHERE id = ?1",
    [STATEMENT_FUNCTIONS_LIST] =
        "SELECT " FUNCTION_COLUMNS " FROM functions WHERE number > ?1 ORDER BY number LIMIT ?2",
    [STATEMENT_FUNCTIONS_COUNT] = "SELECT (SELECT count(*) FROM functions), (SELECT count(*) FROM function_routes), "
                                  "(SELECT count(*) FROM function_routes WHERE function_id = ?1), "
                                  "(SELECT coalesce(sum(length(variables)), 0) FROM functions), "
                                  "(SELECT coalesce(sum(length(variables)), 0) FROM function_routes "
                                  "JOIN functions ON functions.id = function_id)",
    [STATEMENT_FUNCTION_ROUTE_ADD] = "INSERT INTO function_routes (id, path, function_id) VALUES (?1, ?2, ?3)",
    [STATEMENT_FUNCTION_ROUTE_REMOVE] = "DELETE FROM function_routes WHERE id = ?1",
    [STATEMENT_FUNCTION_ROUTE_READ] = FUNCTION_ROUTES "WHERE function_routes.id = ?1",
    [STATEMENT_FUNCTION_ROUTE_AT] = FUNCTION_ROUTES "WHERE path = ?1",
    [STATEMENT_FUNCTION_ROUTES_LIST] =
        FUNCTION_ROUTES "WHERE function_routes.number > ?1 ORDER BY function_routes.number LIMIT ?2",
    [STATEMENT_AUDIT_ADD] =
        "INSERT INTO audit (" AUDIT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [STATEMENT_AUDIT_LAST] = "SELECT sequence, head FROM audit ORDER BY sequence DESC LIMIT 1",
    [STATEMENT_AUDIT_ALL] = "SELECT " AUDIT_COLUMNS " FROM audit ORDER BY sequence",
    [STATEMENT_AUDIT_TAIL] = "SELECT sequence FROM audit WHERE " AUDIT_FITS " ORDER BY sequence DESC LIMIT ?1",
    [STATEMENT_AUDIT_LIST] =
        "SELECT " AUDIT_COLUMNS " FROM audit WHERE sequence >= ?1 AND " AUDIT_FITS " ORDER BY sequence",
};

static const struct {
    int result; /* the primary code of SQLite */
    int code;
} result_codes[] = {
    { SQLITE_FULL, ENOSPC },       { SQLITE_READONLY, EROFS }, { SQLITE_CORRUPT, EBADMSG }, { SQLITE_NOTADB, EBADMSG },
    { SQLITE_NOMEM, ENOMEM },      { SQLITE_BUSY, EBUSY },     { SQLITE_LOCKED, EBUSY },    { SQLITE_CANTOPEN, ENOENT },
    { SQLITE_CONSTRAINT, EEXIST }, { SQLITE_PERM, EACCES },    { SQLITE_TOOBIG, E2BIG },
};

/* The last errno of the write-ahead log's file. */
static int log_errno(sqlite3 *db)
{
    sqlite3_file *file = NULL;
    int code = 0;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) == SQLITE_OK && file != NULL &&
        file->pMethods != NULL)
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &code);
    return code;
}

/*
 * The kernel's own word, or 0, where SQLite knows no more than that something could not be written or opened. "Full" it says
 * itself only of the database and its log, and not of a quota or of the file that it maps.
 */
static int kernel_code(sqlite3 *db, int result)
{
    static const int told[] = { ENOSPC, EDQUOT, EFBIG, EROFS, EACCES, EPERM };
    int primary = result & 0xff, code = 0;
    if (db == NULL || (primary != SQLITE_IOERR && primary != SQLITE_CANTOPEN))
        return 0;
    int extended = sqlite3_extended_errcode(db);
    if (extended == SQLITE_IOERR_WRITE || extended == SQLITE_IOERR_FSYNC)
        code = log_errno(db);
    else
        code = sqlite3_system_errno(db);
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        if (code == told[i])
            return code;
    return 0;
}

int store_fail(sqlite3 *db, int result, struct error *err, const char *what)
{
    int code = EIO;
    for (size_t i = 0; i < sizeof result_codes / sizeof result_codes[0]; i++)
        if (result_codes[i].result == (result & 0xff))
            code = result_codes[i].code;
    const char *said = db != NULL ? sqlite3_errmsg(db) : sqlite3_errstr(result);
    int kernel = kernel_code(db, result);
    if (kernel != 0)
        return fail(err, kernel, "%s: %s", what, said);
    return fail_plain(err, code, "%s: %s", what, said);
}

int store_execute(sqlite3 *db, const char *sql, struct error *err)
{
    int result = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return result == SQLITE_OK ? 0 : store_fail(db, result, err, sql);
}

static int statement_prepare(struct store *store, enum statement which, const char *sql, struct error *err)
{
    if (sql == NULL)
        return fail(err, ENOMEM, "prepare the database");
    int result = sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &store->statements[which], NULL);
    if (result ==
        SQLITE_ERROR) /* the statements are right, so the tables are not those that the schema's version says */
        return fail_plain(err, EBADMSG, "the tables are damaged: %s", sqlite3_errmsg(store->db));
    return result == SQLITE_OK ? 0 : store_fail(store->db, result, err, sql);
}

static char *job_sql_select(const char *columns, const char *condition)
{
    char *sql = NULL;
    if (columns == NULL || asprintf(&sql, "SELECT %s FROM jobs WHERE %s", columns, condition) < 0)
        return NULL;
    return sql;
}

int statements_prepare(struct store *store, struct error *err)
{
    auto_free char *columns = job_sql_columns();
    auto_free char *add = job_sql_add();
    auto_free char *update = job_sql_update();
    auto_free char *read = job_sql_select(columns, "id = ?1");
    auto_free char *active = job_sql_select(columns, "is_active ORDER BY sequence");
    auto_free char *children =
        job_sql_select(columns, "parent = ?1 AND parent <> x'00000000000000000000000000000000' ORDER BY id");
    const char *sql[STATEMENT_COUNT];
    memcpy(sql, statement_sql, sizeof sql);
    sql[STATEMENT_JOB_ADD] = add;
    sql[STATEMENT_JOB_UPDATE] = update;
    sql[STATEMENT_JOB_READ] = read;
    sql[STATEMENT_JOBS_ACTIVE] = active;
    sql[STATEMENT_CHILDREN] = children;
    for (enum statement which = 0; which < STATEMENT_COUNT; which++) {
        int done = statement_prepare(store, which, sql[which], err);
        if (done < 0)
            return done;
    }
    return 0;
}

void statements_free(struct store *store)
{
    for (enum statement which = 0; which < STATEMENT_COUNT; which++)
        sqlite3_finalize(store->statements[which]);
}

sqlite3_stmt *statement_take(struct store *store, enum statement which)
{
    sqlite3_stmt *statement = store->statements[which];
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return statement;
}

/*
 * A full disk can end the transaction behind our back, in the middle of it. What would be written then would be a
 * transaction of its own, and stay, though all of this was refused.
 */
static bool has_lost_transaction(const struct store *store)
{
    return store->is_open && sqlite3_get_autocommit(store->db);
}

int statement_step(struct store *store, sqlite3_stmt *statement, struct error *err, const char *what)
{
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        return 1;
    int done = result == SQLITE_DONE ? 0 : store_fail(store->db, result, err, what);
    if (done < 0 && has_lost_transaction(store))
        store->lost_code = -done;
    sqlite3_reset(statement);
    return done;
}

int statement_run(struct store *store, sqlite3_stmt *statement, struct error *err, const char *what)
{
    if (has_lost_transaction(store))
        return fail_plain(err, store->lost_code, "%s: the database has given the transaction up", what);
    int done = statement_step(store, statement, err, what);
    assert(done <= 0);
    return done;
}

void bind_text(sqlite3_stmt *statement, int at, const char *text)
{
    sqlite3_bind_text(statement, at, text, -1, SQLITE_STATIC);
}

void bind_bytes(sqlite3_stmt *statement, int at, const void *data, uint32_t size)
{
    /* A NULL pointer would store NULL: nothing and an empty value are the same here. */
    sqlite3_bind_blob(statement, at, size > 0 ? data : "", (int)size, SQLITE_STATIC);
}

void bind_u64(sqlite3_stmt *statement, int at, uint64_t number)
{
    sqlite3_bind_int64(statement, at, (sqlite3_int64)number);
}

uint64_t column_u64(sqlite3_stmt *statement, int at)
{
    return (uint64_t)sqlite3_column_int64(statement, at);
}

struct span column_bytes(sqlite3_stmt *statement, int at)
{
    const void *data = sqlite3_column_blob(statement, at);
    return (struct span){ data, (uint32_t)sqlite3_column_bytes(statement, at) };
}

bool column_exact(sqlite3_stmt *statement, int at, void *to, uint32_t size)
{
    struct span bytes = column_bytes(statement, at);
    if (bytes.size != size)
        return false;
    memcpy(to, bytes.data, size);
    return true;
}
