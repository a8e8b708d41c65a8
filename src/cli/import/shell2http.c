/*
 * sallyport import shell2http: its options and its pairs of path and shell command (msoap/shell2http 1.16). Each pair becomes a
 * command with a route. The shell's text is the operator's and fixed; what a request says reaches it in variables alone, as it
 * did (v_NAME), so that no shell reads it as anything but a value.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "importer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"

struct shell2http_options {
    const char *port, *host, *form_check, *export_vars, *log, *shell, *cache, *timeout, *cert, *key;
    struct words basic_auth, variables;
    bool has_form, is_cgi, exports_all, has_no_index, has_exit, is_one_thread, fails_500, has_stderr, shows_errors,
        is_ignored;
};

#define AT(member) offsetof(struct shell2http_options, member)

static const struct option_row rows[] = {
    { '\0', OPTION_TEXT, "port", AT(port), "PORT", "8080 unless given", NULL },
    { '\0', OPTION_TEXT, "host", AT(host), "ADDRESS", "all interfaces became 127.0.0.1", NULL },
    { '\0', OPTION_TEXTS, "basic-auth", AT(basic_auth), "USER:PASSWORD", "never written down: a token takes its place",
      NULL },
    { '\0', OPTION_FLAG, "form", AT(has_form), NULL, "variables v_NAME become parameters NAME", NULL },
    { '\0', OPTION_TEXT, "form-check", AT(form_check), "REGEX", "becomes their 'pattern'", NULL },
    { '\0', OPTION_TEXTS, "form-var", AT(variables), "NAME",
      "ours: a field that a command takes; those that its text\nhas as $v_NAME are found", NULL },
    { '\0', OPTION_FLAG, "cgi", AT(is_cgi), NULL, "response: cgi; the body is standard input", NULL },
    { '\0', OPTION_TEXT, "export-vars", AT(export_vars), "A,B", "named, and left to you", NULL },
    { '\0', OPTION_FLAG, "export-all-vars", AT(exports_all), NULL, "left out", NULL },
    { '\0', OPTION_FLAG, "no-index", AT(has_no_index), NULL, "there is no index", NULL },
    { '\0', OPTION_FLAG, "add-exit", AT(has_exit), NULL, "left out", NULL },
    { '\0', OPTION_TEXT, "log", AT(log), "FILE", "left out", NULL },
    { '\0', OPTION_FLAG, "no-log-timestamp", AT(is_ignored), NULL, "left out", NULL },
    { '\0', OPTION_TEXT, "shell", AT(shell), "SHELL", "sh unless given; '' for none", NULL },
    { '\0', OPTION_TEXT, "cache", AT(cache), "SECONDS", "becomes 'dedupe', unless it takes several fields or a body",
      NULL },
    { '\0', OPTION_TEXT, "timeout", AT(timeout), "SECONDS", "becomes 'timeout'", NULL },
    { '\0', OPTION_FLAG, "one-thread", AT(is_one_thread), NULL, "concurrency.limit of 1, of each command", NULL },
    { '\0', OPTION_FLAG, "500", AT(fails_500), NULL, "a failure is answered with 500", NULL },
    { '\0', OPTION_FLAG, "show-errors", AT(shows_errors), NULL, "a failure is answered with its output", NULL },
    { '\0', OPTION_FLAG, "include-stderr", AT(has_stderr), NULL, "both streams are the answer", NULL },
    { '\0', OPTION_TEXT, "cert", AT(cert), "FILE", "becomes server.tls.cert", NULL },
    { '\0', OPTION_TEXT, "key", AT(key), "FILE", "becomes server.tls.key", NULL },
};

/* One pair on its way. */
struct pair {
    struct import *import;
    const struct shell2http_options *options;
    const char *path, *text; /* without the method */
    char method[8];          /* "": any */
    char name[NAME_ROOM];
    json_t *command;
};

static void note(const struct pair *pair, const char *text)
{
    draft_note(&pair->import->draft, "commands", pair->name, "%s", text);
}

/* "GET:/path", "/path". */
static int split_path(const char *said, struct pair *pair, struct error *err)
{
    static const char *const methods[] = { "GET", "POST", "PUT", "PATCH", "DELETE" };
    const char *slash = strchr(said, '/');
    size_t size = slash != NULL ? (size_t)(slash - said) : 0;
    bool is_known = size == 0;
    for (size_t i = 0; i < sizeof methods / sizeof methods[0] && !is_known; i++)
        if (size == strlen(methods[i]) + 1 && strncmp(said, methods[i], size - 1) == 0 && said[size - 1] == ':') {
            is_known = true;
            snprintf(pair->method, sizeof pair->method, "%s", methods[i]);
        }
    if (slash == NULL || !is_known)
        return fail_plain(
            err, EINVAL,
            "'%s' is no path: pairs are PATH COMMAND, such as /date 'date -u' or POST:/build 'make'; options "
            "stand before them",
            said);
    pair->path = slash;
    return 0;
}

