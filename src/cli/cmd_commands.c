/* sallyport commands, sallyport describe: what this caller may run, and how. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "options.h"
#include "params.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "say.h"
#include "table.h"
#include "terminal.h"

static const struct column columns[] = {
    { .header = "NAME", .path = "name" },
    { .header = "TITLE", .path = "title", .may_shrink = true },
    { .header = "GROUP", .path = "group", .may_shrink = true },
    { .header = "TIMEOUT", .path = "timeout", .kind = COLUMN_SECONDS, .is_wide = true },
    { .header = "DESCRIPTION", .path = "description", .is_wide = true },
};

static int commands(struct cli *cli, void *values, const struct words *words)
{
    struct error err;
    json_t *items = NULL;
    (void)values;
    (void)words;
    if (commands_ask(cli->client, &items, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    render_list(cli, items, columns, sizeof columns / sizeof columns[0], "name");
    if (json_array_size(items) == 0 && !cli->is_quiet)
        say("there is no command that you may run here; the scopes of your token decide (allow: in sallyport.yaml)");
    json_decref(items);
    return 0;
}

/* "one of staging, prod", "1 to 10", "up to 64 characters", "matching ^v[0-9]+$": what the schema demands, in words. */
static void describe_rules(const json_t *property, char *text, size_t room)
{
    static const struct {
        const char *name, *format;
    } rules[] = {
        { "minimum", "at least %s" },           { "maximum", "at most %s" },  { "minLength", "at least %s characters" },
        { "maxLength", "up to %s characters" }, { "pattern", "matching %s" }, { "minItems", "at least %s items" },
        { "maxItems", "up to %s items" },
    };
    char value[256];
    size_t used = strlen(text);
    struct column values = { .path = "enum" };
    render_value(property, &values, false, value, sizeof value);
    if (value[0] != '\0')
        snprintf(text + used, room - used, "%sone of %s", used == 0 ? "" : "; ", value);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        char words[300];
        struct column column = { .path = rules[i].name };
        render_value(property, &column, false, value, sizeof value);
        if (value[0] == '\0')
            continue;
        const char *place = strstr(rules[i].format, "%s");
        snprintf(words, sizeof words, "%.*s%s%s", (int)(place - rules[i].format), rules[i].format, value, place + 2);
        used = strlen(text);
        snprintf(text + used, room - used, "%s%s", used == 0 ? "" : "; ", words);
    }
}

static void type_words(const json_t *property, char *text, size_t room)
{
    static const struct {
        const char *type, *words;
    } names[] = {
        { "string", "text" }, { "integer", "int" }, { "number", "number" }, { "boolean", "bool" }, { "array", "list" }
    };
    const char *type = params_type(property);
    snprintf(text, room, "%s", type[0] == '\0' ? "any" : type);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i].type, type) == 0)
            snprintf(text, room, "%s", names[i].words);
    if (params_is_secret(property))
        snprintf(text, room, "secret");
    else if (params_is_file(property))
        snprintf(text, room, "file");
    else if (json_object_get(property, "enum") != NULL)
        snprintf(text, room, "enum");
}

static void add_param(struct table *table, const json_t *schema, const char *name, const json_t *property)
{
    char type[64], value[256], rules[1024] = "";
    const char *help = json_string_value(json_object_get(property, "description"));
    struct column standard = { .path = "default" };
    type_words(property, type, sizeof type);
    render_value(property, &standard, false, value, sizeof value);
    if (help != NULL)
        snprintf(rules, sizeof rules, "%s", help);
    describe_rules(property, rules, sizeof rules);
    if (json_is_object(json_object_get(property, "items")))
        describe_rules(json_object_get(property, "items"), rules, sizeof rules);
    table_add(table, name);
    table_add(table, type);
    table_add(table, params_is_required(schema, name) ? "required" : value[0] == '\0' ? "-" : value);
    table_add(table, rules[0] == '\0' ? "-" : rules);
}

