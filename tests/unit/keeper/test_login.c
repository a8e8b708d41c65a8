/* Logins and sessions in the keeper: who waits, what is said, what is kept, and what ends it. */
#include "rig.h"

#include "keeper_answer.h"
#include "login.h"
#include "sallyport/base/password.h"
#include "sallyport/store/sessions.h"
#include "sessions.h"

#define PASSWORD "correct horse"

static char line[PASSWORD_LINE_BYTES];
static bool has_alice = true;

static void add_users(struct rules *rules)
{
    rules->settings.session_idle_ms = 1000000;
    rules->settings.session_max_ms = 5000000;
    if (!has_alice)
        return;
    rig_caller(rules, "user:alice", "", 0, "run:echo read:own");
    struct caller *alice = &rules->callers[rules->caller_count - 1];
    alice->kind = IDENTITY_USER;
    alice->secret_count = 0;
    alice->has_password = true;
    cr_assert_null(password_read(line, &alice->password));
    hash_sha256(line, strlen(line), alice->password_sha256);
}

static void new_password(const char *password)
{
    struct password_hash hash;
    cr_assert_eq(password_make(password, strlen(password), &hash, &err), 0);
    password_write(&hash, line);
}

static void begin(void)
{
    new_password(PASSWORD);
    rig_edit = add_users;
    rig_setup();
}

TestSuite(login, .init = begin, .fini = rig_teardown, .timeout = 120);

static uint32_t say_login(const char *user, const char *password, const char *address)
{
    struct msg_login login = { .password = text_span(password) };
    text_copy(login.user, sizeof login.user, user);
    text_copy(login.evidence.address, sizeof login.evidence.address, address);
    return rig_say(&front, MSG_LOGIN, &login);
}

static char secret[SESSION_SECRET_BYTES + 1];

static void log_in(void)
{
    rig_expect(say_login("alice", PASSWORD, "10.2.3.4"), MSG_SESSION);
    memcpy(secret, got.body.session.secret, sizeof secret);
}

static struct msg_whoami shown(const char *cookie)
{
    struct msg_whoami shown = { .evidence = { .kind = EVIDENCE_SESSION, .secret = text_span(cookie) } };
    text_copy(shown.evidence.address, sizeof shown.evidence.address, "10.2.3.4");
    return shown;
}

static uint32_t ask(enum msg_type type, const char *cookie)
{
    struct msg_whoami asked = shown(cookie);
    return rig_say(&front, type, &asked);
}

static void change_rules(void)
{
    struct rules rules = rig_rules(2);
    keeper_change_rules(keeper, &rules);
    rig_turn();
}

static unsigned stored(void)
{
    struct session_row rows[SESSIONS_MAX];
    return (unsigned)store_sessions(keeper->store, rows, SESSIONS_MAX, &err);
}

Test(login, gives_a_secret_whose_hash_is_kept)
{
    uint8_t digest[HASH_BYTES];
    struct session_row row;
    rig_expect(say_login("alice", PASSWORD, "10.2.3.4"), MSG_SESSION);
    const struct msg_session *told = &got.body.session;
    cr_expect_str_eq(told->identity.actor, "user:alice");
    cr_expect_eq(told->identity.via, EVIDENCE_SESSION);
    cr_expect_eq(strlen(told->secret), SESSION_SECRET_BYTES);
    cr_expect_eq(told->until_unix_ms - told->began_unix_ms, 5000000);
    hash_sha256(told->secret, SESSION_SECRET_BYTES, digest);
    cr_assert_eq(store_sessions(keeper->store, &row, 1, &err), 1);
    cr_expect_arr_eq(row.secret_sha256, digest, HASH_BYTES);
    memcpy(secret, told->secret, sizeof secret);
    rig_expect(ask(MSG_WHOAMI, secret), MSG_IDENTITY);
    cr_expect_str_eq(got.body.identity.actor, "user:alice");
    rig_expect(ask(MSG_READ_SESSION, secret), MSG_SESSION);
    cr_expect_str_eq(got.body.session.secret, "", "told once");
}

