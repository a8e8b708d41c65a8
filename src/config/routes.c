#include "routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "reading.h"
#include "sallyport/base/http_field.h"
#include "sallyport/base/text.h"
#include "sallyport/policy/policy.h"
#include "sallyport/proto/entries.h"

#define BODY_METHODS    (ROUTE_POST | ROUTE_PUT | ROUTE_PATCH)
#define STEPS_MOST      10
#define ACCEPT_MAX_SIZE (ROUTE_ACCEPT_MAX * (MEDIA_TYPE_BYTES + 16))

bool status_is_name(const char *name)
{
    uint64_t code;
    return strcmp(name, "*") == 0 || (text_u64(name, UINT8_MAX, &code) && (name[0] != '0' || name[1] == '\0'));
}

/* NULL, or why two parties could read it differently, or nobody could ask for it. */
static const char *path_why(const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~";
    unsigned steps = 0;
    for (const char *at = path; *at != '\0'; steps++) {
        if (*at != '/')
            return at == path ? "must begin with '/'"
                              : "may hold letters, digits, '-', '_', '.' and '~', and '/' between them";
        size_t length = strspn(at + 1, plain);
        if (length == 0 && (at[1] == '/' || at[1] == '\0'))
            return "has an empty step: two slashes, or one at its end";
        if ((length == 1 && at[1] == '.') || (length == 2 && at[1] == '.' && at[2] == '.'))
            return "holds '.' or '..'";
        at += 1 + length;
    }
    return steps > STEPS_MOST ? "has more than 10 steps" : NULL;
}

static void check_path(struct reading *reading, const struct config_route *route)
{
    const char *why = path_why(reading->command_draft.route_path);
    if (why != NULL) {
        fault_below(reading, "path", -1, "%s", why);
        return;
    }
    for (const struct config_route *other = reading->config->routes; other != route; other++) {
        if (strcmp(other->setting.path, route->setting.path) == 0 && (other->setting.methods & route->setting.methods))
            fault_below(reading, "path", -1, "with one of these methods, is the function '%s' already",
                        other->setting.command);
    }
}

/* The caller has a query, and a body that is a list of parameters unless it is standard input. */
static bool can_be_given(const struct config_route *route, const struct command *command, const struct param *param)
{
    bool has_list = command->stdin_kind == STDIN_NONE && (route->setting.methods & BODY_METHODS) != 0;
    return param->rule.type == PARAM_FILE ? false : param->rule.type == PARAM_SECRET ? has_list : true;
}

static void check_params(struct reading *reading, const struct config_route *route, const struct command *command)
{
    for (uint32_t i = 0; i < command->param_count; i++) {
        const struct param *param = &command->params[i];
        if (param->is_required && !can_be_given(route, command, param))
            fault_at_key(
                reading,
                param->rule.type == PARAM_FILE
                    ? "cannot be called: parameter '%s' is required, and a function takes no files"
                    : "cannot be called: parameter '%s' is required, and no body can bring a secret; a URL may "
                      "not, for it is written into logs",
                param->name);
    }
}

static void take_accept(struct reading *reading, struct config_route *route, const struct command *command)
{
    const json_t *accept = reading->command_draft.route_accept;
    if (accept == NULL)
        return;
    if (command->stdin_kind != STDIN_BODY)
        fault_below(reading, "accept", -1,
                    "means something for 'stdin: body' alone; other bodies are parameters, as JSON or a form");
    route->accept = malloc(ACCEPT_MAX_SIZE);
    if (route->accept == NULL) {
        reading->report->is_out_of_memory = true;
        return;
    }
    struct writer out = { route->accept, ACCEPT_MAX_SIZE };
    for (size_t i = 0; i < json_array_size(accept); i++) {
        const char *type = text_item(accept, i);
        size_t length = strlen(type);
        char some[MEDIA_TYPE_BYTES];
        bool is_range = length > 2 && length < sizeof some && strcmp(type + length - 2, "/*") == 0;
        if (is_range)
            snprintf(some, sizeof some, "%.*s/x", (int)length - 2, type);
        if (type[0] != '\0' && !http_media_type_is_good(is_range ? some : type, false))
            fault_below(reading, "accept", (int)i,
                        "'%.80s' is no media type in lower case, such as image/png or image/*", type);
        else
            entries_add_text(&out, ENTRY_FIELD, type, "", "");
    }
    route->accept_bytes = (uint32_t)(ACCEPT_MAX_SIZE - out.left);
}

