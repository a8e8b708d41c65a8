/*
 * http-runner (v0.0.5): one program with arguments, polled for by its id.
 *
 * Its whitelist are the keys of `commands`. A command that is one may take `args`, a list: the request's `args`, split where
 * there is white space.
 */
#include <string.h>

#include <event2/http.h>

#include "sallyport/json/predecessors.h"
#include "sallyport/json/values.h"
#include "sallyport/proto/channel.h"

#include "../front.h"
#include "../problem.h"
#include "../request.h"
#include "compat.h"
#include "job_document.h"

#define JSON_TYPE  "application/json"
#define NOT_LISTED "Specified command is not in whitelist."

static bool id_parse(const char *text, struct job_id *ret_id)
{
    return strlen(text) == HTTP_RUNNER_ID_BYTES - 1 && compat_id_parse(text, COMPAT_ID_BYTES - 1, ret_id) &&
           strcmp(text + COMPAT_ID_BYTES - 1, HTTP_RUNNER_ID_TAIL) == 0;
}

/* Bytes of a character that JavaScript's \s matches, or 0. */
static size_t space_bytes(const char *text)
{
    static const char *const spaces[] = {
        " ",      "\t",     "\n",     "\v",     "\f",     "\r",     "\u00a0", "\u1680", "\u2000",
        "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009",
        "\u200a", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff",
    };
    for (size_t i = 0; i < sizeof spaces / sizeof spaces[0]; i++)
        if (strncmp(text, spaces[i], strlen(spaces[i])) == 0)
            return strlen(spaces[i]);
    return 0;
}

/* As text.split(/\s+/) does: a run at an end leaves an empty argument there. */
static json_t *split(const char *text)
{
    json_t *words = json_array();
    for (;;) {
        size_t size = 0, gap;
        while (text[size] != '\0' && space_bytes(text + size) == 0)
            size++;
        json_array_append_new(words, json_stringn(text, size));
        text += size;
        if (text[0] == '\0')
            return words;
        while ((gap = space_bytes(text)) > 0)
            text += gap;
    }
}

/* What POST answers with: a job that nothing is known of yet. */
static void on_created(struct request *request, struct message *message)
{
    json_t *job = request->state;
    json_object_set_new(job, "id", http_runner_id(&message->body.submitted.job_id));
    compat_reply_json(request, 202, JSON_TYPE, json_incref(job));
}

static void job_free(void *job)
{
    json_decref(job);
}

/* What a request says; texts are borrowed from its body. */
struct wish {
    const char *called, *args;
    const char *callback; /* NULL: none */
};

static void submit(struct request *request, const char *command, const struct wish *wish)
{
    json_t *words = split(wish->args), *params = json_object();
    const struct public_predecessor *own =
        public_settings_predecessor(&request->front->settings, PREDECESSOR_HTTP_RUNNER);
    const struct compat_callback callback = { .name = own != NULL ? own->callback : "",
                                              .url = wish->callback,
                                              .format = CALLBACK_FORMAT_HTTP_RUNNER };
    request->state = json_pack("{s:s, s:s, s:s, s:n, s:s, s:O}", "stderr", "", "stdout", "", "id", "", "code",
                               "command", wish->called, "arguments", words);
    request->free_state = job_free;
    if (wish->callback != NULL)
        json_object_set_new(request->state, "callback", json_string(wish->callback));
    /* Without a parameter for them, arguments are refused by the command's rules and not left out. */
    if (wish->args[0] != '\0' || compat_param(request, command, "args") != NULL)
        json_object_set(params, "args", words);
    json_decref(words);
    compat_submit_callback(request, command, wish->called, params, wish->callback != NULL ? &callback : NULL,
                           on_created);
}

/* NULL, or why the callback cannot be had. Where it may lead the keeper knows. */
static const char *callback_fault(const struct request *request, json_t *callback)
{
    const struct public_predecessor *own =
        public_settings_predecessor(&request->front->settings, PREDECESSOR_HTTP_RUNNER);
    if (callback == NULL || json_is_null(callback))
        return NULL;
    size_t size = json_string_length(callback);
    if (size == 0 || size >= URL_MAX_BYTES)
        return "'callback' must be a URL, a text of 1 to 2047 bytes.";
    if (own == NULL || own->callback[0] == '\0')
        return "No 'callback' is taken here: the operator names who may be told ('predecessors.http-runner.callback').";
    return NULL;
}

