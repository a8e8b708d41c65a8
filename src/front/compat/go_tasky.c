/*
 * go-tasky (2015): workers by name, and tasks that are polled.
 *
 * Its workers are the keys of `commands`, in lower case. What a worker is sent is the standard input of a command that takes one
 * (`stdin: body`), and the parameters of any other: a JSON object, or nothing.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/http.h>

#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/proto/channel.h"

#include "../front.h"
#include "sallyport/output/output_log.h"
#include "sallyport/output/output_piece.h"
#include "../problem.h"
#include "../request.h"
#include "compat.h"
#include "job_document.h"
#include "job_list.h"

#define NO_WORKER        "Could not found worker with given name"
#define NO_TASK          "Could not found a task with given id"
#define NO_PAGE          "404 page not found"
#define LINE_MAX_BYTES   512
#define OBJECT_MAX_BYTES (1024 * 1024) /* output that is longer is text, whatever it looks like */

/* Its documents end with a newline. */
static void reply(struct request *request, unsigned status, json_t *json)
{
    request_reply_json(request, status, COMPAT_TEXT, json);
}

/* --- workers --- */

/* "config_objects": what a worker takes, with the value that stands when nothing is said, or none. */
static json_t *config_of(json_t *command)
{
    json_t *properties = json_object_get(json_object_get(command, "params_schema"), "properties");
    json_t *objects = json_object(), *schema;
    const char *name;
    json_object_foreach(properties, name, schema)
    {
        json_t *value = json_object_get(schema, "default");
        if (value != NULL)
            json_object_set(objects, name, value);
        else
            json_object_set_new(objects, name, json_string(""));
    }
    return objects;
}

static json_t *worker_of(const char *name, json_t *command)
{
    json_t *config = config_of(command);
    json_t *worker = json_pack("{s:s, s:O*}", "name", name, "description", json_object_get(command, "description"));
    if (json_object_size(config) > 0)
        json_object_set(worker, "config_objects", config);
    json_decref(config);
    return worker;
}

static void list_workers(struct request *request, const struct msg_commands *commands)
{
    const struct public_settings *settings = &request->front->settings;
    json_t *workers = json_array();
    for (uint32_t i = 0; i < settings->called_count; i++) {
        const struct public_called *called = &settings->called[i];
        int index = public_settings_find(settings, called->command);
        if (called->which == PREDECESSOR_GO_TASKY && rights_may_see(commands, index))
            json_array_append_new(workers, worker_of(called->called, settings->commands[index].json));
    }
    if (json_array_size(workers) > 0) {
        request_reply_json(request, 200, "application/json", workers);
        return;
    }
    json_decref(workers);
    request_reply_empty(request, 204);
}

static void go_tasky_workers(struct request *request)
{
    rights_ask(request, list_workers);
}

static void on_created(struct request *request, struct message *message)
{
    char id[COMPAT_ID_BYTES];
    reply(request, 200, json_pack("{s:s}", "TaskId", compat_id_text(&message->body.submitted.job_id, id)));
}

static bool takes_input(const struct request *request, const char *command)
{
    int index = public_settings_find(&request->front->settings, command);
    json_t *json = index >= 0 ? request->front->settings.commands[index].json : NULL;
    const char *kind = json_string_value(json_object_get(json, "stdin"));
    return kind != NULL && strcmp(kind, "none") != 0;
}

static void create(struct request *request, const struct msg_commands *commands)
{
    const uint8_t *data;
    size_t size;
    if (!compat_body(request, &data, &size))
        return;
    const char *called = request->path.rest;
    const char *command = compat_command(request, commands, PREDECESSOR_GO_TASKY, called);
    if (command == NULL) {
        compat_refuse(request, "not-found", NO_WORKER);
    } else if (takes_input(request, command)) {
        compat_submit_input(request, command, called, data, size, on_created);
    } else {
        json_t *params = size > 0 ? json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL) : json_object();
        if (json_is_object(params)) {
            compat_submit(request, command, called, params, on_created);
        } else {
            json_decref(params);
            compat_refuse(request, "bad-json", "The worker takes a JSON object, such as {\"source\": \"a\"}.");
        }
    }
}

static void go_tasky_create(struct request *request)
{
    rights_ask(request, create);
}

/* --- output --- */

