/*
 * The answer of a function: its standard output, byte for byte, with the status that its exit code means; or a problem
 * document, when there is none that could be passed off as its answer.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/proto/output_log.h"

#include "cgi_head.h"
#include "front.h"
#include "function.h"
#include "problem.h"
#include "request.h"

#define STRETCHES_MAX     1024 /* in one chunk or step: each is a call of the kernel, and may be a single byte long */
#define REJECTED_RETRY_S  5
#define SIGNAL_EXIT_FIRST 128

/* How the answer begins. */
struct answer {
    unsigned status;
    char type[MEDIA_TYPE_BYTES];
    uint64_t skip; /* bytes of the output that are its head */
};

static void add_end(struct request *request)
{
    const struct call_end *end = &((const struct call *)request->state)->end;
    char seconds[32];
    snprintf(seconds, sizeof seconds, "%llu.%03llu", (unsigned long long)(end->duration_ms / 1000),
             (unsigned long long)(end->duration_ms % 1000));
    request_add_header(request, "Sallyport-State", job_state_text(end->state));
    request_add_header(request, "Sallyport-Duration", seconds);
    if (end->reason == JOB_REASON_EXITED)
        request_add_header_number(request, "Sallyport-Exit", end->exit_code);
    else if (end->signal != 0)
        request_add_header_number(request, "Sallyport-Exit", SIGNAL_EXIT_FIRST + end->signal);
}