static void take_statuses(struct reading *reading, struct config_route *route)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)reading->command_draft.route_statuses, name, value)
    {
        uint64_t code = ROUTE_ANY_CODE;
        if (!status_is_name(name) || (name[0] != '*' && !text_u64(name, UINT8_MAX, &code)))
            continue; /* told already */
        uint64_t status = (uint64_t)json_integer_value(value);
        route->statuses[2 * code] = (uint8_t)(status >> 8);
        route->statuses[2 * code + 1] = (uint8_t)status;
    }
}

static void take_type(struct reading *reading, struct config_route *route)
{
    const struct command_draft *draft = &reading->command_draft;
    bool is_json = draft->route_response == RESPONSE_JSON;
    const char *type = draft->route_type != NULL ? draft->route_type
                       : is_json                 ? "application/json"
                                                 : "application/octet-stream";
    if (!http_media_type_is_good(type, true))
        fault_below(reading, "type", -1, "'%.80s' is no media type in lower case, such as image/png", type);
    else if (draft->route_type != NULL && is_json)
        fault_below(reading, "type", -1, "is application/json with 'response: json'; leave it out");
    text_copy(route->setting.type, sizeof route->setting.type, type);
}

static void take_route(struct reading *reading, const struct command *command)
{
    struct config *config = reading->config;
    const struct command_draft *draft = &reading->command_draft;
    struct config_route *route = grow(reading, &config->routes, config->route_count, sizeof *route);
    if (route == NULL)
        return;
    config->route_count++;
    struct setting_route *setting = &route->setting;
    text_copy(setting->command, sizeof setting->command, command->name);
    text_copy(setting->path, sizeof setting->path, draft->route_path + 1); /* without the first slash */
    setting->methods = draft->route_methods != 0 ? (uint32_t)draft->route_methods : ROUTE_POST;
    setting->response = (uint8_t)draft->route_response;
    setting->ends_with_caller = draft->on_disconnect == 1;
    setting->takes_body = command->stdin_kind == STDIN_BODY;
    check_path(reading, route);
    check_params(reading, route, command);
    take_accept(reading, route, command);
    take_statuses(reading, route);
    take_type(reading, route);
}

void route_take(struct reading *reading, const struct command *command)
{
    const struct command_draft *draft = &reading->command_draft;
    if (draft->on_disconnect == 1 && draft->route_path == NULL && !draft->has_context)
        fault_below(reading, "on_disconnect", -1, "means something for a command with 'route' or 'context' alone");
    if (draft->route_path == NULL)
        return;
    if (command_is_sequence(command))
        fault_below(reading, "route", -1, "needs a program: a sequence writes nothing of its own");
    if (command->stdin_kind == STDIN_STREAM)
        fault_below(reading, "route", -1, "goes with 'stdin: body' or none; a stream would have nobody to feed it");
    size_t length = enter_key(reading, "route");
    take_route(reading, command);
    leave(reading, length);
}

const struct config_route *route_find(const struct config *config, const char *command)
{
    for (uint32_t i = 0; i < config->route_count; i++)
        if (strcmp(config->routes[i].setting.command, command) == 0)
            return &config->routes[i];
    return NULL;
}

void routes_finish(struct config *config)
{
    for (uint32_t i = 0; i < config->route_count; i++) {
        struct config_route *route = &config->routes[i];
        route->setting.accept = (struct span){ route->accept, route->accept_bytes };
        route->setting.statuses = (struct span){ route->statuses, sizeof route->statuses };
    }
}

void routes_free(struct config *config)
{
    for (uint32_t i = 0; i < config->route_count; i++)
        free(config->routes[i].accept);
    free(config->routes);
}
