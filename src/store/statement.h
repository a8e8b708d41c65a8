/*
 * SQLite behind four verbs: every statement of the folder is a row of one table, prepared once at opening; values go in
 * through bind_*, rows come out through step and column_*. Errors become errno values here and nowhere else.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "sallyport/store/store.h"

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_JOB_ADD,
    STATEMENT_JOB_UPDATE,
    STATEMENT_JOB_READ,
    STATEMENT_JOBS_ACTIVE,
    STATEMENT_INPUT_ADD,
    STATEMENT_INPUT_READ,
    STATEMENT_LABEL_ADD,
    STATEMENT_STEP_ADD,
    STATEMENT_STEP_REFUSE,
    STATEMENT_STEP_READ,
    STATEMENT_STEPS_LIST,
    STATEMENT_CHILDREN,
    STATEMENT_COMMAND_NEXT,
    STATEMENT_OUTPUTS_TOTAL,
    STATEMENT_OUTPUTS_TOTAL_ALL,
    STATEMENT_OUTPUTS_OLDEST,
    STATEMENT_OUTPUTS_OLDEST_ALL,
    STATEMENT_OUTPUTS_UNWANTED,
    STATEMENT_JOBS_OLDEST,
    STATEMENT_OUTPUT_REMOVED,
    STATEMENT_INPUT_REMOVE,
    STATEMENT_LABELS_REMOVE,
    STATEMENT_JOB_REMOVE,
    STATEMENT_KEY_ADD,
    STATEMENT_KEY_FIND,
    STATEMENT_KEY_REMOVE,
    STATEMENT_KEYS_EXPIRE,
    STATEMENT_SCHEDULE_SET,
    STATEMENT_SCHEDULE_READ,
    STATEMENT_SCHEDULE_NEXT,
    STATEMENT_SCHEDULE_REMOVE,
    STATEMENT_MARK_SET,
    STATEMENT_MARK_READ,
    STATEMENT_DEDUPE_FIND,
    STATEMENT_DEDUPE_NOTE,
    STATEMENT_DEDUPE_EXPIRE,
    STATEMENT_RATE_FIND,
    STATEMENT_RATE_NOTE,
    STATEMENT_RATE_CUT,
    STATEMENT_RATES_EXPIRE,
    STATEMENT_PAUSE,
    STATEMENT_RESUME,
    STATEMENT_PAUSED,
    STATEMENT_JOB_CALLBACK_ADD,
    STATEMENT_JOB_CALLBACK_NEXT,
    STATEMENT_JOB_CALLBACKS_REMOVE,
    STATEMENT_DELIVERY_ADD,
    STATEMENT_DELIVERY_UPDATE,
    STATEMENT_DELIVERY_READ,
    STATEMENT_DELIVERY_BODY,
    STATEMENT_DELIVERY_BODY_SET,
    STATEMENT_DELIVERIES_WAITING,
    STATEMENT_DELIVERY_CALLBACK_NEXT,
    STATEMENT_DELIVERIES_LIST,
    STATEMENT_ATTEMPTS_LIST,
    STATEMENT_DELIVERIES_FAIL,
    STATEMENT_DELIVERIES_TOTAL,
    STATEMENT_DELIVERIES_EXPIRE,
    STATEMENT_DELIVERIES_CUT,
    STATEMENT_ATTEMPT_ADD,
    STATEMENT_STREAK_READ,
    STATEMENT_STREAK_SET,
    STATEMENT_STREAKS_EXPIRE,
    STATEMENT_TOLD_READ,
    STATEMENT_TOLD_SET,
    STATEMENT_SESSION_SET,
    STATEMENT_SESSION_USE,
    STATEMENT_SESSION_REMOVE,
    STATEMENT_SESSIONS,
    STATEMENT_HOOK_DELIVERY_ADD,
    STATEMENT_HOOK_DELIVERY_UPDATE,
    STATEMENT_HOOK_DELIVERY_FIND,
    STATEMENT_HOOK_DELIVERY_READ,
    STATEMENT_HOOK_DELIVERIES_LIST,
    STATEMENT_HOOK_DELIVERIES_COUNT,
    STATEMENT_HOOK_DELIVERIES_EXPIRE,
    STATEMENT_FUNCTION_ADD,
    STATEMENT_FUNCTION_REMOVE,
    STATEMENT_FUNCTION_READ,
    STATEMENT_FUNCTIONS_LIST,
    STATEMENT_FUNCTIONS_COUNT,
    STATEMENT_FUNCTION_ROUTE_ADD,
    STATEMENT_FUNCTION_ROUTE_REMOVE,
    STATEMENT_FUNCTION_ROUTE_READ,
    STATEMENT_FUNCTION_ROUTE_AT,
    STATEMENT_FUNCTION_ROUTES_LIST,
    STATEMENT_AUDIT_ADD,
    STATEMENT_AUDIT_LAST,
    STATEMENT_AUDIT_ALL,
    STATEMENT_AUDIT_TAIL,
    STATEMENT_AUDIT_LIST,
    STATEMENT_COUNT,
};

struct store {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENT_COUNT];
    bool is_open;  /* a transaction */
    int lost_code; /* why the database gave it up, as it does when the disk is full in the middle of one */
    uint64_t audit_sequence, audit_sequence_committed;
    uint8_t audit_head[HASH_BYTES], audit_head_committed[HASH_BYTES];
    uint8_t *input; /* what store_job_input() lends out */
    uint32_t input_room;
    char callback[URL_MAX_BYTES]; /* beside it */
};

