/* Functions of go-serverless and the routes to them: who may make them, what is refused before it is stored, and who sees them. */
#include "rig.h"

#include "sallyport/base/file_bundle.h"

#define MAKER_TOKEN  "sp_maker"  /* may make functions, and run none */
#define RUNNER_TOKEN "sp_runner" /* may run `hello` */

static void edit(struct rules *rules)
{
    struct command *hello = rig_command(rules->policy, "hello", ACCOUNT_NONE);
    rig_param(hello, CONTEXT_PARAM, PARAM_FILE, true);
    hello->params[0].rule.file_max_bytes = hello->files_max_bytes = 1000;
    rig_param(hello, "GREETING", PARAM_STRING, false);
    hello->params[1].rule.max_length = FUNCTION_VARIABLES_BYTES;
    rig_param(hello, "KEY", PARAM_SECRET, false);
    hello->has_context = true;
    hello->artifacts = calloc(1, sizeof *hello->artifacts);
    hello->artifacts[hello->artifact_count++] = strdup(CONTEXT_ARTIFACTS);
    rules->images = calloc(1, sizeof *rules->images);
    rules->image_count = 1;
    rules->images[0] = (struct setting_called){ .called = "docker.io/acme/hello:1", .command = "hello" };
    rig_caller(rules, "maker", MAKER_TOKEN, 0, "admin:functions read:all");
    rig_caller(rules, "runner", RUNNER_TOKEN, 0, "run:hello");
}

static void setup(void)
{
    rig_edit = edit;
    rig_setup();
    rig_hello(1, 0);
}

TestSuite(serverless, .init = setup, .fini = rig_teardown, .timeout = 60);

static uint32_t change(const char *token, struct msg_change_functions asked)
{
    asked.evidence = rig_token(token);
    return rig_say(&front, MSG_CHANGE_FUNCTIONS, &asked);
}

static uint32_t list(const char *token, struct msg_list_functions asked)
{
    asked.evidence = rig_token(token);
    return rig_say(&front, MSG_LIST_FUNCTIONS, &asked);
}

static struct job_id make(void)
{
    rig_expect(change(MAKER_TOKEN, (struct msg_change_functions){ .deed = FUNCTION_CREATE, .image = "acme/hello:1" }),
               MSG_FUNCTION);
    cr_expect_eq(got.body.function.id.bytes[6] >> 4, 4, "a UUID of version 4");
    cr_expect_eq(got.body.function.id.bytes[8] >> 6, 2);
    return got.body.function.id;
}

static struct job_id make_route(struct job_id function, const char *path)
{
    struct msg_change_functions asked = { .deed = FUNCTION_ROUTE_CREATE, .id = function };
    text_copy(asked.path, sizeof asked.path, path);
    rig_expect(change(MAKER_TOKEN, asked), MSG_FUNCTION);
    return got.body.function.route_id;
}

Test(serverless, is_changed_by_who_may_and_by_nobody_else)
{
    for (unsigned deed = FUNCTION_CREATE; deed < FUNCTION_DEED_COUNT; deed++) {
        struct msg_change_functions asked = { .deed = (uint8_t)deed, .image = "acme/hello:1", .path = "/x" };
        rig_expect_refusal(change(RUNNER_TOKEN, asked), 403, "forbidden");
        rig_expect_refusal(change(CI_TOKEN, asked), 403, "forbidden");
        rig_expect_refusal(change("sp_nobody", asked), 401, "unauthenticated");
    }
    make();
}

Test(serverless, with_a_deed_or_a_wish_that_is_none_ends_the_front)
{
    change(MAKER_TOKEN, (struct msg_change_functions){ 0 });
    cr_expect(rig_is_dropped(&front));
    rig_pair(PROCESS_FRONT, &front);
    list(MAKER_TOKEN, (struct msg_list_functions){ 0 });
    cr_expect(rig_is_dropped(&front));
}

static void expect_refused(const char *image, const char *name, const char *value, const char *why)
{
    uint8_t room[1024];
    struct writer out = { room, sizeof room };
    struct msg_change_functions asked = { .deed = FUNCTION_CREATE };
    text_copy(asked.image, sizeof asked.image, image);
    if (name != NULL)
        entries_add_text(&out, ENTRY_STRING, name, value, "");
    asked.variables = (struct span){ room, (uint32_t)(sizeof room - out.left) };
    rig_expect_refusal(change(MAKER_TOKEN, asked), 400, "bad-request");
    cr_expect_not_null(strstr(got.body.refused.detail, why), "%s", got.body.refused.detail);
}

Test(serverless, is_no_function_that_could_not_be_shown_or_run)
{
    expect_refused("", NULL, NULL, "invalid reference format");
    expect_refused("acme/hello", NULL, NULL, "is not listed here");
    expect_refused("evil.example:5000/acme/hello:1", NULL, NULL, "is not listed here");
    expect_refused("acme/hello:1", "GREETING", "a\nb", "control character");
    expect_refused("acme/hello:1", "A=B", "x", "'='");
    expect_refused("acme/hello:1", "", "x", "empty");
    expect_refused("acme/hello:1", "A\nB", "x", "control character");
    expect_refused("acme/hello:1", "OTHER", "x", "'OTHER' is none");
    expect_refused("acme/hello:1", "KEY", "x", "'KEY' is none");
    expect_refused("acme/hello:1", CONTEXT_PARAM, "x", "is none");
    expect_refused("acme/hello:1", "GREETING", "\377", "control character");
    rig_expect(list(MAKER_TOKEN, (struct msg_list_functions){ .wish = FUNCTIONS_ALL }), MSG_JOBS_END);
}