/* The last bytes of a stream, at most `max`; NULL when they cannot be read. */
static char *read_end(struct output_log *log, uint32_t stream, uint64_t max, size_t *ret_size)
{
    uint64_t bytes, at;
    if (output_log_stream_bytes(log, stream, &bytes) < 0)
        return NULL;
    uint64_t wanted = bytes < max ? bytes : max;
    if (output_log_find_in_stream(log, stream, bytes - wanted, &at) < 0)
        return NULL;
    char *text = malloc((size_t)wanted + 1);
    struct output_cursor cursor = { .at = at, .only = stream };
    size_t used = 0, size;
    while (text != NULL && used < wanted &&
           output_stretch_next(log, &cursor, log->bytes, (size_t)wanted - used, &size) > 0 &&
           output_log_read(log, cursor.at, text + used, size) == 0) {
        cursor.at += size;
        used += size;
    }
    *ret_size = used;
    return text;
}

/* All of standard output; NULL when it is too long, or cannot be read. */
static char *read_stdout(struct output_log *log, size_t *ret_size)
{
    uint64_t bytes;
    if (output_log_stream_bytes(log, OUTPUT_STDOUT, &bytes) < 0 || bytes > OBJECT_MAX_BYTES)
        return NULL;
    return read_end(log, OUTPUT_STDOUT, bytes, ret_size);
}

static void take_log(struct message *message, struct output_log *log)
{
    const struct msg_output *output = &message->body.output;
    output_log_init(log, fd_take(&message->fds[0]), fd_take(&message->fds[1]));
    output_log_grow(log, output->bytes, output->records, output->is_complete);
}

/* --- tasks --- */

static const char *status_of(const struct msg_job *job)
{
    static const char *const texts[JOB_STATE_COUNT] = {
        [JOB_QUEUED] = "Started",   [JOB_STARTING] = "Started",     [JOB_RUNNING] = "Running",
        [JOB_STOPPING] = "Running", [JOB_SUCCEEDED] = "Completed",  [JOB_FAILED] = "Failed",
        [JOB_TIMED_OUT] = "Failed", [JOB_CANCELLED] = "Canceled",   [JOB_REJECTED] = "Failed",
        [JOB_LOST] = "Failed",      [JOB_LAUNCH_FAILED] = "Failed",
    };
    return job->state < JOB_STATE_COUNT && texts[job->state] != NULL ? texts[job->state] : "Started";
}

/* Digits of a fraction without the zeros at its end: ".5", or "". */
static const char *fraction(uint64_t part, unsigned digits, char text[16])
{
    size_t size = (size_t)snprintf(text, 16, ".%0*" PRIu64, (int)digits, part);
    while (size > 0 && text[size - 1] == '0')
        size--;
    if (size == 1)
        size = 0;
    text[size] = '\0';
    return text;
}

/* As Go's time.Duration says it: "1m0.5s", "89.1ms", "313µs". */
static void duration_text(uint64_t us, char text[48])
{
    char part[16];
    uint64_t s = us / 1000000;
    if (us < 1000)
        snprintf(text, 48, "%" PRIu64 "\u00b5s", us);
    else if (us < 1000000)
        snprintf(text, 48, "%" PRIu64 "%sms", us / 1000, fraction(us % 1000, 3, part));
    else if (s < 60)
        snprintf(text, 48, "%" PRIu64 "%ss", s, fraction(us % 1000000, 6, part));
    else if (s < 3600)
        snprintf(text, 48, "%" PRIu64 "m%" PRIu64 "%ss", s / 60, s % 60, fraction(us % 1000000, 6, part));
    else
        snprintf(text, 48, "%" PRIu64 "h%" PRIu64 "m%" PRIu64 "%ss", s / 3600, s / 60 % 60, s % 60,
                 fraction(us % 1000000, 6, part));
}

/* "Error" is ours: why a task failed was known to its server, and told to nobody. */
static json_t *task_of(const struct msg_job *job)
{
    char id[COMPAT_ID_BYTES], duration[48] = "";
    if (job->state == JOB_SUCCEEDED)
        duration_text(job->wall_us, duration);
    json_t *task = json_pack("{s:s, s:s, s:s}", "TaskId", compat_id_text(&job->job_id, id), "Status", status_of(job),
                             "Duration", duration);
    if (strcmp(status_of(job), "Failed") != 0)
        return task;
    json_object_set_new(task, "Error",
                        json_string(job->message[0] != '\0' ? job->message : job_reason_text(job->reason)));
    return task;
}

