/*
 * sallyport import gort: PORT, SCRIPTS_DIR and GORT_RATE_LIMIT of the environment (v1.2.1). gort ran scripts of one directory with
 * whatever program a client named; here the programs are listed, from the scripts' own #! lines and endings if nothing is said.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "importer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/limits.h"

#define NAME        "gort"
#define LINE_BYTES  256
#define SCRIPTS_MAX 4096 /* of one directory; more are not looked at */

struct gort_options {
    const char *port, *directory, *limit;
    struct words executors, variables;
};

static const struct option_row rows[] = {
    { '\0', OPTION_TEXT, "port", offsetof(struct gort_options, port), "PORT",
      "in place of PORT; 5000 unless it is a number", NULL },
    { '\0', OPTION_TEXT, "scripts-dir", offsetof(struct gort_options, directory), "DIR",
      "in place of SCRIPTS_DIR; ./dist unless given", NULL },
    { '\0', OPTION_TEXT, "rate-limit", offsetof(struct gort_options, limit), "COUNT", "in place of GORT_RATE_LIMIT",
      NULL },
    { '\0', OPTION_TEXTS, "executor", offsetof(struct gort_options, executors), "PROGRAM",
      "what clients name as 'executor'; may be given again", NULL },
    { '\0', OPTION_TEXTS, "env", offsetof(struct gort_options, variables), "NAME",
      "what clients may set in 'env_vars'; may be given again", NULL },
};

