/*
 * POST /v1/commands/{name}/jobs, POST /v1/jobs for sequences, and POST /v1/jobs/{id}/rerun: JSON becomes one typed message; what the keeper accepted is then
 * answered at once (202), at its end (200), or as a stream, as the client prefers. POST /v1/commands/{name}/validate is the
 * same message, and gets a verdict instead of a job. Of a command both take multipart/form-data, too (upload.h).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/channel.h"

#include "body.h"
#include "front.h"
#include "handlers.h"
#include "json_in.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"
#include "stream.h"
#include "submit_headers.h"
#include "upload.h"
#include "wait.h"

static const char *const answer_types[] = { "application/json", "application/x-ndjson", "text/event-stream" };
enum { ANSWER_JSON, ANSWER_NDJSON, ANSWER_SSE };

static void on_submitted(struct request *request, struct message *message)
{
    char url[JOB_URL_BYTES];
    submit_tell_job(request, &message->body.submitted);
    request_add_header(request, "Location", job_url(&request->path.job_id, url));
    request_add_header(request, "Vary", "Prefer, Accept");

    int answer = accept_choose(request_header(request, "Accept"), answer_types, 3);
    if (answer == ANSWER_NDJSON || answer == ANSWER_SSE)
        stream_new_job(request, answer == ANSWER_SSE ? FORMAT_SSE : FORMAT_NDJSON);
    else
        wait_new_job(request);
}

/* Text of the JSON document becomes what a part is already. */
static bool make_stdin(struct request *request, struct submission *submission)
{
    if (submission->stdin_text == NULL)
        return true;
    struct error err = { 0 };
    const char *text = json_string_value(submission->stdin_text);
    if (memfd_sealed("stdin", text, json_string_length(submission->stdin_text), false, &submission->stdin_fd, &err) ==
        0)
        return true;
    log_error("request=%s has no stdin: %s; it is refused", request->id, err.text);
    struct problem problem;
    problem_init(&problem, "internal", "The job's stdin could not be kept. The operator finds the reason in the log.");
    request_refuse(request, &problem);
    return false;
}

/* What the body becomes, and how. */
typedef int body_parser(const void *body, size_t size, struct submission *ret_submission, struct problem *problem);

static void with_submission(struct request *request, body_parser *parse, submission_taker *take)
{
    struct problem problem;
    const uint8_t *body;
    size_t size;
    if (!body_json(request, &body, &size))
        return;
    struct submission *submission = malloc(sizeof *submission);
    if (submission == NULL) {
        request_abort(request);
        return;
    }
    if (parse(body, size, submission, &problem) < 0) {
        request_refuse(request, &problem);
    } else {
        take(request, submission);
        submission_done(submission);
    }
    free(submission);
}

/* Of a command: either kind of body. */
static void with_body(struct request *request, submission_taker *take)
{
    if (upload_is_meant(request))
        upload_begin(request, take);
    else
        with_submission(request, json_in_submit, take);
}

/* False: refused, the request is gone. */
static bool may_create(struct request *request)
{
    struct problem problem;
    if (accept_choose(request_header(request, "Accept"), answer_types, 3) < 0) {
        problem_init(&problem, "not-acceptable",
                     "On offer are application/json, application/x-ndjson and text/event-stream.");
    } else if (request->front->is_stopping) {
        problem_init(&problem, "draining", "The service is stopping and takes no new jobs.");
        problem.retry_after_s = 5;
    } else {
        return true;
    }
    request_refuse(request, &problem);
    return false;
}

static void submit(struct request *request, struct submission *submission)
{
    if (may_create(request) && submit_take_key(request, &submission->submit) && make_stdin(request, submission))
        ask_submit(request, &submission->submit, submission->stdin_fd, submission->files_fd, on_submitted);
}

static void submit_command(struct request *request, struct submission *submission)
{
    memcpy(submission->submit.command, request->path.name, sizeof submission->submit.command);
    submit(request, submission);
}

static void submit_sequence(struct request *request, struct submission *submission)
{
    text_copy(submission->submit.command, sizeof submission->submit.command, SEQUENCE_NAME);
    submit(request, submission);
}

/* The body of a sequence would be another. False: refused, the request is gone. */
static bool is_listed_name(struct request *request)
{
    if (strcmp(request->path.name, SEQUENCE_NAME) != 0)
        return true;
    struct problem problem;
    problem_init(&problem, "not-found", "Sequences are put together at POST /v1/jobs.");
    request_refuse(request, &problem);
    return false;
}

void route_job_create(struct request *request)
{
    if (is_listed_name(request))
        with_body(request, submit_command);
}

void route_sequence_create(struct request *request)
{
    with_submission(request, json_in_sequence, submit_sequence);
}

static void rerun(struct request *request, struct submission *submission)
{
    submission->submit.rerun_of = request->path.job_id;
    if (may_create(request) && submit_take_key(request, &submission->submit))
        ask_submit(request, &submission->submit, -1, -1, on_submitted);
}

void route_job_rerun(struct request *request)
{
    with_submission(request, json_in_rerun, rerun);
}

static void on_verdict(struct request *request, struct message *message)
{
    request_reply_json(request, 200, "application/json", json_verdict(&message->body.verdict));
}

static void validate(struct request *request, struct submission *submission)
{
    submission->submit.is_trial = true;
    memcpy(submission->submit.command, request->path.name, sizeof submission->submit.command);
    if (make_stdin(request, submission))
        ask_submit(request, &submission->submit, submission->stdin_fd, submission->files_fd, on_verdict);
}

void route_command_validate(struct request *request)
{
    if (is_listed_name(request))
        with_body(request, validate);
}
