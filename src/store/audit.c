/*
 * The audit trail. An entry's head is SHA-256 over the head before it and the entry as a record (base/record.h), so that
 * a change anywhere changes every head behind it.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "audit_row.h"
#include "statement.h"

static const struct field row_fields[] = {
    U64(struct audit_row, sequence),
    U64(struct audit_row, unix_ms),
    TEXT(struct audit_row, what),
    BYTES(struct audit_row, job_id, JOB_ID_BYTES),
    TEXT(struct audit_row, actor),
    TEXT(struct audit_row, address),
    TEXT(struct audit_row, command),
    TEXT(struct audit_row, detail),
    U32(struct audit_row, count, UINT32_MAX),
};

static const struct record_def row_def = RECORD("audit", struct audit_row, row_fields);

static const char *const what_texts[AUDIT_WHAT_COUNT] = {
    [AUDIT_SUBMIT] = "submit",     [AUDIT_REFUSED] = "refused", [AUDIT_START] = "start",   [AUDIT_END] = "end",
    [AUDIT_CANCEL] = "cancel",     [AUDIT_SIGNAL] = "signal",   [AUDIT_STDIN] = "stdin",   [AUDIT_CONFIG] = "config",
    [AUDIT_RELOAD] = "reload",     [AUDIT_DRAIN] = "drain",     [AUDIT_PAUSE] = "pause",   [AUDIT_RESUME] = "resume",
    [AUDIT_CALLBACK] = "callback", [AUDIT_LOGIN] = "login",     [AUDIT_LOGOUT] = "logout", [AUDIT_DROPPED] = "dropped",
    [AUDIT_FUNCTION] = "function",
};

#define ROW_MAX_BYTES (sizeof(struct audit_row) + 128)

int audit_row_head(const struct audit_row *row, uint8_t ret_head[HASH_BYTES], struct error *err)
{
    uint8_t bytes[HASH_BYTES + ROW_MAX_BYTES];
    memcpy(bytes, row->previous, HASH_BYTES);
    struct writer out = { bytes + HASH_BYTES, sizeof bytes - HASH_BYTES };
    int done = record_encode(&row_def, row, &out, err);
    if (done < 0)
        return done;
    hash_sha256(bytes, sizeof bytes - out.left, ret_head);
    return 0;
}

int audit_load(struct store *store, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_AUDIT_LAST);
    int found = statement_step(store, statement, err, "read the audit trail");
    if (found > 0) {
        store->audit_sequence = column_u64(statement, 0);
        if (!column_exact(statement, 1, store->audit_head, HASH_BYTES))
            found = fail_plain(err, EBADMSG, "the last entry of the audit trail is damaged");
    }
    sqlite3_reset(statement);
    store->audit_sequence_committed = store->audit_sequence;
    memcpy(store->audit_head_committed, store->audit_head, HASH_BYTES);
    return found < 0 ? found : 0;
}

/* Text that is longer than its column is cut: an entry that tells less is better than none. */
static void copy_cut(char *to, size_t room, const char *from)
{
    size_t size = from != NULL ? strnlen(from, room - 1) : 0;
    if (size > 0)
        memcpy(to, from, size);
    to[size] = '\0';
}

int audit_record(struct store *store, const struct audit_entry *entry, struct error *err)
{
    assert(store->is_open && entry->what > AUDIT_NONE && entry->what < AUDIT_WHAT_COUNT);
    struct audit_row row = { .sequence = store->audit_sequence + 1, .unix_ms = clock_unix_ms(), .count = entry->count };
    copy_cut(row.what, sizeof row.what, what_texts[entry->what]);
    copy_cut(row.actor, sizeof row.actor, entry->actor);
    copy_cut(row.address, sizeof row.address, entry->address);
    copy_cut(row.command, sizeof row.command, entry->command);
    copy_cut(row.detail, sizeof row.detail, entry->detail);
    if (entry->job_id != NULL)
        row.job_id = (struct span){ entry->job_id->bytes, JOB_ID_BYTES };
    if (row.count == 0)
        row.count = 1;
    memcpy(row.previous, store->audit_head, HASH_BYTES);
    int done = audit_row_head(&row, row.head, err);
    if (done < 0)
        return done;

    sqlite3_stmt *statement = statement_take(store, STATEMENT_AUDIT_ADD);
    bind_u64(statement, 1, row.sequence);
    bind_u64(statement, 2, row.unix_ms);
    bind_text(statement, 3, row.what);
    bind_bytes(statement, 4, row.job_id.data, row.job_id.size);
    bind_text(statement, 5, row.actor);
    bind_text(statement, 6, row.address);
    bind_text(statement, 7, row.command);
    bind_text(statement, 8, row.detail);
    bind_u64(statement, 9, row.count);
    bind_bytes(statement, 10, row.previous, HASH_BYTES);
    bind_bytes(statement, 11, row.head, HASH_BYTES);
    done = statement_run(store, statement, err, "add to the audit trail");
    if (done < 0)
        return done;
    store->audit_sequence = row.sequence;
    memcpy(store->audit_head, row.head, HASH_BYTES);
    return 0;
}

void audit_head(const struct store *store, uint8_t ret_head[HASH_BYTES])
{
    memcpy(ret_head, store->audit_head, HASH_BYTES);
}
