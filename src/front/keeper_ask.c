#include "keeper_ask.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/channel.h"

#include "descriptors.h"
#include "dialect.h"
#include "front.h"
#include "problem.h"
#include "request.h"

#define ANSWER_MAX_MS 10000 /* the keeper's slowest answer is a group commit */
#define LOGIN_MAX_MS  60000 /* but for a password that waits for others */

/* Of an answer; what else the keeper says is none. */
#define BIT(type) (1ull << ((type)-MSG_STATUS))
static_assert(MSG_COUNT - MSG_STATUS <= 64, "ask.expects has a bit for each answer");

void refuse_keeper_down(struct request *request, const char *detail)
{
    struct problem problem;
    problem_init(&problem, "keeper-down", "%s", detail);
    problem.retry_after_s = 1;
    request_problem(request, &problem);
}

static void on_no_answer(struct request *request)
{
    if (request->hears_all) {
        ask_answered answered =
            request->asks[ASK_MAIN].number != 0 ? request->asks[ASK_MAIN].answered : request->asks[ASK_OUTPUT].answered;
        answered(request, NULL);
        return;
    }
    refuse_keeper_down(request, "The keeper did not answer in time. The same request may be sent again; with an "
                                "Idempotency-Key it cannot start a second job.");
}

static struct ask **bucket_of(struct asks *asks, uint32_t number)
{
    return &asks->buckets[number % ASK_BUCKETS];
}

struct ask *asks_find(struct asks *asks, uint32_t number)
{
    for (struct ask *ask = *bucket_of(asks, number); ask != NULL; ask = ask->next)
        if (ask->number == number)
            return ask;
    return NULL;
}

bool ask_expects(const struct ask *ask, enum msg_type type)
{
    return (ask->expects & BIT(type)) != 0;
}

static uint32_t asks_new_number(struct asks *asks)
{
    do
        asks->last_number++;
    while (asks->last_number == 0 || asks_find(asks, asks->last_number) != NULL);
    return asks->last_number;
}

struct question {
    enum msg_type type;
    const void *body;
    int extra_fd; /* besides the evidence's; -1 for none */
    bool is_watch;
    uint64_t expects;
    ask_answered answered;
};

/* A delivery proves itself, by its body. */
static bool shows_nothing(enum msg_type type)
{
    return type == MSG_HOOK || type == MSG_HOOK_RUN;
}

/* files_fd: one more descriptor behind the others; or -1. */
static bool put_with_files(struct request *request, struct ask *ask, const struct question *question, int files_fd)
{
    struct front *front = request->front;
    int fds[3];
    unsigned fd_count = 0;
    if (request->evidence.kind == EVIDENCE_PEER && !shows_nothing(question->type))
        fds[fd_count++] = request->peer_fd;
    if (question->extra_fd >= 0)
        fds[fd_count++] = question->extra_fd;
    if (files_fd >= 0)
        fds[fd_count++] = files_fd;

    ask_forget(ask);
    uint32_t number = asks_new_number(&front->asks);
    struct error err = { 0 };
    int done = channel_send(&front->keeper, question->type, number, question->body, fds, fd_count, &err);
    if (done < 0) {
        if (done != -EPIPE)
            log_warn("request=%s could not be put to the keeper: %s", request->id, err.text);
        if (request->has_started || request->hears_all)
            question->answered(request, NULL);
        else
            refuse_keeper_down(request, "The keeper is not there at the moment. Try again.");
        return false;
    }
    ask->number = number;
    ask->answered = question->answered;
    ask->expects = question->expects | BIT(MSG_REFUSED);
    ask->is_watch = question->is_watch;
    ask->next = *bucket_of(&front->asks, number);
    *bucket_of(&front->asks, number) = ask;
    front->asks.count++;
    if (!request->has_started)
        request_set_timer(request, ANSWER_MAX_MS, on_no_answer);
    return true;
}

static bool put(struct request *request, struct ask *ask, const struct question *question)
{
    return put_with_files(request, ask, question, -1);
}

void ask_expect_more(struct request *request)
{
    request_set_timer(request, ANSWER_MAX_MS, on_no_answer);
}

