/* The audit trail: what shows in it, and who sees it when somebody had the file. */
#include "rig.h"

TestSuite(audit, .init = setup, .fini = teardown);

static void tell_five(void)
{
    for (int i = 0; i < 5; i++)
        tell(AUDIT_SUBMIT + i % 3, NULL, "ci");
    uint64_t entries = 0;
    cr_assert_eq(audit_verify(store, &entries, &err), 0, "%s", err.text);
    cr_assert_eq(entries, 5);
}

Test(audit, goes_on_where_it_was_after_a_restart)
{
    tell_five();
    store_close(store);
    open_store();
    tell(AUDIT_CANCEL, NULL, "ops");
    uint64_t entries;
    cr_assert_eq(audit_verify(store, &entries, &err), 0, "%s", err.text);
    cr_expect_eq(entries, 6);
}

Test(audit, forgets_what_was_rolled_back)
{
    uint8_t before[HASH_BYTES], after[HASH_BYTES];
    tell_five();
    audit_head(store, before);
    cr_assert_eq(store_begin(store, &err), 0);
    cr_assert_eq(audit_record(store, &(struct audit_entry){ .what = AUDIT_CANCEL }, &err), 0);
    audit_head(store, after);
    cr_expect_arr_neq(before, after, HASH_BYTES);
    store_rollback(store);
    audit_head(store, after);
    cr_expect_arr_eq(before, after, HASH_BYTES);
    tell(AUDIT_CANCEL, NULL, "ops");
    uint64_t entries;
    cr_expect_eq(audit_verify(store, &entries, &err), 0, "%s", err.text);
}

Test(audit, shows_an_entry_that_was_changed_removed_or_moved)
{
    static const char *const deeds[] = {
        "UPDATE audit SET actor = 'somebody' WHERE sequence = 3",
        "UPDATE audit SET detail = '' WHERE sequence = 1",
        "UPDATE audit SET unix_ms = unix_ms + 1 WHERE sequence = 5",
        "DELETE FROM audit WHERE sequence = 2",
        "DELETE FROM audit WHERE sequence = 1",
        "DELETE FROM audit WHERE sequence = 5",
        "UPDATE audit SET sequence = 99 WHERE sequence = 2; UPDATE audit SET sequence = 2 WHERE sequence = 3;"
        "UPDATE audit SET sequence = 3 WHERE sequence = 99",
    };
    tell_five();
    char copy[256];
    snprintf(copy, sizeof copy, "cp %s/jobs.db %s/saved.db && cp %s/jobs.db-wal %s/saved.db-wal", directory, directory,
             directory, directory);
    cr_assert_eq(system(copy), 0);
    for (size_t i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
        uint64_t entries;
        struct store *meddled;
        char file[128], again[300];
        snprintf(file, sizeof file, "%s/try.db", directory);
        snprintf(again, sizeof again, "rm -f %s*; cp %s/saved.db %s && cp %s/saved.db-wal %s-wal", file, directory,
                 file, directory, file);
        cr_assert_eq(system(again), 0);
        cr_assert_eq(store_open(file, false, &meddled, &err), 0);
        sqlite3 *db;
        char *text = NULL;
        cr_assert_eq(sqlite3_open(file, &db), SQLITE_OK);
        cr_assert_eq(sqlite3_exec(db, "DROP TRIGGER audit_is_append_only", NULL, NULL, NULL), SQLITE_OK);
        cr_assert_eq(sqlite3_exec(db, deeds[i], NULL, NULL, &text), SQLITE_OK, "%s", text);
        sqlite3_close(db);
        cr_expect_eq(audit_verify(meddled, &entries, &err), -EBADMSG, "deed %zu was not seen", i);
        store_close(meddled);
    }
}

/* What the launcher would have noted: up to eight heads. */
struct notes {
    uint8_t heads[8][HASH_BYTES];
    unsigned count, given;
};

static void note(struct notes *notes)
{
    audit_head(store, notes->heads[notes->count++]);
}

static int next_note(void *arg, uint8_t ret_head[HASH_BYTES], struct error *ignored)
{
    struct notes *notes = arg;
    (void)ignored;
    if (notes->given == notes->count)
        return 0;
    memcpy(ret_head, notes->heads[notes->given++], HASH_BYTES);
    return 1;
}

static int verify_against(struct notes *notes)
{
    uint64_t entries = 0;
    notes->given = 0;
    return audit_verify_against(store, &(struct audit_witness){ next_note, notes }, &entries, &err);
}

/* Five entries; heads are noted after the second (twice, as two jobs of one commit do) and the fourth. */
static void tell_and_note(struct notes *notes)
{
    for (int i = 1; i <= 5; i++) {
        tell(AUDIT_START, NULL, "ci");
        if (i == 2)
            note(notes);
        if (i == 2 || i == 4)
            note(notes);
    }
    cr_assert_eq(notes->count, 3);
}

Test(audit, has_every_head_that_a_witness_noted)
{
    struct notes notes = { .count = 0 };
    tell_and_note(&notes);
    cr_expect_eq(verify_against(&notes), 0, "%s", err.text);
    cr_expect_eq(verify_against(&(struct notes){ .count = 0 }), 0, "%s", err.text);
}

