/* An evil front and an evil launcher speak the protocol and try what they may not. */
#include <sys/mman.h>

#include "rig.h"

TestSuite(distrust, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static struct msg_read_job read_of(const char *token, const struct job_id *id)
{
    return (struct msg_read_job){ .evidence = rig_token(token), .job_id = *id };
}

Test(distrust, answers_every_request_without_a_credential_alike)
{
    struct job_id id = rig_job("echo");
    union any_message bodies[] = {
        { .whoami.evidence.kind = EVIDENCE_NONE },
        { .whoami.evidence.kind = EVIDENCE_NONE },
        { .submit = rig_submit("sp_wrong", "echo") },
        { .read_job.job_id = id },
        { .read_job.job_id = job_id_new() },
        { .list_jobs.limit = 10 },
        { .cancel.job_id = id },
        { .signal.job_id = id, .signal.signal = 1 },
        { .read_metrics.is_open = true },
        { .follow.kinds = FEED_ALL },
    };
    const enum msg_type types[] = { MSG_WHOAMI,    MSG_LIST_COMMANDS, MSG_SUBMIT, MSG_READ_JOB,     MSG_READ_OUTPUT,
                                    MSG_LIST_JOBS, MSG_CANCEL,        MSG_SIGNAL, MSG_READ_METRICS, MSG_FOLLOW };
    const char *const tokens[] = { "", "sp_wrong", OLD_TOKEN };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        for (size_t j = 0; j < sizeof tokens / sizeof tokens[0]; j++) {
            bodies[i].whoami.evidence = rig_token(tokens[j]);
            uint32_t request = rig_say(&front, types[i], &bodies[i]);
            rig_expect_refusal(request, 401, "unauthenticated");
            cr_expect_str_eq(got.body.refused.detail, "no credential that is known here, or one that has expired");
        }
}

Test(distrust, shows_no_job_to_those_who_may_not_read_it)
{
    int fds[2];
    rig_hello(7, 0);
    struct msg_submit submit = rig_submit(OPS_TOKEN, "echo");
    struct job_id id = rig_accept(&submit), nothing = job_id_new();
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    rig_launched(&id, fds);
    const struct job_id ids[] = { id, nothing };
    for (int i = 0; i < 2; i++) {
        struct msg_read_job asked = read_of(CI_TOKEN, &ids[i]);
        struct msg_cancel cancel = { .evidence = rig_token(CI_TOKEN), .job_id = ids[i] };
        struct msg_signal signal = { .evidence = rig_token(CI_TOKEN), .job_id = ids[i], .signal = 1 };
        rig_expect_refusal(rig_say(&front, MSG_READ_JOB, &asked), 404, "not-found");
        rig_expect_refusal(rig_say(&front, MSG_READ_OUTPUT, &asked), 404, "not-found");
        rig_expect_refusal(rig_say(&front, MSG_CANCEL, &cancel), 404, "not-found");
        rig_expect_refusal(rig_say(&front, MSG_SIGNAL, &signal), 404, "not-found");
        cr_expect_str_eq(got.body.refused.detail, "there is no such job");
    }
    struct msg_cancel cancel = { .evidence = rig_token(GUEST_TOKEN), .job_id = id };
    rig_expect_refusal(rig_say(&front, MSG_CANCEL, &cancel), 403, "forbidden");
    cr_expect(!rig_next(&launcher, 20), "nothing reached the launcher");
    cr_expect_eq(rig_report(&id).state, JOB_RUNNING);
}

Test(distrust, lists_only_what_the_caller_may_read)
{
    struct job_id own = rig_job("echo");
    struct msg_submit submit = rig_submit(OPS_TOKEN, "echo");
    rig_accept(&submit);
    static const struct {
        const char *token, *actor;
        unsigned count;
    } cases[] = { { CI_TOKEN, "", 1 },
                  { CI_TOKEN, "ci", 1 },
                  { CI_TOKEN, "ops", 0 },
                  { OPS_TOKEN, "", 2 },
                  { GUEST_TOKEN, "ops", 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct msg_list_jobs asked = { .evidence = rig_token(cases[i].token) };
        text_copy(asked.actor, sizeof asked.actor, cases[i].actor);
        uint32_t request = rig_say(&front, MSG_LIST_JOBS, &asked);
        unsigned count = 0;
        for (rig_answer(request); got.type == MSG_JOB; rig_answer(request)) {
            count++;
            if (i == 0)
                cr_expect(job_id_equal(&got.body.job.job_id, &own));
        }
        cr_expect_eq(got.type, MSG_JOBS_END);
        cr_expect_eq(count, cases[i].count, "case %zu: %u", i, count);
    }
}

Test(distrust, refuses_commands_beyond_the_scope)
{
    static const struct {
        const char *token, *command, *code;
        unsigned status;
    } cases[] = {
        { CI_TOKEN, "nonsense", "not-found", 404 },
        { GUEST_TOKEN, "echo", "forbidden", 403 },
        { GUEST_TOKEN, "../echo", "not-found", 404 },
        { CI_TOKEN, "", "not-found", 404 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct msg_submit submit = rig_submit(cases[i].token, cases[i].command);
        rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), cases[i].status, cases[i].code);
    }
    struct msg_list_commands asked = { .evidence = rig_token(CI_TOKEN) };
    uint32_t request = rig_say(&front, MSG_LIST_COMMANDS, &asked);
    rig_expect(request, MSG_COMMANDS);
    cr_expect_eq(got.body.commands.visible.size, 1);
    cr_expect_eq(got.body.commands.visible.data[0], 0x3f);
    asked.evidence = rig_token(GUEST_TOKEN);
    request = rig_say(&front, MSG_LIST_COMMANDS, &asked);
    rig_expect(request, MSG_COMMANDS);
    cr_expect_eq(got.body.commands.visible.data[0], 0x3f);
    cr_expect_eq(got.body.commands.runnable.data[0], 0);
}

Test(distrust, tells_all_that_is_wrong_with_a_submit_at_once)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "loud");
    uint8_t room[500];
    struct writer params = { room, sizeof room };
    entries_add_text(&params, ENTRY_STRING, "zero", "0", "");
    entries_add_text(&params, ENTRY_STRING, "one", "1", "");
    submit.params = (struct span){ room, (uint32_t)(sizeof room - params.left) };
    submit.timeout_ms = 60001;
    uint32_t request = rig_say(&front, MSG_SUBMIT, &submit);
    rig_expect_refusal(request, 422, "params-invalid");
    struct reader in = { got.body.refused.errors.data, got.body.refused.errors.size };
    struct entry entry;
    unsigned count = 0, timeouts = 0;
    while (entries_next(&in, &entry) > 0) {
        cr_expect_eq(entry.kind, ENTRY_ERROR);
        count++;
        timeouts += span_is(entry.name, "/timeout") && span_is(entry.value, "max");
    }
    cr_expect_eq(count, 3);
    cr_expect_eq(timeouts, 1);
}

