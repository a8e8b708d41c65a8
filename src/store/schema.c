/*
 * The tables, as numbered steps. A step that was released is never edited: the next change is a new step. The database
 * notes which it has; one that notes more than we know belongs to a newer program and is left alone.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "statement.h"

#define APPLICATION_ID 0x53507274 /* "SPrt", in the database's header: tells ours from any other */

static const struct migration {
    const char *name;
    const char *sql;
} migrations[] = {
    { "jobs, keys and audit",
      "CREATE TABLE jobs ("
      "  sequence INTEGER PRIMARY KEY AUTOINCREMENT," /* never given twice, so the order of acceptance is kept */
      "  id BLOB NOT NULL UNIQUE, is_active INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,"
      "  command TEXT NOT NULL, actor TEXT NOT NULL, via INTEGER NOT NULL, address TEXT NOT NULL, why TEXT NOT NULL,"
      "  created_unix_ms INTEGER NOT NULL, started_unix_ms INTEGER NOT NULL, finished_unix_ms INTEGER NOT NULL,"
      "  timeout_ms INTEGER NOT NULL, has_stdin INTEGER NOT NULL, has_secrets INTEGER NOT NULL, incarnation INTEGER "
      "NOT NULL,"
      "  exit_code INTEGER NOT NULL, signal INTEGER NOT NULL, limits_hit INTEGER NOT NULL, degraded INTEGER NOT NULL,"
      "  step TEXT NOT NULL, message TEXT NOT NULL, stopped_by TEXT NOT NULL,"
      "  wall_us INTEGER NOT NULL, user_us INTEGER NOT NULL, system_us INTEGER NOT NULL, memory_peak_bytes INTEGER NOT "
      "NULL,"
      "  output_bytes INTEGER NOT NULL, output_truncated INTEGER NOT NULL, output_sha256 TEXT NOT NULL,"
      "  version INTEGER NOT NULL) STRICT;"
      "CREATE INDEX jobs_active ON jobs (sequence) WHERE is_active;"
      "CREATE INDEX jobs_by_state ON jobs (state, id);"
      "CREATE INDEX jobs_by_command ON jobs (command, id);"
      "CREATE INDEX jobs_by_actor ON jobs (actor, id);"
      /* Apart from jobs: they can be large, and SQLite rewrites a whole row when one number in it changes. */
      "CREATE TABLE job_inputs (sequence INTEGER PRIMARY KEY, params BLOB NOT NULL, labels BLOB NOT NULL) STRICT;"
      "CREATE TABLE job_labels (name BLOB NOT NULL, value BLOB NOT NULL, id BLOB NOT NULL,"
      "  PRIMARY KEY (name, value, id)) STRICT, WITHOUT ROWID;"
      "CREATE TABLE idempotency_keys (actor TEXT NOT NULL, via INTEGER NOT NULL, command TEXT NOT NULL, key TEXT NOT "
      "NULL,"
      "  job_id BLOB NOT NULL, digest BLOB NOT NULL, created_unix_ms INTEGER NOT NULL,"
      "  UNIQUE (actor, via, command, key)) STRICT;"
      "CREATE INDEX keys_by_age ON idempotency_keys (created_unix_ms);"
      "CREATE TABLE audit (sequence INTEGER PRIMARY KEY, unix_ms INTEGER NOT NULL, what TEXT NOT NULL, job_id BLOB NOT "
      "NULL,"
      "  actor TEXT NOT NULL, address TEXT NOT NULL, command TEXT NOT NULL, detail TEXT NOT NULL, count INTEGER NOT "
      "NULL,"
      "  previous BLOB NOT NULL, head BLOB NOT NULL) STRICT;"
      "CREATE INDEX audit_by_head ON audit (head);"
      "CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); "
      "END;" },
    /* Heads are compared on a walk along the whole trail; an index that somebody rewrote could vouch for any. */
    { "no index of audit heads", "DROP INDEX audit_by_head;" },
    { "retention",
      "ALTER TABLE jobs ADD COLUMN is_metadata_only INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE jobs ADD COLUMN output_max_bytes INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE jobs ADD COLUMN output_when_full INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE jobs ADD COLUMN output_fate INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE jobs ADD COLUMN output_stored_bytes INTEGER NOT NULL DEFAULT 0;"
      "UPDATE jobs SET output_max_bytes = 67108864 WHERE is_active;"
      "UPDATE jobs SET output_fate = 1, output_stored_bytes = output_bytes WHERE NOT is_active AND incarnation <> 0;"
      "CREATE INDEX jobs_by_end ON jobs (command, finished_unix_ms) WHERE NOT is_active;"
      "CREATE INDEX outputs_by_command ON jobs (command, finished_unix_ms) WHERE output_fate = 1;"
      "CREATE INDEX outputs_by_end ON jobs (finished_unix_ms) WHERE output_fate = 1;"
      "CREATE INDEX outputs_unwanted ON jobs (finished_unix_ms) WHERE output_fate = 1 AND "
      "is_metadata_only;"
      "CREATE INDEX labels_by_job ON job_labels (id);"
      /* Kept by the database itself, so that no path of ours can forget them, and undone with a transaction. */
      "CREATE TABLE output_totals (command TEXT PRIMARY KEY, outputs INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT,"
      "  WITHOUT ROWID;"
      "INSERT INTO output_totals SELECT command, count(*), sum(output_stored_bytes) FROM jobs WHERE output_fate = 1"
      "  GROUP BY command;"
      "CREATE TRIGGER output_is_kept AFTER UPDATE ON jobs WHEN new.output_fate = 1 AND old.output_fate <> 1 BEGIN"
      "  INSERT INTO output_totals VALUES (new.command, 1, new.output_stored_bytes) ON CONFLICT (command) DO UPDATE"
      "  SET outputs = outputs + 1, bytes = bytes + excluded.bytes; END;"
      "CREATE TRIGGER output_is_removed AFTER UPDATE ON jobs WHEN old.output_fate = 1 AND new.output_fate <> 1 BEGIN"
      "  UPDATE output_totals SET outputs = outputs - 1, bytes = bytes - old.output_stored_bytes"
      "  WHERE command = old.command; END;"
      "CREATE TRIGGER output_goes_with_its_job AFTER DELETE ON jobs WHEN old.output_fate = 1 BEGIN"
      "  UPDATE output_totals SET outputs = outputs - 1, bytes = bytes - old.output_stored_bytes"
      "  WHERE command = old.command; END;" },
    { "where jobs come from, and what they wait for",
      "ALTER TABLE jobs ADD COLUMN source TEXT NOT NULL DEFAULT 'api';"
      "ALTER TABLE jobs ADD COLUMN origin TEXT NOT NULL DEFAULT '';"
      "ALTER TABLE jobs ADD COLUMN parent BLOB NOT NULL DEFAULT x'00000000000000000000000000000000';"
      "ALTER TABLE jobs ADD COLUMN step_index INTEGER NOT NULL DEFAULT 0;"
      "ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 5;"
      "ALTER TABLE jobs ADD COLUMN queue_key TEXT NOT NULL DEFAULT '';"
      "CREATE INDEX jobs_by_parent ON jobs (parent, id) WHERE parent <> x'00000000000000000000000000000000';" },
    { "sequences", "ALTER TABLE jobs ADD COLUMN step_count INTEGER NOT NULL DEFAULT 0;"
                   "ALTER TABLE jobs ADD COLUMN parallel INTEGER NOT NULL DEFAULT 0;"
                   "CREATE TABLE job_steps (parent BLOB NOT NULL, step_index INTEGER NOT NULL, command TEXT NOT NULL,"
                   "  continues INTEGER NOT NULL, params BLOB NOT NULL, refusal TEXT NOT NULL DEFAULT '',"
                   "  PRIMARY KEY (parent, step_index)) STRICT, WITHOUT ROWID;"
                   "CREATE TRIGGER steps_go_with_their_sequence AFTER DELETE ON jobs WHEN old.step_count > 0 BEGIN"
                   "  DELETE FROM job_steps WHERE parent = old.id; END;" },
    { "marks", "CREATE TABLE marks (name TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID;" },
    { "schedules", "CREATE TABLE schedules (name TEXT PRIMARY KEY, digest BLOB NOT NULL, seen_unix_ms INTEGER NOT NULL)"
                   "  STRICT, WITHOUT ROWID;" },
    { "the rules of the queue",
      "CREATE TABLE dedupe_keys (command TEXT NOT NULL, key TEXT NOT NULL, job_id BLOB NOT NULL,"
      "  accepted_unix_ms INTEGER NOT NULL, until_unix_ms INTEGER NOT NULL, PRIMARY KEY (command, key)) STRICT, "
      "WITHOUT "
      "ROWID;"
      "CREATE INDEX dedupe_by_end ON dedupe_keys (until_unix_ms);"
      /* Numbered, so that the one which decides is found at once, however many there are. */
      "CREATE TABLE rate_marks (bucket TEXT NOT NULL, number INTEGER NOT NULL, unix_ms INTEGER NOT NULL,"
      "  PRIMARY KEY (bucket, number)) STRICT, WITHOUT ROWID;"
      "CREATE TABLE paused_commands (command TEXT PRIMARY KEY, refuses INTEGER NOT NULL, reason TEXT NOT NULL,"
      "  actor TEXT NOT NULL, since_unix_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;" },
    { "callbacks",
      "CREATE TABLE deliveries (sequence INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, job_id BLOB NOT NULL,"
      "  command TEXT NOT NULL, event INTEGER NOT NULL, callback TEXT NOT NULL, url TEXT NOT NULL,"
      "  state INTEGER NOT NULL, attempts INTEGER NOT NULL, created_unix_ms INTEGER NOT NULL,"
      "  due_unix_ms INTEGER NOT NULL, ended_unix_ms INTEGER NOT NULL, detail TEXT NOT NULL, body BLOB NOT NULL) "
      "STRICT;"
      "CREATE INDEX deliveries_waiting ON deliveries (callback, due_unix_ms) WHERE state = 1;"
      "CREATE INDEX deliveries_ended ON deliveries (ended_unix_ms) WHERE state <> 1;"
      "CREATE INDEX deliveries_by_job ON deliveries (job_id);"
      "CREATE TABLE delivery_attempts (delivery BLOB NOT NULL, number INTEGER NOT NULL, unix_ms INTEGER NOT NULL,"
      "  outcome INTEGER NOT NULL, status INTEGER NOT NULL, duration_ms INTEGER NOT NULL, detail TEXT NOT NULL,"
      "  PRIMARY KEY (delivery, number)) STRICT, WITHOUT ROWID;"
      "CREATE TRIGGER attempts_go_with_their_delivery AFTER DELETE ON deliveries BEGIN"
      "  DELETE FROM delivery_attempts WHERE delivery = old.id; END;"
      "CREATE TABLE streaks (command TEXT NOT NULL, key TEXT NOT NULL, event INTEGER NOT NULL, count INTEGER NOT NULL,"
      "  has_failed INTEGER NOT NULL, unix_ms INTEGER NOT NULL, PRIMARY KEY (command, key)) STRICT, WITHOUT ROWID;"
      "CREATE INDEX streaks_by_age ON streaks (unix_ms);"
      "CREATE TABLE told (command TEXT NOT NULL, event INTEGER NOT NULL, callback TEXT NOT NULL,"
      "  unix_ms INTEGER NOT NULL, PRIMARY KEY (command, event, callback)) STRICT, WITHOUT ROWID;" },
    { "streams of standard input", "ALTER TABLE jobs ADD COLUMN is_stdin_stream INTEGER NOT NULL DEFAULT 0;"
                                   "ALTER TABLE jobs ADD COLUMN has_stdin_ended INTEGER NOT NULL DEFAULT 0;"
                                   "ALTER TABLE jobs ADD COLUMN stdin_bytes INTEGER NOT NULL DEFAULT 0;" },
    { "uploads", "ALTER TABLE jobs ADD COLUMN has_files INTEGER NOT NULL DEFAULT 0;" },
    { "artefacts", "ALTER TABLE jobs ADD COLUMN artifacts_stored_bytes INTEGER NOT NULL DEFAULT 0;" },
    { "callbacks of requests, and how much waits for each callback",
      "CREATE TABLE job_callbacks (job_id BLOB NOT NULL, number INTEGER NOT NULL, callback TEXT NOT NULL,"
      "  url TEXT NOT NULL, PRIMARY KEY (job_id, number)) STRICT, WITHOUT ROWID;"
      "CREATE TABLE delivery_totals (callback TEXT PRIMARY KEY, waiting INTEGER NOT NULL, bytes INTEGER NOT NULL)"
      "  STRICT, WITHOUT ROWID;"
      "INSERT INTO delivery_totals SELECT callback, count(*), sum(length(body)) FROM deliveries WHERE state = 1"
      "  GROUP BY callback;"
      "CREATE TRIGGER delivery_waits AFTER INSERT ON deliveries WHEN new.state = 1 BEGIN"
      "  INSERT INTO delivery_totals VALUES (new.callback, 1, length(new.body)) ON CONFLICT (callback) DO UPDATE"
      "  SET waiting = waiting + 1, bytes = bytes + excluded.bytes; END;"
      "CREATE TRIGGER delivery_waits_again AFTER UPDATE OF state ON deliveries WHEN new.state = 1 AND old.state <> 1"
      "  BEGIN INSERT INTO delivery_totals VALUES (new.callback, 1, length(new.body)) ON CONFLICT (callback) DO UPDATE"
      "  SET waiting = waiting + 1, bytes = bytes + excluded.bytes; END;"
      "CREATE TRIGGER delivery_has_ended AFTER UPDATE OF state ON deliveries WHEN old.state = 1 AND new.state <> 1"
      "  BEGIN UPDATE delivery_totals SET waiting = waiting - 1, bytes = bytes - length(old.body)"
      "  WHERE callback = old.callback;"
      "  DELETE FROM delivery_totals WHERE callback = old.callback AND waiting = 0; END;"
      "CREATE TRIGGER delivery_is_removed AFTER DELETE ON deliveries WHEN old.state = 1"
      "  BEGIN UPDATE delivery_totals SET waiting = waiting - 1, bytes = bytes - length(old.body)"
      "  WHERE callback = old.callback;"
      "  DELETE FROM delivery_totals WHERE callback = old.callback AND waiting = 0; END;" },
    /* The cookie itself is nowhere: only its hash. */
    { "sessions", "CREATE TABLE sessions (secret BLOB PRIMARY KEY, user TEXT NOT NULL, password BLOB NOT NULL,"
                  "  began_unix_ms INTEGER NOT NULL, used_unix_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;" },
    { "deliveries of webhooks",
      "CREATE TABLE hook_deliveries (id BLOB PRIMARY KEY, hook TEXT NOT NULL, identity BLOB NOT NULL,"
      "  delivery TEXT NOT NULL, fate INTEGER NOT NULL, event TEXT NOT NULL, address TEXT NOT NULL,"
      "  detail TEXT NOT NULL, job_id BLOB NOT NULL, bytes INTEGER NOT NULL, created_unix_ms INTEGER NOT NULL,"
      "  seen_unix_ms INTEGER NOT NULL, count INTEGER NOT NULL, unsigned_digest BLOB NOT NULL,"
      "  UNIQUE (hook, identity)) STRICT, WITHOUT ROWID;"
      "CREATE INDEX hook_deliveries_by_hook ON hook_deliveries (hook, id);"
      "CREATE INDEX hook_deliveries_by_age ON hook_deliveries (seen_unix_ms);"
      "CREATE TABLE hook_totals (hook TEXT PRIMARY KEY, deliveries INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
      "CREATE TRIGGER hook_delivery_is_noted AFTER INSERT ON hook_deliveries BEGIN"
      "  INSERT INTO hook_totals VALUES (new.hook, 1) ON CONFLICT (hook) DO UPDATE SET deliveries = deliveries + 1;"
      "  END;"
      "CREATE TRIGGER hook_delivery_is_removed AFTER DELETE ON hook_deliveries BEGIN"
      "  UPDATE hook_totals SET deliveries = deliveries - 1 WHERE hook = old.hook;"
      "  DELETE FROM hook_totals WHERE hook = old.hook AND deliveries = 0; END;" },
    { "callbacks of predecessors' clients", "ALTER TABLE job_inputs ADD COLUMN callback TEXT NOT NULL DEFAULT '';"
                                            "ALTER TABLE job_callbacks ADD COLUMN format INTEGER NOT NULL DEFAULT 0;"
                                            "ALTER TABLE deliveries ADD COLUMN format INTEGER NOT NULL DEFAULT 0;" },
    /* A number is given once: whoever reads in pages meets each row once. */
    { "functions",
      "CREATE TABLE functions (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, image TEXT NOT NULL,"
      "  variables BLOB NOT NULL) STRICT;"
      "CREATE TABLE function_routes (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE,"
      "  path TEXT NOT NULL UNIQUE, function_id BLOB NOT NULL) STRICT;"
      "CREATE INDEX function_routes_by_function ON function_routes (function_id);" },
};