Test(login, with_a_wrong_password_or_name_is_refused_alike)
{
    static const char *const tries[][2] = { { "alice", "correct hors" }, { "alice", "" },
                                            { "bob", PASSWORD },         { "", PASSWORD },
                                            { "ci", CI_TOKEN },          { "user:alice", PASSWORD },
                                            { "alice ", PASSWORD },      { "Alice", PASSWORD } };
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        rig_expect_refusal(say_login(tries[i][0], tries[i][1], "10.2.3.4"), 401, "unauthenticated");
        cr_expect_str_eq(got.body.refused.detail, "no user of this name and this password");
    }
    cr_expect_eq(stored(), 0);
}

Test(login, with_evidence_is_no_login)
{
    struct msg_login login = { .evidence = rig_token(CI_TOKEN), .user = "alice", .password = text_span(PASSWORD) };
    rig_say(&front, MSG_LOGIN, &login);
    cr_expect(rig_is_dropped(&front));
}

Test(login, waits_in_a_bounded_queue_with_few_places_for_each_address)
{
    uint32_t first = say_login("alice", PASSWORD, "10.0.0.1");
    for (unsigned i = 1; i < LOGINS_OF_AN_ADDRESS; i++)
        say_login("alice", PASSWORD, "10.0.0.1");
    uint32_t one_more = say_login("alice", PASSWORD, "10.0.0.1"), other = say_login("alice", PASSWORD, "10.0.0.2");
    unsigned sessions = 0;
    while ((sessions < LOGINS_OF_AN_ADDRESS + 1) && rig_next(&front, 20000)) {
        if (got.type == MSG_REFUSED) {
            cr_expect_eq(got.request_id, one_more);
            cr_expect_eq(got.body.refused.status, 429);
            cr_expect_eq(got.body.refused.retry_after_s, 2);
        }
        sessions += got.type == MSG_SESSION && (got.request_id >= first || got.request_id == other);
    }
    cr_expect_eq(sessions, LOGINS_OF_AN_ADDRESS + 1);
}

/* A customer has that many addresses to choose from. */
Test(login, of_another_address_of_the_same_ipv6_network_shares_its_places)
{
    unsigned put_off = 0;
    uint32_t other;
    for (unsigned i = 0; i < LOGINS_OF_AN_ADDRESS + 3; i++) {
        char address[40];
        snprintf(address, sizeof address, "2001:db8:0:1:%x::1", i);
        say_login("alice", PASSWORD, address);
    }
    other = say_login("alice", PASSWORD, "2001:db8:0:2::1");
    for (unsigned i = 0; i < LOGINS_OF_AN_ADDRESS + 4 && rig_next(&front, 20000); i++) {
        put_off += got.type == MSG_REFUSED && got.body.refused.status == 429;
        cr_expect(got.request_id != other || got.type == MSG_SESSION);
    }
    cr_expect_eq(put_off, 3);
}

Test(login, of_many_addresses_is_put_off_beyond_the_queue)
{
    unsigned sessions = 0, put_off = 0;
    for (unsigned i = 0; i < LOGINS_MAX + 5; i++) {
        char address[32];
        snprintf(address, sizeof address, "10.0.1.%u", i);
        say_login("alice", PASSWORD, address);
    }
    while (sessions + put_off < LOGINS_MAX + 5 && rig_next(&front, 20000)) {
        sessions += got.type == MSG_SESSION;
        put_off += got.type == MSG_REFUSED && got.body.refused.status == 429;
    }
    cr_expect_geq(sessions, LOGINS_MAX);
    cr_expect_eq(sessions + put_off, LOGINS_MAX + 5);
}

Test(login, that_was_wrong_too_often_is_not_looked_at_from_there)
{
    for (unsigned i = 0; i < THROTTLE_TOKEN_MOST; i++)
        rig_expect_refusal(say_login("alice", "wrong", "10.9.9.9"), 401, "unauthenticated");
    rig_expect_refusal(say_login("alice", PASSWORD, "10.9.9.9"), 429, "rate-limited");
    rig_expect(say_login("alice", PASSWORD, "10.9.9.8"), MSG_SESSION);
}

Test(login, is_judged_by_the_rules_at_its_end)
{
    uint32_t id = say_login("alice", PASSWORD, "10.2.3.4");
    rig_turn();
    new_password(PASSWORD);
    change_rules();
    rig_expect_refusal(id, 401, "unauthenticated");
    id = say_login("alice", PASSWORD, "10.2.3.4");
    rig_turn();
    has_alice = false;
    change_rules();
    rig_expect_refusal(id, 401, "unauthenticated");
}

