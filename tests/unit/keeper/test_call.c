/* Calls of functions: what their callers hear, and what becomes of jobs whose callers go away. */
#include "rig.h"

/* `echo` is a function that goes on, `loud` one that ends with its caller; "runner" may run them and nothing else. */
#define RUNNER_TOKEN "sp_runner"

static void edit(struct rules *rules)
{
    static const struct setting_route routes[] = {
        { .command = "echo", .path = "echo", .methods = ROUTE_POST },
        { .command = "loud", .path = "loud", .methods = ROUTE_POST, .ends_with_caller = true }
    };
    rules->routes = calloc(2, sizeof *rules->routes);
    rules->route_count = 2;
    memcpy(rules->routes, routes, sizeof routes);
    rig_caller(rules, "runner", RUNNER_TOKEN, 0, "run:echo run:loud");
}

static void setup(void)
{
    rig_edit = edit;
    rig_setup();
    rig_hello(1, 0);
    for (uint32_t i = 0; i < keeper->rules.policy->command_count; i++)
        keeper->rules.policy->commands[i].stdin_kind = STDIN_BODY;
}

TestSuite(call, .init = setup, .fini = rig_teardown, .timeout = 60);

static uint32_t call(const char *command)
{
    struct msg_submit submit = rig_submit(RUNNER_TOKEN, command);
    return rig_say(&front, MSG_CALL, &submit);
}

/* A call whose job runs. */
static uint32_t call_running(const char *command, struct job_id *ret_id, int ret_write_fds[2])
{
    uint32_t request = call(command);
    rig_expect(request, MSG_SUBMITTED);
    *ret_id = got.body.submitted.job_id;
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    rig_launched(ret_id, ret_write_fds);
    return request;
}

/* With so much input that storing it takes more than a turn. */
static uint32_t call_with_input(const char *command)
{
    enum { BYTES = 32 * 1024 * 1024 };
    int memfd = -1;
    uint8_t *bytes = calloc(1, BYTES);
    cr_assert_eq(memfd_sealed("in", bytes, BYTES, false, &memfd, &err), 0);
    free(bytes);
    for (uint32_t i = 0; i < keeper->rules.policy->command_count; i++)
        keeper->rules.policy->commands[i].stdin_max_bytes = STDIN_MAX_BYTES;
    struct msg_submit submit = rig_submit(RUNNER_TOKEN, command);
    submit.has_stdin = true;
    cr_assert_eq(channel_send(&front, MSG_CALL, next_request, &submit, &memfd, 1, &err), 0);
    close(memfd);
    return next_request++;
}

static void leave(uint32_t request)
{
    cr_assert_eq(channel_send(&front, MSG_UNWATCH, request, &(struct msg_empty){ 0 }, NULL, 0, &err), 0);
}

static void expect_output(uint32_t request, const struct job_id *id, enum job_state state, const char *text)
{
    char room[64] = "";
    rig_expect(request, MSG_JOB);
    cr_expect(job_id_equal(&got.body.job.job_id, id));
    cr_expect_eq(got.body.job.state, state);
    cr_expect_eq(got.body.job.source, JOB_SOURCE_ROUTE);
    rig_expect(request, MSG_OUTPUT);
    cr_assert_eq(got.fd_count, 2);
    cr_expect(got.body.output.is_complete);
    cr_expect_eq(got.body.output.bytes, strlen(text));
    cr_expect_eq(pread(got.fds[0], room, sizeof room - 1, 0), (ssize_t)strlen(text));
    cr_expect_str_eq(room, text);
}

static unsigned count_jobs(void)
{
    struct msg_list_jobs list = { .evidence = rig_token(OPS_TOKEN), .limit = 100 };
    uint32_t request = rig_say(&front, MSG_LIST_JOBS, &list);
    unsigned count = 0;
    for (rig_answer(request); got.type != MSG_JOBS_END; rig_answer(request))
        count += got.type == MSG_JOB;
    return count;
}

Test(call, brings_the_end_and_the_output_to_who_may_only_run)
{
    struct job_id id;
    int write_fds[2];
    uint32_t request = call_running("echo", &id, write_fds);
    struct msg_read_job read = { .evidence = rig_token(RUNNER_TOKEN), .job_id = id };
    rig_expect_refusal(rig_say(&front, MSG_READ_JOB, &read), 404, "not-found");
    rig_expect_refusal(rig_say(&front, MSG_READ_OUTPUT, &read), 404, "not-found");
    cr_assert_eq(write(write_fds[0], "hello\n", 6), 6);
    rig_end(&id, write_fds, JOB_REASON_EXITED, 3);
    expect_output(request, &id, JOB_FAILED, "hello\n");
    rig_run(20);
    cr_expect_eq(keeper->watches.count, 0, "nothing more will come");
}

Test(call, of_what_is_no_function_or_not_theirs_finds_nothing)
{
    static const struct {
        const char *token, *command;
    } calls[] = { { CI_TOKEN, "head" },    { OPS_TOKEN, "deploy" },      { CI_TOKEN, "nothing" },
                  { GUEST_TOKEN, "echo" }, { OPS_TOKEN, SEQUENCE_NAME }, { RUNNER_TOKEN, "head" } };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct msg_submit submit = rig_submit(calls[i].token, calls[i].command);
        rig_expect_refusal(rig_say(&front, MSG_CALL, &submit), 404, "not-found");
    }
    struct msg_submit submit = rig_submit("sp_nobody", "echo");
    rig_expect_refusal(rig_say(&front, MSG_CALL, &submit), 401, "unauthenticated");
}

