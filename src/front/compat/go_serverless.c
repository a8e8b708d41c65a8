/*
 * go-serverless (2024-01): functions are images with variables, and routes are paths that lead to them.
 *
 * The keys of `commands` are the images that may be named, and nothing is ever fetched: what a client writes is compared with
 * them by the keeper, which keeps functions and routes and decides what they mean. Here are the shapes of its wire.
 */
#include "go_serverless.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/http.h>

#include "sallyport/base/text.h"
#include "sallyport/proto/channel.h"
#include "sallyport/proto/entries.h"

#include "../front.h"
#include "../json_out.h"
#include "../problem.h"
#include "../request.h"
#include "compat.h"
#include "go_json.h"

#define URN "urn:uuid:"

/* What a list, or one that was made, is put together of. */
struct listing {
    json_t *items;
    uint64_t last; /* number of the last one */
    enum function_wish wish;
};

const char *serverless_uuid(const struct job_id *id, char text[UUID_BYTES])
{
    char hex[COMPAT_ID_BYTES];
    compat_id_text(id, hex);
    snprintf(text, UUID_BYTES, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return text;
}

/* --- ids as its clients may write them; false: refused with its own text, and the request is gone --- */

static bool read_dashed(const char *text, struct job_id *ret_id)
{
    char hex[COMPAT_ID_BYTES];
    size_t used = 0;
    for (size_t i = 0; i < UUID_BYTES - 1; i++) {
        bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_dash != (text[i] == '-'))
            return false;
        if (!is_dash)
            hex[used++] = text[i];
    }
    hex[used] = '\0';
    return text_unhex(hex, sizeof ret_id->bytes, ret_id->bytes);
}

static bool take_uuid(struct request *request, const char *written, struct job_id *ret_id)
{
    char text[64];
    size_t size = strlen(written), dashed = UUID_BYTES - 1;
    bool is_plain = false, fits = text_copy(text, sizeof text, written);
    for (char *at = text; *at != '\0'; at++)
        *at = *at >= 'A' && *at <= 'F' ? (char)(*at + 'a' - 'A') : *at;
    if (!fits ||
        (size != dashed && size != dashed + strlen(URN) && size != dashed + 2 && size != COMPAT_ID_BYTES - 1)) {
        compat_refuse(request, "bad-request", "invalid UUID length: %zu", size);
        return false;
    }
    if (size == COMPAT_ID_BYTES - 1)
        is_plain = text_unhex(text, sizeof ret_id->bytes, ret_id->bytes);
    else if (size == dashed)
        is_plain = read_dashed(text, ret_id);
    else if (size == dashed + 2)
        is_plain = text[0] == '{' && text[size - 1] == '}' && read_dashed(text + 1, ret_id);
    else
        is_plain = strncasecmp(written, URN, strlen(URN)) == 0 && read_dashed(text + strlen(URN), ret_id);
    if (!is_plain)
        compat_refuse(request, "bad-request", "invalid UUID format");
    return is_plain;
}

/* --- answers --- */

static void reply(struct request *request, unsigned status, bool is_success, const char *message, json_t *data)
{
    json_t *json = json_pack("{s:b, s:o, s:o}", "success", is_success, "message", json_text(message), "data",
                             data != NULL ? data : json_null());
    request_reply_json(request, status, SERVERLESS_JSON, json);
}

static void succeed(struct request *request, unsigned status, json_t *data)
{
    reply(request, status, true, "success", data);
}

static int compare_names(const void *left, const void *right)
{
    const struct entry *first = left, *second = right;
    size_t size = first->name.size < second->name.size ? first->name.size : second->name.size;
    int order = memcmp(first->name.data, second->name.data, size);
    return order != 0 ? order : (first->name.size > second->name.size) - (first->name.size < second->name.size);
}

