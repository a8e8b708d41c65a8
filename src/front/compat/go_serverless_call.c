/*
 * A call of a go-serverless function, from its request to the last byte of its answer: who calls and where that leads is the
 * keeper's to say; the body becomes the file `request` of a job; and when that has ended, the file that it left is the answer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "sallyport/base/artifact_frames.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/file_bundle.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/json/predecessors.h"
#include "sallyport/output/output_log.h"
#include "sallyport/proto/channel.h"
#include "sallyport/proto/entries.h"

#include "../artifacts.h"
#include "../body.h"
#include "../flow.h"
#include "../front.h"
#include "../guard.h"
#include "../json_in.h"
#include "../problem.h"
#include "../request.h"
#include "../submit_headers.h"
#include "compat.h"
#include "go_serverless.h"

#define RESPONSE_NAME_BYTES (UUID_BYTES + sizeof CONTEXT_RESPONSE)
#define NO_ROUTE            "there is no such route"

struct serverless_call {
    struct flow flow; /* first: of the answer */
    struct submission submission;
    struct bundle files;
    struct event *step; /* while the body is taken over */
    bool has_ended;
    uint8_t state, reason; /* enum job_state, enum job_reason */
    uint32_t exit_code;
    char message[ERROR_TEXT_MAX_BYTES];
    struct output_log response; /* both of -1 until it came */
    uint64_t sent;
};

static void on_route(struct request *request, struct message *message); /* where the path leads, */
static void on_step(evutil_socket_t fd, short what, void *arg);         /* what the body says, */
static void submit(struct request *request);
static void on_call(struct request *request, struct message *message); /* that there is a job, and how it ended */

static void call_free(void *state)
{
    struct serverless_call *call = state;
    if (call->step != NULL)
        event_free(call->step);
    explicit_bzero(call->submission.params, sizeof call->submission.params); /* variables may be secrets */
    submission_done(&call->submission);
    output_log_done(&call->response);
    free(call);
}

/* The slash behind /r is a part of it. One that is too long for a path leaves nothing in `rest`, as /r/ does. */
static bool take_path(const struct request *request, char path[FUNCTION_PATH_BYTES])
{
    const char *target = evhttp_request_get_uri(request->http);
    size_t size = strcspn(target, "?");
    if (request->path.rest[0] == '\0' && (size < 3 || memcmp(target + size - 3, "/r/", 3) != 0))
        return false;
    return snprintf(path, FUNCTION_PATH_BYTES, "/%s", request->path.rest) < FUNCTION_PATH_BYTES;
}

void go_serverless_call(struct request *request)
{
    struct msg_list_functions list = { .wish = FUNCTIONS_ROUTE_AT };
    struct serverless_call *call = calloc(1, sizeof *call);
    if (call == NULL) {
        request_abort(request);
        return;
    }
    call->submission.stdin_fd = call->submission.files_fd = -1;
    output_log_init(&call->response, -1, -1);
    request->state = call;
    request->free_state = call_free;
    if (take_path(request, list.path))
        ask_list_functions(request, &list, on_route);
    else
        compat_refuse(request, "not-found", NO_ROUTE); /* when it is known who asks */
}

static void refuse_internal(struct request *request, const struct error *err, const char *what)
{
    log_error("request=%s %s: %s; it is refused", request->id, what, err->text);
    compat_refuse(request, "internal", "the service failed; its log says more");
}

/* The function's variables are its parameters, and what its client called it stays with the job. */
static bool fill_submission(struct submission *submission, const struct msg_function *function)
{
    struct writer labels = { submission->labels, sizeof submission->labels };
    if (function->variables.size > sizeof submission->params ||
        !entries_add_text(&labels, ENTRY_LABEL, LABEL_CALLED, function->image, "") ||
        !entries_add_text(&labels, ENTRY_LABEL, LABEL_PREDECESSOR, "go-serverless", ""))
        return false;
    if (function->variables.size > 0)
        memcpy(submission->params, function->variables.data, function->variables.size);
    submission->submit.params = (struct span){ submission->params, function->variables.size };
    submission->submit.labels =
        (struct span){ submission->labels, (uint32_t)(sizeof submission->labels - labels.left) };
    text_copy(submission->submit.command, sizeof submission->submit.command, function->command);
    return true;
}