static uint32_t submit_with_fd(struct msg_submit *submit, int fd)
{
    submit->has_stdin = true;
    cr_assert_eq(channel_send(&front, MSG_SUBMIT, next_request, submit, &fd, 1, &err), 0);
    return next_request++;
}

Test(distrust, takes_standard_input_only_where_and_as_it_is_allowed)
{
    auto_fd int small = -1, large = -1;
    static const char bytes[2000];
    cr_assert_eq(memfd_sealed("in", bytes, 10, false, &small, &err), 0);
    cr_assert_eq(memfd_sealed("in", bytes, sizeof bytes, false, &large, &err), 0);
    struct msg_submit submit = rig_submit(CI_TOKEN, "loud");
    rig_expect_refusal(submit_with_fd(&submit, small), 422, "params-invalid");
    submit = rig_submit(CI_TOKEN, "echo");
    rig_expect_refusal(submit_with_fd(&submit, large), 413, "body-too-large");
    rig_expect(submit_with_fd(&submit, small), MSG_SUBMITTED);
}

Test(distrust, drops_a_front_that_breaks_a_rule)
{
    auto_fd int unsealed = memfd_create("in", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    auto_fd int executable = -1;
    cr_assert_eq(memfd_sealed("in", "x", 1, true, &executable, &err), 0);
    int directory = open("/", O_RDONLY | O_DIRECTORY);
    int null = open("/dev/null", O_RDONLY);
    const int fds[] = { unsealed, executable, directory, null };
    for (int i = 0; i < 12; i++) {
        struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
        struct msg_whoami who = { .evidence = rig_token(CI_TOKEN) };
        struct job_id id = rig_job("echo");
        struct msg_read_job watched = read_of(CI_TOKEN, &id);
        if (i < 4)
            submit_with_fd(&submit, fds[i]);
        else if (i == 4) /* a descriptor that the message does not speak of */
            channel_send(&front, MSG_WHOAMI, 1, &who, &null, 1, &err);
        else if (i == 5) { /* one that it speaks of, and is not there */
            submit.has_stdin = true;
            rig_say(&front, MSG_SUBMIT, &submit);
        } else if (i == 6) {
            who.evidence.kind = EVIDENCE_PEER;
            rig_say(&front, MSG_WHOAMI, &who);
        } else if (i == 7) /* what only others may say */
            rig_say(&front, MSG_SHUTDOWN, &(struct msg_shutdown){ 0 });
        else if (i == 8)
            rig_say(&front, MSG_EXITED_SEEN, &(struct msg_job_only){ 0 });
        else if (i == 9) { /* parameters that are no entries */
            submit.params = text_span("junk");
            rig_say(&front, MSG_SUBMIT, &submit);
        } else if (i == 10) { /* one number for two streams */
            watched.watch = true;
            channel_send(&front, MSG_READ_JOB, 77, &watched, NULL, 0, &err);
            channel_send(&front, MSG_READ_JOB, 77, &watched, NULL, 0, &err);
        } else {
            cr_assert_eq(send(front.fd, "nonsense", 8, 0), 8);
        }
        cr_expect(rig_is_dropped(&front), "case %d", i);
        rig_pair(PROCESS_FRONT, &front);
        cr_expect(rig_wait(&front, MSG_STATUS), "a new front is served");
    }
}

Test(distrust, drops_a_launcher_that_breaks_a_rule)
{
    for (int i = 0; i < 8; i++) {
        struct job_id id = rig_job("deploy");
        struct msg_exited exited = { .job_id = id, .reason = JOB_REASON_NONE };
        struct msg_not_launched refused = { .job_id = id, .why = NOT_LAUNCHED_BUSY };
        int fds[2];
        rig_hello((uint64_t)i + 1, 0);
        if (i == 0)
            rig_say(&launcher, MSG_HELLO, &(struct msg_hello){ .incarnation = 9 });
        else if (i == 1)
            rig_say(&launcher, MSG_EXITED, &exited);
        else if (i == 2) { /* the end of a job that waits; the slot of its kind is taken by another */
            id = rig_job("deploy");
            exited.job_id = id;
            exited.reason = JOB_REASON_EXITED;
            rig_say(&launcher, MSG_EXITED, &exited);
        } else if (i == 3) {
            refused.job_id = job_id_new();
            rig_say(&launcher, MSG_NOT_LAUNCHED, &refused);
        } else if (i == 4) { /* launched twice */
            cr_assert(rig_wait(&launcher, MSG_LAUNCH));
            id = got.body.launch.job_id;
            rig_launched(&id, fds);
            rig_launched(&id, fds);
        } else if (i == 5)
            rig_say(&launcher, MSG_WHOAMI, &(struct msg_whoami){ .evidence = rig_token(OPS_TOKEN) });
        else if (i == 6) {
            exited.reason = JOB_REASON_REJECTED;
            rig_say(&launcher, MSG_EXITED, &exited);
        } else { /* an answer before the hello */
            rig_pair(PROCESS_LAUNCHER, &launcher);
            rig_say(&launcher, MSG_NOT_LAUNCHED, &refused);
        }
        cr_expect(rig_is_dropped(&launcher), "case %d", i);
        cr_expect(!launcher_is_up(keeper));
    }
}

Test(distrust, drops_a_notifier_that_answers_what_nobody_ordered)
{
    for (int i = 0; i < 3; i++) {
        struct channel notifier = { .fd = -1 };
        struct msg_delivered delivered = { .delivery_id = job_id_new(), .outcome = OUTCOME_ANSWERED, .status = 200 };
        rig_pair(PROCESS_NOTIFIER, &notifier);
        rig_turn();
        cr_assert(keeper->notifier.is_connected && !keeper->notifier.is_lost);
        if (i == 0)
            rig_say(&notifier, MSG_DELIVERED, &delivered);
        else if (i == 1)
            rig_say(&notifier, MSG_WHOAMI, &(struct msg_whoami){ .evidence = rig_token(OPS_TOKEN) });
        else
            rig_say(&notifier, MSG_HELLO, &(struct msg_hello){ .incarnation = 9 });
        cr_expect(rig_is_dropped(&notifier), "case %d", i);
        cr_expect_not(keeper->notifier.is_connected);
        channel_done(&notifier);
    }
    rig_expect(rig_say(&front, MSG_WHOAMI, &(struct msg_whoami){ .evidence = rig_token(OPS_TOKEN) }), MSG_IDENTITY);
}

Test(distrust, bounds_what_an_unread_answer_costs)
{
    struct msg_whoami asked = { .evidence = rig_token(CI_TOKEN) };
    for (int i = 0; i < 20000; i++) {
        if (channel_send(&front, MSG_WHOAMI, 1, &asked, NULL, 0, &err) < 0)
            rig_turn();
        cr_assert_leq(keeper->front.channel.queued, CHANNEL_QUEUE_MAX);
    }
    rig_run(100);
    cr_expect_leq(keeper->front.channel.queued, 1200, "it stops reading when its answers are not read");
}

Test(distrust, keeps_a_front_that_asks_for_much_at_once)
{
    enum { JOBS = 100, PAGES = 60 }; /* more answers than may wait in a channel */
    for (unsigned i = 0; i < JOBS; i++)
        rig_job("echo");
    struct msg_list_jobs asked = { .evidence = rig_token(CI_TOKEN), .limit = JOBS };
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    for (unsigned i = 0; i < PAGES; i++)
        rig_say(&front, MSG_LIST_JOBS, &asked);
    rig_say(&front, MSG_SUBMIT, &submit); /* so that the rest waits for a commit */
    for (unsigned i = 0; i < PAGES; i++)
        rig_say(&front, MSG_LIST_JOBS, &asked);
    for (unsigned jobs = 0, pages = 0; pages < 2 * PAGES;) {
        cr_assert(rig_next(&front, 3000), "%u pages and %u jobs came", pages, jobs);
        jobs += got.type == MSG_JOB;
        pages += got.type == MSG_JOBS_END;
        cr_assert(pages < 2 * PAGES || jobs >= 2 * PAGES * JOBS, "%u jobs", jobs);
    }
    cr_expect(keeper->front.is_connected && !keeper->front.is_lost);
}

Test(distrust, writes_down_each_refusal_of_a_known_caller)
{
    uint64_t before = 0, after = 0;
    cr_assert_eq(audit_verify(keeper->store, &before, &err), 0);
    for (int i = 0; i < 5; i++) {
        struct msg_submit submit = rig_submit(GUEST_TOKEN, "echo");
        rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 403, "forbidden");
    }
    cr_assert_eq(audit_verify(keeper->store, &after, &err), 0);
    cr_expect_eq(after - before, 5);
}