Test(login, without_any_users_costs_nothing)
{
    has_alice = false;
    change_rules();
    rig_expect_refusal(say_login("alice", PASSWORD, "10.2.3.4"), 401, "unauthenticated");
    for (unsigned i = 0; i < LOGINS_MAX; i++)
        cr_expect_eq(keeper->logins.list[i].number, 0);
}

Test(login, that_cannot_be_stored_is_none)
{
    rig_disk_is_full();
    rig_expect_refusal(say_login("alice", PASSWORD, "10.2.3.4"), 503, "store-full");
    rig_disk_has_room();
    cr_expect_eq(keeper->sessions.count, 0);
}

Test(login, of_a_front_that_is_gone_is_told_nobody)
{
    say_login("alice", PASSWORD, "10.2.3.4");
    rig_turn();
    rig_pair(PROCESS_FRONT, &front);
    while (keeper->logins.list[LOGINS_MAX - 1].number != 0)
        rig_run(5);
    rig_run(20);
    cr_expect_eq(stored(), 0, "nobody has its cookie");
}

Test(login, outlives_the_keeper)
{
    log_in();
    rig_restart();
    rig_expect(ask(MSG_WHOAMI, secret), MSG_IDENTITY);
}

Test(login, ends_with_a_logout_also_in_the_database)
{
    log_in();
    rig_expect(ask(MSG_LOGOUT, secret), MSG_LOGGED_OUT);
    rig_expect_refusal(ask(MSG_WHOAMI, secret), 401, "unauthenticated");
    cr_expect_eq(stored(), 0);
}

/* The tick may come between the logout and its commit. */
Test(login, that_was_ended_is_not_written_down_again_as_used)
{
    log_in();
    struct evidence evidence = shown(secret).evidence;
    const struct caller *alice = rules_find_caller(&keeper->rules, "user:alice", EVIDENCE_SESSION);
    const struct request request = { .id = next_request, .type = MSG_LOGOUT, .evidence = &evidence, .who = alice };
    keeper->sessions.list[0].row.used_unix_ms += 60000;
    answer_logout(keeper, &request, &got);
    sessions_tick(keeper);
    rig_expect(next_request++, MSG_LOGGED_OUT);
    cr_expect_eq(stored(), 0);
    rig_restart();
    rig_expect_refusal(ask(MSG_WHOAMI, secret), 401, "unauthenticated");
}

Test(login, of_a_user_who_went_while_the_keeper_was_away_is_removed)
{
    log_in();
    has_alice = false;
    rig_restart();
    sessions_tick(keeper);
    rig_turn();
    cr_expect_eq(keeper->sessions.count, 0);
    cr_expect_eq(stored(), 0);
}

Test(login, goes_on_when_its_end_cannot_be_stored)
{
    log_in();
    rig_disk_is_full();
    rig_expect_refusal(ask(MSG_LOGOUT, secret), 503, "store-full");
    rig_disk_has_room();
    cr_expect_eq(keeper->sessions.count, 1, "who was told that it failed can try again");
}

Test(login, ends_with_the_user_and_with_the_password)
{
    log_in();
    change_rules();
    rig_expect(ask(MSG_WHOAMI, secret), MSG_IDENTITY);
    new_password(PASSWORD);
    change_rules();
    rig_expect_refusal(ask(MSG_WHOAMI, secret), 401, "unauthenticated");
    log_in();
    has_alice = false;
    change_rules();
    rig_expect_refusal(ask(MSG_WHOAMI, secret), 401, "unauthenticated");
    cr_expect_eq(stored(), 0);
}

static void age(uint64_t *unix_ms, uint64_t by_ms)
{
    *unix_ms -= by_ms;
    sessions_tick(keeper);
    rig_turn();
}

