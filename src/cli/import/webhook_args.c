/* What a command is given: arguments and variables, fixed ones and those that a delivery has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sallyport/base/fd.h"
#include "sallyport/base/http_field.h"
#include "webhook.h"

/* "commits.0.author" as a JSON pointer. The caller's; NULL without memory. */
static json_t *pointer_of(const char *name)
{
    char *room = malloc(2 * strlen(name) + 2);
    size_t used = 0;
    if (room == NULL)
        return NULL;
    room[used++] = '/';
    for (; *name != '\0'; name++) {
        bool is_special = *name == '~' || *name == '/';
        room[used++] = *name == '.' ? '/' : is_special ? '~' : *name;
        if (is_special)
            room[used++] = *name == '~' ? '0' : '1';
    }
    json_t *pointer = json_stringn(room, used);
    free(room);
    return pointer;
}

static bool is_form(const struct webhook *hook)
{
    return strncasecmp(webhook_text(hook->from, "incoming-payload-content-type"), "application/x-www-form-urlencoded",
                       33) == 0;
}

/* Whether webhook reads this field of the payload as JSON by itself. */
static bool is_parsed(const struct webhook *hook, const char *name, size_t size)
{
    const json_t *parsed = json_object_get(hook->from, "parse-parameters-as-json");
    for (size_t i = 0; i < json_array_size(parsed); i++) {
        const char *known = webhook_text(json_array_get(parsed, i), "name");
        if (strcmp(webhook_text(json_array_get(parsed, i), "source"), "payload") == 0 && strlen(known) == size &&
            memcmp(known, name, size) == 0)
            return true;
    }
    return false;
}

static json_t *payload_source(const struct webhook *hook, const char *name, const char **ret_why)
{
    size_t first = strcspn(name, ".");
    bool has_json = is_parsed(hook, name, first);
    const char *type = webhook_text(hook->from, "incoming-payload-content-type");
    if (strcasestr(type, "xml") != NULL || strcasestr(type, "multipart") != NULL)
        *ret_why = "payloads are JSON or forms here";
    else if (is_form(hook) && has_json && first == 7 && strncmp(name, "payload", 7) == 0 && name[first] == '.')
        return json_pack("{s:o}", "json", pointer_of(name + first + 1));
    else if (has_json)
        *ret_why = "a field that holds JSON as a text is not looked into, but for the field 'payload' of a form";
    else if (is_form(hook) && name[first] == '.')
        *ret_why = "a form has no fields within fields";
    else if (is_form(hook))
        return json_pack("{s:s}", "form", name);
    else
        return json_pack("{s:o}", "json", pointer_of(name));
    return NULL;
}

json_t *webhook_source(const struct webhook *hook, const json_t *parameter, const char **ret_why)
{
    const char *source = webhook_text(parameter, "source"), *name = webhook_text(parameter, "name");
    *ret_why = NULL;
    if (json_is_true(json_object_get(parameter, "base64decode")))
        *ret_why = "base64 is not decoded here";
    else if (strncmp(source, "entire-", 7) == 0 || strcmp(source, "raw-request-body") == 0)
        *ret_why = "a delivery as a whole is not passed on, only values in it";
    else if (strcmp(source, "request") == 0)
        *ret_why = "who sends and how is in the job's record, not in its parameters";
    else if (name[0] == '\0')
        *ret_why = "it has no name";
    else if (strcmp(source, "payload") == 0)
        return payload_source(hook, name, ret_why);
    else if (strcmp(source, "header") == 0 && http_field_name_is_good(name, strlen(name)))
        return json_pack("{s:s}", "header", name);
    else if (strcmp(source, "url") == 0 || strcmp(source, "query") == 0)
        return json_pack("{s:s}", "query", name);
    else
        *ret_why = "its source is not known";
    return NULL;
}

