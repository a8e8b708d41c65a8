/*
 * The way of a body: on_known, for a stranger's body is not worth the work; on_step, until all of it went through the parser;
 * then upload_end makes a submission of it. Bytes go from the buffer of the connection straight into the memory file that the
 * keeper gets, and leave the buffer as they do, so that there is never much more than one copy of them.
 */
#include "upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/file_bundle.h"
#include "sallyport/base/log.h"

#include "fields.h"
#include "front.h"
#include "guard.h"
#include "json_in.h"
#include "multipart.h"
#include "problem.h"
#include "request.h"

#define STEP_BYTES ((size_t)1024 * 1024)

static void on_known(struct request *request, struct message *message);
static void on_step(evutil_socket_t fd, short what, void *arg);

enum target { TO_NOTHING, TO_JOB, TO_STDIN, TO_FILE };

struct upload {
    struct request *request;
    submission_taker *take;
    struct event *step;
    struct multipart parser;
    enum target target; /* of the part that is being read */
    char *job;          /* the JSON document, REQUEST_JSON_MAX_BYTES long; NULL: none came */
    size_t job_bytes;
    int stdin_fd; /* a memory file that grows; -1: none came */
    uint64_t stdin_bytes;
    int files_fd; /* the same: a bundle, whose head is written at the end */
    struct bundle files;
    uint64_t files_bytes;
};

static void upload_free(void *state)
{
    struct upload *upload = state;
    if (upload->step != NULL)
        event_free(upload->step);
    fd_close(&upload->stdin_fd);
    fd_close(&upload->files_fd);
    if (upload->job != NULL)
        explicit_bzero(upload->job, upload->job_bytes); /* parameters may be secrets */
    free(upload->job);
    free(upload);
}

/* The request is gone afterwards, and the upload with it. */
static void refuse(struct upload *upload, const char *code, const char *detail, const char *pointer,
                   const char *pointer_code)
{
    struct problem problem;
    problem_init(&problem, code, "%s", detail);
    if (pointer != NULL)
        problem_add_error(&problem, pointer, pointer_code, detail);
    request_refuse(upload->request, &problem);
}

static void refuse_part(struct upload *upload, const char *code, const char *pointer_code, const char *detail)
{
    char pointer[NAME_MAX_BYTES + 16], text[REASON_MAX_BYTES];
    bool is_file = upload->target == TO_FILE;
    snprintf(pointer, sizeof pointer, is_file ? "/params/%s" : "/%s", upload->parser.name);
    snprintf(text, sizeof text, "The part '%s' %s", upload->parser.name, detail);
    refuse(upload, code, text, pointer, pointer_code);
}

static void fail_internal(struct upload *upload, const struct error *err)
{
    log_error("request=%s has an upload that could not be kept: %s; it is refused", upload->request->id, err->text);
    refuse(upload, "internal", "The upload could not be kept. The operator finds the reason in the log.", NULL, NULL);
}

bool upload_is_meant(const struct request *request)
{
    return content_type_is(request_header(request, "Content-Type"), "multipart/form-data");
}

void upload_begin(struct request *request, submission_taker *take)
{
    struct upload *upload = calloc(1, sizeof *upload);
    if (upload == NULL) {
        request_abort(request);
        return;
    }
    *upload = (struct upload){ .request = request, .take = take, .stdin_fd = -1, .files_fd = -1 };
    request->state = upload;
    request->free_state = upload_free;
    upload->step = evtimer_new(request->front->base, on_step, upload);
    if (upload->step == NULL)
        request_abort(request);
    else if (request_header(request, "Content-Encoding") != NULL ||
             !multipart_open(&upload->parser, request_header(request, "Content-Type")))
        refuse(upload, "unsupported-media-type",
               "The body must be sent as Content-Type: multipart/form-data; boundary=..., and not compressed.", NULL,
               NULL);
    else
        ask_whoami(request, on_known);
}

static void go_on(struct upload *upload)
{
    static const struct timeval at_once = { 0, 0 };
    if (evtimer_add(upload->step, &at_once) < 0)
        request_abort(upload->request);
}

static void on_known(struct request *request, struct message *message)
{
    (void)message;
    go_on(request->state);
}

/* --- parts ---------------------------------------------------------------------------------------------------------- */

/* All of these: false when the request was refused, and is gone. */

static bool open_memory(struct upload *upload, const char *name, int *ret_fd)
{
    struct error err = { 0 };
    if (memfd_open(name, false, ret_fd, &err) == 0)
        return true;
    fail_internal(upload, &err);
    return false;
}

static bool begin_job(struct upload *upload)
{
    upload->target = TO_JOB;
    if (upload->job != NULL) {
        refuse_part(upload, "bad-request", "duplicate", "comes twice.");
        return false;
    }
    upload->job = malloc(REQUEST_JSON_MAX_BYTES);
    if (upload->job == NULL)
        request_abort(upload->request);
    return upload->job != NULL;
}

static bool begin_stdin(struct upload *upload)
{
    upload->target = TO_STDIN;
    if (upload->stdin_fd < 0)
        return open_memory(upload, "stdin", &upload->stdin_fd);
    refuse_part(upload, "bad-request", "duplicate", "comes twice.");
    return false;
}

static bool begin_file(struct upload *upload)
{
    upload->target = TO_FILE;
    if (bundle_find(&upload->files, upload->parser.name) != NULL) {
        refuse_part(upload, "bad-request", "duplicate", "comes twice.");
        return false;
    }
    if (upload->files.count == BUNDLE_FILES_MAX) {
        refuse_part(upload, "bad-request", "max_items", "is one file more than a job can have.");
        return false;
    }
    if (upload->files_fd < 0) {
        if (!open_memory(upload, "files", &upload->files_fd))
            return false;
        struct error err = { 0 };
        if (lseek(upload->files_fd, BUNDLE_HEAD_BYTES, SEEK_SET) < 0) {
            fail(&err, errno, "leave room for the head");
            fail_internal(upload, &err);
            return false;
        }
    }
    struct bundle_file *file = &upload->files.files[upload->files.count++];
    memcpy(file->name, upload->parser.name, sizeof file->name);
    return true;
}