/* Sorted, as Go prints a map. */
static json_t *environment_of(struct span variables)
{
    struct entry entries[FUNCTION_VARIABLES_MAX];
    struct reader in = { variables.data, variables.size };
    json_t *environment = json_object();
    size_t count = 0;
    while (count < FUNCTION_VARIABLES_MAX && entries_next(&in, &entries[count]) > 0)
        count++;
    if (count > 0)
        qsort(entries, count, sizeof *entries, compare_names);
    for (size_t i = 0; i < count; i++) {
        char name[NAME_MAX_BYTES];
        text_copy_bytes(name, sizeof name, entries[i].name.data, entries[i].name.size);
        json_object_set_new(environment, name, json_text_span(entries[i].value));
    }
    return environment;
}

static json_t *function_json(const struct msg_function *function)
{
    char id[UUID_BYTES];
    return json_pack("{s:s, s:s, s:o}", "id", serverless_uuid(&function->id, id), "image", function->image,
                     "environment", environment_of(function->variables));
}

static json_t *route_json(const struct msg_function *route)
{
    char id[UUID_BYTES];
    return json_pack("{s:s, s:o, s:o}", "id", serverless_uuid(&route->route_id, id), "path", json_text(route->path),
                     "function", function_json(route));
}

static void on_function(struct request *request, struct message *message)
{
    succeed(request, 200, function_json(&message->body.function));
}

static void on_route(struct request *request, struct message *message)
{
    succeed(request, 200, route_json(&message->body.function));
}

/* --- lists --- */

static void listing_free(void *state)
{
    struct listing *listing = state;
    json_decref(listing->items);
    free(listing);
}

static void on_list(struct request *request, struct message *message);

static void ask_page(struct request *request)
{
    const struct listing *listing = request->state;
    struct msg_list_functions list = { .wish = (uint8_t)listing->wish, .after = listing->last };
    ask_list_functions(request, &list, on_list);
}

static void on_list(struct request *request, struct message *message)
{
    struct listing *listing = request->state;
    if (message->type == MSG_FUNCTION) {
        const struct msg_function *function = &message->body.function;
        bool is_route = listing->wish == FUNCTIONS_ROUTES;
        json_array_append_new(listing->items, is_route ? route_json(function) : function_json(function));
        listing->last = function->number;
        ask_expect_more(request);
    } else if (message->body.jobs_end.has_more && json_array_size(listing->items) < FUNCTION_COUNT_MAX) {
        ask_page(request);
    } else {
        succeed(request, 200, json_incref(listing->items));
    }
}

static void list(struct request *request, enum function_wish wish)
{
    struct listing *listing = calloc(1, sizeof *listing);
    json_t *items = json_array();
    if (listing == NULL || items == NULL) {
        free(listing);
        json_decref(items);
        request_abort(request);
        return;
    }
    *listing = (struct listing){ .items = items, .wish = wish };
    request->state = listing;
    request->free_state = listing_free;
    ask_page(request);
}

static void list_functions(struct request *request)
{
    list(request, FUNCTIONS_ALL);
}

static void list_routes(struct request *request)
{
    list(request, FUNCTIONS_ROUTES);
}

/* --- one: who asks is known before the id is looked at --- */

static void on_route_known(struct request *request, struct message *message)
{
    struct msg_list_functions one = { .wish = FUNCTIONS_ROUTE };
    (void)message;
    if (take_uuid(request, request->path.rest, &one.id))
        ask_list_functions(request, &one, on_route);
}

static void read_route(struct request *request)
{
    ask_whoami(request, on_route_known);
}

/* Fetching an image is the operator's step; a client hears whether there is one to be run. */
static void on_pull(struct request *request, struct message *message)
{
    if (message->body.function.command[0] != '\0')
        on_function(request, message);
    else
        compat_refuse(request, "bad-request", "the image '%s' is not listed here any more, and none is fetched",
                      message->body.function.image);
}

static void on_pull_known(struct request *request, struct message *message)
{
    struct msg_list_functions one = { .wish = FUNCTIONS_ONE };
    (void)message;
    if (take_uuid(request, request->path.rest, &one.id))
        ask_list_functions(request, &one, on_pull);
}

