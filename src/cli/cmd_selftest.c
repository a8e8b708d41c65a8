/*
 * sallyport selftest: is a running instance what it should be? Each part looks at one thing and says what differs; a further
 * part is a further row of `parts`.
 */
#include <errno.h>
#include <jansson.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "confinement.h"
#include "instance.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "say.h"
#include "state_dir.h"

struct selftest_options {
    const char *state;
    uint64_t pid;
};

static const struct option_row rows[] = {
    { '\0', OPTION_TEXT, "state", offsetof(struct selftest_options, state), "DIR", STATE_DIR_HELP, NULL },
    { '\0', OPTION_NUMBER, "pid", offsetof(struct selftest_options, pid), "PID",
      "the process of sallyportd, where its lock is not shown", NULL },
};

/* --- processes ------------------------------------------------------------------------------------------------- */

static const char *set_text(uint64_t set, char text[32])
{
    bool is_all = set != 0 && (set & (set + 1)) == 0; /* every capability that this kernel knows */
    if (set == 0)
        return "none";
    if (is_all)
        return "all";
    if (set == UINT64_C(1) << CAP_KILL)
        return "kill";
    snprintf(text, 32, "%llx", (unsigned long long)set);
    return text;
}

static json_t *spaces_json(const struct process *process)
{
    json_t *names = json_array();
    if (!process->has_spaces)
        json_array_append_new(names, json_string("?"));
    for (size_t i = 0; i < SPACE_COUNT && process->has_spaces; i++)
        if ((process->own_spaces & SPACE_BIT(i)) != 0)
            json_array_append_new(names, json_string(space_names[i]));
    return names;
}

static json_t *writable_json(const struct process *process)
{
    json_t *paths = json_array();
    if (!process->has_mounts)
        json_array_append_new(paths, json_string("?"));
    for (uint32_t i = 0; i < process->writable_count && i < WRITABLE_MAX; i++)
        json_array_append_new(paths, json_string(process->writable[i]) ?: json_string("?")); /* not UTF-8 */
    if (process->writable_count > WRITABLE_MAX)
        json_array_append_new(paths, json_string("..."));
    return paths;
}

static json_t *process_json(const struct process *process)
{
    static const char *const modes[] = { "none", "strict", "filter" };
    const struct credentials *has = &process->credentials;
    char texts[SET_COUNT][32];
    json_t *item =
        json_pack("{s:s, s:i, s:I, s:I, s:i}", "process", role_names[process->role], "pid", (int)process->pid, "uid",
                  (json_int_t)has->uids[0], "gid", (json_int_t)has->gids[0], "groups", (int)has->group_count);
    static const char *const names[SET_COUNT] = { "inheritable", "permitted", "effective", "bounding", "ambient" };
    for (size_t i = 0; i < SET_COUNT; i++)
        json_object_set_new(item, names[i], json_string(set_text(has->capabilities[i], texts[i])));
    json_object_set_new(item, "no_new_privs", json_boolean(has->no_new_privs));
    json_object_set_new(item, "seccomp", json_string(has->seccomp_mode < 3 ? modes[has->seccomp_mode] : "?"));
    json_object_set_new(item, "filters", json_integer(has->filter_count));
    json_object_set_new(item, "landlock", json_string("not shown")); /* by no kernel yet */
    json_object_set_new(item, "namespaces", spaces_json(process));
    json_object_set_new(item, "writable", writable_json(process));
    return item;
}

static void add_difference(void *whose, const struct process *process, const char *sentence)
{
    json_t *differences = whose;
    json_array_append_new(differences, json_pack("{s:s, s:i, s:s}", "process", role_names[process->role], "pid",
                                                 (int)process->pid, "text", sentence));
}