static bool begin_part(struct upload *upload)
{
    const char *name = upload->parser.name;
    if (strcmp(name, PART_JOB) == 0)
        return begin_job(upload);
    return strcmp(name, PART_STDIN) == 0 ? begin_stdin(upload) : begin_file(upload);
}

static bool add_job(struct upload *upload, struct span data)
{
    if (data.size > REQUEST_JSON_MAX_BYTES - upload->job_bytes) {
        refuse_part(upload, "body-too-large", "max", "is larger than the 256 KiB that a JSON document may have.");
        return false;
    }
    memcpy(upload->job + upload->job_bytes, data.data, data.size);
    upload->job_bytes += data.size;
    return true;
}

static bool add_bytes(struct upload *upload, int fd, struct span data, uint64_t *bytes, uint64_t most)
{
    struct error err = { 0 };
    if (data.size > most - *bytes) {
        refuse_part(upload, "body-too-large", "max", "goes beyond the 64 MiB that a job's input may have.");
        return false;
    }
    if (fd_write_all(fd, data.data, data.size, &err) < 0) {
        fail_internal(upload, &err);
        return false;
    }
    *bytes += data.size;
    return true;
}

static bool add_data(struct upload *upload, struct span data)
{
    if (upload->target == TO_JOB)
        return add_job(upload, data);
    if (upload->target == TO_STDIN)
        return add_bytes(upload, upload->stdin_fd, data, &upload->stdin_bytes, STDIN_MAX_BYTES);
    upload->files.files[upload->files.count - 1].bytes += data.size;
    return add_bytes(upload, upload->files_fd, data, &upload->files_bytes, UPLOADS_MAX_BYTES);
}

/* --- the end -------------------------------------------------------------------------------------------------------- */

static int seal(struct upload *upload, struct error *err)
{
    uint8_t head[BUNDLE_HEAD_BYTES];
    if (upload->stdin_fd >= 0 && memfd_seal(upload->stdin_fd, err) < 0)
        return -err->code;
    if (upload->files_fd < 0)
        return 0;
    bundle_encode_head(&upload->files, head);
    if (pwrite(upload->files_fd, head, sizeof head, 0) != (ssize_t)sizeof head)
        return fail(err, errno, "write the head of files");
    return memfd_seal(upload->files_fd, err);
}

/* What the parts are together. -EINVAL with a problem. */
static int make_submission(struct upload *upload, struct submission *submission, struct problem *problem)
{
    int done = json_in_submit(upload->job, upload->job_bytes, submission, problem);
    if (done < 0)
        return done;
    if (submission->stdin_text != NULL && upload->stdin_fd >= 0) {
        submission_done(submission);
        problem_init(problem, "bad-request", "Standard input is given twice.");
        problem_add_error(problem, "/stdin", "duplicate", "is a part already");
        return -EINVAL;
    }
    submission->stdin_fd = fd_take(&upload->stdin_fd);
    submission->files_fd = fd_take(&upload->files_fd);
    return 0;
}

static void upload_end(struct upload *upload)
{
    struct request *request = upload->request;
    struct problem problem;
    struct error err = { 0 };
    if (!multipart_is_whole(&upload->parser)) {
        refuse(upload, "bad-request", "The body is cut short: its last boundary is missing.", NULL, NULL);
        return;
    }
    if (seal(upload, &err) < 0) {
        fail_internal(upload, &err);
        return;
    }
    struct submission *submission = malloc(sizeof *submission);
    if (submission == NULL) {
        request_abort(request);
        return;
    }
    if (make_submission(upload, submission, &problem) < 0) {
        request_refuse(request, &problem);
    } else {
        submission_taker *take = upload->take;
        request->state = NULL; /* what follows has a state of its own */
        request->free_state = NULL;
        upload_free(upload);
        guard_forget_body(request->guard);
        take(request, submission);
        submission_done(submission);
    }
    free(submission);
}

/* False: refused, and gone. */
static bool parse(struct upload *upload, struct reader piece)
{
    struct span data;
    for (;;) {
        switch (multipart_next(&upload->parser, &piece, &data)) {
        case MULTIPART_MORE:
            return true;
        case MULTIPART_PART:
            if (!begin_part(upload))
                return false;
            break;
        case MULTIPART_DATA:
            if (!add_data(upload, data))
                return false;
            break;
        case MULTIPART_PART_END:
            upload->target = TO_NOTHING;
            break;
        case MULTIPART_BAD:
            refuse(upload, upload->parser.code, upload->parser.why, NULL, NULL);
            return false;
        }
    }
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
    struct upload *upload = arg;
    struct evbuffer *body = evhttp_request_get_input_buffer(upload->request->http);
    (void)fd;
    (void)what;
    for (size_t taken = 0; taken < STEP_BYTES && evbuffer_get_length(body) > 0;) {
        struct evbuffer_iovec piece;
        if (evbuffer_peek(body, -1, NULL, &piece, 1) < 1)
            break;
        size_t size = piece.iov_len < STEP_BYTES - taken ? piece.iov_len : STEP_BYTES - taken;
        if (!parse(upload, (struct reader){ piece.iov_base, size }))
            return;
        evbuffer_drain(body, size);
        taken += size;
    }
    if (evbuffer_get_length(body) > 0)
        go_on(upload);
    else
        upload_end(upload);
}
