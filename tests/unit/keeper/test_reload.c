/* A reload that a caller asks for: recorded, rung for, and answered with what the bootstrap said of one that began later. */
#include "rig.h"

TestSuite(reload, .init = rig_setup, .fini = rig_teardown, .timeout = 30);

static uint32_t ask(const char *token)
{
    struct msg_whoami asked = { .evidence = rig_token(token) };
    uint32_t request = rig_say(&front, MSG_RELOAD, &asked);
    rig_turn();
    return request;
}

/* How often the doorbell rang since this was asked last. */
static uint64_t heard(void)
{
    uint64_t rings = 0;
    return read(rig_doorbell, &rings, sizeof rings) == (ssize_t)sizeof rings ? rings : 0;
}

/* As the bootstrap does, after the parts of the generation. */
static void tell(const struct msg_reloaded *reloaded)
{
    struct message message = { .type = MSG_RELOADED };
    message.body.reloaded = *reloaded;
    control_take(keeper, &message);
    rig_turn();
}

/* But for how the service is. */
static bool hears_nothing(void)
{
    while (rig_next(&front, 50))
        if (got.type != MSG_STATUS)
            return false;
    return true;
}

static uint8_t lines_room[256];

static struct span lines(const char *line)
{
    struct writer out = { lines_room, sizeof lines_room };
    cr_assert(entries_add_text(&out, ENTRY_ERROR, "", "config-invalid", line));
    return (struct span){ lines_room, (uint32_t)(sizeof lines_room - out.left) };
}

static bool is_recorded(void *arg, const struct audit_row *row)
{
    const char *const *wanted = arg;
    if (strcmp(row->what, wanted[0]) != 0 || strstr(row->detail, wanted[1]) == NULL)
        return true;
    wanted = NULL;
    memcpy(arg, &wanted, sizeof wanted);
    return false;
}

static void expect_recorded(const char *what, const char *detail)
{
    const char *wanted[] = { what, detail };
    cr_assert_eq(audit_list(keeper->store, &(struct audit_filter){ .actor = "ops" }, is_recorded, wanted, &err), 0);
    cr_expect_null(wanted[0], "no entry '%s' with '%s'", what, detail);
}

Test(reload, rings_once_and_answers_when_the_rules_are_in_effect)
{
    struct rules rules = rig_rules(2);
    uint32_t request = ask(OPS_TOKEN);
    cr_assert_eq(heard(), 1);
    expect_recorded("reload", "");
    cr_expect(hears_nothing());
    keeper_change_rules(keeper, &rules);
    tell(&(struct msg_reloaded){
        .rings = 1, .generation = 2, .is_taken = true, .has_changed = true, .lines = lines("warning: so be it") });
    rig_expect(request, MSG_RELOAD_TAKEN);
    cr_expect_eq(got.body.reload_taken.generation, 2);
    cr_expect(got.body.reload_taken.has_changed);
    cr_expect_eq(got.body.reload_taken.warnings.size, lines("warning: so be it").size);
    cr_expect_eq(keeper->reloads.count, 0);
}

Test(reload, is_not_answered_by_one_that_began_before_it_was_asked_for)
{
    uint32_t first = ask(OPS_TOKEN);
    cr_assert_eq(heard(), 1); /* the bootstrap begins */
    uint32_t second = ask(OPS_TOKEN), third = ask(OPS_TOKEN);
    tell(&(struct msg_reloaded){ .rings = 1, .generation = 1, .is_taken = true });
    rig_expect(first, MSG_RELOAD_TAKEN);
    cr_expect(hears_nothing());
    tell(&(struct msg_reloaded){ .rings = 1, .generation = 1, .is_taken = true }); /* a SIGHUP had come, too */
    cr_expect(hears_nothing());
    cr_assert_eq(heard(), 2);
    tell(&(struct msg_reloaded){ .rings = 3, .generation = 1, .is_taken = true });
    rig_expect(second, MSG_RELOAD_TAKEN);
    rig_expect(third, MSG_RELOAD_TAKEN);
}

