/*
 * sallyport param-test: what the server would say to parameters, without running anything. What is given goes to the server as
 * it is, also what cannot be right: the verdict is its own, by the checks of a real submit.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "options.h"
#include "params.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "say.h"

#define CODE_REFUSED 1

struct test_options {
    struct words params;
    const char *params_file;
};

static const struct option_row rows[] = {
    { 'p', OPTION_TEXTS, "param", offsetof(struct test_options, params), "NAME=VALUE",
      "a parameter, as with 'sallyport run'", NULL },
    { 'f', OPTION_TEXT, "params-file", offsetof(struct test_options, params_file), "FILE",
      "parameters from a JSON object; -p wins over it; - is stdin", NULL },
};

/* What the schema has no place for is sent as it was written: it is the server that refuses it. */
static int add_as_written(json_t *params, const json_t *schema, const char *word, struct error *err)
{
    json_t *no_schema = json_object(), *one = json_object();
    int result = params_add(one, no_schema, word, err);
    const char *name = json_object_iter_key(json_object_iter(one));
    json_t *value = json_object_iter_value(json_object_iter(one));
    const json_t *property = name != NULL ? json_object_get(params_properties(schema), name) : NULL;
    if (result == 0 && strcmp(params_type(property), "array") == 0 && !json_is_array(value)) {
        if (!json_is_array(json_object_get(params, name)))
            json_object_set_new(params, name, json_array());
        json_array_append(json_object_get(params, name), value);
    } else if (result == 0) {
        json_object_set(params, name, value);
    }
    json_decref(no_schema);
    json_decref(one);
    return result;
}

static int add_word(json_t *params, const json_t *schema, const char *word, struct error *err)
{
    return params_add(params, schema, word, err) == 0 ? 0 : add_as_written(params, schema, word, err);
}

static int gather(const struct test_options *options, const json_t *schema, json_t *params, struct error *err)
{
    if (options->params_file != NULL && params_read_file(params, options->params_file, err) < 0)
        return -err->code;
    json_t *given = json_object();
    int result = 0;
    for (size_t i = 0; i < options->params.count && result == 0; i++)
        result = add_word(given, schema, options->params.items[i], err);
    if (result == 0)
        json_object_update(params, given);
    json_decref(given);
    return result;
}

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text != NULL ? text : "";
}

static void print_line(const char *first, const char *second, const char *third)
{
    char line[1024];
    snprintf(line, sizeof line, "%s: %s%s%s", first, second, third[0] != '\0' ? ": " : "", third);
    printf("%s\n", say_clean(line));
}

static void print_forecast(const json_t *verdict)
{
    const json_t *queue = json_object_get(verdict, "queue");
    char line[1024];
    long long position = json_integer_value(json_object_get(queue, "position"));
    if (member(verdict, "job")[0] != '\0')
        snprintf(line, sizeof line, "accepted: the answer would be job %s", member(verdict, "job"));
    else if (position == 0)
        snprintf(line, sizeof line, "accepted: it would start at once");
    else
        snprintf(line, sizeof line, "accepted: it would wait in place %lld: %s: %s", position, member(queue, "reason"),
                 member(queue, "queued_reason"));
    printf("%s\n", say_clean(line));
}

static void print_verdict(const json_t *verdict)
{
    const json_t *errors = json_object_get(verdict, "errors");
    size_t i;
    json_t *error;
    if (strcmp(member(verdict, "verdict"), "accepted") == 0) {
        print_forecast(verdict);
        return;
    }
    if (json_array_size(errors) == 0)
        print_line("refused", member(verdict, "code"), member(verdict, "detail"));
    json_array_foreach(errors, i, error)
    {
        const char *pointer = member(error, "pointer");
        bool is_param = strncmp(pointer, "/params/", 8) == 0;
        print_line(is_param ? pointer + 8 : pointer, member(error, "code"), member(error, "detail"));
    }
}

static int judge(struct cli *cli, const char *name, const json_t *body)
{
    struct error err;
    json_t *verdict = NULL;
    char path[256];
    snprintf(path, sizeof path, "/v1/commands/%s/validate", name); /* a name the server knows: nothing to escape */
    struct request request = { .method = "POST", .path = path, .body = body };
    if (client_ask(cli->client, &request, &verdict, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    bool is_accepted = strcmp(member(verdict, "verdict"), "accepted") == 0;
    if (!render_raw(cli, verdict))
        print_verdict(verdict);
    json_decref(verdict);
    return is_accepted ? 0 : CODE_REFUSED;
}

static int param_test(struct cli *cli, void *values, const struct words *words)
{
    struct test_options *options = values;
    struct error err;
    json_t *command = NULL, *params = json_object(), *body = json_pack("{s:O}", "params", params);
    int code = CODE_TROUBLE;
    if (command_ask(cli->client, words->items[0], &command, &err) < 0 ||
        gather(options, json_object_get(command, "params_schema"), params, &err) < 0)
        say("%s", err.text);
    else
        code = judge(cli, words->items[0], body);
    json_decref(command);
    json_decref(params);
    json_decref(body);
    words_done(&options->params);
    return code;
}

const struct subcommand cmd_param_test = {
    .name = "param-test",
    .summary = "ask which rule refuses parameters, and run nothing",
    .usage = "COMMAND [-p NAME=VALUE]...",
    .details = "Prints each parameter that would be refused, the rule and what it asks for; or\n"
               "what would become of the job. Exit code 0: accepted; 1: refused.\n"
               "\n"
               "  sallyport param-test deploy-web -p env=staging -p ref=v1.8\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct test_options),
    .needs_server = true,
    .words_min = 1,
    .words_max = 1,
    .run = param_test,
};
