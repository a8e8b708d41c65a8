/*
 * ANY /r/{path}: a command as a function. route_function asks what the caller may run, for a function that is not theirs is
 * not there; begin reads query and body; on_call hears that there is a job, then how it ended, then its output, and
 * function_answer() says so in the function's own words. Nothing is sent before that.
 */
#include "function.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>
#include <event2/http.h>

#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/proto/channel.h"

#include "browser.h"
#include "front.h"
#include "handlers.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"
#include "routes.h"
#include "submit_headers.h"

static void on_rights(struct request *request, const struct msg_commands *commands); /* what may be run here */
static void begin(struct request *request);
static void submit(struct request *request);
static void on_call(struct request *request, struct message *message);

static void call_free(void *state)
{
    struct call *call = state;
    if (call->step != NULL)
        event_free(call->step);
    explicit_bzero(call->submission.params, sizeof call->submission.params); /* parameters may be secrets */
    submission_done(&call->submission);
    json_decref(call->schema);
    output_log_done(&call->log);
    free(call->text);
    free(call);
}

static void refuse(struct request *request, const char *code, const char *detail)
{
    struct problem problem;
    problem_init(&problem, code, "%s", detail);
    request_refuse(request, &problem);
}

void route_function(struct request *request)
{
    if (!browser_admits_deed(request)) /* a GET that runs a command is none that any page may make */
        return;
    struct call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        request_abort(request);
        return;
    }
    call->submission.stdin_fd = call->submission.files_fd = -1;
    call->params = (struct writer){ call->submission.params, sizeof call->submission.params };
    output_log_init(&call->log, -1, -1);
    request->state = call;
    request->free_state = call_free;
    rights_ask(request, on_rights);
}

/* The one that is asked for, of those that the caller may run; and the methods of all of these. */
static const struct public_function *find(const struct request *request, const struct msg_commands *commands,
                                          uint32_t *ret_methods)
{
    const struct public_settings *settings = &request->front->settings;
    const struct public_function *found = NULL;
    uint32_t method = function_method(evhttp_request_get_command(request->http));
    *ret_methods = 0;
    for (uint32_t i = 0; i < settings->function_count; i++) {
        const struct public_function *function = &settings->functions[i];
        if (strcmp(function->path, request->path.rest) != 0 ||
            !rights_may_run(commands, public_settings_find(settings, function->command)))
            continue;
        *ret_methods |= function->methods;
        if ((function->methods & method) != 0)
            found = function;
    }
    return found;
}

static void refuse_method(struct request *request, uint32_t methods)
{
    char allow[64] = "";
    size_t used = 0;
    for (unsigned i = 0; function_method_name(i) != NULL; i++)
        if ((methods & 1u << i) != 0)
            used += (size_t)snprintf(allow + used, sizeof allow - used, "%s%s%s", used > 0 ? ", " : "",
                                     function_method_name(i), 1u << i == ROUTE_GET ? ", HEAD" : "");
    request_add_header(request, "Allow", allow);
    struct problem problem;
    problem_init(&problem, "method-not-allowed", "This function takes %s.", allow);
    request_refuse(request, &problem);
}

static void on_rights(struct request *request, const struct msg_commands *commands)
{
    struct call *call = request->state;
    const struct public_settings *settings = &request->front->settings;
    uint32_t methods;
    const struct public_function *function = find(request, commands, &methods);
    if (function == NULL && methods == 0 && routes_go_on(request))
        return;
    if (function == NULL && methods == 0) {
        refuse(request, "not-found", "There is nothing at this path, or it is not yours to see.");
    } else if (function == NULL) {
        refuse_method(request, methods);
    } else {
        const json_t *json = settings->commands[public_settings_find(settings, function->command)].json;
        call->function = *function;
        call->schema = json_incref(json_object_get(json, "params_schema"));
        begin(request);
    }
}

/* False: refused, and gone. */
static bool take_query(struct request *request)
{
    struct call *call = request->state;
    const char *query = strchr(evhttp_request_get_uri(request->http), '?');
    struct problem problem;
    if (function_add_query(call, query != NULL ? query + 1 : NULL, &problem) == 0)
        return true;
    request_refuse(request, &problem);
    return false;
}

static void begin(struct request *request)
{
    struct call *call = request->state;
    if (request->front->is_stopping) {
        struct problem problem;
        problem_init(&problem, "draining", "The service is stopping and takes no new jobs.");
        problem.retry_after_s = 5;
        request_refuse(request, &problem);
    } else if (submit_take_key(request, &call->submission.submit) && take_query(request)) {
        function_take_body(request, submit);
    }
}

static void submit(struct request *request)
{
    struct call *call = request->state;
    struct submission *submission = &call->submission;
    submission->submit.params =
        (struct span){ submission->params, (uint32_t)(sizeof submission->params - call->params.left) };
    memcpy(submission->submit.command, call->function.command, sizeof submission->submit.command);
    ask_call(request, &submission->submit, submission->stdin_fd, -1, on_call);
}

/* --- what becomes of it ----------------------------------------------------------------------------------------- */

static void take_submitted(struct request *request, const struct msg_submitted *submitted)
{
    struct call *call = request->state;
    submit_tell_job(request, submitted);
    fd_close(&call->submission.stdin_fd);
    explicit_bzero(call->submission.params, sizeof call->submission.params);
}

static void take_job(struct call *call, const struct msg_job *job)
{
    if (!job_has_ended(job->state))
        return;
    uint64_t from_ms = job->started_unix_ms != 0 ? job->started_unix_ms : job->finished_unix_ms;
    call->end = (struct call_end){ .state = job->state,
                                   .reason = job->reason,
                                   .exit_code = job->exit_code,
                                   .signal = job->signal,
                                   .duration_ms = job->finished_unix_ms > from_ms ? job->finished_unix_ms - from_ms : 0,
                                   .is_cut = job->output_truncated };
    text_copy(call->end.message, sizeof call->end.message, job->message);
}

/* The keeper is gone, or took its word back. The job may go on, and whoever may read it finds it. */
static void answer_without_end(struct request *request, const struct message *message)
{
    struct problem problem;
    char url[JOB_URL_BYTES];
    request_add_header(request, "Location", job_url(&request->path.job_id, url));
    if (message != NULL) {
        problem_from_refusal(&problem, &message->body.refused);
    } else {
        problem_init(&problem, "keeper-down",
                     "The keeper went away while the function ran. What became of it is not known here; its job goes "
                     "on, or is told to be lost, at %s.",
                     url);
        problem.retry_after_s = 1;
    }
    request_problem(request, &problem);
}

static void on_call(struct request *request, struct message *message)
{
    struct call *call = request->state;
    if (message == NULL || message->type == MSG_REFUSED) {
        answer_without_end(request, message);
    } else if (message->type == MSG_SUBMITTED) {
        take_submitted(request, &message->body.submitted);
    } else if (message->type == MSG_JOB) {
        take_job(call, &message->body.job);
    } else if (message->type == MSG_OUTPUT && call->end.state != 0 && call->log.bytes_fd < 0) {
        const struct msg_output *output = &message->body.output;
        output_log_init(&call->log, fd_take(&message->fds[0]), fd_take(&message->fds[1]));
        output_log_grow(&call->log, output->bytes, output->records, true);
        ask_forget(&request->asks[ASK_MAIN]);
        function_answer(request);
    } else if (call->end.state != 0) { /* a reload made it one that leaves a file */
        ask_forget(&request->asks[ASK_MAIN]);
        refuse(request, "internal", "The command became another while the function ran.");
    }
}