static void on_route(struct request *request, struct message *message)
{
    struct serverless_call *call = request->state;
    struct error err = { 0 };
    size_t size = evbuffer_get_length(evhttp_request_get_input_buffer(request->http));
    if (message->type != MSG_FUNCTION || !fill_submission(&call->submission, &message->body.function)) {
        fail_plain(&err, EBADMSG, "no function came");
        refuse_internal(request, &err, "has no function");
        return;
    }
    if (request->front->is_stopping) {
        compat_refuse(request, "draining", "the service is stopping and takes no new jobs");
        return;
    }
    call->files = (struct bundle){ .count = 1, .files = { { .name = CONTEXT_PARAM, .bytes = size } } };
    call->step = evtimer_new(request->front->base, on_step, request);
    if (call->step == NULL)
        request_abort(request);
    else if (memfd_open("files", false, &call->submission.files_fd, &err) < 0 ||
             (lseek(call->submission.files_fd, BUNDLE_HEAD_BYTES, SEEK_SET) < 0 &&
              fail(&err, errno, "leave room for the head") < 0))
        refuse_internal(request, &err, "has no file");
    else
        on_step(-1, 0, request);
}

static int close_bundle(const struct serverless_call *call, struct error *err)
{
    uint8_t head[BUNDLE_HEAD_BYTES];
    bundle_encode_head(&call->files, head);
    if (pwrite(call->submission.files_fd, head, sizeof head, 0) != (ssize_t)sizeof head)
        return fail(err, errno, "write the head of files");
    return memfd_seal(call->submission.files_fd, err);
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval at_once = { 0, 0 };
    struct request *request = arg;
    const struct serverless_call *call = request->state;
    struct error err = { 0 };
    (void)fd;
    (void)what;
    int done = body_pour(request, call->submission.files_fd, &err);
    if (done == 0 && evbuffer_get_length(evhttp_request_get_input_buffer(request->http)) > 0) {
        if (evtimer_add(call->step, &at_once) < 0)
            request_abort(request);
        return;
    }
    if (done == 0)
        done = close_bundle(call, &err);
    if (done < 0) {
        refuse_internal(request, &err, "has a body that could not be kept");
        return;
    }
    guard_forget_body(request->guard);
    submit(request);
}

static void submit(struct request *request)
{
    struct serverless_call *call = request->state;
    struct submission *submission = &call->submission;
    if (submit_take_key(request, &submission->submit))
        ask_call(request, &submission->submit, -1, submission->files_fd, on_call);
}

/* --- the answer ------------------------------------------------------------------------------------------------- */

static int fill(struct request *request, struct evbuffer *chunk, size_t room)
{
    struct serverless_call *call = request->state;
    struct evbuffer_iovec piece;
    uint64_t left = call->response.bytes - call->sent;
    size_t size = left < room ? (size_t)left : room;
    if (size == 0)
        return 0;
    if (evbuffer_reserve_space(chunk, (ev_ssize_t)size, &piece, 1) != 1)
        return -ENOMEM;
    int done = output_log_read(&call->response, call->sent, piece.iov_base, size);
    if (done < 0)
        return done;
    piece.iov_len = size;
    evbuffer_commit_space(chunk, &piece, 1);
    call->sent += size;
    return 0;
}

static bool is_finished(const struct request *request)
{
    const struct serverless_call *call = request->state;
    return call->sent == call->response.bytes;
}

static const struct flow_kind response_flow = { .fill = fill, .is_finished = is_finished };

