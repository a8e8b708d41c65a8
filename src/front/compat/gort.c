/*
 * gort (v1.2.1): scripts of a directory, run by an executor of a list.
 *
 * Its executors are the keys of `commands`. A command that is one takes the parameter `script`, an enum of the scripts that may
 * be run, and may take `args`, a list, and parameters named as the variables that `env_vars` may set.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "sallyport/base/text.h"

#include "../front.h"
#include "../guard.h"
#include "../problem.h"
#include "../request.h"
#include "../routes.h"
#include "compat.h"
#include "go_json.h"

#define STARTED    "The function will be executed in the background. Refer to container logs to see the output"
#define NO_SCRIPTS "./dist seems like empty"

struct start {
    const char *executor, *script;
    json_t *env_vars, *args; /* lists of texts, or NULL */
};

static void on_health_known(struct request *request, struct message *message)
{
    (void)message;
    compat_say(request, 200, "OK");
}

static void gort_health(struct request *request)
{
    ask_whoami(request, on_health_known);
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Adds the scripts of one executor that are not listed yet. */
static void add_scripts(json_t *scripts, json_t *values)
{
    size_t i;
    json_t *value;
    json_array_foreach(values, i, value) json_object_set_new(scripts, json_string_value(value), json_true());
}

/* Of those executors that the caller may see. */
static void list(struct request *request, const struct msg_commands *commands)
{
    const struct public_settings *settings = &request->front->settings;
    json_t *scripts = json_object();
    for (uint32_t i = 0; i < settings->called_count; i++) {
        const struct public_called *executor = &settings->called[i];
        if (executor->which == PREDECESSOR_GORT &&
            rights_may_see(commands, public_settings_find(settings, executor->command)))
            add_scripts(scripts, json_object_get(compat_param(request, executor->command, "script"), "enum"));
    }

    size_t count = 0, bytes = 0, used = 0;
    const char **names = calloc(json_object_size(scripts) + 1, sizeof *names), *name;
    json_t *is_there;
    json_object_foreach(scripts, name, is_there)
    {
        if (names != NULL)
            names[count++] = name;
        bytes += strlen(name) + 1;
    }
    char *text = malloc(bytes + 1);
    if (names == NULL || text == NULL) {
        request_abort(request);
    } else {
        qsort(names, count, sizeof *names, compare_texts);
        for (size_t i = 0; i < count; i++)
            used += (size_t)sprintf(text + used, "%s\n", names[i]);
        request_reply_bytes(request, 200, COMPAT_TEXT, count > 0 ? text : NO_SCRIPTS,
                            count > 0 ? used : sizeof NO_SCRIPTS - 1);
    }
    free(text);
    free(names);
    json_decref(scripts);
}

static void gort_list(struct request *request)
{
    rights_ask(request, list);
}

/* Each is a text afterwards: null is an empty one. */
static bool are_texts(json_t *list)
{
    size_t i;
    json_t *item;
    if (list != NULL && !json_is_array(list))
        return false;
    json_array_foreach(list, i, item)
    {
        if (json_is_null(item))
            json_array_set_new(list, i, json_string(""));
        else if (!json_is_string(item))
            return false;
    }
    return true;
}

static bool read_start(json_t *body, struct start *ret_start)
{
    json_t *executor = go_json_member(body, "executor"), *script = go_json_member(body, "script");
    *ret_start = (struct start){ json_string_value(executor), json_string_value(script),
                                 go_json_member(body, "env_vars"), go_json_member(body, "args") };
    return (executor == NULL || ret_start->executor != NULL) && (script == NULL || ret_start->script != NULL) &&
           are_texts(ret_start->env_vars) && are_texts(ret_start->args);
}

static bool is_listed(json_t *values, const char *script)
{
    size_t i;
    json_t *value;
    json_array_foreach(values, i, value) if (strcmp(json_string_value(value), script) == 0) return true;
    return false;
}

/* "NAME=value" sets the parameter NAME, so that the command's rules judge what may be set, and to what. */
static json_t *params_of(const struct start *start)
{
    size_t i;
    json_t *item, *params = json_object();
    json_array_foreach(start->env_vars, i, item)
    {
        const char *text = json_string_value(item), *equals = strchr(text, '=');
        if (equals == NULL)
            continue; /* a name without a value has never been a variable */
        char *name = strndup(text, (size_t)(equals - text));
        if (name != NULL)
            json_object_set_new(params, name, json_string(equals + 1));
        free(name);
    }
    json_object_set_new(params, "script", json_string(start->script));
    if (json_array_size(start->args) > 0)
        json_object_set(params, "args", start->args);
    return params;
}

static void on_started(struct request *request, struct message *message)
{
    (void)message;
    compat_say(request, 200, STARTED);
}

static void start(struct request *request, const struct msg_commands *commands)
{
    const uint8_t *data;
    size_t size;
    struct start order;
    if (!compat_body(request, &data, &size))
        return;
    json_t *body = go_json_read(data, size);
    const char *command = NULL;
    if (body == NULL || !read_start(body, &order)) {
        compat_refuse(request, "gort-not-json", "Not able to parse data as valid JSON");
    } else if (order.executor == NULL || order.script == NULL || order.executor[0] == '\0' || order.script[0] == '\0') {
        compat_refuse(request, "bad-request",
                      "Required parameters 'executor' and 'script' were not found in the payload");
    } else if ((command = compat_command(request, commands, PREDECESSOR_GORT, order.executor)) == NULL) {
        compat_refuse(request, "internal", "Requested executor is not installed");
    } else if (!is_listed(json_object_get(compat_param(request, command, "script"), "enum"), order.script)) {
        compat_refuse(request, "gort-no-script", "Requested script is not found in the scripts directory");
    } else {
        compat_submit(request, command, order.executor, params_of(&order), on_started);
    }
    json_decref(body);
}

static void gort_start(struct request *request)
{
    rights_ask(request, start);
}

/*
 * "POST /v1/start HTTP/1.1", and more lines. A target that is too long leads nowhere. On gort's own listener alone, where this
 * host's programs are: whoever reaches the API's could else keep all others out, for nobody knows yet who it is.
 */
static bool is_ours(const struct dialect *spoken, struct evbuffer *head)
{
    if (spoken != &gort_dialect)
        return false;
    char line[16 + PATH_MAX_BYTES], target[PATH_MAX_BYTES];
    ev_ssize_t size = evbuffer_copyout(head, line, sizeof line);
    const char *from = size > 0 ? memchr(line, ' ', (size_t)size) : NULL;
    const char *to = from != NULL ? memchr(from + 1, ' ', (size_t)(line + size - from - 1)) : NULL;
    return to != NULL && text_copy_bytes(target, sizeof target, from + 1, (size_t)(to - from - 1)) &&
           routes_lead_to(&gort_dialect, target);
}

/*
 * One more than may be under way at once is refused, and none waits. A request of its own listener is under way from its head
 * on: one whose body is slow counts, for as long as the guard waits for that. With a guard that is gone the client is, too.
 */
static bool gort_admits(struct request *request)
{
    const struct public_predecessor *gort = public_settings_predecessor(&request->front->settings, PREDECESSOR_GORT);
    if (gort == NULL || gort->requests_max == 0)
        return true;
    uint32_t count = request->guard != NULL ? guard_count_coming(request->guard, is_ours) : 0;
    for (const struct request *other = request->front->requests; other != NULL; other = other->next)
        count += other->dialect == &gort_dialect && other->route != NULL;
    if (count <= gort->requests_max)
        return true;
    compat_refuse(request, "gort-throttled", "Server capacity exceeded.");
    return false;
}

/* Its own texts where it has one for what happened; ours where it has none. */
static void gort_refuse(struct request *request, const struct problem *problem)
{
    static const struct {
        const char *code;
        unsigned status;
    } statuses[] = { { "gort-not-json", 422 }, { "gort-no-script", 501 }, { "gort-throttled", 503 } };
    unsigned status = problem->status;
    if (request->route == NULL && strcmp(problem->code, "method-not-allowed") == 0) {
        evhttp_remove_header(evhttp_request_get_output_headers(request->http), "Allow");
        request_reply_empty(request, 405);
        return;
    }
    if (request->route == NULL && status == 404) {
        request_reply_text(request, 404, "This page does not exist!");
        return;
    }
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        if (strcmp(problem->code, statuses[i].code) == 0)
            status = statuses[i].status;
    char text[COMPAT_DETAIL_BYTES];
    request_reply_text(request, status, compat_detail(problem, text));
}

static const struct route routes[] = {
    { EVHTTP_REQ_GET, .path = "/v1/health", .run = gort_health },
    { EVHTTP_REQ_GET, .path = "/v1/list-dist", .run = gort_list },
    { EVHTTP_REQ_POST, .path = "/v1/start", .run = gort_start },
};

const struct dialect gort_dialect = {
    .name = "gort",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .ignores_query = true,
    .has_no_head = true,
    .admits = gort_admits,
    .refuse = gort_refuse,
};