static void pull_function(struct request *request)
{
    ask_whoami(request, on_pull_known);
}

static void on_nothing(struct request *request, struct message *message)
{
    (void)message;
    request_reply_json(request, 404, SERVERLESS_JSON, json_pack("{s:s}", "message", "Not Found"));
}

/* A single function has never been shown. */
static void read_nothing(struct request *request)
{
    ask_whoami(request, on_nothing);
}

/* --- changes --- */

static bool change(struct request *request, enum function_deed deed, struct msg_change_functions *asked,
                   ask_answered answered)
{
    asked->deed = (uint8_t)deed;
    return ask_change_functions(request, asked, answered);
}

/* A member that must be a text, "" when it is absent. NULL: it is something else, and the request is gone. */
static const char *take_text(struct request *request, json_t *body, const char *name)
{
    const json_t *value = go_json_member(body, name);
    if (value == NULL)
        return "";
    if (!json_is_string(value))
        compat_refuse(request, "bad-request", "the member '%s' must be a string", name);
    return json_string_value(value);
}

/* The document, owned; NULL: it is none, and the request is gone. */
static json_t *take_document(struct request *request)
{
    const uint8_t *data;
    size_t size;
    if (!compat_body(request, &data, &size))
        return NULL;
    json_t *body = go_json_read(data, size);
    if (body == NULL)
        compat_refuse(request, "bad-request", go_json_is_blank(data, size) ? "EOF" : "the body is no JSON object");
    return body;
}

/* As entries; what they may be the keeper says. False: refused. */
static bool take_environment(struct request *request, json_t *environment, struct writer *out)
{
    const char *name;
    json_t *value;
    if (environment != NULL && !json_is_object(environment)) {
        compat_refuse(request, "bad-request", "the member 'environment' must be an object of strings");
        return false;
    }
    json_object_foreach(environment, name, value)
    {
        const char *text = json_is_null(value) ? "" : json_string_value(value);
        if (text == NULL) {
            compat_refuse(request, "bad-request", "the member 'environment' must be an object of strings");
            return false;
        }
        if (!entries_add_text(out, ENTRY_STRING, name, text, "")) {
            compat_refuse(request, "bad-request", "all variables together may have %d KiB",
                          FUNCTION_VARIABLES_BYTES / 1024);
            return false;
        }
    }
    return true;
}

/* What was not given is null in this answer alone, as it was. */
static void on_created(struct request *request, struct message *message)
{
    json_t *json = function_json(&message->body.function);
    if (json_is_null((const json_t *)request->state))
        json_object_set_new(json, "environment", json_null());
    succeed(request, 201, json);
}

static void state_free(void *state)
{
    json_decref(state);
}

static void on_create_known(struct request *request, struct message *message)
{
    static uint8_t room[FUNCTION_VARIABLES_BYTES];
    struct writer out = { room, sizeof room };
    struct msg_change_functions asked = { 0 };
    (void)message;
    json_t *body = take_document(request);
    if (body == NULL)
        return;
    json_t *environment = go_json_member(body, "environment");
    const char *image = take_text(request, body, "image");
    if (image != NULL && take_environment(request, environment, &out)) {
        text_copy(asked.image, sizeof asked.image, image);
        asked.variables = (struct span){ room, (uint32_t)(sizeof room - out.left) };
        request->state = environment != NULL ? json_true() : json_null();
        request->free_state = state_free;
        if (strlen(image) < sizeof asked.image)
            change(request, FUNCTION_CREATE, &asked, on_created);
        else
            compat_refuse(request, "bad-request", "the image is not listed here, and none is fetched");
    }
    json_decref(body);
}

static void create_function(struct request *request)
{
    ask_whoami(request, on_create_known);
}

