#include "compat.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/json/predecessors.h"

#include "../front.h"
#include "../json_in.h"
#include "../problem.h"
#include "../request.h"

const struct dialect *predecessor_dialect(unsigned which)
{
    static const struct dialect *const dialects[PREDECESSOR_COUNT] = {
        [PREDECESSOR_GORT] = &gort_dialect,
        [PREDECESSOR_JOBRUNNER] = &jobrunner_dialect,
        [PREDECESSOR_GO_SERVERLESS] = &go_serverless_dialect,
        [PREDECESSOR_HTTP_RUNNER] = &http_runner_dialect,
        [PREDECESSOR_GO_TASKY] = &go_tasky_dialect,
    };
    return which < PREDECESSOR_COUNT ? dialects[which] : NULL;
}

const char *compat_command(const struct request *request, const struct msg_commands *commands, enum predecessor which,
                           const char *called)
{
    const struct public_settings *settings = &request->front->settings;
    for (uint32_t i = 0; i < settings->called_count; i++)
        if (settings->called[i].which == which && strcmp(settings->called[i].called, called) == 0 &&
            rights_may_see(commands, public_settings_find(settings, settings->called[i].command)))
            return settings->called[i].command;
    return NULL;
}

const char *compat_detail(const struct problem *problem, char text[COMPAT_DETAIL_BYTES])
{
    json_t *error = json_array_get(problem->errors, 0);
    if (error == NULL)
        snprintf(text, COMPAT_DETAIL_BYTES, "%s", problem->detail);
    else
        snprintf(text, COMPAT_DETAIL_BYTES, "%s %s %s", problem->detail,
                 json_string_value(json_object_get(error, "pointer")),
                 json_string_value(json_object_get(error, "detail")));
    return text;
}

json_t *compat_param(const struct request *request, const char *command, const char *param)
{
    const struct public_settings *settings = &request->front->settings;
    int index = public_settings_find(settings, command);
    json_t *schema = index >= 0 ? json_object_get(settings->commands[index].json, "params_schema") : NULL;
    return json_object_get(json_object_get(schema, "properties"), param);
}

bool compat_body(struct request *request, const uint8_t **ret_data, size_t *ret_size)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request->http);
    size_t size = evbuffer_get_length(body);
    if (size > REQUEST_JSON_MAX_BYTES) {
        compat_refuse(request, "body-too-large", "A body may have %d KiB, this one has more.",
                      REQUEST_JSON_MAX_BYTES / 1024);
        return false;
    }
    if (request_header(request, "Content-Encoding") != NULL) {
        compat_refuse(request, "unsupported-media-type", "The body must not be compressed.");
        return false;
    }
    *ret_data = size > 0 ? evbuffer_pullup(body, -1) : (const uint8_t *)"";
    *ret_size = size;
    return *ret_data != NULL;
}

const uint8_t *compat_peek(const struct request *request, size_t *ret_size)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request->http);
    size_t size = evbuffer_get_length(body);
    *ret_size = size <= REQUEST_JSON_MAX_BYTES ? size : 0;
    return *ret_size > 0 ? evbuffer_pullup(body, -1) : (const uint8_t *)"";
}

/* What is submitted: `values` are parameters, or steps. */
struct order {
    const char *command, *called;
    json_t *params, *steps;                 /* taken over; one of them */
    int stdin_fd;                           /* -1 for none; stays the caller's */
    const struct compat_callback *callback; /* NULL: none */
};

static void take_callback(struct msg_submit *submit, const struct compat_callback *callback)
{
    if (callback == NULL)
        return;
    text_copy(submit->callback, sizeof submit->callback, callback->name);
    text_copy(submit->callback_url, sizeof submit->callback_url, callback->url);
    submit->callback_format = (uint8_t)callback->format;
}

static bool submit(struct request *request, const struct order *order, ask_answered answered)
{
    struct problem problem;
    struct submission *submission = malloc(sizeof *submission);
    json_t *labels = json_pack("{s:s, s:s}", LABEL_CALLED, order->called, LABEL_PREDECESSOR, request->dialect->name);
    bool is_sent = false;
    if (submission == NULL || (order->params == NULL && order->steps == NULL) || labels == NULL) {
        request_abort(request);
    } else if (request->front->is_stopping) {
        compat_refuse(request, "draining", "The service is stopping and takes no new jobs.");
    } else if (json_in_values(order->params, order->steps, labels, submission, &problem) < 0) {
        request_refuse(request, &problem);
    } else {
        text_copy(submission->submit.command, sizeof submission->submit.command, order->command);
        take_callback(&submission->submit, order->callback);
        is_sent = ask_submit(request, &submission->submit, order->stdin_fd, -1, answered);
    }
    json_decref(labels);
    json_decref(order->params);
    json_decref(order->steps);
    free(submission);
    return is_sent;
}

bool compat_submit(struct request *request, const char *command, const char *called, json_t *params,
                   ask_answered answered)
{
    return compat_submit_callback(request, command, called, params, NULL, answered);
}

bool compat_submit_callback(struct request *request, const char *command, const char *called, json_t *params,
                            const struct compat_callback *callback, ask_answered answered)
{
    struct order order = {
        .command = command, .called = called, .params = params, .stdin_fd = -1, .callback = callback
    };
    return submit(request, &order, answered);
}

bool compat_submit_steps(struct request *request, json_t *steps, ask_answered answered)
{
    struct order order = { .command = SEQUENCE_NAME, .called = SEQUENCE_NAME, .steps = steps, .stdin_fd = -1 };
    return submit(request, &order, answered);
}

bool compat_submit_input(struct request *request, const char *command, const char *called, const void *input,
                         size_t input_size, ask_answered answered)
{
    auto_fd int fd = -1;
    struct error err = { 0 };
    if (memfd_sealed("stdin", input, input_size, false, &fd, &err) == 0) {
        struct order order = { .command = command, .called = called, .params = json_object(), .stdin_fd = fd };
        return submit(request, &order, answered);
    }
    log_error("request=%s has no stdin: %s; it is refused", request->id, err.text);
    compat_refuse(request, "internal", "The job's input could not be kept. The operator finds the reason in the log.");
    return false;
}

void compat_refuse(struct request *request, const char *code, const char *format, ...)
{
    struct problem problem;
    char detail[sizeof problem.detail];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    problem_init(&problem, code, "%s", detail);
    request_refuse(request, &problem);
}

void compat_say(struct request *request, unsigned status, const char *text)
{
    request_reply_bytes(request, status, COMPAT_TEXT, text, strlen(text));
}

void compat_reply_json(struct request *request, unsigned status, const char *content_type, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    if (text != NULL)
        request_reply_bytes(request, status, content_type, text, strlen(text));
    else
        request_abort(request);
    free(text);
}

const char *compat_id_text(const struct job_id *id, char text[COMPAT_ID_BYTES])
{
    text_hex(id->bytes, sizeof id->bytes, text);
    return text;
}

/* -1: none. */
static int digit_of(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool compat_id_parse(const char *text, size_t size, struct job_id *ret_id)
{
    if (size != COMPAT_ID_BYTES - 1)
        return false;
    for (size_t i = 0; i < sizeof ret_id->bytes; i++) {
        int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        ret_id->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}
