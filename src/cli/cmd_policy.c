/* sallyport policy show, diff, explain: what profiles say, without a server and without running anything. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "options.h"
#include "policy_files.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "sallyport/filter/describe.h"
#include "say.h"

#define ARGS_MAX 6

static const struct column show_columns[] = {
    { .header = "CALL", .path = "call" },
    { .header = "NUMBER", .path = "number", .is_wide = true },
    { .header = "LINE", .path = "line", .is_wide = true },
    { .header = "ACTION", .path = "action" },
    { .header = "WHEN", .path = "when", .may_shrink = true },
};

static const struct column diff_columns[] = {
    { .header = "ONLY", .path = "profile" },
    { .header = "CALL", .path = "call" },
    { .header = "RULE", .path = "rule", .may_shrink = true },
};

static const struct column explain_columns[] = {
    { .header = "PROFILE", .path = "profile" },
    { .header = "ACTION", .path = "action" },
    { .header = "WHY", .path = "why", .may_shrink = true },
};

static int fail_out(const struct error *err)
{
    say("%s", err->text);
    return CODE_TROUBLE;
}

/* --- show --------------------------------------------------------------------------------------------------------------- */

static bool add_rule(void *arg, const struct rule_text *text)
{
    json_t *items = arg, *item = json_object();
    bool is_default = text->line == 0;
    json_object_set_new(item, "call", json_string(text->call));
    json_object_set_new(item, "number", is_default ? json_null() : json_integer(text->number));
    json_object_set_new(item, "line", is_default ? json_null() : json_integer(text->line));
    json_object_set_new(item, "action", json_string(text->action));
    json_object_set_new(item, "when", json_string(text->when));
    return json_array_append_new(items, item) == 0;
}

static int show(struct cli *cli, void *values, const struct words *words)
{
    struct error err;
    struct profile *profile = NULL;
    (void)values;
    if (policy_open(words->items[0], &profile, &err) < 0)
        return fail_out(&err);
    json_t *items = json_array();
    profile_each_rule(profile, add_rule, items);
    profile_free(profile);
    render_list(cli, items, show_columns, sizeof show_columns / sizeof show_columns[0], "call");
    json_decref(items);
    return 0;
}

/* --- diff --------------------------------------------------------------------------------------------------------------- */

/* What a profile says of each call: "action" or "action if when". */
struct meaning {
    json_t *calls; /* lists of texts */
    char fallback[ACTION_TEXT_BYTES];
};

static bool add_meaning(void *arg, const struct rule_text *text)
{
    struct meaning *meaning = arg;
    char words[ACTION_TEXT_BYTES + ERROR_TEXT_MAX_BYTES + 8];
    if (text->line == 0) {
        memcpy(meaning->fallback, text->action, sizeof meaning->fallback);
        return true;
    }
    json_t *list = json_object_get(meaning->calls, text->call);
    if (list == NULL) {
        list = json_array();
        json_object_set_new(meaning->calls, text->call, list);
    }
    snprintf(words, sizeof words, "%s%s%s", text->action, text->when[0] != '\0' ? " if " : "", text->when);
    return json_array_append_new(list, json_string(words)) == 0;
}

/* Whether the text says what the default says, and so says nothing. */
static bool is_default(const struct meaning *meaning, const char *text)
{
    size_t length = strlen(meaning->fallback);
    return strncmp(text, meaning->fallback, length) == 0 &&
           (text[length] == '\0' || strncmp(text + length, " if ", 4) == 0);
}

static bool says(const struct meaning *meaning, const char *call, const char *text)
{
    size_t at;
    json_t *item;
    json_array_foreach(json_object_get(meaning->calls, call), at, item)
    {
        if (strcmp(json_string_value(item), text) == 0)
            return true;
    }
    return false;
}

static int read_meaning(const char *name, struct meaning *ret_meaning, struct error *err)
{
    struct profile *profile = NULL;
    if (policy_open(name, &profile, err) < 0)
        return -err->code;
    ret_meaning->calls = json_object();
    profile_each_rule(profile, add_meaning, ret_meaning);
    profile_free(profile);
    return 0;
}

static void add_difference(json_t *items, const char *profile, const char *call, const char *text)
{
    json_array_append_new(items, json_pack("{s:s,s:s,s:s}", "profile", profile, "call", call, "rule", text));
}

/* What only the first says; of a call that it does not list, its default holds. */
static void add_differences(json_t *items, const char *profile, const struct meaning *first,
                            const struct meaning *second)
{
    const char *call;
    json_t *list, *item;
    size_t at;
    json_object_foreach(first->calls, call, list)
    {
        json_array_foreach(list, at, item)
        {
            const char *text = json_string_value(item);
            if (!is_default(first, text) && !says(second, call, text))
                add_difference(items, profile, call, text);
        }
    }
    if (strcmp(first->fallback, second->fallback) != 0)
        add_difference(items, profile, "*", first->fallback);
}

static int diff(struct cli *cli, void *values, const struct words *words)
{
    struct error err;
    struct meaning first = { 0 }, second = { 0 };
    int code = CODE_TROUBLE;
    (void)values;
    if (read_meaning(words->items[0], &first, &err) < 0 || read_meaning(words->items[1], &second, &err) < 0) {
        say("%s", err.text);
    } else {
        json_t *items = json_array();
        add_differences(items, words->items[0], &first, &second);
        add_differences(items, words->items[1], &second, &first);
        code = json_array_size(items) > 0;
        if (code != 0 || cli->format != FORMAT_TABLE)
            render_list(cli, items, diff_columns, sizeof diff_columns / sizeof diff_columns[0], "call");
        json_decref(items);
    }
    json_decref(first.calls);
    json_decref(second.calls);
    return code;
}