/* Fills err from the database's last error. Returns -errno. */
int store_fail(sqlite3 *db, int result, struct error *err, const char *what);

/* Runs statements that give no rows. */
int store_execute(sqlite3 *db, const char *sql, struct error *err);

int statements_prepare(struct store *store, struct error *err);
void statements_free(struct store *store);

/* Copies of two columns that outlive their row: until the next call. */
int store_lend(struct store *store, struct span first, struct span second, struct span *ret_first,
               struct span *ret_second, struct error *err);

/* Ready for new values. */
sqlite3_stmt *statement_take(struct store *store, enum statement which);

/* 1 with a row, 0 at the end. After 0 or an error the statement is reset. */
int statement_step(struct store *store, sqlite3_stmt *statement, struct error *err, const char *what);

/* For a statement that gives no row. Refuses when the transaction that it would be a part of is gone. */
int statement_run(struct store *store, sqlite3_stmt *statement, struct error *err, const char *what);

/* SQLite copies nothing here: what is bound must last until the statement has run. */
void bind_text(sqlite3_stmt *statement, int at, const char *text);
void bind_bytes(sqlite3_stmt *statement, int at, const void *data, uint32_t size);
void bind_u64(sqlite3_stmt *statement, int at, uint64_t number);

uint64_t column_u64(sqlite3_stmt *statement, int at);
struct span column_bytes(sqlite3_stmt *statement, int at);

/* False when the blob has another size. */
bool column_exact(sqlite3_stmt *statement, int at, void *to, uint32_t size);

/* --- the parts of the folder, for each other ------------------------------------------------------------------ */

/* How every connection of ours looks at a file: with distrust. */
extern const char store_reading_sql[];

/* Refuses what is no file of ours where the database, or a file beside it, should be. Nothing there is fine. */
int place_check(const char *path, struct error *err);

/* Makes or upgrades the tables. */
int schema_apply(sqlite3 *db, struct error *err);

/* -EPROTO unless the tables are ours and of this version. */
int schema_check(sqlite3 *db, struct error *err);

/* "a, b, c" of the columns of a job, and the SQL that writes them; allocated, the caller frees. */
char *job_sql_columns(void);
char *job_sql_add(void);
char *job_sql_update(void);

/* Reads the columns of job_sql_columns(), from the first on. -EBADMSG for what no keeper wrote. */
int job_from_row(sqlite3_stmt *statement, struct job_record *ret_record, struct error *err);

/* Finds the head of the chain at opening. */
int audit_load(struct store *store, struct error *err);