static void create(struct request *request, const struct msg_commands *commands)
{
    const uint8_t *data;
    size_t size;
    json_error_t where;
    if (!compat_body(request, &data, &size))
        return;
    json_t *body = json_loadb((const char *)data, size, JSON_DECODE_ANY, &where);
    json_t *callback = json_object_get(body, "callback");
    const struct wish wish = { .called = json_string_value(json_object_get(body, "command")),
                               .args = json_string_value(json_object_get(body, "args")),
                               .callback = json_string_value(callback) };
    const char *command =
        wish.called != NULL ? compat_command(request, commands, PREDECESSOR_HTTP_RUNNER, wish.called) : NULL;
    const char *fault = callback_fault(request, callback);
    if (body == NULL)
        compat_refuse(request, "bad-json", "%s", where.text);
    else if (command == NULL) /* also of what is no name at all */
        compat_refuse(request, "bad-request", NOT_LISTED);
    else if (wish.args == NULL)
        compat_refuse(request, "bad-request", "'args' must be a text.");
    else if (fault != NULL)
        compat_refuse(request, "bad-request", "%s", fault);
    else
        submit(request, command, &wish);
    json_decref(body);
}

static void http_runner_create(struct request *request)
{
    rights_ask(request, create);
}

static json_t *members(const struct request *request, const struct msg_job *job)
{
    (void)request;
    return http_runner_members(job);
}

static bool is_id(const char *text)
{
    return strlen(text) == HTTP_RUNNER_ID_BYTES - 1 && strspn(text, "0123456789abcdef") == HTTP_RUNNER_ID_BYTES - 1;
}

static void refuse_id(struct request *request)
{
    if (is_id(request->path.rest))
        compat_refuse(request, "not-found", "There is no job of this id.");
    else
        compat_refuse(request, "method-not-implemented", "This is no id of a job.");
}

static void http_runner_read(struct request *request)
{
    static const struct document_form form = {
        .content_type = JSON_TYPE,
        .streams = { { HTTP_RUNNER_BEFORE_STDERR, OUTPUT_STDERR }, { HTTP_RUNNER_BEFORE_STDOUT, OUTPUT_STDOUT } },
        .stream_count = 2,
        .after = HTTP_RUNNER_BEHIND_STDOUT,
        .end = "",
        .members = members,
    };
    if (id_parse(request->path.rest, &request->path.job_id))
        job_document_send(request, &form);
    else
        refuse_id(request);
}

/* What its clients know: 400 for all that is wrong with a request, a command that is not theirs to run among it. */
static unsigned status_of(const struct request *request, const struct problem *problem)
{
    bool is_create = request->route != NULL && request->route->run == http_runner_create;
    if (request->route == NULL && (problem->status == 404 || problem->status == 405))
        return 501;
    return problem->status == 422 || (is_create && problem->status == 404) ? 400 : problem->status;
}

static void http_runner_refuse(struct request *request, const struct problem *problem)
{
    unsigned status = status_of(request, problem), known;
    const char *title = problem_title(problem->code, &known);
    char detail[COMPAT_DETAIL_BYTES];
    json_t *json = json_object();
    if (status == 501)
        evhttp_remove_header(evhttp_request_get_output_headers(request->http), "Allow");
    if (status == 501 || status == 404) {
        json_object_set_new(json, "message", json_string(status == 501 ? "Not Implemented" : "Not Found"));
    } else {
        json_object_set_new(json, "message", json_string(status == 400 || title == NULL ? "Bad Request" : title));
        json_object_set_new(json, "error",
                            json_text(problem->status == 404 ? NOT_LISTED : compat_detail(problem, detail)));
    }
    compat_reply_json(request, status, JSON_TYPE, json);
}

/* At the root jobrunner's clients post, too; theirs say `CommandLine` or `Commands`. */
static bool http_runner_is_meant(const struct request *request)
{
    size_t size;
    const uint8_t *data = compat_peek(request, &size);
    json_t *body = json_loadb((const char *)data, size, 0, NULL);
    bool is_meant = json_object_get(body, "command") != NULL;
    json_decref(body);
    return is_meant;
}

static const struct route routes[] = {
    { EVHTTP_REQ_POST, .path = "/", .run = http_runner_create },
    { EVHTTP_REQ_GET, .path = "/{word}", .run = http_runner_read },
    { EVHTTP_REQ_GET, .path = "/{word}/", .run = refuse_id },
};

const struct dialect http_runner_dialect = {
    .name = "http-runner",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .ignores_query = true,
    .has_no_head = true,
    .is_meant = http_runner_is_meant,
    .refuse = http_runner_refuse,
};
