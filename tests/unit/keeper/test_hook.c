/* Deliveries of webhooks as a front could send them, an evil one too: proofs, tickets, and what a ticket is good for. */
#include <sys/mman.h>

#include "hook.h"
#include "rig.h"
#include "sallyport/hook/verify.h"
#include "sallyport/proto/hooks.h"

#define SECRET "a secret of some length"

static uint8_t constants_room[2048];
static unsigned body_number;
static char body[64];

/* Hook `push`: echo, whose `text` deliveries say. Hook `fixed`: the same, and nothing of it comes with them. */
static void add_hooks(struct rules *rules)
{
    static struct setting_hook push, fixed;
    static const struct setting_hook_map text = {
        .param = "text", .kind = ENTRY_STRING, .source = HOOK_JSON, .from = "/x"
    };
    struct writer out = { constants_room, sizeof constants_room };
    entries_add_text(&out, ENTRY_STRING, "text", "ours", "");
    push = (struct setting_hook){ .name = "push", .command = "echo", .secret = text_span(SECRET) };
    push.scheme = *hook_scheme_find("github");
    fixed = push;
    strcpy(fixed.name, "fixed");
    fixed.constants = (struct span){ constants_room, (uint32_t)(sizeof constants_room - out.left) };
    cr_assert_eq(rule_hook_add(rules, &push, &err), 0, "%s", err.text);
    cr_assert_eq(rule_hook_map_add(rules, &text, &err), 0, "%s", err.text);
    cr_assert_eq(rule_hook_add(rules, &fixed, &err), 0, "%s", err.text);
}

static void set_up(void)
{
    rig_edit = add_hooks;
    rig_setup();
}

TestSuite(hook, .init = set_up, .fini = rig_teardown, .timeout = 60);

static void new_body(void)
{
    snprintf(body, sizeof body, "{\"x\":%u}", body_number++);
}

static uint32_t say_with_fd(const struct msg_hook *hook, int fd)
{
    uint32_t id = next_request++;
    cr_assert_eq(channel_send(&front, MSG_HOOK, id, hook, &fd, 1, &err), 0, "%s", err.text);
    return id;
}

static uint32_t deliver_as(const char *name, const char *delivery, const char *secret, const char *unsigned_parts)
{
    struct msg_hook hook = { .evidence = { .address = "10.2.3.4:5" }, .unsigned_parts = text_span(unsigned_parts) };
    struct hook_secret key = { (const uint8_t *)secret, strlen(secret) };
    auto_fd int fd = -1;
    text_copy(hook.hook, sizeof hook.hook, name);
    text_copy(hook.delivery, sizeof hook.delivery, delivery);
    cr_assert(hook_sign(hook_scheme_find("github"), &key, "", "", body, strlen(body), hook.signature));
    cr_assert_eq(memfd_sealed("body", body, strlen(body), false, &fd, &err), 0, "%s", err.text);
    return say_with_fd(&hook, fd);
}

static uint32_t deliver(const char *name, const char *delivery, const char *secret)
{
    return deliver_as(name, delivery, secret, "X-GitHub-Event=push\n");
}

static struct job_id ticket_for(const char *name, const char *delivery)
{
    rig_expect(deliver(name, delivery, SECRET), MSG_HOOK_ANSWER);
    cr_assert(!job_id_is_none(&got.body.hook_answer.ticket));
    return got.body.hook_answer.ticket;
}

static uint32_t run(const struct job_id *ticket, const char *text)
{
    struct msg_hook_run said = { .ticket = *ticket, .wish = HOOK_RUN, .generation = keeper->rules.generation };
    said.params = rig_params(text, NULL);
    return rig_say(&front, MSG_HOOK_RUN, &said);
}

static struct job_id run_to_job(const struct job_id *ticket, const char *text)
{
    rig_expect(run(ticket, text), MSG_HOOK_ANSWER);
    cr_assert(!job_id_is_none(&got.body.hook_answer.job_id));
    return got.body.hook_answer.job_id;
}