static void send_response(struct request *request, unsigned status)
{
    struct serverless_call *call = request->state;
    call->flow.kind = &response_flow;
    request_add_header_number(request, "Content-Length", call->response.bytes);
    flow_start(request, status, SERVERLESS_JSON);
    flow_pump(request);
}

/* Whether it is as it was before the function ran. */
static bool is_untouched(const struct output_log *response)
{
    char text[2];
    return response->bytes == sizeof text && output_log_read(response, 0, text, sizeof text) == 0 &&
           memcmp(text, "{}", sizeof text) == 0;
}

/* It did not end by itself. Who cancelled it, and paths of the host, are not for whoever may only call. */
static void refuse_ended(struct request *request)
{
    const struct serverless_call *call = request->state;
    bool is_told = call->message[0] != '\0' && call->state != JOB_CANCELLED;
    const char *said = is_told ? call->message : job_reason_text(call->reason);
    if (call->state == JOB_TIMED_OUT)
        compat_refuse(request, "function-timeout", "the function took too long: %.300s", said);
    else if (call->state == JOB_REJECTED)
        compat_refuse(request, "function-rejected", "the function did not run: %.300s", said);
    else if (call->state == JOB_LAUNCH_FAILED)
        compat_refuse(request, "internal", "the function could not be started; its job says why");
    else
        compat_refuse(request, "internal", "the function did not end by itself: %.300s", said);
}

/* `why`: enum artifact_why, of what is there and was not taken. */
static void answer_missing(struct request *request, uint8_t why)
{
    const struct serverless_call *call = request->state;
    if (call->exit_code != 0)
        compat_refuse(request, "internal", "the function ended with exit code %u, and there is no response",
                      call->exit_code);
    else if (why != ARTIFACT_WHY_NONE)
        compat_refuse(request, "function-failed", "the function's response is no file that is read: %s",
                      artifact_why_text(why));
    else
        compat_refuse(request, "internal", "the function's response file is gone");
}

static void answer(struct request *request, struct message *message)
{
    struct serverless_call *call = request->state;
    struct error err = { 0 };
    char name[RESPONSE_NAME_BYTES], id[UUID_BYTES];
    uint8_t why;
    snprintf(name, sizeof name, "%s/" CONTEXT_RESPONSE, serverless_uuid(&request->path.job_id, id));
    int found = artifact_find(message, name, &call->response, &why, &err);
    bool has_failed = call->exit_code != 0;
    if (call->reason != JOB_REASON_EXITED)
        refuse_ended(request);
    else if (found < 0)
        refuse_internal(request, &err, "has a response that cannot be read");
    else if (found == 0)
        answer_missing(request, why);
    else if (has_failed && is_untouched(&call->response))
        compat_refuse(request, "internal", "the function ended with exit code %u, and wrote no response",
                      call->exit_code);
    else
        send_response(request, has_failed ? 500 : 200);
}

static void take_job(struct serverless_call *call, const struct msg_job *job)
{
    if (!job_has_ended(job->state))
        return;
    call->has_ended = true;
    call->state = job->state;
    call->reason = job->reason;
    call->exit_code = job->exit_code;
    text_copy(call->message, sizeof call->message, job->message);
}

static void on_call(struct request *request, struct message *message)
{
    struct serverless_call *call = request->state;
    if (message == NULL) {
        refuse_keeper_down(request,
                           "the keeper went away while the function ran; its job goes on, or is told to be lost");
    } else if (message->type == MSG_REFUSED) {
        struct problem problem;
        problem_from_refusal(&problem, &message->body.refused);
        request_problem(request, &problem);
    } else if (message->type == MSG_SUBMITTED) {
        submit_tell_job(request, &message->body.submitted);
        fd_close(&call->submission.files_fd);
    } else if (message->type == MSG_JOB) {
        take_job(call, &message->body.job);
    } else if (call->has_ended) {
        ask_forget(&request->asks[ASK_MAIN]);
        if (message->type == MSG_ARTIFACTS)
            answer(request, message);
        else
            compat_refuse(request, "internal", "the command became another while the function ran");
    }
}