Test(call, that_is_none_ends_the_front)
{
    for (unsigned i = 0; i < 3; i++) {
        struct msg_submit submit = rig_submit(RUNNER_TOKEN, "echo");
        submit.is_trial = i == 0;
        if (i == 1)
            submit.rerun_of = job_id_new();
        uint32_t request = rig_say(&front, MSG_CALL, &submit);
        if (i == 2) {
            rig_expect(request, MSG_SUBMITTED);
            cr_assert_eq(channel_send(&front, MSG_CALL, request, &submit, NULL, 0, &err), 0);
        }
        cr_expect(rig_is_dropped(&front), "%u", i);
        rig_pair(PROCESS_FRONT, &front);
    }
}

Test(call, whose_caller_leaves_ends_its_job_where_the_route_says_so)
{
    struct job_id id;
    int write_fds[2];
    leave(call_running("loud", &id, write_fds));
    cr_assert(rig_wait(&launcher, MSG_STOP));
    cr_expect(job_id_equal(&got.body.stop.job_id, &id));
    rig_end(&id, write_fds, JOB_REASON_CANCELLED, 0);
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.state, JOB_CANCELLED);
    cr_expect_str_eq(report.stopped_by, "runner");

    leave(call_running("echo", &id, write_fds));
    rig_run(50);
    cr_expect_eq(rig_report(&id).state, JOB_RUNNING);
    rig_end(&id, write_fds, JOB_REASON_EXITED, 0);
}

Test(call, whose_caller_leaves_before_its_job_is_stored_ends_it_too)
{
    uint32_t request = call("loud");
    leave(request); /* both in one turn */
    rig_expect(request, MSG_SUBMITTED);
    struct job_id id = got.body.submitted.job_id;
    rig_run(50);
    cr_expect_eq(rig_report(&id).state == JOB_CANCELLED || rig_report(&id).state == JOB_STOPPING, true);
}

Test(call, whose_caller_leaves_while_its_input_is_stored_makes_no_job_that_would_end)
{
    leave(call_with_input("loud"));
    rig_run(50);
    while (!LIST_EMPTY(&keeper->intakes))
        rig_turn();
    cr_expect_eq(count_jobs(), 0);
    uint32_t request = call_with_input("echo");
    leave(request);
    rig_expect(request, MSG_SUBMITTED);
    cr_expect_eq(count_jobs(), 1);
    cr_expect_eq(keeper->watches.count, 0, "nobody waits for it");
}

Test(call, ends_with_the_front)
{
    struct job_id loud, echo;
    int loud_fds[2], echo_fds[2];
    call_running("loud", &loud, loud_fds);
    call_running("echo", &echo, echo_fds);
    channel_done(&front);
    cr_assert(rig_wait(&launcher, MSG_STOP));
    cr_expect(job_id_equal(&got.body.stop.job_id, &loud));
    rig_pair(PROCESS_FRONT, &front);
    rig_run(50);
    cr_expect_eq(rig_report(&echo).state, JOB_RUNNING);
}

Test(call, with_the_key_of_one_before_gets_the_same_end)
{
    struct job_id id;
    int write_fds[2];
    struct msg_submit submit = rig_submit(RUNNER_TOKEN, "loud");
    text_copy(submit.idempotency_key, sizeof submit.idempotency_key, "k");
    uint32_t first = rig_say(&front, MSG_CALL, &submit);
    rig_expect(first, MSG_SUBMITTED);
    id = got.body.submitted.job_id;
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    rig_launched(&id, write_fds);
    uint32_t second = rig_say(&front, MSG_CALL, &submit), third = rig_say(&front, MSG_CALL, &submit);
    rig_expect(second, MSG_SUBMITTED);
    cr_expect(got.body.submitted.was_replayed);
    leave(third); /* it made nothing, so it ends nothing */
    rig_run(50);
    cr_expect_eq(rig_report(&id).state, JOB_RUNNING);
    cr_assert_eq(write(write_fds[0], "x", 1), 1);
    rig_end(&id, write_fds, JOB_REASON_EXITED, 0);
    unsigned outputs = 0;
    while (outputs < 2 && rig_next(&front, 3000))
        outputs += got.type == MSG_OUTPUT && (got.request_id == first || got.request_id == second);
    cr_expect_eq(outputs, 2);
    uint32_t late = rig_say(&front, MSG_CALL, &submit);
    rig_expect(late, MSG_SUBMITTED);
    cr_expect(got.body.submitted.was_replayed);
    expect_output(late, &id, JOB_SUCCEEDED, "x");
}

Test(call, hears_that_its_right_was_withdrawn)
{
    struct job_id id;
    int write_fds[2];
    uint32_t request = call_running("echo", &id, write_fds);
    for (uint32_t i = 0; i < keeper->rules.caller_count; i++)
        if (strcmp(keeper->rules.callers[i].name, "runner") == 0)
            keeper->rules.callers[i].scopes[0].kind = SCOPE_READ_OWN;
    watches_check(keeper);
    rig_expect_refusal(request, 403, "forbidden");
    cr_expect_eq(rig_report(&id).state, JOB_RUNNING);
}

Test(call, is_told_when_the_disk_took_nothing)
{
    rig_disk_is_full();
    uint32_t request = call("loud");
    rig_expect_refusal(request, 503, "store-full");
    cr_expect_eq(keeper->watches.count, 0);
    rig_disk_has_room();
}