static uint32_t say_ignored(const struct job_id *ticket)
{
    struct msg_hook_run said = { .ticket = *ticket, .wish = HOOK_IGNORE, .generation = keeper->rules.generation };
    strcpy(said.reason, "json /x");
    return rig_say(&front, MSG_HOOK_RUN, &said);
}

static void ignore(const struct job_id *ticket)
{
    rig_expect(say_ignored(ticket), MSG_HOOK_ANSWER);
    cr_expect(job_id_is_none(&got.body.hook_answer.job_id));
}

Test(hook, becomes_a_job_in_its_own_name_and_a_row_in_one_commit)
{
    struct hook_delivery row;
    uint8_t identity[HASH_BYTES];
    new_body();
    struct job_id ticket = ticket_for("push", "one"), job = run_to_job(&ticket, "hello");
    struct msg_job report = rig_report(&job);
    cr_expect_str_eq(report.actor, "hook:push");
    cr_expect_eq(report.via, EVIDENCE_HOOK);
    cr_expect_eq(report.source, JOB_SOURCE_HOOK);
    cr_expect_str_eq(report.origin, "push");
    cr_expect_str_eq(report.address, "10.2.3.4:5");
    rig_restart();
    hook_identity(hook_scheme_find("github"), &(struct hook_headers){ .signature = "x" }, body, strlen(body), identity);
    cr_assert_eq(store_hook_delivery_find(keeper->store, "push", identity, &row, &err), 1);
    cr_expect(job_id_equal(&row.job_id, &job));
    cr_expect_eq(row.fate, HOOK_ACCEPTED);
    rig_expect(deliver("push", "one", SECRET), MSG_HOOK_ANSWER);
    cr_expect(job_id_equal(&got.body.hook_answer.job_id, &job), "the same delivery again");
    rig_expect_refusal(deliver("push", "two", SECRET), 409, "hook-replayed");
}

Test(hook, that_died_with_the_keeper_between_its_steps_is_as_if_it_had_never_come)
{
    new_body();
    struct job_id ticket = ticket_for("push", "one");
    rig_restart();
    rig_expect_refusal(run(&ticket, "hello"), 503, "reloading");
    struct job_id again = ticket_for("push", "one");
    run_to_job(&again, "hello");
}

Test(hook, ticket_is_good_once_and_for_the_front_that_asked)
{
    new_body();
    struct job_id ticket = ticket_for("push", "one");
    run_to_job(&ticket, "hello");
    rig_expect_refusal(run(&ticket, "hello"), 503, "reloading");
    new_body();
    struct job_id other = ticket_for("push", "two"), none = { 0 }, invented = job_id_new();
    rig_pair(PROCESS_FRONT, &front);
    rig_expect_refusal(run(&other, "hello"), 503, "reloading");
    rig_expect_refusal(run(&none, "hello"), 503, "reloading");
    rig_expect_refusal(run(&invented, "hello"), 503, "reloading");
}

Test(hook, twins_that_were_proven_at_once_become_one_job)
{
    new_body();
    struct job_id first = ticket_for("push", "one"), second = ticket_for("push", "one");
    struct job_id job = run_to_job(&first, "hello"), twin = run_to_job(&second, "hello");
    cr_expect(job_id_equal(&job, &twin));
}

Test(hook, twins_whose_commit_fails_both_hear_so)
{
    new_body();
    struct job_id first = ticket_for("push", "one"), second = ticket_for("push", "one");
    rig_disk_is_full();
    uint32_t one = run(&first, "hello"), two = run(&second, "hello");
    rig_expect_refusal(one, 503, "store-full");
    rig_expect_refusal(two, 503, "store-full");
    rig_disk_has_room();
    while (keeper->turn.is_behind) /* until what failed was tried again */
        rig_run(10);
    new_body();
    struct job_id ignored = ticket_for("push", "two");
    rig_disk_is_full();
    rig_expect_refusal(say_ignored(&ignored), 503, "store-full");
    rig_disk_has_room();
}