Test(login, ends_when_nobody_uses_it)
{
    log_in();
    age(&keeper->sessions.list[0].row.used_unix_ms, 900000);
    rig_expect(ask(MSG_WHOAMI, secret), MSG_IDENTITY);
    cr_expect_gt(keeper->sessions.list[0].row.used_unix_ms + 100000, clock_unix_ms(), "that was a use");
    keeper->sessions.list[0].row.used_unix_ms -= 1000000;
    rig_expect_refusal(ask(MSG_WHOAMI, secret), 401, "unauthenticated");
    age(&keeper->sessions.list[0].row.used_unix_ms, 0);
    cr_expect_eq(keeper->sessions.count, 0);
    cr_expect_eq(stored(), 0);
}

static uint32_t watch_with_the_session(const struct job_id *job)
{
    struct msg_read_job asked = { .evidence = shown(secret).evidence, .job_id = *job, .watch = true };
    uint32_t id = rig_say(&front, MSG_READ_JOB, &asked);
    rig_expect(id, MSG_JOB);
    return id;
}

static uint32_t watch_a_job_of_alice(void)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    submit.evidence = shown(secret).evidence;
    struct job_id job = rig_accept(&submit);
    return watch_with_the_session(&job);
}

Test(login, that_is_over_ends_its_streams_while_the_disk_is_full_too)
{
    log_in();
    uint32_t stream = watch_a_job_of_alice();
    rig_disk_is_full();
    struct msg_submit refused = rig_submit(CI_TOKEN, "echo");
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &refused), 503, "store-full");
    cr_assert(keeper->turn.is_behind);
    keeper->sessions.list[0].row.used_unix_ms -= 1000000;
    sessions_tick(keeper);
    cr_expect_eq(keeper->watches.count, 0, "at once, and not when the disk is tried again");
    rig_expect_refusal(stream, 401, "unauthenticated");
    rig_disk_has_room();
}

Test(login, ends_after_its_time_however_it_is_used)
{
    log_in();
    age(&keeper->sessions.list[0].row.began_unix_ms, 4990000);
    rig_expect(ask(MSG_WHOAMI, secret), MSG_IDENTITY);
    keeper->sessions.list[0].row.began_unix_ms -= 10000;
    rig_expect_refusal(ask(MSG_WHOAMI, secret), 401, "unauthenticated");
}

Test(login, writes_its_use_now_and_then)
{
    struct session_row row;
    log_in();
    evtimer_del(keeper->tick);
    uint64_t began_ms = keeper->sessions.list[0].row.began_unix_ms;
    keeper->sessions.list[0].row.used_unix_ms = began_ms + 59000;
    sessions_tick(keeper);
    rig_turn();
    cr_assert_eq(store_sessions(keeper->store, &row, 1, &err), 1);
    cr_expect_eq(row.used_unix_ms, began_ms, "not yet");
    keeper->sessions.list[0].row.used_unix_ms = began_ms + 60000;
    sessions_tick(keeper);
    rig_turn();
    cr_assert_eq(store_sessions(keeper->store, &row, 1, &err), 1);
    cr_expect_eq(row.used_unix_ms, began_ms + 60000);
}

Test(login, has_bounds_for_a_user_and_for_all)
{
    cr_assert_eq(turn_write(keeper, &err), 0);
    for (uint32_t i = 0; i < SESSIONS_MAX + 3; i++) {
        struct session_row row = { .began_unix_ms = 1000, .used_unix_ms = 5000 + i };
        snprintf(row.user, sizeof row.user, "user:u%u", i / 15);
        memcpy(row.secret_sha256, &i, sizeof i);
        cr_assert_eq(sessions_begin(keeper, &row, &err), 0, "%s", err.text);
    }
    cr_expect(sessions_settle(keeper, true));
    cr_expect_eq(keeper->sessions.count, SESSIONS_MAX);
    cr_expect_not(sessions_settle(keeper, true), "they left");
    uint32_t first = 0, fourth = 3;
    uint8_t digest[HASH_BYTES] = { 0 };
    memcpy(digest, &first, sizeof first);
    cr_expect_null(sessions_find(keeper, digest), "used longest ago");
    memcpy(digest, &fourth, sizeof fourth);
    cr_expect_not_null(sessions_find(keeper, digest));
    keeper->sessions.count = 0;
    for (uint32_t i = 0; i < SESSIONS_OF_A_USER + 1; i++) {
        struct session_row row = { .user = "user:x", .began_unix_ms = 1000, .used_unix_ms = 9000 - i };
        memcpy(row.secret_sha256, &i, sizeof i);
        cr_assert_eq(sessions_begin(keeper, &row, &err), 0, "%s", err.text);
    }
    cr_expect(sessions_settle(keeper, true));
    cr_expect_eq(keeper->sessions.count, SESSIONS_OF_A_USER);
}