Test(distrust, writes_down_unknown_callers_once_for_an_address)
{
    uint64_t before = 0, after = 0;
    cr_assert_eq(audit_verify(keeper->store, &before, &err), 0);
    for (int i = 0; i < 200; i++) {
        struct msg_whoami asked = { .evidence = rig_token("sp_wrong") };
        snprintf(asked.evidence.address, sizeof asked.evidence.address, "10.0.0.%d", i % 100);
        rig_expect_refusal(rig_say(&front, MSG_WHOAMI, &asked), 401, "unauthenticated");
    }
    cr_assert_eq(audit_verify(keeper->store, &after, &err), 0);
    cr_expect_eq(after - before, REFUSALS_ADDRESSES);
}

struct dropped {
    unsigned count;
    char why[ERROR_TEXT_MAX_BYTES];
};

static bool count_dropped(void *arg, const struct audit_row *row)
{
    struct dropped *dropped = arg;
    if (strcmp(row->what, "dropped") == 0) {
        dropped->count++;
        text_copy(dropped->why, sizeof dropped->why, row->detail);
    }
    return true;
}

static struct dropped list_dropped(void)
{
    struct dropped dropped = { 0 };
    rig_turn();
    cr_assert_eq(audit_list(keeper->store, &(struct audit_filter){ 0 }, count_dropped, &dropped, &err), 0);
    return dropped;
}