Test(hook, says_no_parameter_but_those_that_deliveries_say)
{
    new_body();
    struct job_id ticket = ticket_for("fixed", "one");
    run(&ticket, "theirs");
    cr_expect(rig_is_dropped(&front), "a front of ours would not say it");
    rig_pair(PROCESS_FRONT, &front);
    new_body();
    ticket = ticket_for("fixed", "two");
    struct job_id job = run_to_job(&ticket, NULL);
    struct msg_job report = rig_report(&job);
    struct reader in = { report.params.data, report.params.size };
    struct entry entry;
    cr_assert_eq(entries_next(&in, &entry), 1);
    cr_expect(span_is(entry.value, "ours"));
}

Test(hook, body_must_be_one_that_nobody_can_change)
{
    struct msg_hook hook = { .hook = "push", .signature = "sha256=00" };
    auto_fd int fd = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    say_with_fd(&hook, fd);
    cr_expect(rig_is_dropped(&front));
}

Test(hook, that_is_none_is_refused_like_a_forged_one_and_neither_is_stored)
{
    char detail[ERROR_TEXT_MAX_BYTES];
    uint64_t count = 1;
    new_body();
    rig_expect_refusal(deliver("push", "one", "another secret of some length"), 401, "hook-unproven");
    strcpy(detail, got.body.refused.detail);
    rig_expect_refusal(deliver("nobody", "one", SECRET), 401, "hook-unproven");
    cr_expect_str_eq(got.body.refused.detail, detail);
    rig_expect_refusal(deliver("", "one", SECRET), 401, "hook-unproven");
    cr_assert_eq(store_hook_deliveries_count(keeper->store, "push", &count, &err), 0);
    cr_expect_eq(count, 0);
}

Test(hook, that_was_ignored_or_refused_may_come_again)
{
    new_body();
    struct job_id ticket = ticket_for("push", "one");
    ignore(&ticket);
    ticket = ticket_for("push", "one");
    rig_expect_refusal(run(&ticket, NULL), 422, "params-invalid");
    ticket = ticket_for("push", "one");
    run_to_job(&ticket, "hello");
}

Test(hook, that_started_nothing_comes_again_with_what_is_not_signed_as_it_was)
{
    new_body();
    struct job_id ticket = ticket_for("push", "one");
    ignore(&ticket);
    rig_expect_refusal(deliver_as("push", "one", SECRET, "X-GitHub-Event=release\n"), 409, "hook-replayed");
    rig_expect_refusal(deliver_as("push", "one", SECRET, "a=b\n"), 409, "hook-replayed");
    ticket = ticket_for("push", "two"); /* the name is nothing that was read */
    struct job_id job = run_to_job(&ticket, "hello");
    rig_expect(deliver("push", "two", SECRET), MSG_HOOK_ANSWER);
    cr_expect(job_id_equal(&got.body.hook_answer.job_id, &job), "it has the name that it was accepted under");
    rig_expect_refusal(deliver("push", "one", SECRET), 409, "hook-replayed");
    rig_restart();
    rig_expect_refusal(deliver("push", "one", SECRET), 409, "hook-replayed");
}

Test(hook, that_is_changed_while_it_is_looked_at_takes_the_tickets_place)
{
    new_body();
    struct job_id first = ticket_for("push", "one");
    rig_expect(deliver_as("push", "one", SECRET, "X-GitHub-Event=release\n"), MSG_HOOK_ANSWER);
    struct job_id second = got.body.hook_answer.ticket;
    rig_expect_refusal(run(&first, "hello"), 503, "reloading");
    ignore(&second);
    rig_expect_refusal(deliver("push", "one", SECRET), 409, "hook-replayed");
}