static void take_route(struct pair *pair)
{
    const struct shell2http_options *options = pair->options;
    json_t *methods = pair->method[0] != '\0' ? json_pack("[s]", pair->method) : json_pack("[s, s]", "GET", "POST");
    json_t *route =
        json_pack("{s:s, s:o}", "path", strcmp(pair->path, "/") == 0 ? "/index" : pair->path, "methods", methods);
    if (options->is_cgi)
        json_object_set_new(route, "response", json_string("cgi"));
    else
        json_object_set_new(route, "type", json_string("text/plain; charset=utf-8"));
    if (options->fails_500)
        json_object_set_new(route, "http_status", json_pack("{s:i, s:i}", "0", 200, "*", 500));
    else if (options->shows_errors)
        json_object_set_new(route, "http_status", json_pack("{s:i}", "*", 200));
    json_object_set_new(pair->command, "route", route);
    if (strcmp(pair->path, "/") == 0)
        note(pair, "It was the page at /, and is /r/index now.");
    if (options->is_cgi && !options->has_form && strcmp(pair->method, "GET") != 0 &&
        strcmp(pair->method, "DELETE") != 0)
        json_object_set_new(pair->command, "stdin", json_string("body"));
    if (options->is_cgi)
        note(pair,
             "-cgi: the head that it prints is taken as docs/functions.md says; variables such as REQUEST_METHOD and "
             "QUERY_STRING are not set.");
}

/* --- what it runs ----------------------------------------------------------------------------------------------------- */

/* Without a shell: words between blanks. False: quotes or escapes, which are not read here. */
static bool split_words(const char *text, json_t *exec)
{
    if (text[strcspn(text, "'\"\\`$")] != '\0')
        return false;
    for (const char *at = text + strspn(text, " \t\n"); *at != '\0'; at += strspn(at, " \t\n")) {
        size_t size = strcspn(at, " \t\n");
        char word[1024], path[1024];
        if (!text_copy_bytes(word, sizeof word, at, size))
            return false;
        bool is_first = json_array_size(exec) == 0;
        if (is_first)
            program_find(word, path);
        json_array_append_new(exec, text_fixed(is_first ? path : word));
        at += size;
    }
    return json_array_size(exec) > 0;
}

static void take_exec(struct pair *pair)
{
    const struct shell2http_options *options = pair->options;
    const char *shell = options->shell != NULL ? options->shell : "sh";
    json_t *exec = json_object_get(pair->command, "exec");
    char path[1024];
    if (shell[0] == '\0') {
        if (!split_words(pair->text, exec))
            json_array_append_new(exec, json_string(""));
        return;
    }
    program_find(shell, path);
    command_run(&pair->import->draft, pair->name, pair->command, path);
    json_t *fixed = text_fixed(pair->text);
    json_array_append_new(exec, text_fixed(path));
    json_array_append_new(exec, json_string("-c"));
    json_array_append_new(exec,
                          json_sprintf("%s%s", options->has_stderr ? "exec 2>&1; " : "", json_string_value(fixed)));
    json_decref(fixed);
}

/* --- fields ----------------------------------------------------------------------------------------------------------- */

static void add_field(struct pair *pair, const char *name)
{
    json_t *params = json_object_get(pair->command, "params"), *env = json_object_get(pair->command, "env");
    char variable[NAME_ROOM + 4];
    snprintf(variable, sizeof variable, "v_%s", name);
    if (!name_is_variable(variable) || !name_is_variable(name)) {
        draft_note(&pair->import->draft, "commands", pair->name,
                   "Field '%.60s' is left out: a parameter's name begins with a "
                   "letter.",
                   name);
        return;
    }
    json_t *param = param_any_text();
    if (pair->options->form_check != NULL) {
        json_object_set_new(param, "pattern", json_sprintf("^$|(?:%s)", pair->options->form_check));
        json_object_set_new(param, "partial", json_true());
    }
    json_object_set_new(params, name, param);
    json_object_set_new(env, variable, json_sprintf("{%s}", name));
}

/* Each $v_NAME and ${v_NAME...} of the text. */
static void find_fields(struct pair *pair)
{
    for (const char *at = strstr(pair->text, "v_"); at != NULL; at = strstr(at + 2, "v_")) {
        bool is_variable =
            (at > pair->text && at[-1] == '$') || (at > pair->text + 1 && at[-1] == '{' && at[-2] == '$');
        char name[NAME_ROOM];
        size_t size = 0;
        while (isalnum((unsigned char)at[2 + size]) || at[2 + size] == '_')
            size++;
        if (is_variable && size > 0 && text_copy_bytes(name, sizeof name, at + 2, size))
            add_field(pair, name);
    }
}

