/*
 * The audit trail as its readers see it. They have the whole of it walked, and believe no index of the database: one that
 * was made to lie would find entries that are not there.
 */
#include <errno.h>

#include "audit_row.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "statement.h"

static bool read_text(sqlite3_stmt *statement, int at, char *to, size_t room)
{
    const char *text = (const char *)sqlite3_column_text(statement, at);
    return text != NULL && text_copy(to, room, text);
}

static bool row_read(sqlite3_stmt *statement, struct audit_row *row)
{
    *row = (struct audit_row){ .sequence = column_u64(statement, 0),
                               .unix_ms = column_u64(statement, 1),
                               .job_id = column_bytes(statement, 3),
                               .count = (uint32_t)column_u64(statement, 8) };
    return (row->job_id.size == 0 || row->job_id.size == JOB_ID_BYTES) &&
           read_text(statement, 2, row->what, sizeof row->what) &&
           read_text(statement, 4, row->actor, sizeof row->actor) &&
           read_text(statement, 5, row->address, sizeof row->address) &&
           read_text(statement, 6, row->command, sizeof row->command) &&
           read_text(statement, 7, row->detail, sizeof row->detail) &&
           column_exact(statement, 9, row->previous, HASH_BYTES) && column_exact(statement, 10, row->head, HASH_BYTES);
}

/* What the walk has seen, and what it still looks for. */
struct walk {
    const struct audit_witness *witness;
    bool is_awaited; /* `noted` has not been met yet */
    uint8_t noted[HASH_BYTES];
    uint8_t head[HASH_BYTES];
    uint64_t entries;
};

/* The next head that the witness noted; of equal ones the walk needs to find one. */
static int await_next(struct walk *walk, struct error *err)
{
    int found = 1;
    while (found > 0 && walk->is_awaited && hash_equal(walk->noted, walk->head)) {
        found = walk->witness->next(walk->witness->arg, walk->noted, err);
        walk->is_awaited = found > 0;
    }
    return found < 0 ? found : 0;
}

static int walk_entry(struct walk *walk, sqlite3_stmt *statement, struct error *err)
{
    struct audit_row row;
    uint8_t expected[HASH_BYTES];
    bool is_whole = row_read(statement, &row) && row.sequence == walk->entries + 1 &&
                    hash_equal(row.previous, walk->head) && audit_row_head(&row, expected, NULL) == 0 &&
                    hash_equal(row.head, expected);
    if (!is_whole)
        return fail_plain(err, EBADMSG,
                          "audit entry %llu is not what was written: it or one before it was changed, removed or moved",
                          (unsigned long long)walk->entries + 1);
    for (size_t i = 0; i < HASH_BYTES; i++)
        walk->head[i] = expected[i];
    walk->entries++;
    return await_next(walk, err);
}

static int walk_all(struct store *store, struct walk *walk, struct error *err)
{
    sqlite3_stmt *statement = statement_take(store, STATEMENT_AUDIT_ALL);
    int found;
    while ((found = statement_step(store, statement, err, "read the audit trail")) > 0) {
        int done = walk_entry(walk, statement, err);
        if (done < 0) {
            sqlite3_reset(statement);
            return done;
        }
    }
    return found;
}

int audit_verify_against(struct store *store, const struct audit_witness *witness, uint64_t *ret_entries,
                         struct error *err)
{
    struct walk walk = { .witness = witness };
    if (witness != NULL) {
        int found = witness->next(witness->arg, walk.noted, err);
        if (found < 0)
            return found;
        walk.is_awaited = found > 0;
    }
    int done = walk_all(store, &walk, err);
    if (done < 0)
        return done;
    if (walk.entries != store->audit_sequence || !hash_equal(walk.head, store->audit_head))
        return fail_plain(err, EBADMSG, "the audit trail ends at entry %llu, but entry %llu was written",
                          (unsigned long long)walk.entries, (unsigned long long)store->audit_sequence);
    if (walk.is_awaited)
        return fail_plain(err, ENOENT, "the audit trail does not have a head that was noted, or not at its place");
    *ret_entries = walk.entries;
    return 0;
}

int audit_verify(struct store *store, uint64_t *ret_entries, struct error *err)
{
    return audit_verify_against(store, NULL, ret_entries, err);
}

static void bind_filter(sqlite3_stmt *statement, const struct audit_filter *filter)
{
    bind_u64(statement, 2, filter->since_unix_ms);
    bind_text(statement, 3, filter->actor != NULL ? filter->actor : "");
    bind_u64(statement, 4, filter->verdict);
    bind_bytes(statement, 5, filter->job_id, filter->job_id != NULL ? JOB_ID_BYTES : 0);
}

/* The oldest of the newest `limit` entries that fit. */
static int find_first(struct store *store, const struct audit_filter *filter, uint64_t *ret_sequence, struct error *err)
{
    if (filter->limit == 0) {
        *ret_sequence = 0;
        return 1;
    }
    sqlite3_stmt *statement = statement_take(store, STATEMENT_AUDIT_TAIL);
    bind_u64(statement, 1, filter->limit);
    bind_filter(statement, filter);
    int found = 0, step;
    while ((step = statement_step(store, statement, err, "read the audit trail")) > 0) {
        *ret_sequence = column_u64(statement, 0);
        found = 1;
    }
    return step < 0 ? step : found;
}

int audit_list(struct store *store, const struct audit_filter *filter, audit_visit *visit, void *arg, struct error *err)
{
    uint64_t first = 0;
    int found = find_first(store, filter, &first, err);
    if (found <= 0)
        return found;
    sqlite3_stmt *statement = statement_take(store, STATEMENT_AUDIT_LIST);
    bind_u64(statement, 1, first);
    bind_filter(statement, filter);
    while ((found = statement_step(store, statement, err, "read the audit trail")) > 0) {
        struct audit_row row;
        if (!row_read(statement, &row)) {
            found = fail_plain(err, EBADMSG, "audit entry %llu is damaged; 'sallyport audit verify' says more",
                               (unsigned long long)column_u64(statement, 0));
            break;
        }
        if (!visit(arg, &row))
            break;
    }
    sqlite3_reset(statement);
    return found < 0 ? found : 0;
}
