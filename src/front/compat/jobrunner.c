/*
 * jobrunner (2014): command lines with an environment, and their output as it comes. Both of its protocols: one CommandLine
 * (its README), and a list of Commands that run one after another (its last version).
 *
 * `commands` has `bash` for command lines, and `[REGISTRY/]REPOSITORY[:TAG]` for each image of its docker commands. A command
 * takes the line as the parameter `command_line` (bash), or its words as `args` (docker), the working directory as
 * `working_dir`, and each variable of the environment as a parameter of that name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/http.h>

#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/proto/channel.h"

#include "../front.h"
#include "../json_in.h"
#include "../problem.h"
#include "../request.h"
#include "../stream.h"
#include "compat.h"
#include "go_json.h"
#include "job_list.h"

#define UUID_BYTES 37
#define NO_PAGE    "404 page not found"
#define BAD        "jobrunner-bad" /* what was wrong with a client's request has always been told as 500 */

/* --- ids: its clients know UUIDs of version 4 --- */

static const char *uuid_text(const struct job_id *id, char text[UUID_BYTES])
{
    char hex[COMPAT_ID_BYTES];
    compat_id_text(id, hex);
    hex[12] = '4'; /* ours say 7 there, all of them */
    snprintf(text, UUID_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return text;
}

static bool uuid_parse(const char *text, struct job_id *ret_id)
{
    char hex[COMPAT_ID_BYTES];
    size_t used = 0;
    if (strlen(text) != UUID_BYTES - 1)
        return false;
    for (size_t i = 0; i < UUID_BYTES - 1; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash != (text[i] == '-'))
            return false;
        if (!is_dash)
            hex[used++] = text[i];
    }
    if (hex[12] != '4')
        return false;
    hex[12] = '7';
    return compat_id_parse(hex, used, ret_id);
}

/* False: there is none of this name, and the request is gone. */
static bool take_id(struct request *request)
{
    if (uuid_parse(request->path.rest, &request->path.job_id))
        return true;
    compat_refuse(request, "not-found", "There is no such job.");
    return false;
}

/* --- submits --- */

/* The sentence of a member that is none of its type, as Go says it. */
static const char *type_fault(json_t *value, const char *name, const char *type, char room[160])
{
    static const char *const kinds[] = {
        [JSON_OBJECT] = "object", [JSON_ARRAY] = "array", [JSON_STRING] = "string", [JSON_INTEGER] = "number",
        [JSON_REAL] = "number",   [JSON_TRUE] = "bool",   [JSON_FALSE] = "bool",
    };
    snprintf(room, 160, "json: cannot unmarshal %s into Go struct field StartMsg.%s of type %s",
             kinds[json_typeof(value)], name, type);
    return room;
}

/* What is wrong with the types of a body, which counts before what it lacks; NULL: nothing is. */
static const char *types_fault(json_t *line, json_t *environment, char room[160])
{
    const char *name;
    json_t *value;
    if (line != NULL && !json_is_string(line))
        return type_fault(line, "CommandLine", "string", room);
    if (environment != NULL && !json_is_object(environment))
        return type_fault(environment, "Environment", "map[string]string", room);
    json_object_foreach(environment, name, value) if (!json_is_string(value) && !json_is_null(value)) return type_fault(
        value, "Environment", "string", room);
    return NULL;
}

static const char *text_of(json_t *body, const char *name)
{
    const char *text = json_string_value(go_json_member(body, name));
    return text != NULL ? text : "";
}

/* Its variables as parameters; NULL, when one is no text. */
static json_t *params_of(json_t *environment)
{
    json_t *params = json_object(), *value;
    const char *name;
    json_object_foreach(environment, name, value)
    {
        if (!json_is_string(value) && !json_is_null(value)) {
            json_decref(params);
            return NULL;
        }
        json_object_set_new(params, name, json_is_null(value) ? json_string("") : json_incref(value));
    }
    return params;
}

/* Words between single blanks. */
static json_t *words_of(const char *line)
{
    json_t *words = json_array();
    for (;; line++) {
        size_t size = strcspn(line, " ");
        json_array_append_new(words, json_stringn(line, size));
        line += size;
        if (line[0] == '\0')
            return words;
    }
}

static void on_submitted(struct request *request, struct message *message)
{
    char id[UUID_BYTES];
    json_t *json = json_pack("{s:s}", "ID", uuid_text(&message->body.submitted.job_id, id));
    compat_reply_json(request, 200, COMPAT_TEXT, json);
}

static void submit_line(struct request *request, const struct msg_commands *commands, json_t *body)
{
    char room[160];
    const char *line = text_of(body, "CommandLine");
    const char *command = compat_command(request, commands, PREDECESSOR_JOBRUNNER, "bash");
    json_t *environment = go_json_member(body, "Environment"), *params = params_of(environment);
    const char *why = types_fault(go_json_member(body, "CommandLine"), environment, room);
    if (why != NULL) {
        compat_refuse(request, BAD, "%s", why);
    } else if (line[0] == '\0') {
        compat_refuse(request, BAD, "Missing CommandLine key.");
    } else if (environment == NULL) {
        compat_refuse(request, BAD, "Missing Environment key.");
    } else if (command == NULL) {
        compat_refuse(request, "forbidden",
                      "Command lines are not run here: predecessors.jobrunner.commands lists no 'bash'.");
    } else {
        json_object_set_new(params, "command_line", json_string(line));
        compat_submit(request, command, "bash", json_incref(params), on_submitted);
    }
    json_decref(params);
}