/* A value that would pass, for the example: what the schema gives, or its least number, or a word in angle brackets. */
static void example_value(const json_t *property, const char *name, char *text, size_t room)
{
    static const char *const paths[] = { "examples", "default", "enum", "minimum" };
    const char *type = params_type(property);
    text[0] = '\0';
    for (size_t i = 0; i < sizeof paths / sizeof paths[0] && text[0] == '\0'; i++) {
        json_t *value = json_object_get(property, paths[i]);
        json_t *holder = json_pack("{s:O?}", "value", json_is_array(value) ? json_array_get(value, 0) : value);
        render_value(holder, &(struct column){ .path = "value" }, false, text, room);
        json_decref(holder);
    }
    if (text[0] == '\0' && (strcmp(type, "integer") == 0 || strcmp(type, "number") == 0))
        snprintf(text, room, "1");
    else if (text[0] == '\0' && strcmp(type, "boolean") == 0)
        snprintf(text, room, "true");
    else if (text[0] == '\0')
        snprintf(text, room, "<%s>", name);
}

static bool needs_quotes(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,@%+=")] != '\0';
}

static void print_example(const json_t *command, const json_t *schema)
{
    json_t *properties = params_properties(schema);
    printf("\nexample\n  sallyport run %s", json_string_value(json_object_get(command, "name")) ?: "NAME");
    for (void *at = json_object_iter(properties); at != NULL; at = json_object_iter_next(properties, at)) {
        const char *name = json_object_iter_key(at);
        const json_t *property = json_object_iter_value(at);
        char value[256];
        if (!params_is_required(schema, name))
            continue;
        if (params_is_file(property)) {
            printf(" --file %s=PATH", name);
            continue;
        }
        example_value(property, name, value, sizeof value);
        printf(needs_quotes(value) && strchr(value, '\'') == NULL ? " -p %s='%s'" : " -p %s=%s", name,
               say_clean(value));
    }
    printf("\n");
}

static void print_params(const json_t *schema)
{
    struct table table = {
        .column_count = 4,
        .headers = { "PARAMETER", "TYPE", "DEFAULT", "MEANING" },
        .may_shrink = { false, false, true, true },
    };
    json_t *properties = params_properties(schema);
    for (void *at = json_object_iter(properties); at != NULL; at = json_object_iter_next(properties, at))
        add_param(&table, schema, json_object_iter_key(at), json_object_iter_value(at));
    printf("\n");
    if (table.cell_count == 0)
        printf("It takes no parameters.\n");
    else
        table_print(&table, stdout, terminal_width(STDOUT_FILENO), terminal_has_colour(STDOUT_FILENO));
    table_done(&table);
}

static const struct column facts[] = {
    { .header = "command", .path = "name" },
    { .header = "title", .path = "title" },
    { .header = "about", .path = "description" },
    { .header = "group", .path = "group" },
    { .header = "timeout", .path = "timeout", .kind = COLUMN_SECONDS },
    { .header = "memory", .path = "memory_max", .kind = COLUMN_BYTES },
    { .header = "processes", .path = "pids_max" },
    { .header = "processors", .path = "cpus" },
    { .header = "output", .path = "output_max", .kind = COLUMN_BYTES },
    { .header = "network", .path = "network" },
    { .header = "stdin", .path = "stdin" },
    { .header = "signals", .path = "signals" },
    { .header = "priority", .path = "priority" },
    { .header = "at once", .path = "concurrency", .kind = COLUMN_PAIRS },
    { .header = "rate", .path = "rate", .kind = COLUMN_PAIRS },
    { .header = "the same", .path = "dedupe", .kind = COLUMN_PAIRS },
    { .header = "paused", .path = "pause", .kind = COLUMN_PAIRS },
};

static int describe(struct cli *cli, void *values, const struct words *words)
{
    struct error err;
    json_t *command = NULL;
    (void)values;
    if (command_ask(cli->client, words->items[0], &command, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    const json_t *schema = json_object_get(command, "params_schema");
    render_one(cli, command, facts, sizeof facts / sizeof facts[0], "name");
    if (cli->format == FORMAT_TABLE || cli->format == FORMAT_WIDE) {
        print_params(schema);
        print_example(command, schema);
    }
    json_decref(command);
    return 0;
}

const struct subcommand cmd_commands = {
    .name = "commands",
    .summary = "list the commands that you may see",
    .usage = "",
    .details = "",
    .needs_server = true,
    .run = commands,
};

const struct subcommand cmd_describe = {
    .name = "describe",
    .summary = "show a command's parameters and an example",
    .usage = "NAME",
    .details = "-o json prints the API's object, with the JSON Schema of the parameters.\n",
    .needs_server = true,
    .words_min = 1,
    .words_max = 1,
    .run = describe,
};