static void answer_tasks(struct request *request, json_t *items)
{
    reply(request, 200, json_pack("{s:O}", "Tasks", json_array_size(items) > 0 ? items : json_null()));
}

static void go_tasky_tasks(struct request *request)
{
    static const struct job_list_form form = { task_of, answer_tasks };
    job_list_send(request, &form);
}

static bool is_hex(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789abcdef")] == '\0';
}

/* False: it has not the form of an id, or is none of ours; the request is gone. */
static bool take_id(struct request *request)
{
    const char *text = request->path.rest;
    if (compat_id_parse(text, strlen(text), &request->path.job_id))
        return true;
    compat_refuse(request, "not-found", is_hex(text) ? NO_TASK : NO_PAGE);
    return false;
}

static void task_free(void *state)
{
    json_decref(state);
}

/* The last line of standard error that is not empty, in printable characters; "" for none. */
static void last_line(struct output_log *log, char line[LINE_MAX_BYTES])
{
    size_t size = 0;
    char *text = read_end(log, OUTPUT_STDERR, LINE_MAX_BYTES - 1, &size);
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    size_t from = size;
    while (from > 0 && text[from - 1] != '\n')
        from--;
    while (from < size && (text[from] & 0xc0) == 0x80) /* the middle of a character: a long line's head is cut off */
        from++;
    size -= from;
    for (size_t i = 0; i < size; i++)
        line[i] = (char)(iscntrl((unsigned char)text[from + i]) ? ' ' : text[from + i]);
    line[text_is_utf8(line, size) ? size : 0] = '\0';
    free(text);
}

/* What the program said of it is part of the reason. Output that is not kept, or not for this caller, adds nothing. */
static void on_failed_output(struct request *request, struct message *message)
{
    json_t *task = request->state;
    struct output_log log;
    char line[LINE_MAX_BYTES] = "";
    if (message != NULL && message->type == MSG_OUTPUT) {
        take_log(message, &log);
        last_line(&log, line);
        output_log_done(&log);
    }
    if (line[0] != '\0')
        json_object_set_new(task, "Error",
                            json_sprintf("%s: %s", json_string_value(json_object_get(task, "Error")), line));
    reply(request, 200, json_incref(task));
}

static void on_status(struct request *request, struct message *message)
{
    const struct msg_job *job = &message->body.job;
    json_t *task = task_of(job);
    if (job->state != JOB_FAILED || !json_is_string(json_object_get(task, "Error"))) {
        reply(request, 200, task);
        return;
    }
    request->state = task;
    request->free_state = task_free;
    request->hears_all = true;
    ask_read_output(request, false, on_failed_output);
}

static void go_tasky_status(struct request *request)
{
    if (take_id(request))
        ask_read_job(request, false, on_status);
}

/* --- results --- */

static json_t *result_members(const struct request *request, const struct msg_job *job)
{
    char id[COMPAT_ID_BYTES];
    (void)request;
    return json_pack("{s:s}", "TaskId", compat_id_text(&job->job_id, id));
}

static void answer_text(struct request *request)
{
    static const struct document_form form = {
        .content_type = COMPAT_TEXT,
        .streams = { { "{\"Output\":{\"string_output\":\"", OUTPUT_STDOUT } },
        .stream_count = 1,
        .after = "\"},",
        .end = "\n",
        .members = result_members,
    };
    job_document_send(request, &form);
}

/* An object stands there as one, with its members sorted; what is none is a text. */
static void on_output(struct request *request, struct message *message)
{
    struct output_log log;
    size_t size = 0;
    char id[COMPAT_ID_BYTES];
    if (message->type != MSG_OUTPUT) { /* was not asked for: nothing is watched */
        refuse_keeper_down(request, "The keeper said what it was not asked. Try again.");
        return;
    }
    take_log(message, &log);
    char *text = read_stdout(&log, &size);
    json_t *object = text != NULL ? json_loadb(text, size, 0, NULL) : NULL;
    bool is_empty = text != NULL && size == 0;
    free(text);
    output_log_done(&log);
    if (is_empty) {
        request_reply_bytes(request, 200, COMPAT_TEXT, "", 0);
    } else if (!json_is_object(object)) {
        json_decref(object);
        answer_text(request);
    } else {
        char *sorted = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
        json_decref(object);
        json_t *result = json_pack("{s:o, s:s}", "Output", json_loads(sorted != NULL ? sorted : "{}", 0, NULL),
                                   "TaskId", compat_id_text(&request->path.job_id, id));
        free(sorted);
        reply(request, 200, result);
    }
}