/* The parameter that a place in a delivery fills; NULL, and the hook is held. */
static const char *param_for(struct webhook *hook, const json_t *argument)
{
    const char *why, *known, *name = webhook_text(argument, "name");
    char wanted[NAME_ROOM], unique[NAME_ROOM + 8];
    json_t *place = webhook_source(hook, argument, &why), *other;
    if (place == NULL) {
        webhook_block(hook, "'%.60s' of the %.30s cannot be passed to the command: %s", name,
                      webhook_text(argument, "source"), why != NULL ? why : "there is no memory");
        return NULL;
    }
    json_object_foreach(hook->maps, known, other)
    {
        if (json_equal(place, other)) {
            json_decref(place);
            return known;
        }
    }
    name_param(name, wanted);
    snprintf(unique, sizeof unique, "%s", wanted);
    for (unsigned more = 2; json_object_get(hook->maps, unique) != NULL; more++)
        snprintf(unique, sizeof unique, "%.58s_%u", wanted, more);
    json_object_set_new(hook->params, unique, param_any_text());
    json_object_set_new(hook->maps, unique, place);
    return json_object_iter_key(json_object_iter_at(hook->maps, unique));
}

/* By the name of the variable or of the option ("--api-key=..."), or by what stands anywhere in it. */
static bool is_password(const char *variable, const char *text)
{
    char option[128];
    snprintf(option, sizeof option, "%.*s", (int)strcspn(text, "="), text);
    return name_is_secret(variable) || name_is_secret(option) || strcasestr(text, "token") != NULL ||
           strcasestr(text, "secret") != NULL || strcasestr(text, "passw") != NULL;
}

/* What stands for one argument or variable. NULL, and the hook is held. */
static json_t *value_of(struct webhook *hook, const json_t *argument)
{
    const char *text = webhook_text(argument, "name");
    if (strcmp(webhook_text(argument, "source"), "string") == 0) {
        if (is_password(webhook_text(argument, "envname"), text))
            draft_note(
                &hook->import->draft, "commands", hook->name,
                "A fixed text of it looks like a secret. It was an argument or a variable for all to see, and it "
                "stands in this file now: let the program read it from a file of its own.");
        return text_fixed(text);
    }
    const char *param = param_for(hook, argument);
    return param != NULL ? json_sprintf("{%s}", param) : NULL;
}

static void take_variable(struct webhook *hook, json_t *env, const json_t *variable)
{
    const char *said = webhook_text(variable, "envname");
    auto_free char *name = NULL;
    if (asprintf(&name, "%s%s", said[0] != '\0' ? "" : "HOOK_",
                 said[0] != '\0' ? said : webhook_text(variable, "name")) < 0)
        return;
    if (!name_is_variable(name)) {
        draft_note(&hook->import->draft, "commands", hook->name,
                   "Variable '%.100s' is left out: names have letters, digits and '_' here. Say with envname how it is "
                   "called.",
                   name);
        return;
    }
    json_t *value = value_of(hook, variable);
    if (value != NULL)
        json_object_set_new(env, name, value);
}

void webhook_take_arguments(struct webhook *hook)
{
    const json_t *arguments = json_object_get(hook->from, "pass-arguments-to-command");
    const json_t *variables = json_object_get(hook->from, "pass-environment-to-command");
    json_t *exec = json_object_get(hook->command, "exec"), *env = json_object();
    for (size_t i = 0; i < json_array_size(arguments); i++) {
        json_t *value = value_of(hook, json_array_get(arguments, i));
        if (value != NULL)
            json_array_append_new(exec, value);
        else
            webhook_block_command(hook,
                                  "argument %zu of it could not be translated, and those behind it would be "
                                  "taken for it",
                                  i + 1);
    }
    for (size_t i = 0; i < json_array_size(variables); i++)
        take_variable(hook, env, json_array_get(variables, i));
    if (json_object_size(env) > 0)
        json_object_set(hook->command, "env", env);
    json_decref(env);
    if (json_array_size(json_object_get(hook->from, "pass-file-to-command")) > 0)
        webhook_block(
            hook, "pass-file-to-command: a delivery brings no files here. Let the command take values of it, or send "
                  "the file by the API ('type: file')");
}