#define MIGRATION_COUNT (sizeof migrations / sizeof migrations[0])

/* The number that a statement with one row and one column gives. */
static int read_number(sqlite3 *db, const char *sql, int64_t *ret_number, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW)
        *ret_number = sqlite3_column_int64(statement, 0);
    int done = result == SQLITE_ROW ? 0 : store_fail(db, result, err, sql);
    sqlite3_finalize(statement);
    return done;
}

static int check_owner(sqlite3 *db, int64_t *ret_version, struct error *err)
{
    int64_t application = 0, tables = 0;
    int done = read_number(db, "PRAGMA application_id", &application, err);
    if (done == 0)
        done = read_number(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (done < 0)
        return done;
    *ret_version = 0;
    if (tables == 0)
        return 0;
    if (application != APPLICATION_ID)
        return fail_plain(err, EPROTO, "this database belongs to another program; name another state directory");
    return read_number(db, "SELECT coalesce(max(version), 0) FROM migrations", ret_version, err);
}

static int refuse_newer(int64_t version, struct error *err)
{
    return fail_plain(err, EPROTO,
                      "the database has schema %lld, and this program knows up to %zu: start the newer program, or "
                      "restore a backup from before the upgrade",
                      (long long)version, MIGRATION_COUNT);
}

static int note_migration(sqlite3 *db, size_t version, const char *name, struct error *err)
{
    char *sql = sqlite3_mprintf("INSERT INTO migrations (version, name, applied_unix_ms) VALUES (%d, %Q, %lld)",
                                (int)version, name, (long long)clock_unix_ms());
    if (sql == NULL)
        return fail(err, ENOMEM, "note the schema's version");
    int done = store_execute(db, sql, err);
    sqlite3_free(sql);
    return done;
}

static int apply_from(sqlite3 *db, size_t version, struct error *err)
{
    int done = 0;
    if (version == 0)
        done = store_execute(db,
                             "PRAGMA application_id = 1397781108;" /* APPLICATION_ID */
                             "CREATE TABLE migrations (version INTEGER PRIMARY KEY, name TEXT NOT NULL,"
                             "  applied_unix_ms INTEGER NOT NULL) STRICT;",
                             err);
    for (size_t i = version; i < MIGRATION_COUNT && done == 0; i++) {
        done = store_execute(db, migrations[i].sql, err);
        if (done == 0)
            done = note_migration(db, i + 1, migrations[i].name, err);
    }
    return done;
}

int schema_apply(sqlite3 *db, struct error *err)
{
    static_assert(APPLICATION_ID == 1397781108, "the number in the SQL above");
    int64_t version = 0;
    int done = store_execute(db, "BEGIN IMMEDIATE", err);
    if (done < 0)
        return done;
    done = check_owner(db, &version, err);
    if (done == 0 && version > (int64_t)MIGRATION_COUNT)
        done = refuse_newer(version, err);
    if (done == 0)
        done = apply_from(db, (size_t)version, err);
    if (done == 0)
        return store_execute(db, "COMMIT", err);
    store_execute(db, "ROLLBACK", NULL);
    return done;
}

int schema_check(sqlite3 *db, struct error *err)
{
    int64_t version = 0;
    int done = check_owner(db, &version, err);
    if (done < 0)
        return done;
    if (version > (int64_t)MIGRATION_COUNT)
        return refuse_newer(version, err);
    if (version < (int64_t)MIGRATION_COUNT)
        return fail_plain(err, EPROTO,
                          "the database has schema %lld, and this program reads %zu: start sallyportd of this version "
                          "once, which upgrades it",
                          (long long)version, MIGRATION_COUNT);
    return 0;
}