/* --- explain ------------------------------------------------------------------------------------------------------------ */

struct explain_options {
    struct words profiles;
};

static const struct option_row explain_rows[] = {
    { 'p', OPTION_TEXTS, "profile", offsetof(struct explain_options, profiles), "NAME|FILE",
      "this one; again for several; all four of ours unless given", NULL },
};

/* A question, and the answers to it. */
struct question {
    char call[CALL_NAME_BYTES];
    uint32_t number;
    uint64_t args[ARGS_MAX];
    size_t known;
    const char *profile;
    size_t first; /* of items: this profile's */
    json_t *items;
};

static void add_answer(void *arg, const struct rule_text *text)
{
    struct question *question = arg;
    struct error err;
    const char *floor =
        strcmp(text->action, "allow") == 0 ? NULL : floor_reason(question->call, question->args, question->known, &err);
    json_t *why;
    if (text->line == 0)
        why = json_sprintf("%s: the default%s%s",
                           json_array_size(question->items) > question->first ? "otherwise" : "no rule speaks of it",
                           floor != NULL ? "; " : "", floor != NULL ? floor : "");
    else if (text->when[0] != '\0')
        why = json_sprintf("if %s (line %u)", text->when, text->line);
    else
        why = json_sprintf("line %u%s%s", text->line, floor != NULL ? "; " : "", floor != NULL ? floor : "");
    json_array_append_new(question->items, json_pack("{s:s,s:s,s:s,s:o}", "profile", question->profile, "call",
                                                     question->call, "action", text->action, "why", why));
}

static int read_question(const struct words *words, struct question *question, struct error *err)
{
    if (!call_find(words->items[0], &question->number, question->call))
        return fail_plain(err, EINVAL, "'%s' is no system call of this machine", words->items[0]);
    for (size_t i = 1; i < words->count; i++)
        if (!argument_parse(words->items[i], &question->args[question->known++]))
            return fail_plain(err, EINVAL,
                              "'%s' is no argument: a number, or names with | such as AF_INET or SOCK_RAW|SOCK_CLOEXEC",
                              words->items[i]);
    return 0;
}

static int explain(struct cli *cli, void *values, const struct words *words)
{
    struct explain_options *options = values;
    struct question question = { .items = json_array() };
    struct error err = { .code = 0 };
    size_t count = options->profiles.count;
    int done = read_question(words, &question, &err);
    for (size_t i = 0; done == 0 && (count > 0 ? i < count : profile_names[i] != NULL); i++) {
        struct profile *profile = NULL;
        question.profile = count > 0 ? options->profiles.items[i] : profile_names[i];
        question.first = json_array_size(question.items);
        done = policy_open(question.profile, &profile, &err);
        if (done == 0)
            profile_explain(profile, question.number, question.args, question.known, add_answer, &question);
        profile_free(profile);
    }
    if (done == 0)
        render_list(cli, question.items, explain_columns, sizeof explain_columns / sizeof explain_columns[0], "action");
    json_decref(question.items);
    words_done(&options->profiles);
    return done == 0 ? 0 : fail_out(&err);
}

const struct subcommand cmd_policy_show = {
    .name = "policy show",
    .summary = "show what a seccomp profile answers to each system call",
    .usage = "NAME|FILE",
    .details = "NAME is one of strict, base, net and build. FILE, with a slash or ending in .json,\n"
               "is read as a profile would be, and the first fault is named with its line.\n"
               "Arguments are counted from 0. The last row, *, is for all that is not listed.\n"
               "-o json has one object for each rule; -o name the calls alone.\n",
    .words_min = 1,
    .words_max = 1,
    .run = show,
};

const struct subcommand cmd_policy_diff = {
    .name = "policy diff",
    .summary = "show on which system calls two seccomp profiles differ",
    .usage = "NAME|FILE NAME|FILE",
    .details = "One row for each rule that only one of them has. Rules that say what the default\n"
               "says anyway are no difference, nor is the order; a call that one does not list gets\n"
               "its default.\n"
               "The exit code is 0 when the two mean the same, 1 when they differ.\n"
               "\n"
               "  sallyport policy diff base net\n",
    .words_min = 2,
    .words_max = 2,
    .run = diff,
};

const struct subcommand cmd_policy_explain = {
    .name = "policy explain",
    .summary = "say what becomes of a system call in each profile, and why",
    .usage = "CALL [ARGUMENT]... [-p NAME|FILE]...",
    .details = "CALL is a name or a number of this machine. Arguments are numbers or names, in their\n"
               "order; of those that are not given the conditions are shown.\n"
               "\n"
               "  sallyport policy explain socket\n"
               "  sallyport policy explain socket AF_INET SOCK_STREAM|SOCK_CLOEXEC 0 -p net\n"
               "  sallyport policy explain clone CLONE_NEWUSER\n",
    .options = explain_rows,
    .option_count = sizeof explain_rows / sizeof explain_rows[0],
    .option_bytes = sizeof(struct explain_options),
    .words_min = 1,
    .words_max = 1 + ARGS_MAX,
    .run = explain,
};