Test(hook, one_delivery_sent_often_leaves_tickets_for_others)
{
    new_body();
    struct job_id ticket = ticket_for("push", "one");
    for (unsigned i = 0; i < 3 * HOOK_CONCURRENCY_MAX; i++) {
        struct job_id again = ticket_for("push", i % 2 == 0 ? "one" : "two");
        (void)again;
    }
    rig_expect_refusal(run(&ticket, "hello"), 503, "reloading");
    new_body();
    ticket = ticket_for("push", "three");
    run_to_job(&ticket, "hello");
}

Test(hook, that_was_read_by_other_settings_comes_again_and_the_front_stays)
{
    new_body();
    struct job_id ticket = ticket_for("fixed", "one");
    keeper->rules.generation++; /* a reload, between the two steps */
    struct msg_hook_run said = { .ticket = ticket, .wish = HOOK_RUN, .generation = keeper->rules.generation - 1 };
    said.params = rig_params("of the settings before", NULL);
    rig_expect_refusal(rig_say(&front, MSG_HOOK_RUN, &said), 503, "reloading");
    ticket = ticket_for("fixed", "one");
    said.ticket = ticket; /* the front has not heard of them */
    rig_expect_refusal(rig_say(&front, MSG_HOOK_RUN, &said), 503, "reloading");
    ticket = ticket_for("fixed", "one");
    run_to_job(&ticket, NULL);
    keeper->rules.generation--;
}

Test(hook, parameters_that_have_no_room_beside_ours_are_refused_and_the_front_stays)
{
    static uint8_t large[PARAMS_MAX_BYTES];
    static char text[1000];
    struct writer out = { large, sizeof large };
    memset(text, 'a', sizeof text - 1);
    while (entries_add_text(&out, ENTRY_STRING, "text", text, ""))
        continue;
    keeper->rules.hooks.list[0].setting.constants = (struct span){ constants_room, sizeof constants_room };
    new_body();
    struct msg_hook_run said = { .ticket = ticket_for("push", "one"), .wish = HOOK_RUN };
    said.generation = keeper->rules.generation;
    said.params = (struct span){ large, (uint32_t)(sizeof large - out.left) };
    keeper->rules.hooks.list[0].setting.constants.size = out.left + 1;
    rig_expect_refusal(rig_say(&front, MSG_HOOK_RUN, &said), 422, "params-invalid");
    keeper->rules.hooks.list[0].setting.constants.size = 0;
    struct job_id ticket = ticket_for("push", "one");
    run_to_job(&ticket, "hello");
}

Test(hook, tickets_are_bounded)
{
    unsigned given = 0;
    for (uint32_t id = 0; given <= HOOK_CONCURRENCY_MAX; given++) {
        new_body();
        id = deliver("push", "one", SECRET);
        rig_answer(id);
        if (got.type == MSG_REFUSED)
            break;
    }
    cr_expect_eq(given, HOOK_CONCURRENCY_MAX);
    cr_expect_eq(got.body.refused.status, 429);
    new_body();
    ticket_for("fixed", "one");
}

Test(hook, takes_nothing_more_when_as_many_are_remembered_as_there_may_be)
{
    new_body();
    struct job_id ticket = ticket_for("push", "kept");
    run_to_job(&ticket, "hello");
    char kept[sizeof body];
    strcpy(kept, body);
    cr_assert_eq(store_begin(keeper->store, &err), 0);
    struct hook_delivery row = { .hook = "push", .fate = HOOK_IGNORED };
    for (uint32_t i = 0; i < HOOK_LOG_ROWS; i++) {
        row.id = job_id_new();
        memcpy(row.identity, &i, sizeof i);
        row.seen_unix_ms = clock_unix_ms();
        cr_assert_eq(store_hook_delivery_add(keeper->store, &row, &err), 0, "%s", err.text);
    }
    cr_assert_eq(store_commit(keeper->store, &err), 0);
    new_body();
    rig_expect_refusal(deliver("push", "new", SECRET), 503, "store-full");
    rig_expect(deliver("fixed", "new", SECRET), MSG_HOOK_ANSWER);
    strcpy(body, kept);
    rig_expect(deliver("push", "kept", SECRET), MSG_HOOK_ANSWER);
    rig_expect_refusal(deliver("push", "another", SECRET), 409, "hook-replayed");
}