/* --- a list of commands --- */

/* "[REGISTRY/]REPOSITORY[:TAG]"; "" for one that is longer than any that can be listed. */
static void image_of(json_t *entry, char image[CALLED_MAX_BYTES])
{
    const char *registry = text_of(entry, "Registry"), *tag = text_of(entry, "Tag");
    int size = snprintf(image, CALLED_MAX_BYTES, "%s%s%s%s%s", registry, registry[0] != '\0' ? "/" : "",
                        text_of(entry, "Repository"), tag[0] != '\0' ? ":" : "", tag);
    if (size < 0 || size >= CALLED_MAX_BYTES)
        image[0] = '\0';
}

/* What is wrong with one, in the order in which it was looked at; NULL when nothing is. */
static const char *command_fault(json_t *entry, char room[160])
{
    const char *kind = text_of(entry, "Kind");
    bool is_docker = strcmp(kind, "docker") == 0;
    json_t *environment = go_json_member(entry, "Environment");
    if (kind[0] == '\0')
        return "Missing Kind from command.";
    if (!is_docker && strcmp(kind, "bash") != 0) {
        snprintf(room, 160, "Missing invalid kind of command: %.64s", kind);
        return room;
    }
    if (text_of(entry, "CommandLine")[0] == '\0')
        return "Missing CommandLine from command.";
    if (!json_is_object(environment))
        return "Missing Environment from command.";
    if (is_docker && text_of(entry, "Repository")[0] == '\0')
        return "Missing docker repository from command.";
    return NULL;
}

/* One step; NULL, with a sentence, when no command is listed for it. */
static json_t *step_of(struct request *request, const struct msg_commands *commands, json_t *body, json_t *entry,
                       char why[160])
{
    char called[CALLED_MAX_BYTES] = "bash";
    bool is_docker = strcmp(text_of(entry, "Kind"), "docker") == 0;
    const char *line = text_of(entry, "CommandLine"), *directory = text_of(entry, "WorkingDir");
    if (is_docker)
        image_of(entry, called);
    const char *command = compat_command(request, commands, PREDECESSOR_JOBRUNNER, called);
    json_t *params = params_of(go_json_member(entry, "Environment"));
    if (command == NULL || params == NULL) {
        snprintf(why, 160,
                 command == NULL ? "predecessors.jobrunner.commands lists no '%.64s'."
                                 : "A variable of '%.64s' is no text.",
                 called);
        json_decref(params);
        return NULL;
    }
    if (directory[0] == '\0')
        directory = text_of(body, "WorkingDir");
    if (directory[0] != '\0')
        json_object_set_new(params, "working_dir", json_string(directory));
    if (is_docker)
        json_object_set_new(params, "args", words_of(line));
    else
        json_object_set_new(params, "command_line", json_string(line));
    return json_pack("{s:s, s:o, s:b}", "command", command, "params", params, "continue", 1);
}

/* A command has an id of its own, made of its job's and its place. */
static json_t *command_ids(const struct job_id *job, size_t count)
{
    char text[UUID_BYTES];
    json_t *ids = json_array();
    for (size_t i = 1; i <= count; i++) {
        struct job_id id = *job;
        id.bytes[14] ^= (uint8_t)(i >> 8);
        id.bytes[15] ^= (uint8_t)i;
        json_array_append_new(ids, json_string(uuid_text(&id, text)));
    }
    return ids;
}

static void on_sequence(struct request *request, struct message *message)
{
    char text[UUID_BYTES];
    const struct job_id *job = &message->body.submitted.job_id;
    size_t count = (size_t)json_integer_value(request->state);
    json_t *json = json_pack("{s:s, s:o}", "JobID", uuid_text(job, text), "CommandIDs", command_ids(job, count));
    compat_reply_json(request, 200, COMPAT_TEXT, json);
}

static void count_free(void *count)
{
    json_decref(count);
}

static void submit_list(struct request *request, const struct msg_commands *commands, json_t *body, json_t *list)
{
    char room[160];
    const char *why = json_is_array(list) ? NULL : "Missing JSONCommands key.";
    json_t *steps = json_array(), *entry;
    size_t i;
    json_array_foreach(list, i, entry)
    {
        json_t *step = NULL;
        why = command_fault(entry, room);
        if (why == NULL && (step = step_of(request, commands, body, entry, room)) == NULL)
            why = room;
        if (why != NULL)
            break;
        json_array_append_new(steps, step);
    }
    if (why == NULL && json_array_size(steps) == 0)
        why = "Missing JSONCommands key.";
    if (why != NULL) {
        compat_refuse(request, BAD, "%s", why);
        json_decref(steps);
        return;
    }
    request->state = json_integer((json_int_t)json_array_size(steps));
    request->free_state = count_free;
    compat_submit_steps(request, steps, on_sequence);
}