static const char *said(const char *option, const char *variable)
{
    const char *value = option != NULL ? option : getenv(variable);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

/* The program that a #! line names: of "/usr/bin/env python3 -u" python3. False if there is none. */
static bool read_hashbang(char *line, char to[NAME_ROOM])
{
    char *rest = NULL;
    line[strcspn(line, "\r\n")] = '\0';
    if (strncmp(line, "#!", 2) != 0)
        return false;
    char *word = strtok_r(line + 2, " \t", &rest);
    const char *name = word != NULL && strrchr(word, '/') != NULL ? strrchr(word, '/') + 1 : word;
    while (name != NULL && (strcmp(name, "env") == 0 || name[0] == '-'))
        name = strtok_r(NULL, " \t", &rest);
    return name != NULL && name[0] != '\0' && strchr(name, '/') == NULL && text_copy(to, NAME_ROOM, name) &&
           text_is_utf8(to, strlen(to));
}

static bool executor_of(int directory, const char *script, char to[NAME_ROOM])
{
    static const struct {
        const char *ending, *executor;
    } endings[] = { { ".sh", "bash" }, { ".py", "python3" }, { ".js", "node" },
                    { ".rb", "ruby" }, { ".pl", "perl" },    { ".php", "php" } };
    char line[LINE_BYTES] = "";
    auto_fd int fd = openat(directory, script, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, line, sizeof line - 1) : 0;
    line[got > 0 ? got : 0] = '\0';
    if (read_hashbang(line, to))
        return true;
    const char *dot = strrchr(script, '.');
    for (size_t i = 0; dot != NULL && i < sizeof endings / sizeof endings[0]; i++)
        if (strcmp(endings[i].ending, dot) == 0)
            return text_copy(to, NAME_ROOM, endings[i].executor);
    return false;
}

/* Adds each to `found` once. */
static void look_for_executors(struct import *import, const char *path, json_t *found)
{
    DIR *directory = opendir(path);
    unsigned looked_at = 0;
    for (struct dirent *entry; directory != NULL && looked_at < SCRIPTS_MAX && (entry = readdir(directory)) != NULL;) {
        struct stat st;
        char executor[NAME_ROOM];
        if (entry->d_name[0] == '.' || fstatat(dirfd(directory), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode))
            continue;
        looked_at++;
        if (!executor_of(dirfd(directory), entry->d_name, executor))
            draft_note(&import->draft, "predecessors", NAME,
                       "'%s' says by no #! line and no ending which program runs it: say with --executor.",
                       entry->d_name);
        else
            json_object_set_new(found, executor, json_true());
    }
    if (directory != NULL)
        closedir(directory);
}

static void take_variables(struct import *import, const char *name, json_t *command, const struct words *variables)
{
    json_t *env = json_object(), *params = json_object_get(command, "params");
    for (size_t i = 0; i < variables->count; i++) {
        const char *variable = variables->items[i];
        if (!name_is_variable(variable) || json_object_get(params, variable) != NULL) {
            draft_note(&import->draft, "commands", name, "--env %.60s: no variable can be called so here.", variable);
            continue;
        }
        json_object_set_new(params, variable, param_any_text());
        json_object_set_new(env, variable, json_sprintf("{%s}", variable));
    }
    if (json_object_size(env) > 0) {
        json_object_set(command, "env", env);
        draft_note(&import->draft, "commands", name,
                   "A variable that a client does not set is empty here, and was what gort itself had. Values may be "
                   "any text: "
                   "say with 'pattern' which.");
    }
    json_decref(env);
}

static void take_executor(struct import *import, const struct gort_options *options, const char *directory,
                          const char *executor, json_t *words)
{
    struct draft *draft = &import->draft;
    char name[NAME_ROOM], path[1024], wanted[NAME_ROOM + 8];
    const char *slash = strrchr(executor, '/');
    snprintf(wanted, sizeof wanted, "run-%.58s", slash != NULL ? slash + 1 : executor);
    name_make(draft, "commands", wanted, NAME_ROOM - 1, name);
    program_find(executor, path);
    json_t *fixed = text_fixed(directory);
    json_t *command = json_pack("{s:[o, o, s], s:{s:{s:s, s:s, s:b}, s:o}}", "exec", text_fixed(path),
                                json_sprintf("%s/{script}", json_string_value(fixed)), "{args...}", "params", "script",
                                "type", "enum", "values_from", directory, "required", 1, "args", param_any_list());
    json_decref(fixed);
    draft_note(draft, "commands", name, "'%s' is taken to be %s.", executor, path);
    draft_note(draft, "commands", name, "Scripts take any arguments, as they did: say with 'pattern' which are meant.");
    take_variables(import, name, command, &options->variables);
    command_show(command, directory);
    command_run(draft, name, command, path);
    draft_set(draft, "commands", name, command);
    json_object_set_new(words, executor, json_string(name));
}

static void note_directory(struct import *import, const char *path)
{
    struct stat st;
    if (stat(path, &st) < 0)
        draft_note(&import->draft, "predecessors", NAME,
                   "%s is not there, and gort would not have started. Make it, and import once more, or name it with "
                   "--scripts-dir.",
                   path);
    else if ((st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) && text_is_harmless(path))
        draft_note(
            &import->draft, "predecessors", NAME,
            "Whoever can change %s decides what runs, so it must be root's alone, with all above it, or the service "
            "does not start: chown root: '%s'; chmod go-w '%s'",
            path, path, path);
    else if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        draft_note(
            &import->draft, "predecessors", NAME,
            "Whoever can change '%.200s' decides what runs, so it must be root's alone (chown, chmod go-w), with "
            "all above it, or the service does not start.",
            path);
}

static int take_limit(const char *limit, uint64_t *ret_requests, struct error *err)
{
    *ret_requests = 0;
    if (limit != NULL && (!text_u64(limit, 1000000, ret_requests) || *ret_requests == 0))
        return fail_plain(
            err, EINVAL, "GORT_RATE_LIMIT is '%s', with which gort does not start: a number from 1 on, or leave it out",
            limit);
    return 0;
}

static int take_executors(struct import *import, const struct gort_options *options, const char *directory,
                          json_t *words, struct error *err)
{
    json_t *found = json_object(), *value;
    const char *executor;
    for (size_t i = 0; i < options->executors.count; i++)
        json_object_set_new(found, options->executors.items[i], json_true());
    if (options->executors.count == 0)
        look_for_executors(import, directory, found);
    json_object_foreach(found, executor, value)
    {
        if (executor[0] != '\0' && strlen(executor) < CALLED_MAX_BYTES)
            take_executor(import, options, directory, executor, words);
    }
    bool is_empty = json_object_size(words) == 0;
    json_decref(found);
    if (is_empty)
        return fail_plain(
            err, ENOENT,
            "no script in %s says which program runs it: name them, --executor bash --executor python3, or "
            "another directory with --scripts-dir",
            directory);
    return 0;
}

static int run(struct import *import, void *values, const struct words *words, struct error *err)
{
    const struct gort_options *options = values;
    const char *port_said = said(options->port, "PORT"), *wanted = said(options->directory, "SCRIPTS_DIR") ?: "./dist";
    char directory[PATH_MAX];
    unsigned port = 5000;
    uint64_t requests;
    (void)words;
    if (take_limit(said(options->limit, "GORT_RATE_LIMIT"), &requests, err) < 0)
        return -err->code;
    bool is_port = port_said == NULL || port_read(port_said, &port);
    if (realpath(wanted, directory) == NULL && (wanted[0] != '/' || !text_copy(directory, sizeof directory, wanted)))
        return fail(err, errno, "the scripts' directory '%s' (name it with --scripts-dir)", wanted);
    if (!text_is_utf8(directory, strlen(directory)))
        return fail_plain(err, EINVAL,
                          "the path of the scripts' directory is not UTF-8, which a configuration has to be: "
                          "rename it");
    json_t *called = json_object();
    int done = take_executors(import, options, directory, called, err);
    if (done < 0) {
        json_decref(called);
        return done;
    }
    say_head(import, "gort's environment");
    predecessor_set(import, NAME, port, called);
    if (requests > 0)
        json_object_set_new(draft_get(&import->draft, "predecessors", NAME), "requests",
                            json_integer((json_int_t)requests));
    draft_note(&import->draft, "predecessors", NAME, "gort listened on all interfaces; this is 127.0.0.1 alone.");
    if (!is_port)
        draft_note(&import->draft, "predecessors", NAME, "'%s' is no port, and gort listened on 5000 then.", port_said);
    if (options->variables.count == 0)
        draft_note(&import->draft, "predecessors", NAME,
                   "env_vars: clients can set none, unless a command has a parameter for it: import with --env NAME "
                   "for each.");
    note_directory(import, directory);
    return 0;
}

const struct importer import_gort = {
    .name = NAME,
    .summary = "the environment of gort",
    .usage = "[--executor PROGRAM]... [--env NAME]... [OPTION]...",
    .details = "PORT, SCRIPTS_DIR and GORT_RATE_LIMIT are read as gort reads them. Each executor\n"
               "becomes a command whose 'script' is a file of the directory. Without --executor\n"
               "they are what the scripts' #! lines and endings ask for. Variables of env_vars\n"
               "are parameters: name each with --env.\n"
               "\n"
               "  SCRIPTS_DIR=/srv/scripts sallyport import gort --executor bash --env GREETING\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct gort_options),
    .words_max = 0,
    .run = run,
};