Test(hook, is_new_work_which_a_drained_service_refuses)
{
    struct msg_drain drain = { .evidence = rig_token(OPS_TOKEN), .is_on = true };
    rig_expect(rig_say(&front, MSG_DRAIN, &drain), MSG_DRAIN_STATE);
    new_body();
    struct job_id ticket = ticket_for("push", "one");
    rig_expect_refusal(run(&ticket, "hello"), 503, "draining");
}

Test(hook, log_and_redelivery_are_for_administrators)
{
    struct msg_list_hook_deliveries list = { .evidence = rig_token(CI_TOKEN), .hook = "push" };
    new_body();
    struct job_id ticket = ticket_for("push", "one"), job = run_to_job(&ticket, "hello");
    rig_expect_refusal(rig_say(&front, MSG_LIST_HOOK_DELIVERIES, &list), 403, "forbidden");
    list.evidence = rig_token(OPS_TOKEN);
    uint32_t id = rig_say(&front, MSG_LIST_HOOK_DELIVERIES, &list);
    rig_expect(id, MSG_HOOK_DELIVERY);
    cr_expect(job_id_equal(&got.body.hook_delivery.job_id, &job));
    struct msg_hook_redeliver again = { .evidence = rig_token(CI_TOKEN), .hook = "push" };
    again.delivery_id = got.body.hook_delivery.delivery_id;
    rig_expect(id, MSG_JOBS_END);
    rig_expect_refusal(rig_say(&front, MSG_HOOK_REDELIVER, &again), 403, "forbidden");
    again.evidence = rig_token(OPS_TOKEN);
    rig_expect(rig_say(&front, MSG_HOOK_REDELIVER, &again), MSG_SUBMITTED);
    struct job_id second = got.body.submitted.job_id;
    cr_expect(!job_id_equal(&second, &job));
    cr_expect_str_eq(rig_report(&second).actor, "ops");
    strcpy(again.hook, "fixed");
    rig_expect_refusal(rig_say(&front, MSG_HOOK_REDELIVER, &again), 404, "not-found");
}

Test(hook, settings_that_do_not_fit_are_refused)
{
    struct rules rules = rig_rules(1);
    struct setting_hook good = rules.hooks.list[0].setting, bad;
#define REFUSED(change)                                                                                                \
    bad = good;                                                                                                        \
    strcpy(bad.name, "other");                                                                                         \
    change;                                                                                                            \
    cr_expect_eq(rule_hook_add(&rules, &bad, &err), -EBADMSG, #change)
    REFUSED(strcpy(bad.name, "push"));
    REFUSED(strcpy(bad.name, "Other"));
    REFUSED(strcpy(bad.command, "nobody"));
    REFUSED(bad.secret.size = 0);
    REFUSED(bad.secret.size = 15);
    REFUSED(bad.old_secret = text_span("short"));
    REFUSED(bad.scheme.signature[0] = '\0');
    REFUSED(strcpy(bad.scheme.preset, "nobody"));
    REFUSED(strcpy(bad.scheme.before, "{x}"));
    struct setting_hook_map map = { .param = "pin", .kind = ENTRY_STRING, .source = HOOK_JSON };
    cr_expect_eq(rule_hook_map_add(&rules, &map, &err), -EBADMSG, "a secret");
    strcpy(map.param, "text");
    cr_expect_eq(rule_hook_map_add(&rules, &map, &err), -EBADMSG, "a constant");
    rules_free(&rules);
}