static void create(struct request *request, const struct msg_commands *commands)
{
    const uint8_t *data;
    size_t size;
    if (!compat_body(request, &data, &size))
        return;
    json_t *body = go_json_read(data, size);
    json_t *list = body != NULL ? go_json_member(body, "Commands") : NULL;
    if (body == NULL)
        compat_refuse(request, BAD, go_json_is_blank(data, size) ? "EOF" : "invalid character in the JSON document");
    else if (list != NULL)
        submit_list(request, commands, body, list);
    else
        submit_line(request, commands, body);
    json_decref(body);
}

static void jobrunner_create(struct request *request)
{
    rights_ask(request, create);
}

/* --- jobs --- */

static json_t *running_id(const struct msg_job *job)
{
    char id[UUID_BYTES];
    return job_has_ended(job->state) ? NULL : json_string(uuid_text(&job->job_id, id));
}

static void answer_ids(struct request *request, json_t *items)
{
    json_t *json = json_pack("{s:O}", "IDs", json_array_size(items) > 0 ? items : json_null());
    compat_reply_json(request, 200, COMPAT_TEXT, json);
}

static void jobrunner_list(struct request *request)
{
    static const struct job_list_form form = { running_id, answer_ids };
    job_list_send(request, &form);
}

/* From the beginning, so that nothing is lost between the start of a job and this; `from=now` leaves out what was. */
static void jobrunner_attach(struct request *request)
{
    const char *from = query_get(&request->query, "from");
    bool is_now = from != NULL && strcmp(from, "now") == 0;
    if (from != NULL && !is_now && strcmp(from, "start") != 0)
        compat_refuse(request, "bad-query", "'from' must be start or now.");
    else if (take_id(request))
        stream_open(request, &(struct output_view){ .format = FORMAT_TEXT, .follows = true, .has_tail = is_now });
}

/* Known or not, running or not: the same. */
static void on_done(struct request *request, struct message *message)
{
    (void)message;
    request_reply_empty(request, 200);
}

static void jobrunner_kill(struct request *request)
{
    struct msg_cancel cancel = { .has_grace = true };
    if (uuid_parse(request->path.rest, &request->path.job_id))
        ask_cancel(request, &cancel, on_done);
    else
        ask_whoami(request, on_done);
}

/* Records go by the command's retention, and of a job's files nothing is left but what its command keeps. */
static void jobrunner_clean(struct request *request)
{
    if (take_id(request))
        ask_read_job(request, false, on_done);
}

static void refuse_job(struct request *request, const char *full_stop)
{
    char text[128];
    snprintf(text, sizeof text, "Job %.80s not found%s", request->path.rest, full_stop);
    request_reply_text(request, 404, text);
}

static void jobrunner_refuse(struct request *request, const struct problem *problem)
{
    const struct route *route = request->route;
    bool is_attach = route != NULL && route->run == jobrunner_attach;
    unsigned status = strcmp(problem->code, BAD) == 0 ? 500 : problem->status;
    if (route == NULL && (status == 404 || status == 405)) {
        evhttp_remove_header(evhttp_request_get_output_headers(request->http), "Allow");
        request_reply_text(request, 404, NO_PAGE);
    } else if (status == 404 && route->run == jobrunner_kill) {
        request_reply_empty(request, 200);
    } else if ((status == 404 || status == 410) && is_attach) { /* output that is gone is a job that is gone */
        refuse_job(request, ".");
    } else if (status == 404 && route->run == jobrunner_clean) {
        refuse_job(request, "");
    } else {
        char text[COMPAT_DETAIL_BYTES];
        request_reply_text(request, status, compat_detail(problem, text));
    }
}

/* At the root http-runner's clients post, too; theirs say `command`. */
static bool jobrunner_is_meant(const struct request *request)
{
    size_t size;
    const uint8_t *data = compat_peek(request, &size);
    json_t *body = go_json_read(data, size);
    bool is_meant = body == NULL || json_object_get(body, "command") == NULL;
    json_decref(body);
    return is_meant;
}

static const char *const attach_keys[] = { "from", NULL };

static const struct route routes[] = {
    { EVHTTP_REQ_GET, .path = "/", .run = jobrunner_list },
    { EVHTTP_REQ_POST, .path = "/", .run = jobrunner_create },
    { EVHTTP_REQ_GET, .path = "/{word}/attach", .run = jobrunner_attach, .query_keys = attach_keys },
    { EVHTTP_REQ_DELETE, .path = "/{word}", .run = jobrunner_kill },
    { EVHTTP_REQ_POST, .path = "/{word}/clean", .run = jobrunner_clean },
};

const struct dialect jobrunner_dialect = {
    .name = "jobrunner",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .ignores_query = true,
    .has_no_head = true,
    .is_meant = jobrunner_is_meant,
    .refuse = jobrunner_refuse,
};
