/*
 * POST /v1/commands/{name}/jobs, and POST /v1/jobs for sequences: JSON becomes one typed message; what the keeper accepted is then answered at once (202),
 * at its end (200), or as a stream, as the client prefers.
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
#include "wait.h"

static const char *const answer_types[] = { "application/json", "application/x-ndjson", "text/event-stream" };
enum { ANSWER_JSON, ANSWER_NDJSON, ANSWER_SSE };

static void on_submitted(struct request *request, struct message *message)
{
    char id[JOB_ID_TEXT_BYTES], url[JOB_URL_BYTES];
    request->hears_all = true; /* the job is accepted, whatever goes wrong from here on */
    request->path.job_id = message->body.submitted.job_id;
    request_add_header(request, "Sallyport-Job", job_id_text(&request->path.job_id, id));
    request_add_header(request, "Location", job_url(&request->path.job_id, url));
    request_add_header(request, "Vary", "Prefer, Accept");
    if (message->body.submitted.was_replayed)
        request_add_header(request, "Idempotency-Replayed", "true");

    int answer = accept_choose(request_header(request, "Accept"), answer_types, 3);
    if (answer == ANSWER_NDJSON || answer == ANSWER_SSE)
        stream_new_job(request, answer == ANSWER_SSE ? FORMAT_SSE : FORMAT_NDJSON);
    else
        wait_new_job(request);
}

/* False: refused, the request is gone. */
static bool take_idempotency_key(struct request *request, struct msg_submit *submit)
{
    const char *key = request_header(request, "Idempotency-Key");
    if (key == NULL || idempotency_key_parse(key, submit->idempotency_key, sizeof submit->idempotency_key))
        return true;
    struct problem problem;
    problem_init(&problem, "bad-request", "Idempotency-Key must have 1 to %d printable characters without blanks.",
                 IDEMPOTENCY_KEY_MAX_BYTES);
    request_refuse(request, &problem);
    return false;
}

static bool make_stdin(struct request *request, const struct submission *submission, int *ret_fd)
{
    if (submission->stdin_text == NULL)
        return true;
    struct error err = { 0 };
    const char *text = json_string_value(submission->stdin_text);
    if (memfd_sealed("stdin", text, json_string_length(submission->stdin_text), false, ret_fd, &err) == 0)
        return true;
    log_error("request=%s has no stdin: %s; it is refused", request->id, err.text);
    struct problem problem;
    problem_init(&problem, "internal", "The job's stdin could not be kept. The operator finds the reason in the log.");
    request_refuse(request, &problem);
    return false;
}

static void submit(struct request *request, struct submission *submission)
{
    auto_fd int stdin_fd = -1;
    if (take_idempotency_key(request, &submission->submit) && make_stdin(request, submission, &stdin_fd))
        ask_submit(request, &submission->submit, stdin_fd, on_submitted);
}

typedef int read_body(const void *body, size_t size, struct submission *ret_submission, struct problem *problem);

static void create(struct request *request, read_body *read, const char *command)
{
    struct problem problem;
    const uint8_t *body;
    size_t size;
    if (!body_json(request, &body, &size))
        return;
    if (accept_choose(request_header(request, "Accept"), answer_types, 3) < 0) {
        problem_init(&problem, "not-acceptable",
                     "On offer are application/json, application/x-ndjson and text/event-stream.");
        request_refuse(request, &problem);
        return;
    }
    if (request->front->is_stopping) {
        problem_init(&problem, "draining", "The service is stopping and takes no new jobs.");
        problem.retry_after_s = 5;
        request_refuse(request, &problem);
        return;
    }
    struct submission *submission = malloc(sizeof *submission);
    if (submission == NULL) {
        request_abort(request);
        return;
    }
    if (read(body, size, submission, &problem) < 0) {
        request_refuse(request, &problem);
    } else {
        text_copy(submission->submit.command, sizeof submission->submit.command, command);
        submit(request, submission);
        submission_done(submission);
    }
    free(submission);
}

void route_job_create(struct request *request)
{
    if (strcmp(request->path.name, SEQUENCE_NAME) != 0) {
        create(request, json_in_submit, request->path.name);
        return;
    }
    struct problem problem; /* its body would be another */
    problem_init(&problem, "not-found", "Sequences are put together at POST /v1/jobs.");
    request_refuse(request, &problem);
}

void route_sequence_create(struct request *request)
{
    create(request, json_in_sequence, SEQUENCE_NAME);
}