void ask_forget(struct ask *ask)
{
    if (ask->number == 0)
        return;
    struct front *front = ask->request->front;
    struct ask **link = bucket_of(&front->asks, ask->number);
    while (*link != ask)
        link = &(*link)->next;
    *link = ask->next;
    front->asks.count--;
    if (ask->is_watch && front->keeper.fd >= 0) {
        struct error err = { 0 };
        if (channel_send(&front->keeper, MSG_UNWATCH, ask->number, &(struct msg_empty){ 0 }, NULL, 0, &err) < 0)
            log_warn("a watch could not be taken back: %s; its news will be ignored", err.text);
    }
    ask_fds_came(ask);
    ask->number = 0;
}

void ask_fds_came(struct ask *ask)
{
    ask->request->front->asks.fds_awaited -= ask->fds_awaited;
    ask->fds_awaited = 0;
}

static void ask_await_fds(struct ask *ask, unsigned count)
{
    ask->fds_awaited = count;
    ask->request->front->asks.fds_awaited += count;
}

bool ask_whoami(struct request *request, ask_answered answered)
{
    struct msg_whoami whoami = { .evidence = request->evidence };
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_WHOAMI, &whoami, -1, false, BIT(MSG_IDENTITY), answered });
}

bool ask_list_commands(struct request *request, ask_answered answered)
{
    struct msg_list_commands list = { .evidence = request->evidence };
    memcpy(list.command, request->path.name, sizeof list.command);
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_LIST_COMMANDS, &list, -1, false, BIT(MSG_COMMANDS), answered });
}

bool ask_submit(struct request *request, struct msg_submit *submit, int stdin_fd, int files_fd, ask_answered answered)
{
    submit->evidence = request->evidence;
    submit->has_stdin = stdin_fd >= 0;
    submit->has_files = files_fd >= 0;
    uint64_t expects = submit->is_trial ? BIT(MSG_VERDICT) : BIT(MSG_SUBMITTED);
    return put_with_files(request, &request->asks[ASK_MAIN],
                          &(struct question){ MSG_SUBMIT, submit, stdin_fd, false, expects, answered }, files_fd);
}

/* Like a refusal of the keeper's. */
static bool refuse_no_room(struct request *request, ask_answered answered)
{
    struct problem problem;
    if (request->has_started || request->hears_all) {
        answered(request, NULL);
        return false;
    }
    problem_init(&problem, "rate-limited", "As many streams are open as there may be. Try again later.");
    problem.retry_after_s = 5;
    request_refuse(request, &problem);
    return false;
}

bool ask_call(struct request *request, struct msg_submit *submit, int stdin_fd, int files_fd, ask_answered answered)
{
    submit->evidence = request->evidence;
    submit->has_stdin = stdin_fd >= 0;
    submit->has_files = files_fd >= 0;
    uint64_t expects = BIT(MSG_SUBMITTED) | BIT(MSG_JOB) | BIT(MSG_OUTPUT) | BIT(MSG_ARTIFACTS);
    if (!descriptors_allow_stream(request->front))
        return refuse_no_room(request, answered);
    if (!put_with_files(request, &request->asks[ASK_MAIN],
                        &(struct question){ MSG_CALL, submit, stdin_fd, true, expects, answered }, files_fd))
        return false;
    ask_await_fds(&request->asks[ASK_MAIN], 2);
    return true;
}

bool ask_pause(struct request *request, struct msg_pause *pause, ask_answered answered)
{
    pause->evidence = request->evidence;
    memcpy(pause->command, request->path.name, sizeof pause->command);
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_PAUSE, pause, -1, false, BIT(MSG_COMMANDS), answered });
}

bool ask_read_job(struct request *request, bool watch, ask_answered answered)
{
    struct msg_read_job read = { .evidence = request->evidence, .job_id = request->path.job_id, .watch = watch };
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_READ_JOB, &read, -1, watch, BIT(MSG_JOB), answered });
}

bool ask_read_output(struct request *request, bool watch, ask_answered answered)
{
    struct msg_read_job read = { .evidence = request->evidence, .job_id = request->path.job_id, .watch = watch };
    uint64_t expects = BIT(MSG_OUTPUT) | BIT(MSG_GROWN) | BIT(MSG_JOB);
    if (!descriptors_allow_stream(request->front))
        return refuse_no_room(request, answered);
    if (!put(request, &request->asks[ASK_OUTPUT],
             &(struct question){ MSG_READ_OUTPUT, &read, -1, watch, expects, answered }))
        return false;
    ask_await_fds(&request->asks[ASK_OUTPUT], 2);
    return true;
}