static void take_fields(struct pair *pair)
{
    json_object_set_new(pair->command, "params", json_object());
    json_object_set_new(pair->command, "env", json_object());
    if (pair->options->has_form) {
        find_fields(pair);
        for (size_t i = 0; i < pair->options->variables.count; i++)
            add_field(pair, pair->options->variables.items[i]);
    }
    if (json_object_size(json_object_get(pair->command, "params")) > 0)
        note(pair, pair->options->form_check != NULL
                       ? "A field that is not listed here, or that -form-check does not match, is refused; it was "
                         "ignored before."
                       : "Fields may be any text that does not begin with '-': say with 'pattern' which. One that is "
                         "not listed "
                         "here is refused; it was a variable of its own name before (--form-var NAME adds one).");
    else if (pair->options->has_form)
        note(pair,
             "-form: its text has no $v_NAME, so it takes no fields: name them with --form-var, and a request that has "
             "others is refused.");
    if (json_object_size(json_object_get(pair->command, "params")) > 0)
        note(pair,
             "Its text is the shell's, as before: a field that stands there without quotes (\"$v_name\") is split into "
             "words, and one that is given to eval or to another shell is code.");
    static const char *const keys[] = { "params", "env" };
    for (size_t i = 0; i < 2; i++)
        if (json_object_size(json_object_get(pair->command, keys[i])) == 0)
            json_object_del(pair->command, keys[i]);
}

/* --- limits ----------------------------------------------------------------------------------------------------------- */

/* Seconds as "30s". */
static int seconds(const char *option, const char *said, char to[32], struct error *err)
{
    uint64_t number;
    if (!text_u64(said, 604800, &number))
        return fail_plain(err, EINVAL, "-%s takes a number of seconds, not '%s'", option, said);
    snprintf(to, 32, "%llus", (unsigned long long)number);
    return 0;
}

static void take_cache(struct pair *pair, const char *window)
{
    json_t *params = json_object_get(pair->command, "params");
    if (json_object_size(params) > 1 || json_object_get(pair->command, "stdin") != NULL) {
        note(pair, "-cache is left out: of several fields, or a body, no 'dedupe.key' can be made that two different "
                   "requests never share.");
        return;
    }
    json_t *dedupe = json_pack("{s:s}", "window", window);
    if (json_object_size(params) == 1)
        json_object_set_new(dedupe, "key", json_sprintf("{%s}", json_object_iter_key(json_object_iter(params))));
    json_object_set_new(pair->command, "dedupe", dedupe);
    note(pair,
         "-cache: within the time a request with the same field is answered with the first job, whoever makes it; a "
         "caller who may not read that job is answered with 429.");
}

static int take_limits(struct pair *pair, struct error *err)
{
    const struct shell2http_options *options = pair->options;
    char text[32];
    if (options->timeout != NULL && seconds("timeout", options->timeout, text, err) < 0)
        return -err->code;
    if (options->timeout != NULL && strcmp(text, "0s") != 0)
        json_object_set_new(pair->command, "timeout", json_string(text));
    if (options->cache != NULL && seconds("cache", options->cache, text, err) < 0)
        return -err->code;
    if (options->cache != NULL && strcmp(text, "0s") != 0)
        take_cache(pair, text);
    if (options->is_one_thread)
        json_object_set_new(pair->command, "concurrency", json_pack("{s:i}", "limit", 1));
    return 0;
}

static int take_pair(struct import *import, const struct shell2http_options *options, const char *path,
                     const char *text, struct error *err)
{
    struct pair pair = { .import = import, .options = options, .path = path, .text = text };
    if (split_path(path, &pair, err) < 0)
        return -err->code;
    name_make(&import->draft, "commands", strcmp(pair.path, "/") == 0 ? "index" : pair.path, NAME_ROOM - 1, pair.name);
    pair.command = json_pack("{s:[]}", "exec");
    take_exec(&pair);
    take_fields(&pair);
    take_route(&pair);
    if (take_limits(&pair, err) < 0) {
        json_decref(pair.command);
        return -err->code;
    }
    const char *program = json_string_value(json_array_get(json_object_get(pair.command, "exec"), 0));
    draft_set(&import->draft, "commands", pair.name, pair.command);
    if (program == NULL || program[0] == '\0')
        draft_hold(&import->draft, "commands", pair.name,
                   "Held back: without a shell (-shell '') the words of '%.200s' have to be written down one by one.",
                   text);
    else if (strstr(text, "filepath_") != NULL || strstr(text, "filename_") != NULL)
        draft_hold(
            &import->draft, "commands", pair.name,
            "Held back: it takes an uploaded file. Files come by POST /v1/commands/%s/jobs, as a parameter of 'type: "
            "file'; or the body is the file, with 'stdin: body'.",
            pair.name);
    return 0;
}