Test(distrust, writes_down_why_a_front_was_dropped_and_not_that_one_ended)
{
    rig_pair(PROCESS_FRONT, &front);
    cr_expect_eq(list_dropped().count, 0, "it ended, which is no fault");
    for (int i = 0; i < 20; i++) { /* for the same reason: one entry in a while */
        cr_assert_eq(send(front.fd, "nonsense", 8, 0), 8);
        cr_assert(rig_is_dropped(&front));
        rig_pair(PROCESS_FRONT, &front);
    }
    struct dropped dropped = list_dropped();
    uint64_t entries = 0;
    cr_expect_eq(dropped.count, 1);
    cr_expect_str_eq(dropped.why, "front: a frame that is not ours");
    rig_say(&front, MSG_SHUTDOWN, &(struct msg_shutdown){ 0 });
    cr_assert(rig_is_dropped(&front));
    dropped = list_dropped();
    cr_expect_eq(dropped.count, 2);
    cr_expect_str_eq(dropped.why, "front: a message that it may not send");
    cr_assert_eq(audit_verify(keeper->store, &entries, &err), 0);
}

/* --- idempotency ------------------------------------------------------------------------------------------------------ */

static struct span two_params(const char *first, const char *second)
{
    static uint8_t room[200];
    struct writer out = { room, sizeof room };
    entries_add_text(&out, ENTRY_STRING, first, "same", "");
    entries_add_text(&out, ENTRY_STRING, second, "same", "");
    return (struct span){ room, (uint32_t)(sizeof room - out.left) };
}

