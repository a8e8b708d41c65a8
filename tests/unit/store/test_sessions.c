#include "rig.h"

#include "sallyport/store/sessions.h"

TestSuite(sessions, .init = setup, .fini = teardown);

static void begin(void)
{
    cr_assert_eq(store_begin(store, &err), 0, "%s", err.text);
}

static void commit(void)
{
    cr_assert_eq(store_commit(store, &err), 0, "%s", err.text);
}

static struct session_row row_of(uint8_t number)
{
    struct session_row row = { .user = "user:alice", .began_unix_ms = 1000u + number, .used_unix_ms = 2000u + number };
    memset(row.secret_sha256, number, HASH_BYTES);
    memset(row.password_sha256, 0x77, HASH_BYTES);
    return row;
}

static void keep(const struct session_row *row)
{
    begin();
    cr_assert_eq(store_session_set(store, row, &err), 0, "%s", err.text);
    commit();
}

Test(sessions, survive_the_process)
{
    struct session_row row = row_of(1), rows[4];
    keep(&row);
    store_close(store);
    open_store();
    cr_assert_eq(store_sessions(store, rows, 4, &err), 1, "%s", err.text);
    cr_expect_arr_eq(rows[0].secret_sha256, row.secret_sha256, HASH_BYTES);
    cr_expect_arr_eq(rows[0].password_sha256, row.password_sha256, HASH_BYTES);
    cr_expect_str_eq(rows[0].user, "user:alice");
    cr_expect_eq(rows[0].began_unix_ms, 1001);
    cr_expect_eq(rows[0].used_unix_ms, 2001);
}

static void use(const struct session_row *row)
{
    begin();
    cr_assert_eq(store_session_use(store, row, &err), 0, "%s", err.text);
    commit();
}

Test(sessions, have_one_row_each_whose_use_changes)
{
    struct session_row row = row_of(1), other = row_of(2), rows[4];
    keep(&row);
    keep(&row);
    keep(&other);
    row.used_unix_ms = 5000;
    use(&row);
    cr_assert_eq(store_sessions(store, rows, 4, &err), 2);
    for (int i = 0; i < 2; i++)
        cr_expect_eq(rows[i].used_unix_ms, rows[i].secret_sha256[0] == 1 ? 5000 : 2002);
}

Test(sessions, that_are_gone_do_not_come_back_by_a_use)
{
    struct session_row row = row_of(1), rows[4];
    use(&row);
    cr_expect_eq(store_sessions(store, rows, 4, &err), 0);
}

Test(sessions, go_one_by_one)
{
    struct session_row first = row_of(1), second = row_of(2), rows[4];
    keep(&first);
    keep(&second);
    begin();
    cr_assert_eq(store_session_remove(store, first.secret_sha256, &err), 0);
    commit();
    cr_assert_eq(store_sessions(store, rows, 4, &err), 1);
    cr_expect_eq(rows[0].secret_sha256[0], 2);
}

Test(sessions, are_read_up_to_a_number)
{
    struct session_row rows[2];
    for (uint8_t i = 1; i <= 3; i++) {
        struct session_row row = row_of(i);
        keep(&row);
    }
    cr_expect_eq(store_sessions(store, rows, 2, &err), 2);
    cr_expect_eq(store_sessions(store, rows, 0, &err), 0);
}

Test(sessions, that_are_damaged_are_none)
{
    static const char *const damages[] = { "UPDATE sessions SET secret = x'01'", "UPDATE sessions SET password = x''",
                                           "UPDATE sessions SET user = printf('%80d', 1)" };
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct session_row row = row_of(1), rows[2];
        meddle("DELETE FROM sessions");
        keep(&row);
        meddle(damages[i]);
        cr_expect_eq(store_sessions(store, rows, 2, &err), -EBADMSG, "%s", damages[i]);
    }
}
