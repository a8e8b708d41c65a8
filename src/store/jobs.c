/*
 * Job records. One table says which member is which column; the SQL is written from it, and values are moved by one loop
 * each way. States, reasons and sources are stored by name: their numbers are ours to change, the database's contents are not.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "statement.h"

/* `sequence` stands before these, and `is_active` behind them. */
static const struct field columns[] = {
    ID(struct job_record, id),
    U8(struct job_record, state, JOB_STATE_COUNT - 1),
    U8(struct job_record, reason, JOB_REASON_COUNT - 1),
    U8(struct job_record, source, JOB_SOURCE_COUNT - 1),
    TEXT(struct job_record, command),
    TEXT(struct job_record, actor),
    U8(struct job_record, via, UINT8_MAX),
    TEXT(struct job_record, address),
    TEXT(struct job_record, why),
    TEXT(struct job_record, origin),
    ID(struct job_record, parent),
    U32(struct job_record, step_index, UINT32_MAX),
    U32(struct job_record, step_count, STEP_COUNT_MAX),
    U32(struct job_record, parallel, STEP_COUNT_MAX),
    U8(struct job_record, priority, PRIORITY_MAX),
    TEXT(struct job_record, queue_key),
    U64(struct job_record, created_unix_ms),
    U64(struct job_record, started_unix_ms),
    U64(struct job_record, finished_unix_ms),
    U32(struct job_record, timeout_ms, UINT32_MAX),
    BOOL(struct job_record, has_stdin),
    BOOL(struct job_record, is_stdin_stream),
    BOOL(struct job_record, has_stdin_ended),
    U64(struct job_record, stdin_bytes),
    BOOL(struct job_record, has_files),
    BOOL(struct job_record, has_secrets),
    BOOL(struct job_record, is_metadata_only),
    U64(struct job_record, output_max_bytes),
    U8(struct job_record, output_when_full, 1),
    U64(struct job_record, incarnation),
    U32(struct job_record, exit_code, UINT32_MAX),
    U32(struct job_record, signal, UINT32_MAX),
    U32(struct job_record, limits_hit, UINT32_MAX),
    U32(struct job_record, degraded, UINT32_MAX),
    TEXT(struct job_record, step),
    TEXT(struct job_record, message),
    TEXT(struct job_record, stopped_by),
    U64(struct job_record, wall_us),
    U64(struct job_record, user_us),
    U64(struct job_record, system_us),
    U64(struct job_record, memory_peak_bytes),
    U64(struct job_record, output_bytes),
    BOOL(struct job_record, output_truncated),
    TEXT(struct job_record, output_sha256),
    U8(struct job_record, output_fate, OUTPUT_FATE_COUNT - 1),
    U64(struct job_record, output_stored_bytes),
    U64(struct job_record, artifacts_stored_bytes),
    U64(struct job_record, version),
};

#define COLUMN_COUNT ((int)(sizeof columns / sizeof columns[0]))

static const char *state_name(unsigned state)
{
    return job_state_text(state);
}

static const char *reason_name(unsigned reason)
{
    return job_reason_text(reason);
}

static const char *source_name(unsigned source)
{
    return job_source_text(source);
}

/* The columns behind `id`, in their order, that hold a name for a number. */
static const struct named {
    const char *(*name)(unsigned number);
    unsigned first, count;
} named_columns[] = {
    { state_name, JOB_QUEUED, JOB_STATE_COUNT },
    { reason_name, JOB_REASON_NONE, JOB_REASON_COUNT },
    { source_name, JOB_SOURCE_API, JOB_SOURCE_COUNT },
};

#define FIRST_NAMED 1
#define NAMED_COUNT ((int)(sizeof named_columns / sizeof named_columns[0]))

static const struct named *column_names(int i)
{
    return i >= FIRST_NAMED && i < FIRST_NAMED + NAMED_COUNT ? &named_columns[i - FIRST_NAMED] : NULL;
}

char *job_sql_columns(void)
{
    char *sql = NULL;
    size_t size;
    FILE *out = open_memstream(&sql, &size);
    if (out == NULL)
        return NULL;
    fputs("sequence", out);
    for (int i = 0; i < COLUMN_COUNT; i++)
        fprintf(out, ", %s", columns[i].name);
    fclose(out);
    return sql;
}

