/* sallyport audit-policy: what a configuration exposes, command by command, before it is used. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "exposure.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "sallyport/config/config.h"
#include "sallyport/policy/policy.h"
#include "say.h"

#define CODE_ABOVE_MOST 1

struct audit_options {
    const char *command;
    uint64_t most;
    bool wants_json;
};

static const struct option_row rows[] = {
    { 'c', OPTION_TEXT, "command", offsetof(struct audit_options, command), "NAME",
      "this one alone, with a row for each reason", NULL },
    { '\0', OPTION_NUMBER, "max", offsetof(struct audit_options, most), "POINTS", "end with 1 when a command has more",
      NULL },
    { '\0', OPTION_FLAG, "json", offsetof(struct audit_options, wants_json), NULL, "as -o json", NULL },
};

static const struct column command_columns[] = {
    { .header = "COMMAND", .path = "command" },
    { .header = "POINTS", .path = "points" },
    { .header = "LEVEL", .path = "level" },
    { .header = "REASONS", .path = "reasons", .may_shrink = true },
};

static const struct column finding_columns[] = {
    { .header = "POINTS", .path = "points" },
    { .header = "WHAT", .path = "what" },
    { .header = "WHY", .path = "why", .may_shrink = true },
};

/* "network 25, write 10 x2", for people. */
static json_t *reasons_of(const struct exposure *exposure)
{
    char text[1024] = "";
    for (size_t i = 0; i < exposure->count; i++) {
        const char *what = exposure->findings[i].what;
        unsigned times = 0, points = 0, before = 0;
        for (size_t j = 0; j < exposure->count; j++) {
            bool is_same = strcmp(exposure->findings[j].what, what) == 0;
            times += is_same;
            before += is_same && j < i;
            points += is_same ? exposure->findings[j].points : 0;
        }
        size_t used = strlen(text);
        char count[16] = "";
        if (times > 1)
            snprintf(count, sizeof count, " (%u)", times);
        if (before == 0)
            snprintf(text + used, sizeof text - used, "%s%s %u%s", used > 0 ? ", " : "", what, points, count);
    }
    return json_string(text);
}

static json_t *json_exposure(const struct command *command, const struct exposure *exposure)
{
    json_t *findings = json_array(), *item = json_object();
    for (size_t i = 0; i < exposure->count; i++)
        json_array_append_new(findings, json_pack("{s:s,s:i,s:s}", "what", exposure->findings[i].what, "points",
                                                  (int)exposure->findings[i].points, "why", exposure->findings[i].why));
    json_object_set_new(item, "command", json_string(command->name));
    json_object_set_new(item, "points", json_integer(exposure->score));
    json_object_set_new(item, "level", json_string(exposure->level));
    json_object_set_new(item, "reasons", reasons_of(exposure));
    json_object_set_new(item, "findings", findings);
    return item;
}

/* The most exposed first; equal ones in the configuration's order. */
static void insert(json_t *items, json_t *item)
{
    size_t at = 0;
    json_int_t points = json_integer_value(json_object_get(item, "points"));
    while (at < json_array_size(items) &&
           json_integer_value(json_object_get(json_array_get(items, at), "points")) >= points)
        at++;
    json_array_insert_new(items, at, item);
}

/* All commands, or the one that was asked for. */
static json_t *measure(const struct policy *policy, const char *only, unsigned *ret_most)
{
    json_t *items = json_array();
    *ret_most = 0;
    for (uint32_t i = 0; i < policy->command_count; i++) {
        const struct command *command = &policy->commands[i];
        struct exposure exposure;
        if (only != NULL && strcmp(only, command->name) != 0)
            continue;
        exposure_measure(policy, command, &exposure);
        insert(items, json_exposure(command, &exposure));
        *ret_most = exposure.score > *ret_most ? exposure.score : *ret_most;
    }
    return items;
}

static void print(const struct cli *cli, const json_t *items, bool is_one)
{
    const json_t *findings = json_object_get(json_array_get(items, 0), "findings");
    if (is_one && (cli->format == FORMAT_TABLE || cli->format == FORMAT_WIDE))
        render_list(cli, findings, finding_columns, sizeof finding_columns / sizeof finding_columns[0], "what");
    else
        render_list(cli, items, command_columns, sizeof command_columns / sizeof command_columns[0], "command");
}

static int audit_policy(struct cli *cli, void *values, const struct words *words)
{
    const struct audit_options *options = values;
    const char *path = words->count > 0 ? words->items[0] : CONFIG_DEFAULT;
    struct config *config = NULL;
    struct error err = { .text = "not usable: the faults are named above" };
    unsigned most;
    if (config_load(path, CONFIG_OWNER_ANY, stderr, &config, &err) < 0) {
        say("%s: %s", path, err.text);
        return CODE_BAD_CONFIG;
    }
    if (options->wants_json)
        cli->format = FORMAT_JSON;
    json_t *items = measure(config->policy, options->command, &most);
    bool is_missing = options->command != NULL && json_array_size(items) == 0;
    if (is_missing)
        say("%s has no command '%s'", path, options->command);
    else
        print(cli, items, options->command != NULL);
    json_decref(items);
    config_free(config);
    return is_missing ? CODE_TROUBLE : options->most > 0 && most > options->most ? CODE_ABOVE_MOST : 0;
}

const struct subcommand cmd_audit_policy = {
    .name = "audit-policy",
    .summary = "measure how far each command of a configuration reaches",
    .usage = "[FILE] [-c NAME] [--max POINTS]",
    .details = "FILE is " CONFIG_DEFAULT " by default. Each thing that a command opens has\n"
               "points, up to 100 in all: the host's network, what it may write, whose user it is,\n"
               "the profile, what it may do without (degrade), secrets, parameters without a pattern,\n"
               "shells and interpreters as the program. Low is below 20, high from 50 on. The points\n"
               "compare, and show what grew; they prove nothing.\n"
               "\n"
               "  sallyport audit-policy\n"
               "  sallyport audit-policy draft.yaml -c deploy-web\n"
               "  sallyport audit-policy draft.yaml --max 60 --json    # in CI\n"
               "\n"
               "The exit code is 0, 1 above --max, 78 for a configuration that would be refused.\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct audit_options),
    .words_max = 1,
    .run = audit_policy,
};