/* The bootstrap's and the reaper's view is the host's, which would fill the table. */
static void print_processes(const struct cli *cli, const json_t *items)
{
    static const struct column columns[] = {
        { "PROCESS", "process", COLUMN_TEXT, false, false },
        { "PID", "pid", COLUMN_TEXT, false, false },
        { "UID", "uid", COLUMN_TEXT, false, false },
        { "GID", "gid", COLUMN_TEXT, true, false },
        { "PERMITTED", "permitted", COLUMN_TEXT, false, false },
        { "BOUNDING", "bounding", COLUMN_TEXT, false, false },
        { "INHERITABLE", "inheritable", COLUMN_TEXT, true, false },
        { "AMBIENT", "ambient", COLUMN_TEXT, true, false },
        { "NNP", "no_new_privs", COLUMN_TEXT, false, false },
        { "FILTERS", "filters", COLUMN_TEXT, false, false },
        { "NAMESPACES", "namespaces", COLUMN_TEXT, false, true },
        { "WRITABLE", "writable", COLUMN_TEXT, false, true },
    };
    json_t *shown = json_array();
    const json_t *item;
    size_t index;
    json_array_foreach((json_t *)(uintptr_t)items, index, item)
    {
        json_t *copy = json_copy((json_t *)(uintptr_t)item);
        const char *name = json_string_value(json_object_get(item, "process"));
        if (name != NULL && (strcmp(name, "sallyportd") == 0 || strcmp(name, "reaper") == 0))
            json_object_set_new(copy, "writable", json_string("as on the host"));
        json_array_append_new(shown, copy);
    }
    render_list(cli, shown, columns, sizeof columns / sizeof columns[0], "process");
    json_decref(shown);
}

static int look_at_processes(const struct selftest_options *options, json_t *report, json_t *differences,
                             struct error *err)
{
    struct instance instance = { .count = 0 };
    pid_t bootstrap = (pid_t)options->pid;
    int done = bootstrap > 0
                   ? 0
                   : instance_find(options->state != NULL ? options->state : state_dir_default(), &bootstrap, err);
    if (done == 0)
        done = instance_read(bootstrap, &instance, err);
    if (done < 0)
        return done;
    json_t *items = json_array();
    for (uint32_t i = 0; i < instance.count; i++) {
        json_array_append_new(items, process_json(&instance.processes[i]));
        confinement_check(&instance, &instance.processes[i], add_difference, differences);
    }
    confinement_check_all(&instance, add_difference, differences);
    json_object_set_new(report, "processes", items);
    instance_done(&instance);
    return 0;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static const struct part {
    const char *name;
    int (*look)(const struct selftest_options *options, json_t *report, json_t *differences, struct error *err);
    void (*print)(const struct cli *cli, const json_t *items);
} parts[] = {
    { "processes", look_at_processes, print_processes },
};

static void print_differences(const json_t *differences)
{
    const json_t *item;
    size_t index;
    json_array_foreach((json_t *)(uintptr_t)differences, index, item)
        say("%s %d: %s", json_string_value(json_object_get(item, "process")),
            (int)json_integer_value(json_object_get(item, "pid")), json_string_value(json_object_get(item, "text")));
}

static int selftest(struct cli *cli, void *values, const struct words *words)
{
    struct error err = { 0 };
    json_t *report = json_object(), *differences = json_array();
    int code = 0;
    (void)words;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && code == 0; i++)
        if (parts[i].look(values, report, differences, &err) < 0) {
            say("%s", err.text);
            code = CODE_TROUBLE;
        }
    json_object_set(report, "differences", differences);
    if (code == 0 && !render_raw(cli, report)) {
        for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
            parts[i].print(cli, json_object_get(report, parts[i].name));
        print_differences(differences);
        if (json_array_size(differences) == 0 && !cli->is_quiet)
            say_dim("all of it is as it must be");
    }
    if (code == 0 && json_array_size(differences) > 0)
        code = 1;
    json_decref(differences);
    json_decref(report);
    return code;
}

const struct subcommand cmd_selftest = {
    .name = "selftest",
    .summary = "is the running instance confined as it must be?",
    .usage = "[OPTION]...",
    .details = "Looks at each process of the instance that has this state directory, as the\n"
               "kernel shows it: ids, capabilities, no_new_privs, seccomp filters, namespaces of\n"
               "its own, and mounts that it can write to. What differs from the table that\n"
               "sallyport is built by is named, and the exit code is then 1. Changes nothing, and\n"
               "believes no process. Run it as root, or as the user of a rootless instance.\n"
               "\n"
               "Landlock is shown by no kernel: a process that could not load its rules has ended.\n"
               "Capabilities of slots and of init are over their own user namespace alone.\n"
               "\n"
               "  sallyport selftest -o wide\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct selftest_options),
    .run = selftest,
};