char *job_sql_add(void)
{
    char *sql = NULL;
    size_t size;
    FILE *out = open_memstream(&sql, &size);
    if (out == NULL)
        return NULL;
    fputs("INSERT INTO jobs (", out);
    for (int i = 0; i < COLUMN_COUNT; i++)
        fprintf(out, "%s, ", columns[i].name);
    fputs("is_active) VALUES (", out);
    for (int i = 0; i < COLUMN_COUNT; i++)
        fprintf(out, "?%d, ", i + 1);
    fprintf(out, "?%d)", COLUMN_COUNT + 1);
    fclose(out);
    return sql;
}

char *job_sql_update(void)
{
    char *sql = NULL;
    size_t size;
    FILE *out = open_memstream(&sql, &size);
    if (out == NULL)
        return NULL;
    fputs("UPDATE jobs SET ", out);
    for (int i = 1; i < COLUMN_COUNT; i++)
        fprintf(out, "%s = ?%d, ", columns[i].name, i + 1);
    fprintf(out, "is_active = ?%d WHERE id = ?1", COLUMN_COUNT + 1);
    fclose(out);
    return sql;
}

static void bind_column(sqlite3_stmt *statement, int i, const struct job_record *record)
{
    const void *from = (const char *)record + columns[i].offset;
    int at = i + 1;
    const struct named *names = column_names(i);
    if (names != NULL) {
        bind_text(statement, at, names->name(*(const uint8_t *)from));
        return;
    }
    switch (columns[i].kind) {
    case FIELD_ID:
        bind_bytes(statement, at, from, JOB_ID_BYTES);
        break;
    case FIELD_TEXT:
        bind_text(statement, at, from);
        break;
    case FIELD_U8:
        bind_u64(statement, at, *(const uint8_t *)from);
        break;
    case FIELD_BOOL:
        bind_u64(statement, at, *(const bool *)from);
        break;
    case FIELD_U32:
        bind_u64(statement, at, *(const uint32_t *)from);
        break;
    default:
        assert(columns[i].kind == FIELD_U64);
        bind_u64(statement, at, *(const uint64_t *)from);
        break;
    }
}

static void bind_job(sqlite3_stmt *statement, const struct job_record *record)
{
    for (int i = 0; i < COLUMN_COUNT; i++)
        bind_column(statement, i, record);
    bind_u64(statement, COLUMN_COUNT + 1, !job_has_ended(record->state));
}

static bool read_text(sqlite3_stmt *statement, int at, char *to, size_t room)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);
    return text != NULL && text_copy(to, room, text);
}

static bool read_number(sqlite3_stmt *statement, int at, const struct field *field, void *to)
{
    uint64_t number = column_u64(statement, at);
    if (number > field->max)
        return false;
    switch (field->kind) {
    case FIELD_U8:
        *(uint8_t *)to = (uint8_t)number;
        break;
    case FIELD_BOOL:
        *(bool *)to = number != 0;
        break;
    case FIELD_U32:
        *(uint32_t *)to = (uint32_t)number;
        break;
    default:
        *(uint64_t *)to = number;
        break;
    }
    return true;
}

static bool read_name(sqlite3_stmt *statement, int at, const struct named *names, uint8_t *ret_number)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);
    for (unsigned number = names->first; text != NULL && number < names->count; number++)
        if (strcmp(names->name(number), text) == 0) {
            *ret_number = (uint8_t)number;
            return true;
        }
    return false;
}

static bool read_column(sqlite3_stmt *statement, int i, struct job_record *record)
{
    const struct field *field = &columns[i];
    void *to = (char *)record + field->offset;
    int at = i + 1; /* behind sequence */
    if (column_names(i) != NULL)
        return read_name(statement, at, column_names(i), to);
    if (field->kind == FIELD_ID)
        return column_exact(statement, at, to, JOB_ID_BYTES);
    if (field->kind == FIELD_TEXT)
        return read_text(statement, at, to, field->max);
    return read_number(statement, at, field, to);
}