static void on_result_job(struct request *request, struct message *message)
{
    if (message->body.job.state == JOB_SUCCEEDED)
        ask_read_output(request, false, on_output);
    else
        request_reply_bytes(request, 200, COMPAT_TEXT, "", 0);
}

static void go_tasky_result(struct request *request)
{
    if (take_id(request))
        ask_read_job(request, false, on_result_job);
}

static void on_cancelled(struct request *request, struct message *message)
{
    (void)message;
    request_reply_bytes(request, 200, COMPAT_TEXT, "", 0);
}

static void go_tasky_cancel(struct request *request)
{
    struct msg_cancel cancel = { 0 };
    if (take_id(request))
        ask_cancel(request, &cancel, on_cancelled);
}

static void redirect(struct request *request)
{
    const char *target = evhttp_request_get_uri(request->http);
    size_t size = strcspn(target, "?");
    char location[PATH_MAX_BYTES];
    if (size > 0 && target[size - 1] == '/')
        snprintf(location, sizeof location, "%.*s", (int)size - 1, target);
    else
        snprintf(location, sizeof location, "%.*s/", (int)size, target);
    request_add_header(request, "Location", location);
    request_reply_empty(request, 301);
}

static void on_redirect_known(struct request *request, struct message *message)
{
    (void)message;
    redirect(request);
}

/* A slash too many, or too few. */
static void go_tasky_redirect(struct request *request)
{
    bool is_task = request->path.rest[0] != '\0' && strcmp(request->route->path, "/tasky/v1/workers/{word}/") != 0;
    if (is_task && !is_hex(request->path.rest))
        compat_refuse(request, "not-found", NO_PAGE);
    else
        ask_whoami(request, on_redirect_known);
}

static void go_tasky_refuse(struct request *request, const struct problem *problem)
{
    bool is_unrouted = request->route == NULL && (problem->status == 404 || problem->status == 405);
    if (is_unrouted || strcmp(problem->detail, NO_PAGE) == 0) {
        evhttp_remove_header(evhttp_request_get_output_headers(request->http), "Allow");
        request_reply_text(request, 404, NO_PAGE);
        return;
    }
    /* Its own words for the two things that may not be there. */
    bool is_task = problem->status == 404 && strcmp(problem->detail, NO_WORKER) != 0;
    bool was_create = request->route != NULL && request->route->run == go_tasky_create;
    char detail[COMPAT_DETAIL_BYTES];
    const char *text = is_task ? (was_create ? NO_WORKER : NO_TASK) : compat_detail(problem, detail);
    reply(request, problem->status, json_pack("{s:s}", "Error", text));
}

#define GET  EVHTTP_REQ_GET
#define POST EVHTTP_REQ_POST

static const struct route routes[] = {
    { GET, .path = "/tasky/v1/workers/", .run = go_tasky_workers },
    { POST, .path = "/tasky/v1/workers/{word}", .run = go_tasky_create },
    { GET, .path = "/tasky/v1/tasks/", .run = go_tasky_tasks },
    { GET, .path = "/tasky/v1/tasks/{word}/status", .run = go_tasky_status },
    { GET, .path = "/tasky/v1/tasks/{word}/result", .run = go_tasky_result },
    { POST, .path = "/tasky/v1/tasks/{word}/cancel", .run = go_tasky_cancel },
    { GET, .path = "/tasky/v1/workers", .run = go_tasky_redirect },
    { POST, .path = "/tasky/v1/workers/{word}/", .run = go_tasky_redirect },
    { GET, .path = "/tasky/v1/tasks", .run = go_tasky_redirect },
    { GET, .path = "/tasky/v1/tasks/{word}/status/", .run = go_tasky_redirect },
    { GET, .path = "/tasky/v1/tasks/{word}/result/", .run = go_tasky_redirect },
    { POST, .path = "/tasky/v1/tasks/{word}/cancel/", .run = go_tasky_redirect },
};

const struct dialect go_tasky_dialect = {
    .name = "go-tasky",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .ignores_query = true,
    .has_no_head = true,
    .refuse = go_tasky_refuse,
};