Test(serverless, is_seen_by_who_may_see_its_command)
{
    struct job_id function = make(), route = make_route(function, "/a");
    struct msg_list_functions at = { .wish = FUNCTIONS_ROUTE_AT, .path = "/a" };
    rig_expect(list(RUNNER_TOKEN, at), MSG_FUNCTION);
    cr_expect_str_eq(got.body.function.command, "hello");
    rig_expect_refusal(list(MAKER_TOKEN, at), 404, "not-found"); /* who may not run it calls nothing */
    rig_expect_refusal(list(CI_TOKEN, at), 404, "not-found");
    struct msg_list_functions one = { .wish = FUNCTIONS_ROUTE, .id = route };
    rig_expect(list(RUNNER_TOKEN, one), MSG_FUNCTION);
    rig_expect(list(MAKER_TOKEN, one), MSG_FUNCTION);
    rig_expect_refusal(list(CI_TOKEN, one), 404, "not-found");
    rig_expect(list(CI_TOKEN, (struct msg_list_functions){ .wish = FUNCTIONS_ALL }), MSG_JOBS_END);
    rig_expect(list(RUNNER_TOKEN, (struct msg_list_functions){ .wish = FUNCTIONS_ALL }), MSG_FUNCTION);
}

Test(serverless, is_deleted_behind_its_routes)
{
    struct job_id function = make(), route = make_route(function, "/a");
    struct msg_change_functions of_function = { .deed = FUNCTION_DELETE, .id = function },
                                of_route = { .deed = FUNCTION_ROUTE_DELETE, .id = route };
    rig_expect_refusal(change(MAKER_TOKEN, of_function), 409, "function-in-use");
    rig_expect(change(MAKER_TOKEN, of_route), MSG_FUNCTION);
    rig_expect_refusal(change(MAKER_TOKEN, of_route), 404, "not-found");
    rig_expect(change(MAKER_TOKEN, of_function), MSG_FUNCTION);
    rig_expect_refusal(change(MAKER_TOKEN, of_function), 404, "not-found");
}

Test(serverless, is_bounded_by_what_a_list_of_all_would_hold)
{
    static uint8_t room[FUNCTION_VARIABLES_BYTES];
    static char greeting[15000];
    struct writer out = { room, sizeof room };
    memset(greeting, 'x', sizeof greeting - 1);
    cr_assert(entries_add_text(&out, ENTRY_STRING, "GREETING", greeting, ""));
    struct msg_change_functions asked = { .deed = FUNCTION_CREATE, .image = "acme/hello:1" };
    asked.variables = (struct span){ room, (uint32_t)(sizeof room - out.left) };
    rig_expect(change(MAKER_TOKEN, asked), MSG_FUNCTION);
    struct msg_change_functions route = { .deed = FUNCTION_ROUTE_CREATE, .id = got.body.function.id };
    unsigned most = FUNCTION_LIST_BYTES / asked.variables.size;
    for (unsigned i = 0; i < most; i++) {
        snprintf(route.path, sizeof route.path, "/%u", i);
        rig_expect(change(MAKER_TOKEN, route), MSG_FUNCTION);
    }
    text_copy(route.path, sizeof route.path, "/more");
    rig_expect_refusal(change(MAKER_TOKEN, route), 503, "store-full");
    for (unsigned i = 1; i < most; i++)
        rig_expect(change(MAKER_TOKEN, asked), MSG_FUNCTION);
    rig_expect_refusal(change(MAKER_TOKEN, asked), 503, "store-full");
    make(); /* without any there is room */
}

Test(serverless, is_called_by_who_may_run_it_and_answers_with_what_it_left)
{
    const struct bundle bundle = { .count = 1, .files = { { .name = CONTEXT_PARAM } } };
    uint8_t head[BUNDLE_HEAD_BYTES];
    int memfd = -1, fds[2];
    bundle_encode_head(&bundle, head);
    cr_assert_eq(memfd_sealed("files", head, sizeof head, false, &memfd, &err), 0);
    struct msg_submit submit = rig_submit(RUNNER_TOKEN, "hello");
    submit.has_files = true;
    cr_assert_eq(channel_send(&front, MSG_CALL, next_request, &submit, &memfd, 1, &err), 0);
    close(memfd);
    uint32_t request = next_request++;
    rig_expect(request, MSG_SUBMITTED);
    struct job_id id = got.body.submitted.job_id;
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    rig_launched(&id, fds);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    rig_expect(request, MSG_JOB);
    rig_expect(request, MSG_ARTIFACTS);
    cr_expect_eq(got.fd_count, 0, "this launcher collected none");
}