int job_from_row(sqlite3_stmt *statement, struct job_record *ret_record, struct error *err)
{
    struct job_record record = { .sequence = column_u64(statement, 0) };
    for (int i = 0; i < COLUMN_COUNT; i++)
        if (!read_column(statement, i, &record))
            return fail_plain(err, EBADMSG, "job record %llu: its %s is damaged", (unsigned long long)record.sequence,
                              columns[i].name);
    *ret_record = record;
    return 0;
}

int store_job_add(struct store *store, struct job_record *record, const struct job_input *input, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_JOB_ADD);
    bind_job(statement, record);
    int done = statement_run(store, statement, err, "add a job");
    if (done < 0)
        return done;
    uint64_t sequence = (uint64_t)sqlite3_last_insert_rowid(store->db);

    statement = statement_take(store, STATEMENT_INPUT_ADD);
    bind_u64(statement, 1, sequence);
    bind_bytes(statement, 2, input->params.data, input->params.size);
    bind_bytes(statement, 3, input->labels.data, input->labels.size);
    bind_text(statement, 4, input->callback != NULL ? input->callback : "");
    done = statement_run(store, statement, err, "add a job's parameters");
    for (uint32_t i = 0; i < input->index_count && done == 0; i++) {
        const struct job_label *label = &input->index[i];
        statement = statement_take(store, STATEMENT_LABEL_ADD);
        bind_bytes(statement, 1, label->name.data, label->name.size);
        bind_bytes(statement, 2, label->value.data, label->value.size);
        bind_bytes(statement, 3, record->id.bytes, JOB_ID_BYTES);
        done = statement_run(store, statement, err, "add a job's label");
    }
    if (done == 0)
        record->sequence = sequence;
    return done;
}

int store_job_update(struct store *store, const struct job_record *record, struct error *err)
{
    assert(store->is_open);
    sqlite3_stmt *statement = statement_take(store, STATEMENT_JOB_UPDATE);
    bind_job(statement, record);
    return statement_run(store, statement, err, "update a job");
}

int store_job_read(struct store *store, const struct job_id *id, struct job_record *ret_record, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_JOB_READ);
    bind_bytes(statement, 1, id->bytes, JOB_ID_BYTES);
    int found = statement_step(store, statement, err, "read a job");
    if (found > 0) {
        int done = job_from_row(statement, ret_record, err);
        if (done < 0)
            found = done;
    }
    sqlite3_reset(statement);
    return found;
}

int store_lend(struct store *store, struct span first, struct span second, struct span *ret_first,
               struct span *ret_second, struct error *err)
{
    if (first.size + second.size > store->input_room) {
        uint8_t *larger = realloc(store->input, first.size + second.size);
        if (larger == NULL)
            return fail(err, ENOMEM, "read a job's parameters");
        store->input = larger;
        store->input_room = first.size + second.size;
    }
    if (first.size > 0)
        memcpy(store->input, first.data, first.size);
    if (second.size > 0)
        memcpy(store->input + first.size, second.data, second.size);
    *ret_first = (struct span){ store->input, first.size };
    *ret_second = (struct span){ store->input + first.size, second.size };
    return 0;
}

int store_job_input(struct store *store, const struct job_id *id, struct span *ret_params, struct span *ret_labels,
                    struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_INPUT_READ);
    bind_bytes(statement, 1, id->bytes, JOB_ID_BYTES);
    int found = statement_step(store, statement, err, "read a job's parameters");
    if (found <= 0)
        return found;
    int done = store_lend(store, column_bytes(statement, 0), column_bytes(statement, 1), ret_params, ret_labels, err);
    const char *callback = (const char *)sqlite3_column_text(statement, 2);
    if (done == 0 && (callback == NULL || !text_copy(store->callback, sizeof store->callback, callback)))
        done = fail_plain(err, EBADMSG, "the callback of a job is damaged");
    sqlite3_reset(statement);
    return done < 0 ? done : 1;
}

struct span store_job_input_callback(const struct store *store)
{
    return (struct span){ (const uint8_t *)store->callback, (uint32_t)strlen(store->callback) };
}