Test(distrust, makes_one_job_of_the_same_request_sent_often)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    strcpy(submit.idempotency_key, "once");
    uint32_t ids[10];
    for (int i = 0; i < 10; i++) /* all in one turn: the twins meet in the open transaction */
        ids[i] = rig_say(&front, MSG_SUBMIT, &submit);
    struct job_id first = { 0 };
    for (int i = 0; i < 10; i++) {
        rig_expect(ids[i], MSG_SUBMITTED);
        cr_expect_eq(got.body.submitted.was_replayed, i > 0);
        if (i == 0)
            first = got.body.submitted.job_id;
        cr_expect(job_id_equal(&got.body.submitted.job_id, &first));
    }
    rig_restart();
    rig_expect(rig_say(&front, MSG_SUBMIT, &submit), MSG_SUBMITTED);
    cr_expect(got.body.submitted.was_replayed && job_id_equal(&got.body.submitted.job_id, &first));
    submit.params = rig_params("other", NULL);
    rig_expect_refusal(rig_say(&front, MSG_SUBMIT, &submit), 422, "idempotency-mismatch");
    struct msg_submit theirs = rig_submit(OPS_TOKEN, "echo");
    strcpy(theirs.idempotency_key, "once");
    rig_expect(rig_say(&front, MSG_SUBMIT, &theirs), MSG_SUBMITTED);
    cr_expect(!got.body.submitted.was_replayed, "a key belongs to its caller");
}

Test(distrust, compares_requests_without_the_order_of_their_parameters)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    strcpy(submit.idempotency_key, "order");
    submit.params = two_params("text", "pin");
    struct job_id id = rig_accept(&submit);
    submit.params = two_params("pin", "text");
    rig_expect(rig_say(&front, MSG_SUBMIT, &submit), MSG_SUBMITTED);
    cr_expect(job_id_equal(&got.body.submitted.job_id, &id));
}