Test(reload, tells_why_a_configuration_was_refused_and_writes_it_down)
{
    static const char fault[] = "/etc/sallyport/sallyport.yaml:3:5: commands.hello: no";
    uint32_t request = ask(OPS_TOKEN);
    tell(&(struct msg_reloaded){
        .rings = 1, .generation = 1, .why = "the configuration has 1 fault", .lines = lines(fault) });
    rig_expect_refusal(request, 422, "config-invalid");
    cr_expect_str_eq(got.body.refused.detail, "generation 1 stays: the configuration has 1 fault");
    struct reader in = { got.body.refused.errors.data, got.body.refused.errors.size };
    struct entry entry;
    cr_assert_eq(entries_next(&in, &entry), 1);
    cr_expect(span_is(entry.extra, fault));
    expect_recorded("refused", "reload: 422 config-invalid: generation 1 stays");
}

Test(reload, does_not_call_rules_in_effect_that_are_not)
{
    uint32_t request = ask(OPS_TOKEN);
    tell(&(struct msg_reloaded){ .rings = 1, .generation = 2, .is_taken = true });
    rig_expect_refusal(request, 500, "internal");
}

Test(reload, is_for_administrators_alone)
{
    rig_expect_refusal(ask(CI_TOKEN), 403, "forbidden");
    rig_expect_refusal(ask(GUEST_TOKEN), 403, "forbidden");
    rig_expect_refusal(ask(OLD_TOKEN), 401, "unauthenticated");
    rig_expect_refusal(ask("sp_nobody"), 401, "unauthenticated");
    cr_expect_eq(heard(), 0);
}

Test(reload, does_not_ring_for_what_it_cannot_write_down)
{
    rig_disk_is_full();
    rig_expect_refusal(ask(OPS_TOKEN), 503, "store-full");
    rig_disk_has_room();
    cr_expect_eq(heard(), 0);
    cr_expect_eq(keeper->reloads.count, 0);
}

Test(reload, is_not_waited_for_without_end)
{
    uint32_t request = ask(OPS_TOKEN);
    reloads_check(keeper);
    cr_expect(hears_nothing());
    STAILQ_FIRST(&keeper->reloads.waiters)->deadline_ms = clock_monotonic_ms();
    reloads_check(keeper);
    rig_expect_refusal(request, 503, "reloading");
    cr_expect_gt(got.body.refused.retry_after_s, 0);
    tell(&(struct msg_reloaded){ .rings = 1, .generation = 1, .is_taken = true });
    cr_expect(hears_nothing());
}

Test(reload, is_waited_for_by_so_many_and_no_more)
{
    uint32_t first = 0;
    for (int i = 0; i < RELOAD_WAITERS_MAX; i++) {
        uint32_t request = ask(OPS_TOKEN);
        if (i == 0)
            first = request;
    }
    rig_expect_refusal(ask(OPS_TOKEN), 429, "rate-limited");
    cr_expect_eq(heard(), RELOAD_WAITERS_MAX);
    tell(&(struct msg_reloaded){ .rings = RELOAD_WAITERS_MAX, .generation = 1, .is_taken = true });
    rig_expect(first, MSG_RELOAD_TAKEN);
    uint32_t next = ask(OPS_TOKEN);
    tell(&(struct msg_reloaded){ .rings = RELOAD_WAITERS_MAX + 1, .generation = 1, .is_taken = true });
    rig_expect(next, MSG_RELOAD_TAKEN);
}

Test(reload, tells_a_new_front_nothing_of_what_the_old_one_asked)
{
    ask(OPS_TOKEN);
    rig_pair(PROCESS_FRONT, &front);
    cr_assert(rig_wait(&front, MSG_STATUS));
    tell(&(struct msg_reloaded){ .rings = 1, .generation = 1, .why = "no" });
    cr_expect(hears_nothing());
    cr_expect_eq(keeper->reloads.count, 0);
}

Test(reload, is_refused_while_the_service_stops)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id running = rig_running("deploy", fds); /* keeps the keeper there */
    shutdown_begin(keeper, 60000);
    rig_expect_refusal(ask(OPS_TOKEN), 503, "draining");
    cr_expect_eq(heard(), 0);
    rig_end(&running, fds, JOB_REASON_EXITED, 0);
}