static void on_route_create_known(struct request *request, struct message *message)
{
    struct msg_change_functions asked = { 0 };
    (void)message;
    json_t *body = take_document(request);
    if (body == NULL)
        return;
    const char *path = take_text(request, body, "path"), *id = NULL;
    if (path != NULL)
        id = take_text(request, body, "function_id");
    if (id != NULL && take_uuid(request, id, &asked.id)) {
        if (text_copy(asked.path, sizeof asked.path, path))
            change(request, FUNCTION_ROUTE_CREATE, &asked, on_route);
        else
            compat_refuse(request, "bad-request", "a path may have %d bytes", FUNCTION_PATH_BYTES - 1);
    }
    json_decref(body);
}

static void create_route(struct request *request)
{
    ask_whoami(request, on_route_create_known);
}

static void on_delete_known(struct request *request, struct message *message)
{
    struct msg_change_functions asked = { 0 };
    (void)message;
    if (take_uuid(request, request->path.rest, &asked.id))
        change(request, FUNCTION_DELETE, &asked, on_function);
}

static void delete_function(struct request *request)
{
    ask_whoami(request, on_delete_known);
}

static void on_route_delete_known(struct request *request, struct message *message)
{
    struct msg_change_functions asked = { 0 };
    (void)message;
    if (take_uuid(request, request->path.rest, &asked.id))
        change(request, FUNCTION_ROUTE_DELETE, &asked, on_route);
}

static void delete_route(struct request *request)
{
    ask_whoami(request, on_route_delete_known);
}

/* --- refusals --- */

/* Its framework names OPTIONS first. */
static void refuse_method(struct request *request)
{
    struct evkeyvalq *headers = evhttp_request_get_output_headers(request->http);
    const char *allowed = evhttp_find_header(headers, "Allow");
    char allow[64];
    snprintf(allow, sizeof allow, "OPTIONS%s%s%s", allowed != NULL && strstr(allowed, "DELETE") ? ", DELETE" : "",
             allowed != NULL && strstr(allowed, "GET") ? ", GET" : "",
             allowed != NULL && strstr(allowed, "POST") ? ", POST" : "");
    evhttp_remove_header(headers, "Allow");
    request_add_header(request, "Allow", allow);
    request_reply_json(request, 405, SERVERLESS_JSON, json_pack("{s:s}", "message", "Method Not Allowed"));
}

static void go_serverless_refuse(struct request *request, const struct problem *problem)
{
    char text[COMPAT_DETAIL_BYTES];
    if (request->route == NULL && problem->status == 405)
        refuse_method(request);
    else if (request->route == NULL && problem->status == 404)
        request_reply_json(request, 404, SERVERLESS_JSON, json_pack("{s:s}", "message", "Not Found"));
    else
        reply(request, problem->status, false, compat_detail(problem, text), NULL);
}

#define GET    EVHTTP_REQ_GET
#define POST   EVHTTP_REQ_POST
#define DELETE EVHTTP_REQ_DELETE

static const struct route routes[] = {
    { GET, .path = "/v1/functions", .run = list_functions },
    { POST, .path = "/v1/functions", .run = create_function },
    { DELETE, .path = "/v1/functions/{word}", .run = delete_function },
    { GET | POST | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_PATCH | EVHTTP_REQ_OPTIONS,
      .path = "/v1/functions/{word}", .run = read_nothing },
    { POST, .path = "/v1/functions/{word}/pull", .run = pull_function },
    { GET, .path = "/v1/routes", .run = list_routes },
    { POST, .path = "/v1/routes", .run = create_route },
    { GET, .path = "/v1/routes/{word}", .run = read_route },
    { DELETE, .path = "/v1/routes/{word}", .run = delete_route },
    { POST, .path = "/r/{path}", .run = go_serverless_call },
};

const struct dialect go_serverless_dialect = {
    .name = "go-serverless",
    .routes = routes,
    .route_count = sizeof routes / sizeof routes[0],
    .ignores_query = true,
    .has_no_head = true,
    .has_functions = true,
    .refuse = go_serverless_refuse,
};