/* --- the server ------------------------------------------------------------------------------------------------------- */

static void note_commands(struct import *import, const char *text)
{
    draft_note(&import->draft, "commands", "", "%s", text);
}

static void note_options(struct import *import, const struct shell2http_options *options)
{
    note_commands(import, "Each path begins with /r now: /date is /r/date.");
    note_commands(
        import, options->basic_auth.count > 0
                    ? "-basic-auth is not taken over, nor written here: callers show a token (sallyport token create "
                      "--allow 'run:*'), curl -H \"Authorization: Bearer $TOKEN\"."
                    : "Anybody could call; now callers show a token (sallyport token create --allow 'run:*'), curl -H "
                      "\"Authorization: Bearer $TOKEN\".");
    if (!options->fails_500 && !options->shows_errors)
        note_commands(import,
                      "A command that fails is answered with 502 and without its output; it was 200 with 'exec error' "
                      "before. 'http_status' says otherwise.");
    if (options->export_vars != NULL)
        draft_note(&import->draft, "commands", "",
                   "-export-vars %.200s: write what a command needs of them as its 'env'.", options->export_vars);
    if (options->exports_all)
        note_commands(import,
                      "-export-all-vars is left out: a job has HOME, USER, PATH, LANG and what its 'env' says.");
    if (!options->has_no_index)
        note_commands(import, "There is no index page: GET /v1/commands lists what a caller may run.");
    if (options->has_exit)
        note_commands(import, "-add-exit is left out: no request ends the service.");
    if (options->log != NULL)
        note_commands(import,
                      "-log is left out: sallyport logs to the journal, and keeps what commands write with each job.");
    if (options->is_one_thread)
        note_commands(import, "-one-thread holds for each command by itself; limits.running: 1 is for all of them.");
}

static int take_server(struct import *import, const struct shell2http_options *options, struct error *err)
{
    struct draft *draft = &import->draft;
    unsigned port = 8080;
    char listen[32];
    if (options->port != NULL && !port_read(options->port, &port))
        return fail_plain(err, EINVAL, "-port takes a number from 1 to 65535, not '%s'", options->port);
    snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
    draft_set(draft, "server", "listen", json_string(listen));
    if (options->host == NULL || (strcmp(options->host, "127.0.0.1") != 0 && strcmp(options->host, "localhost") != 0))
        draft_note(draft, "server", "listen",
                   "shell2http listened on %s. For callers of other hosts write the address here, with 'tls' beside "
                   "it, or let a "
                   "proxy with TLS ask 127.0.0.1:%u.",
                   options->host != NULL ? options->host : "all interfaces", port);
    if (options->cert == NULL && options->key == NULL)
        return 0;
    if (options->cert == NULL || options->key == NULL)
        return fail_plain(err, EINVAL, "-cert and -key need each other");
    draft_set(draft, "server", "tls",
              json_pack("{s:s, s:o}", "cert", options->cert, "key", json_sprintf("file:%s", options->key)));
    return 0;
}

static int run(struct import *import, void *values, const struct words *words, struct error *err)
{
    const struct shell2http_options *options = values;
    if (words->count == 0 || words->count % 2 != 0)
        return fail_plain(err, EINVAL,
                          "%s: shell2http takes pairs of path and command, such as /date 'date -u', behind its options",
                          words->count == 0 ? "there is no pair" : "a path has no command");
    say_head(import, "shell2http's command line");
    int done = take_server(import, options, err);
    for (size_t i = 0; i < words->count && done == 0; i += 2)
        done = take_pair(import, options, words->items[i], words->items[i + 1], err);
    note_options(import, options);
    return done;
}

const struct importer import_shell2http = {
    .name = "shell2http",
    .summary = "the command line of msoap/shell2http",
    .usage = "[OPTION]... PATH COMMAND [PATH COMMAND]...",
    .details = "Each pair becomes a command whose route is PATH, below /r. The shell's text is\n"
               "yours and stays as it is; fields of requests reach it as variables v_NAME alone.\n"
               "Fields are those that the text names ($v_NAME), and those of --form-var.\n"
               "Callers need a token. Options stand before the first path, -o too.\n"
               "\n"
               "  sallyport import -o new.yaml shell2http -port 8080 -form /hello 'echo Hi $v_name'\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct shell2http_options),
    .stops_at_word = true,
    .words_max = 1000,
    .run = run,
};