Test(audit, shows_that_it_was_rebuilt)
{
    uint64_t entries;
    struct notes notes = { .count = 0 };
    tell_and_note(&notes);
    meddle("DELETE FROM audit");
    store_close(store);
    open_store();
    for (int i = 0; i < 9; i++)
        tell(AUDIT_START, NULL, "nobody");
    cr_expect_eq(audit_verify(store, &entries, &err), 0, "by itself it looks right");
    cr_expect_eq(verify_against(&notes), -ENOENT);
    cr_expect_eq(notes.given, 1, "the first is missing already");
}

Test(audit, shows_that_it_was_rebuilt_from_the_middle)
{
    struct notes notes = { .count = 0 };
    tell_and_note(&notes);
    meddle("DELETE FROM audit WHERE sequence > 3");
    store_close(store);
    open_store();
    for (int i = 0; i < 4; i++)
        tell(AUDIT_START, NULL, "nobody");
    cr_expect_eq(verify_against(&notes), -ENOENT);
    cr_expect_eq(notes.given, 3, "the first two are there");
}

Test(audit, shows_that_it_was_cut)
{
    uint64_t entries;
    struct notes notes = { .count = 0 };
    tell_and_note(&notes);
    meddle("DELETE FROM audit WHERE sequence > 3");
    store_close(store);
    open_store();
    cr_expect_eq(audit_verify(store, &entries, &err), 0, "by itself it looks right");
    cr_expect_eq(entries, 3);
    cr_expect_eq(verify_against(&notes), -ENOENT);
}

Test(audit, does_not_fit_heads_in_another_order)
{
    struct notes notes = { .count = 0 };
    uint8_t head[HASH_BYTES];
    tell_and_note(&notes);
    memcpy(head, notes.heads[2], HASH_BYTES);
    memcpy(notes.heads[2], notes.heads[0], HASH_BYTES);
    memcpy(notes.heads[0], head, HASH_BYTES);
    cr_expect_eq(verify_against(&notes), -ENOENT);
}

struct told {
    unsigned count;
    uint64_t first, last;
};

static bool hear(void *arg, const struct audit_row *row)
{
    struct told *told = arg;
    if (told->count++ == 0)
        told->first = row->sequence;
    told->last = row->sequence;
    return true;
}

Test(audit, tells_the_newest_that_fit_the_oldest_of_them_first)
{
    struct job_id id = job_id_new();
    tell(AUDIT_SUBMIT, &id, "ci");
    tell(AUDIT_REFUSED, NULL, "ci");
    tell(AUDIT_START, &id, "ci");
    tell(AUDIT_REFUSED, NULL, "ops");
    tell(AUDIT_CANCEL, &id, "ops");
    tell(AUDIT_END, &id, "ci");
    const struct {
        struct audit_filter filter;
        struct told told;
    } cases[] = {
        { { .limit = 0 }, { 6, 1, 6 } },
        { { .limit = 2 }, { 2, 5, 6 } },
        { { .actor = "ops" }, { 2, 4, 5 } },
        { { .actor = "ci", .limit = 1 }, { 1, 6, 6 } },
        { { .verdict = AUDIT_WAS_REFUSED }, { 2, 2, 4 } },
        { { .verdict = AUDIT_WAS_REFUSED, .limit = 1 }, { 1, 4, 4 } },
        { { .verdict = AUDIT_WAS_ACCEPTED }, { 2, 1, 5 } },
        { { .job_id = &id }, { 4, 1, 6 } },
        { { .actor = "nobody", .limit = 3 }, { 0, 0, 0 } },
        { { .since_unix_ms = clock_unix_ms() + 60000 }, { 0, 0, 0 } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct told told = { 0 };
        cr_assert_eq(audit_list(store, &cases[i].filter, hear, &told, &err), 0, "%s", err.text);
        cr_expect_eq(told.count, cases[i].told.count, "case %zu: %u", i, told.count);
        cr_expect_eq(told.first, cases[i].told.first, "case %zu", i);
        cr_expect_eq(told.last, cases[i].told.last, "case %zu", i);
    }
}

Test(audit, takes_for_accepted_what_a_caller_asked_for_and_got)
{
    static const struct {
        enum audit_what what;
        bool is_accepted;
    } whats[] = {
        { AUDIT_SUBMIT, true },  { AUDIT_REFUSED, false }, { AUDIT_START, false },
        { AUDIT_END, false },    { AUDIT_CANCEL, true },   { AUDIT_SIGNAL, true },
        { AUDIT_CONFIG, false }, { AUDIT_RELOAD, true },   { AUDIT_DRAIN, true },
    };
    const struct audit_filter accepted = { .verdict = AUDIT_WAS_ACCEPTED };
    unsigned count = 0;
    for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++) {
        struct told told = { 0 };
        tell(whats[i].what, NULL, "ops");
        count += whats[i].is_accepted;
        cr_assert_eq(audit_list(store, &accepted, hear, &told, &err), 0, "%s", err.text);
        cr_expect_eq(told.count, count, "kind %d", whats[i].what);
    }
}
