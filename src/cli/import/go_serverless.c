/*
 * sallyport import go-serverless: what the running original answers to GET /v1/functions and /v1/routes. Its database is not
 * looked into. A function becomes a command that gets the request as a file and leaves response.json; routes are the service's
 * own to keep, so the lines that make them are written down.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "importer.h"
#include "sallyport/base/error.h"
#include "sallyport/image/reference.h"
#include "sallyport/limits.h"

#define NAME           "go-serverless"
#define PORT           9999 /* its own, which could not be changed */
#define FILE_MAX_BYTES (4u * 1024 * 1024)

struct go_serverless_options {
    const char *functions, *routes;
};

static const struct option_row rows[] = {
    { '\0', OPTION_TEXT, "functions", offsetof(struct go_serverless_options, functions), "FILE",
      "what curl http://HOST:9999/v1/functions prints", NULL },
    { '\0', OPTION_TEXT, "routes", offsetof(struct go_serverless_options, routes), "FILE",
      "what curl http://HOST:9999/v1/routes prints", NULL },
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

/* The list in an answer's envelope, or a list alone. The caller's. */
static int read_list(const char *path, json_t **ret_list, struct error *err)
{
    char *text = NULL;
    size_t size = 0;
    json_error_t fault;
    if (import_read_file(path, FILE_MAX_BYTES, &text, &size, err) < 0)
        return -err->code;
    json_t *answer = json_loadb(text, size, 0, &fault);
    free(text);
    if (answer == NULL)
        return fail_plain(err, EINVAL, "'%s' is no JSON, from line %d, column %d on", path, fault.line, fault.column);
    json_t *list = json_incref(json_is_array(answer) ? answer : json_object_get(answer, "data"));
    json_decref(answer);
    if (!json_is_array(list)) {
        json_decref(list);
        return fail_plain(err, EINVAL, "'%s' is no answer of go-serverless: it has no list 'data'", path);
    }
    *ret_list = list;
    return 0;
}

/* It was stored and never passed on; as parameters with a default it can be. */
static void take_environment(struct import *import, const char *name, json_t *command, const json_t *environment)
{
    json_t *params = json_object_get(command, "params"), *env = json_object(), *value;
    const char *variable;
    json_object_foreach((json_t *)(uintptr_t)environment, variable, value)
    {
        if (!name_is_variable(variable) || !json_is_string(value) || json_object_get(params, variable) != NULL) {
            draft_note(&import->draft, "commands", name, "Variable '%.60s' is left out: nothing can be called so here.",
                       variable);
            continue;
        }
        bool is_secret = name_is_secret(variable);
        json_object_set_new(params, variable,
                            is_secret ? json_pack("{s:s, s:b}", "type", "string", "required", 1)
                                      : json_pack("{s:s, s:O}", "type", "string", "default", value));
        json_object_set_new(env, variable, json_sprintf("{%s}", variable));
        if (is_secret)
            draft_note(&import->draft, "commands", name,
                       "The value of %s looks like a secret and is not written here: clients have to say it when they "
                       "make the function, or the program reads it from a file of its own.",
                       variable);
    }
    if (json_object_size(env) > 0) {
        json_object_set(command, "env", env);
        draft_note(
            &import->draft, "commands", name,
            "Its environment is passed on here, which go-serverless never did. What is secret in it does not belong "
            "into this file: look at each 'default'.");
    }
    json_decref(env);
}

static void take_function(struct import *import, const json_t *function, json_t *called)
{
    struct draft *draft = &import->draft;
    struct image_reference reference;
    struct error fault = { 0 };
    const char *image = text_of(function, "image"), *slash = strrchr(image, '/');
    char name[NAME_ROOM], called_here[NAME_ROOM];
    if (!text_is_harmless(image) || strlen(image) >= CALLED_MAX_BYTES) {
        draft_note(draft, "predecessors", NAME, "Function '%.60s' is left out: its image '%.100s' is no name of one.",
                   text_of(function, "id"), image);
        return;
    }
    if (json_object_get(called, image) != NULL) {
        draft_note(draft, "predecessors", NAME,
                   "Function '%.60s' has the image of another one, '%.100s', and its command.", text_of(function, "id"),
                   image);
        return;
    }
    const char *last = slash != NULL ? slash + 1 : image;
    snprintf(called_here, sizeof called_here, "%.*s", (int)strcspn(last, ":@"), last);
    name_make(draft, "commands", called_here, NAME_ROOM - 1, name);
    json_t *command = json_pack("{s:s, s:b, s:{s:{s:s, s:b}}}", "image", image, "context", 1, "params", "request",
                                "type", "file", "required", 1);
    take_environment(import, name, command, json_object_get(function, "environment"));
    draft_set(draft, "commands", name, command);
    if (image_reference_parse(image, &reference, &fault) < 0)
        draft_note(
            draft, "commands", name,
            "Its digest is not known. skopeo inspect --format '{{.Digest}}' docker://%s shows what it is today; then: "
            "sallyport image pull NAME@sha256:DIGITS, and write that as 'image'.",
            image);
    json_object_set_new(called, image, json_string(name));
}

static void note_routes(struct import *import, const json_t *routes)
{
    struct draft *draft = &import->draft;
    for (size_t i = 0; i < json_array_size(routes); i++) {
        const json_t *route = json_array_get(routes, i);
        const char *path = text_of(route, "path"), *image = text_of(json_object_get(route, "function"), "image");
        if (!text_is_harmless(path) || !text_is_harmless(image) || path[0] != '/')
            draft_note(draft, "predecessors", NAME,
                       "Route '%.100s' is left out: a path begins with '/' and has letters, digits "
                       "and -_.~ here.",
                       path);
        else
            draft_note(
                draft, "predecessors", NAME,
                "Route %s: FUNCTION=$(curl -s -H \"Authorization: Bearer $TOKEN\" -d '{\"image\": \"%s\"}' "
                "http://127.0.0.1:%d/v1/functions | jq -r .data.id); curl -H \"Authorization: Bearer $TOKEN\" -d "
                "\"{\\\"path\\\": \\\"%s\\\", \\\"function_id\\\": \\\"$FUNCTION\\\"}\" http://127.0.0.1:%d/v1/routes",
                path, image, PORT, path, PORT);
    }
}

static void note_environment(struct import *import)
{
    static const char *const names[] = { "DATA_PATH", "CONTEXT_NAME", "CONTEXT_PATH", "OS_ENV", "DOCKER_HOST" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (getenv(names[i]) != NULL)
            draft_note(
                &import->draft, "predecessors", NAME,
                "%s is left out: requests have directories of their own, which no other sees, and no docker is asked.",
                names[i]);
}

static int run(struct import *import, void *values, const struct words *words, struct error *err)
{
    const struct go_serverless_options *options = values;
    json_t *functions = NULL, *routes = NULL, *called = json_object();
    (void)words;
    int done = options->functions != NULL
                   ? read_list(options->functions, &functions, err)
                   : fail_plain(err, EINVAL,
                                "its database is not looked into; while it runs: curl "
                                "http://127.0.0.1:9999/v1/functions >functions.json, and then --functions "
                                "functions.json (routes likewise)");
    if (done == 0 && options->routes != NULL)
        done = read_list(options->routes, &routes, err);
    for (size_t i = 0; i < json_array_size(functions) && done == 0; i++)
        take_function(import, json_array_get(functions, i), called);
    if (done == 0) {
        say_head(import, "go-serverless's functions");
        predecessor_set(import, NAME, PORT, json_incref(called));
        draft_note(&import->draft, "predecessors", NAME, "It listened on all interfaces; this is 127.0.0.1 alone.");
        note_environment(import);
        note_routes(import, routes);
    }
    json_decref(called);
    json_decref(functions);
    json_decref(routes);
    return done;
}

const struct importer import_go_serverless = {
    .name = NAME,
    .summary = "functions and routes of go-serverless",
    .usage = "--functions FILE [--routes FILE]",
    .details = "Take both from the original while it runs:\n"
               "\n"
               "  curl -s http://127.0.0.1:9999/v1/functions >functions.json\n"
               "  curl -s http://127.0.0.1:9999/v1/routes >routes.json\n"
               "  sallyport import go-serverless --functions functions.json --routes routes.json\n"
               "\n"
               "Each image becomes a command, which is held back until its digest is known. Routes\n"
               "are no part of a configuration: the lines that make them stand in comments.\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct go_serverless_options),
    .words_max = 0,
    .run = run,
};