/* The program's answer is none that can be passed on. */
static void fail(struct request *request, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void fail(struct request *request, const char *code, const char *format, ...)
{
    struct problem problem;
    char detail[REASON_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    problem_init(&problem, code, "%s", detail);
    if (strcmp(code, "function-rejected") == 0)
        problem.retry_after_s = REJECTED_RETRY_S;
    request_problem(request, &problem);
}

static void fail_internal(struct request *request, int error)
{
    log_error("request=%s output cannot be read: %s; the request is refused", request->id, strerror(-error));
    fail(request, "internal", "The output cannot be read. The operator finds the reason in the log.");
}

/* It did not end by itself. */
static void fail_ended(struct request *request)
{
    const struct call_end *end = &((const struct call *)request->state)->end;
    /* Who cancelled it, or which job took its place, is not for whoever may only call. */
    bool is_told = end->message[0] != '\0' && end->state != JOB_CANCELLED;
    const char *said = is_told ? end->message : job_reason_text(end->reason);
    if (end->state == JOB_TIMED_OUT)
        fail(request, "function-timeout", "The function took too long: %s.", said);
    else if (end->state == JOB_REJECTED)
        fail(request, "function-rejected", "The function did not run: %s.", said);
    else if (end->state == JOB_LAUNCH_FAILED) /* why is not for whoever may only call: it names paths of the host */
        fail(request, "function-failed", "The function could not be started; its job says why.");
    else
        fail(request, "function-failed", "The function did not end by itself: %s.", said);
}

/* --- its output ------------------------------------------------------------------------------------------------- */

static void rewind_output(struct call *call)
{
    call->cursor = (struct output_cursor){ .only = OUTPUT_STDOUT };
}

/*
 * So much of standard output as there is, from where the cursor stands, straight to `to`, or nowhere if that is NULL; not more
 * than so many stretches. The number of bytes, or -errno.
 */
static long read_output(struct call *call, uint8_t *to, size_t size, unsigned stretches)
{
    size_t used = 0, stretch;
    while (used < size && stretches-- > 0) {
        int got = output_stretch_next(&call->log, &call->cursor, call->log.bytes, size - used, &stretch);
        if (got == 0)
            break;
        if (got > 0 && to != NULL)
            got = output_log_read(&call->log, call->cursor.at, to + used, stretch);
        if (got < 0)
            return got;
        call->cursor.at += stretch;
        used += stretch;
    }
    return (long)used;
}

static int fill(struct request *request, struct evbuffer *chunk, size_t room)
{
    struct call *call = request->state;
    struct evbuffer_iovec piece;
    for (unsigned i = 0; i < STRETCHES_MAX && room > 0 && call->left > 0; i++) {
        size_t stretch, most = room < call->left ? room : (size_t)call->left;
        int got = output_stretch_next(&call->log, &call->cursor, call->log.bytes, most, &stretch);
        if (got <= 0)
            return got < 0 ? got : -EBADMSG; /* the index promised more */
        if (evbuffer_reserve_space(chunk, (ev_ssize_t)stretch, &piece, 1) != 1)
            return -ENOMEM;
        got = output_log_read(&call->log, call->cursor.at, piece.iov_base, stretch);
        if (got < 0)
            return got;
        piece.iov_len = stretch;
        evbuffer_commit_space(chunk, &piece, 1);
        call->cursor.at += stretch;
        call->left -= stretch;
        room -= stretch;
    }
    return 0;
}

static bool is_finished(const struct request *request)
{
    return ((const struct call *)request->state)->left == 0;
}

static const struct flow_kind body_flow = { .fill = fill, .is_finished = is_finished };

static bool has_body(unsigned status)
{
    return status != 204 && status != 205 && status != 304;
}

/* The head of the output is behind the cursor. */
static void send_output(struct request *request, const struct answer *answer, uint64_t bytes)
{
    struct call *call = request->state;
    call->flow.kind = &body_flow;
    call->left = bytes - answer->skip;
    if (!has_body(answer->status)) {
        request_reply_empty(request, answer->status);
        return;
    }
    request_add_header_number(request, "Content-Length", call->left);
    if (request->is_head) {
        request_add_header(request, "Content-Type", answer->type);
        request_reply_empty(request, answer->status);
        return;
    }
    flow_start(request, answer->status, answer->type);
    flow_pump(request);
}

/* --- what it is ------------------------------------------------------------------------------------------------- */

static void on_json_step(evutil_socket_t fd, short what, void *arg);

/* All of it was read. Its numbers may be of any size: nobody here counts with them. */
static void judge_json(struct request *request)
{
    struct call *call = request->state;
    struct answer answer = { .status = call->status };
    json_error_t where;
    json_t *json =
        json_loadb((const char *)call->text, call->text_bytes,
                   JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &where);
    bool is_json = json != NULL;
    json_decref(json);
    free(call->text);
    call->text = NULL;
    memcpy(answer.type, call->function.type, sizeof answer.type);
    rewind_output(call);
    if (is_json)
        send_output(request, &answer, call->text_bytes);
    else
        fail(request, "function-failed", "The function wrote what is not one JSON document.");
}

static void on_json_step(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval at_once = { 0, 0 };
    struct request *request = arg;
    struct call *call = request->state;
    (void)fd;
    (void)what;
    long size = read_output(call, call->text + call->text_used, call->text_bytes - call->text_used, STRETCHES_MAX);
    if (size > 0)
        call->text_used += (size_t)size;
    if (call->text_used == call->text_bytes)
        judge_json(request);
    else if (size <= 0)
        fail_internal(request, size < 0 ? (int)size : -EBADMSG); /* the index promised more */
    else if (evtimer_add(call->step, &at_once) < 0)
        request_abort(request);
}

/* Read in steps, one in each turn of the loop, and sent when it is found to be one document. */
static void take_json(struct request *request, uint64_t bytes)
{
    struct call *call = request->state;
    if (bytes > FUNCTION_JSON_MAX_BYTES) {
        fail(request, "function-failed", "The function wrote more than the %d KiB that a JSON document may have.",
             FUNCTION_JSON_MAX_BYTES / 1024);
        return;
    }
    if (call->step != NULL)
        event_free(call->step);
    call->step = evtimer_new(request->front->base, on_json_step, request);
    call->text = malloc((size_t)bytes + 1);
    call->text_bytes = (size_t)bytes;
    if (call->step == NULL || call->text == NULL)
        fail_internal(request, -ENOMEM);
    else
        on_json_step(-1, 0, request);
}

static void add_cgi_fields(struct request *request, const struct cgi_head *head)
{
    for (unsigned i = 0; i < head->field_count; i++) {
        char value[1025];
        if (text_copy_bytes(value, sizeof value, head->fields[i].value.data, head->fields[i].value.size))
            request_add_header(request, head->fields[i].name, value);
    }
}

static bool has_field(const struct cgi_head *head, const char *name)
{
    for (unsigned i = 0; i < head->field_count; i++)
        if (strcmp(head->fields[i].name, name) == 0)
            return true;
    return false;
}

/* NULL, or what does not go together. */
static const char *judge_cgi(const struct call *call, const struct cgi_head *head, struct answer *answer)
{
    bool has_location = has_field(head, "Location");
    if (head->status != 0)
        answer->status = head->status;
    else if (has_location)
        answer->status = 302;
    if (has_location && answer->status != 201 && answer->status / 100 != 3)
        return "it has a Location, and a Status that has none";
    if (head->type[0] != '\0' && media_type_is_active(head->type) &&
        !media_type_is_same(head->type, call->function.type))
        return "its Content-Type is one that browsers run, and not the route's 'type'";
    if (head->type[0] != '\0')
        memcpy(answer->type, head->type, sizeof answer->type);
    answer->skip = head->size;
    return NULL;
}

/* False: the request was answered, and is gone. */
static bool take_cgi_head(struct request *request, struct answer *answer)
{
    static uint8_t text[CGI_HEAD_MAX_BYTES + 1]; /* large, and one at a time */
    struct call *call = request->state;
    struct cgi_head head;
    const char *why;
    long size = read_output(call, text, sizeof text, sizeof text);
    if (size < 0) {
        fail_internal(request, (int)size);
        return false;
    }
    if (cgi_head_parse(text, (size_t)size, &head, &why))
        why = judge_cgi(call, &head, answer);
    if (why != NULL) {
        fail(request, "function-failed", "The function printed a head that cannot be passed on: %s.", why);
        return false;
    }
    rewind_output(call);
    size = read_output(call, NULL, head.size, sizeof text); /* to where the body begins */
    if (size < 0)
        fail_internal(request, (int)size); /* with nothing of what the program said */
    else
        add_cgi_fields(request, &head);
    return size >= 0;
}

static void answer_exited(struct request *request, unsigned status)
{
    struct call *call = request->state;
    struct answer answer = { .status = status };
    uint64_t bytes;
    int done = output_log_stream_bytes(&call->log, OUTPUT_STDOUT, &bytes);
    memcpy(answer.type, call->function.type, sizeof answer.type);
    rewind_output(call);
    call->status = status;
    if (done < 0)
        fail_internal(request, done);
    else if (call->function.response == RESPONSE_JSON)
        take_json(request, bytes);
    else if (call->function.response != RESPONSE_CGI || take_cgi_head(request, &answer))
        send_output(request, &answer, bytes);
}

void function_answer(struct request *request)
{
    const struct call *call = request->state;
    const struct call_end *end = &call->end;
    unsigned status = public_function_status(&call->function, end->exit_code);
    add_end(request);
    if (end->reason != JOB_REASON_EXITED)
        fail_ended(request);
    else if (status == 0)
        fail(request, "function-failed", "The function ended with exit code %u.", end->exit_code);
    else if (end->is_cut)
        fail(request, "function-failed", "The function wrote more than its output limit, and a part is missing.");
    else
        answer_exited(request, status);
}