/* All that alice may have; the one of `secret` was used longest ago. */
static void log_in_often(void)
{
    log_in();
    cr_assert_eq(turn_write(keeper, &err), 0);
    for (uint8_t i = 1; i < SESSIONS_OF_A_USER; i++) {
        struct session_row row = keeper->sessions.list[0].row;
        row.used_unix_ms += i;
        memset(row.secret_sha256, i, sizeof row.secret_sha256);
        cr_assert_eq(sessions_begin(keeper, &row, &err), 0, "%s", err.text);
    }
    rig_turn();
    cr_assert_eq(stored(), SESSIONS_OF_A_USER);
}

Test(login, that_cannot_be_stored_ends_no_other)
{
    log_in_often();
    rig_disk_is_full();
    rig_expect_refusal(say_login("alice", PASSWORD, "10.2.3.4"), 503, "store-full");
    rig_disk_has_room();
    cr_expect_eq(keeper->sessions.count, SESSIONS_OF_A_USER);
    rig_expect(ask(MSG_WHOAMI, secret), MSG_IDENTITY);
    cr_expect_eq(stored(), SESSIONS_OF_A_USER);
}

Test(login, that_is_one_too_many_ends_the_oldest_with_its_streams)
{
    log_in_often();
    uint32_t stream = watch_a_job_of_alice();
    keeper->sessions.list[0].row.used_unix_ms -= 10000;
    say_login("alice", PASSWORD, "10.2.3.4");
    rig_expect_refusal(stream, 401, "unauthenticated");
    rig_expect_refusal(ask(MSG_WHOAMI, secret), 401, "unauthenticated");
    cr_expect_eq(keeper->sessions.count, SESSIONS_OF_A_USER);
    cr_expect_eq(stored(), SESSIONS_OF_A_USER);
}

Test(login, makes_room_for_two_at_once_by_two_others)
{
    log_in_often();
    cr_assert_eq(turn_write(keeper, &err), 0);
    for (uint8_t i = 0; i < 2; i++) {
        struct session_row row = keeper->sessions.list[0].row;
        row.used_unix_ms += 1000;
        memset(row.secret_sha256, 0x80 + i, sizeof row.secret_sha256);
        cr_assert_eq(sessions_begin(keeper, &row, &err), 0, "%s", err.text);
    }
    cr_expect_not(sessions_settle(keeper, false), "nothing is gone that may come back");
    cr_expect_eq(keeper->sessions.count, SESSIONS_OF_A_USER + 2);
    rig_turn();
    cr_expect_eq(stored(), SESSIONS_OF_A_USER);
}

Test(login, shows_a_secret_of_the_right_size_or_nothing)
{
    log_in();
    char longer[SESSION_SECRET_BYTES + 2];
    snprintf(longer, sizeof longer, "%s0", secret);
    rig_expect_refusal(ask(MSG_WHOAMI, longer), 401, "unauthenticated");
    longer[SESSION_SECRET_BYTES - 1] = '\0';
    rig_expect_refusal(ask(MSG_WHOAMI, longer), 401, "unauthenticated");
    rig_expect_refusal(ask(MSG_WHOAMI, ""), 401, "unauthenticated");
}

Test(login, is_no_token_and_a_token_is_no_session)
{
    log_in();
    struct msg_whoami bearer = { .evidence = rig_token(secret) };
    rig_expect_refusal(rig_say(&front, MSG_WHOAMI, &bearer), 401, "unauthenticated");
    rig_expect_refusal(ask(MSG_WHOAMI, CI_TOKEN), 401, "unauthenticated");
    struct msg_whoami other = { .evidence = rig_token(CI_TOKEN) };
    rig_expect_refusal(rig_say(&front, MSG_LOGOUT, &other), 404, "not-found");
    rig_expect_refusal(rig_say(&front, MSG_READ_SESSION, &other), 404, "not-found");
}