bool ask_read_artifacts(struct request *request, ask_answered answered)
{
    struct msg_read_job read = { .evidence = request->evidence, .job_id = request->path.job_id };
    if (!descriptors_allow_stream(request->front))
        return refuse_no_room(request, answered);
    if (!put(request, &request->asks[ASK_MAIN],
             &(struct question){ MSG_READ_ARTIFACTS, &read, -1, false, BIT(MSG_ARTIFACTS), answered }))
        return false;
    ask_await_fds(&request->asks[ASK_MAIN], 2);
    return true;
}

bool ask_list_jobs(struct request *request, struct msg_list_jobs *list, ask_answered answered)
{
    list->evidence = request->evidence;
    uint64_t expects = BIT(MSG_JOB) | BIT(MSG_JOBS_END);
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_LIST_JOBS, list, -1, false, expects, answered });
}

bool ask_list_schedules(struct request *request, ask_answered answered)
{
    struct msg_whoami list = { .evidence = request->evidence };
    uint64_t expects = BIT(MSG_SCHEDULE) | BIT(MSG_JOBS_END);
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_LIST_SCHEDULES, &list, -1, false, expects, answered });
}

bool ask_list_callers(struct request *request, uint32_t from, ask_answered answered)
{
    struct msg_list_callers list = { .evidence = request->evidence, .from = from };
    uint64_t expects = BIT(MSG_CALLER) | BIT(MSG_JOBS_END);
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_LIST_CALLERS, &list, -1, false, expects, answered });
}

bool ask_list_callbacks(struct request *request, struct msg_list_callbacks *list, ask_answered answered)
{
    list->evidence = request->evidence;
    uint64_t expects = BIT(MSG_CALLBACK) | BIT(MSG_ATTEMPT) | BIT(MSG_JOBS_END);
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_LIST_CALLBACKS, list, -1, false, expects, answered });
}

bool ask_redeliver(struct request *request, ask_answered answered)
{
    struct msg_redeliver again = { .evidence = request->evidence, .delivery_id = request->path.job_id };
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_REDELIVER, &again, -1, false, BIT(MSG_CALLBACK), answered });
}

bool ask_hook(struct request *request, struct msg_hook *hook, int body_fd, ask_answered answered)
{
    text_copy(hook->evidence.address, sizeof hook->evidence.address, request->evidence.address);
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_HOOK, hook, body_fd, false, BIT(MSG_HOOK_ANSWER), answered });
}

bool ask_hook_run(struct request *request, struct msg_hook_run *run, ask_answered answered)
{
    text_copy(run->evidence.address, sizeof run->evidence.address, request->evidence.address);
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_HOOK_RUN, run, -1, false, BIT(MSG_HOOK_ANSWER), answered });
}

bool ask_list_hooks(struct request *request, ask_answered answered)
{
    struct msg_whoami list = { .evidence = request->evidence };
    uint64_t expects = BIT(MSG_HOOK_INFO) | BIT(MSG_JOBS_END);
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_LIST_HOOKS, &list, -1, false, expects, answered });
}

bool ask_list_hook_deliveries(struct request *request, struct msg_list_hook_deliveries *list, ask_answered answered)
{
    list->evidence = request->evidence;
    uint64_t expects = BIT(MSG_HOOK_DELIVERY) | BIT(MSG_JOBS_END);
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_LIST_HOOK_DELIVERIES, list, -1, false, expects, answered });
}

bool ask_hook_redeliver(struct request *request, struct msg_hook_redeliver *again, ask_answered answered)
{
    again->evidence = request->evidence;
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_HOOK_REDELIVER, again, -1, false, BIT(MSG_SUBMITTED), answered });
}

bool ask_list_functions(struct request *request, struct msg_list_functions *list, ask_answered answered)
{
    list->evidence = request->evidence;
    uint64_t expects = BIT(MSG_FUNCTION) | BIT(MSG_JOBS_END);
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_LIST_FUNCTIONS, list, -1, false, expects, answered });
}

bool ask_change_functions(struct request *request, struct msg_change_functions *change, ask_answered answered)
{
    change->evidence = request->evidence;
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_CHANGE_FUNCTIONS, change, -1, false, BIT(MSG_FUNCTION), answered });
}

