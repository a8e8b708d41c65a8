/*
 * The body of a call: standard input, which goes a piece in each turn of the loop from the connection's buffer into the memory
 * file that the keeper gets; or parameters, as JSON or a form.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

#include "body.h"
#include "function.h"
#include "front.h"
#include "guard.h"
#include "problem.h"
#include "request.h"

#define FORM_TYPE "application/x-www-form-urlencoded"

static void on_step(evutil_socket_t fd, short what, void *arg);

static void refuse_internal(struct request *request, const struct error *err)
{
    struct problem problem;
    log_error("request=%s has no stdin: %s; it is refused", request->id, err->text);
    problem_init(&problem, "internal", "The body could not be kept. The operator finds the reason in the log.");
    request_refuse(request, &problem);
}

static void refuse_type(struct request *request)
{
    const struct call *call = request->state;
    const struct public_function *function = &call->function;
    char types[ROUTE_ACCEPT_MAX * (MEDIA_TYPE_BYTES + 2)] = "application/json, " FORM_TYPE;
    size_t used = 0;
    if (function->takes_body)
        text_copy(types, sizeof types, function->accept_count == 0 ? "*/*" : "");
    for (unsigned i = 0; i < function->accept_count; i++)
        used += (size_t)snprintf(types + used, sizeof types - used, "%s%s", i > 0 ? ", " : "", function->accept[i]);
    request_add_header(request, "Accept-Post", types);
    struct problem problem;
    problem_init(&problem, "unsupported-media-type", "The body must have a media type of these, and no coding: %.300s",
                 types);
    request_refuse(request, &problem);
}

static bool type_fits(struct request *request)
{
    const struct call *call = request->state;
    const char *type = request_header(request, "Content-Type");
    if (request_header(request, "Content-Encoding") != NULL)
        return false;
    if (call->function.takes_body)
        return public_function_takes(&call->function, type);
    return content_type_is(type, "application/json") || content_type_is(type, FORM_TYPE);
}

static void take_params(struct request *request, struct evbuffer *body, void (*done)(struct request *request))
{
    struct call *call = request->state;
    struct problem problem;
    size_t size = evbuffer_get_length(body);
    if (size > REQUEST_JSON_MAX_BYTES) {
        problem_init(&problem, "body-too-large", "Parameters may have %d KiB, these have more.",
                     REQUEST_JSON_MAX_BYTES / 1024);
        request_refuse(request, &problem);
        return;
    }
    const void *data = evbuffer_pullup(body, -1);
    bool is_form = content_type_is(request_header(request, "Content-Type"), FORM_TYPE);
    int taken =
        is_form ? function_add_form(call, data, size, &problem) : json_in_params(data, size, &call->params, &problem);
    body_forget(request); /* a call may wait for long, and parameters may be secrets */
    if (taken < 0)
        request_refuse(request, &problem);
    else
        done(request);
}

static void go_on(struct request *request)
{
    static const struct timeval at_once = { 0, 0 };
    const struct call *call = request->state;
    if (evtimer_add(call->step, &at_once) < 0)
        request_abort(request);
}

static void take_stdin(struct request *request, void (*done)(struct request *request))
{
    struct call *call = request->state;
    struct error err = { 0 };
    call->body_taken = done;
    call->step = evtimer_new(request->front->base, on_step, request);
    if (call->step == NULL)
        request_abort(request);
    else if (memfd_open("stdin", false, &call->submission.stdin_fd, &err) < 0)
        refuse_internal(request, &err);
    else
        go_on(request);
}

void function_take_body(struct request *request, void (*done)(struct request *request))
{
    const struct call *call = request->state;
    struct evbuffer *body = evhttp_request_get_input_buffer(request->http);
    if (evbuffer_get_length(body) == 0)
        done(request);
    else if (!type_fits(request))
        refuse_type(request);
    else if (call->function.takes_body)
        take_stdin(request, done);
    else
        take_params(request, body, done);
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
    struct request *request = arg;
    const struct call *call = request->state;
    struct evbuffer *body = evhttp_request_get_input_buffer(request->http);
    struct error err = { 0 };
    (void)fd;
    (void)what;
    int done = body_pour(request, call->submission.stdin_fd, &err);
    if (done == 0 && evbuffer_get_length(body) > 0) {
        go_on(request);
        return;
    }
    if (done == 0)
        done = memfd_seal(call->submission.stdin_fd, &err);
    if (done < 0) {
        refuse_internal(request, &err);
        return;
    }
    guard_forget_body(request->guard);
    call->body_taken(request);
}