bool ask_list_steps(struct request *request, ask_answered answered)
{
    struct msg_read_job read = { .evidence = request->evidence, .job_id = request->path.job_id };
    uint64_t expects = BIT(MSG_STEP) | BIT(MSG_JOBS_END);
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_LIST_STEPS, &read, -1, false, expects, answered });
}

bool ask_cancel(struct request *request, struct msg_cancel *cancel, ask_answered answered)
{
    cancel->evidence = request->evidence;
    cancel->job_id = request->path.job_id;
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_CANCEL, cancel, -1, false, BIT(MSG_CANCELLED), answered });
}

bool ask_stdin(struct request *request, struct msg_stdin *chunk, int bytes_fd, ask_answered answered)
{
    chunk->evidence = request->evidence;
    chunk->job_id = request->path.job_id;
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_STDIN, chunk, bytes_fd, false, BIT(MSG_STDIN_TAKEN), answered });
}

bool ask_signal(struct request *request, struct msg_signal *signal, ask_answered answered)
{
    signal->evidence = request->evidence;
    signal->job_id = request->path.job_id;
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_SIGNAL, signal, -1, false, BIT(MSG_SIGNALLED), answered });
}

bool ask_read_metrics(struct request *request, ask_answered answered)
{
    struct msg_read_metrics read = { .evidence = request->evidence, .is_open = request->dialect->is_open };
    if (!descriptors_allow_stream(request->front))
        return refuse_no_room(request, answered);
    if (!put(request, &request->asks[ASK_MAIN],
             &(struct question){ MSG_READ_METRICS, &read, -1, false, BIT(MSG_METRICS), answered }))
        return false;
    ask_await_fds(&request->asks[ASK_MAIN], 1);
    return true;
}

/* A feed that asks again has its place already. */
bool ask_follow(struct request *request, struct msg_follow *follow, ask_answered answered)
{
    follow->evidence = request->evidence;
    if (!request->has_started && !descriptors_allow_stream(request->front))
        return refuse_no_room(request, answered);
    uint64_t expects = BIT(MSG_FEED) | BIT(MSG_CHANGE);
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_FOLLOW, follow, -1, true, expects, answered });
}

bool ask_reload(struct request *request, ask_answered answered)
{
    struct msg_whoami reload = { .evidence = request->evidence };
    if (!put(request, &request->asks[ASK_MAIN],
             &(struct question){ MSG_RELOAD, &reload, -1, false, BIT(MSG_RELOAD_TAKEN), answered }))
        return false;
    request_set_timer(request, RELOAD_WAIT_MS + ANSWER_MAX_MS, on_no_answer); /* the keeper itself waits so long */
    return true;
}

bool ask_drain(struct request *request, struct msg_drain *drain, ask_answered answered)
{
    drain->evidence = request->evidence;
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_DRAIN, drain, -1, false, BIT(MSG_DRAIN_STATE), answered });
}

bool ask_read_drain(struct request *request, ask_answered answered)
{
    struct msg_whoami read = { .evidence = request->evidence };
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_READ_DRAIN, &read, -1, false, BIT(MSG_DRAIN_STATE), answered });
}

bool ask_login(struct request *request, struct msg_login *login, ask_answered answered)
{
    text_copy(login->evidence.address, sizeof login->evidence.address, request->evidence.address);
    request->evidence = login->evidence; /* what else it showed is not asked about */
    request->peer_fd = -1;
    if (!put(request, &request->asks[ASK_MAIN],
             &(struct question){ MSG_LOGIN, login, -1, false, BIT(MSG_SESSION), answered }))
        return false;
    request_set_timer(request, LOGIN_MAX_MS, on_no_answer);
    return true;
}

bool ask_read_session(struct request *request, ask_answered answered)
{
    struct msg_whoami read = { .evidence = request->evidence };
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_READ_SESSION, &read, -1, false, BIT(MSG_SESSION), answered });
}

bool ask_logout(struct request *request, ask_answered answered)
{
    struct msg_whoami logout = { .evidence = request->evidence };
    return put(request, &request->asks[ASK_MAIN],
               &(struct question){ MSG_LOGOUT, &logout, -1, false, BIT(MSG_LOGGED_OUT), answered });
}
