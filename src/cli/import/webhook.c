/*
 * sallyport import webhook: hooks.json of adnanh/webhook (2.8), as its documents describe it ("Hook definition", "Hook rules",
 * "Referencing request values"). Each hook becomes a hook and a command; a hook that proves nothing becomes a command with a
 * route, whose callers have tokens.
 */
#include "webhook.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/limits.h"

#define SECOND ".second" /* behind the name of a file; no hook's name has a dot */

/* What is known of a hook's keys: NULL for what is translated elsewhere. */
static const struct {
    const char *key, *why;
} known_keys[] = {
    { "id", NULL },
    { "execute-command", NULL },
    { "command-working-directory", NULL },
    { "pass-arguments-to-command", NULL },
    { "pass-environment-to-command", NULL },
    { "pass-file-to-command", NULL },
    { "parse-parameters-as-json", NULL },
    { "incoming-payload-content-type", NULL },
    { "http-methods", NULL },
    { "trigger-rule", NULL },
    { "response-message", "the answer is 202 with the job's id" },
    { "response-headers", "the headers of an answer are ours" },
    { "success-http-response-code", "a delivery that runs something is answered with 202" },
    { "include-command-output-in-response",
      "nobody waits for the job's end: 'sallyport logs' shows the output, and a command's 'route' answers with it" },
    { "include-command-output-in-response-on-error",
      "nobody waits for the job's end: 'sallyport logs' shows the output" },
    { "stream-command-output", "nobody waits for the job's end: 'sallyport logs -f' shows the output" },
    { "trigger-rule-mismatch-http-response-code", "a delivery that is not meant is answered with 200 and 'ignored'" },
    { "trigger-signature-soft-failures", "a signature that is wrong is always refused" },
};

void webhook_block(struct webhook *hook, const char *format, ...)
{
    va_list args;
    if (hook->why[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(hook->why, sizeof hook->why, format, args);
    va_end(args);
}

void webhook_block_command(struct webhook *hook, const char *format, ...)
{
    va_list args;
    if (hook->why_command[0] != '\0')
        return;
    va_start(args, format);
    vsnprintf(hook->why_command, sizeof hook->why_command, format, args);
    va_end(args);
    webhook_block(hook, "its command is held back");
}

const char *webhook_text(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static bool is_nothing(const json_t *value)
{
    return json_is_false(value) || json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_integer(value) && json_integer_value(value) == 0) ||
           ((json_is_array(value) || json_is_object(value)) && json_array_size(value) + json_object_size(value) == 0);
}

static void note_keys(struct webhook *hook)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)hook->from, key, value)
    {
        size_t i = 0;
        while (i < sizeof known_keys / sizeof known_keys[0] && strcmp(known_keys[i].key, key) != 0)
            i++;
        if (i == sizeof known_keys / sizeof known_keys[0])
            draft_note(&hook->import->draft, "hooks", hook->name,
                       "'%.60s' is nothing that is known of webhook; left out.", key);
        else if (known_keys[i].why != NULL && !is_nothing(value))
            draft_note(&hook->import->draft, "hooks", hook->name, "%s is left out: %s.", key, known_keys[i].why);
    }
}

static void take_methods(struct webhook *hook)
{
    const json_t *methods = json_object_get(hook->from, "http-methods");
    bool has_post = json_array_size(methods) == 0, has_others = false;
    for (size_t i = 0; i < json_array_size(methods); i++) {
        const char *method = json_string_value(json_array_get(methods, i));
        bool is_post = method != NULL && strcasecmp(method, "POST") == 0;
        has_post |= is_post;
        has_others |= !is_post;
    }
    if (!has_post)
        webhook_block(hook, "its http-methods are without POST, and hooks take nothing else: give the command a "
                            "'route' with these methods, and callers a token");
    else if (has_others)
        draft_note(&hook->import->draft, "hooks", hook->name, "Of http-methods only POST is taken.");
}

/* --- the command ------------------------------------------------------------------------------------------------------ */

static void take_directory(struct webhook *hook)
{
    struct draft *draft = &hook->import->draft;
    const char *directory = webhook_text(hook->from, "command-working-directory");
    if (directory[0] == '\0')
        return;
    if (directory[0] != '/' || access(directory, F_OK) != 0) {
        draft_note(
            draft, "commands", hook->name,
            "command-working-directory '%s' is no directory of this host by an absolute path: left out, and the job "
            "starts in its own /tmp ('workdir').",
            directory);
        return;
    }
    json_object_set_new(hook->command, "workdir", json_string(directory));
    command_show(hook->command, directory);
    draft_note(
        draft, "commands", hook->name,
        "It can read its workdir and not write there: that needs an account of its own ('user') and the directory in "
        "sandbox.write in place of sandbox.read.");
}

static void take_program(struct webhook *hook)
{
    struct draft *draft = &hook->import->draft;
    const char *said = webhook_text(hook->from, "execute-command");
    const char *directory = webhook_text(hook->from, "command-working-directory");
    char joined[1024], path[1024];
    if (said[0] == '\0')
        webhook_block(hook, "it has no execute-command");
    if (said[0] != '/' && directory[0] != '\0')
        snprintf(joined, sizeof joined, "%s/%s", directory, strncmp(said, "./", 2) == 0 ? said + 2 : said);
    else
        snprintf(joined, sizeof joined, "%s", said);
    if (said[0] != '/' && directory[0] != '\0' && directory[0] != '/')
        webhook_block_command(hook,
                              "'%.200s' is taken from command-working-directory '%.200s', which is no absolute path",
                              said, directory);
    program_find(joined, path);
    json_t *exec = json_object_get(hook->command, "exec");
    json_array_append_new(exec, text_fixed(path));
    if (said[0] != '/')
        draft_note(draft, "commands", hook->name, "'%s' is taken to be %s.", said, path);
    command_run(draft, hook->name, hook->command, path);
}

static void take_command(struct webhook *hook)
{
    hook->command = json_pack("{s:[]}", "exec");
    hook->params = json_object();
    hook->maps = json_object();
    take_program(hook);
    take_directory(hook);
    webhook_take_arguments(hook);
    if (json_object_size(hook->params) > 0) {
        json_object_set(hook->command, "params", hook->params);
        draft_note(&hook->import->draft, "commands", hook->name,
                   "Its parameters take any text that does not begin with '-': say with 'pattern' or 'type: enum' what "
                   "each may be.");
    }
}

/* --- the hook --------------------------------------------------------------------------------------------------------- */

/* One secret to its file, or the line that makes it. */
static void take_secret(struct webhook *hook, unsigned index, json_t *files)
{
    struct draft *draft = &hook->import->draft;
    const char *directory = hook->import->secrets != NULL ? hook->import->secrets : SECRETS_DIR_SHOWN;
    char path[1200], value[1300];
    snprintf(path, sizeof path, "%s/%s%s", directory, hook->name, index > 0 ? SECOND : "");
    snprintf(value, sizeof value, "file:%s", path);
    json_array_append_new(files, json_string(value));
    if (json_object_get(draft->secrets, path) != NULL) {
        webhook_block(hook, "the file of its secret, %s, is that of another hook", path);
    } else if (hook->import->secrets != NULL) {
        auto_free char *line = NULL;
        if (asprintf(&line, "%s\n", hook->secrets.items[index]) < 0)
            return;
        json_object_set_new(draft->secrets, path, json_string(line));
        explicit_bzero(line, strlen(line));
    } else if (access(path, F_OK) != 0) {
        draft_note(
            draft, "hooks", hook->name,
            "Its secret is not written here. As root: install -D -m 600 /dev/stdin %s, then the secret, Enter and "
            "Ctrl-D; or import once more with --secrets %s.",
            path, directory);
        webhook_block(hook, "the file with its secret has to be made first");
    }
}

static void take_secrets(struct webhook *hook)
{
    json_t *files = json_array();
    for (unsigned i = 0; i < hook->secrets.count; i++) {
        const char *secret = hook->secrets.items[i];
        for (const char *at = secret; *at != '\0'; at++)
            if ((unsigned char)*at < 0x20 || *at == 0x7f)
                webhook_block(hook, "its secret has control characters, and no line of a file can hold it");
        if (secret[0] == '\0')
            webhook_block(hook, "its secret is empty, so it proves nothing");
        else
            take_secret(hook, i, files);
    }
    json_object_set(hook->verify, "secrets", json_array_size(files) == 1 ? json_array_get(files, 0) : files);
    json_decref(files);
}

/* A token stands for what no signature proves. */
static void make_route(struct webhook *hook)
{
    struct draft *draft = &hook->import->draft;
    char path[NAME_ROOM + 2];
    snprintf(path, sizeof path, "/%s", hook->name);
    json_object_set_new(hook->command, "route", json_pack("{s:s}", "path", path));
    draft_note(
        draft, "hooks", hook->name,
        "%s, so there is no hook. Its command has a route: who has a token (sallyport token create --name %s --allow "
        "run:%s) sends POST /r%s, with the parameters as JSON or as a form. Rules are not looked at there.",
        hook->compared != NULL ? "A secret is compared that comes with each delivery, which proves nothing about it"
                               : "No signature proves who sends",
        hook->name, hook->name, path);
}

static void set_hook(struct webhook *hook)
{
    struct draft *draft = &hook->import->draft;
    json_t *run = json_pack("{s:s}", "command", hook->name);
    take_secrets(hook);
    if (json_object_size(hook->maps) > 0)
        json_object_set(run, "params", hook->maps);
    json_t *entry = json_pack("{s:O}", "verify", hook->verify);
    if (json_array_size(hook->when) > 0)
        json_object_set(entry, "when", hook->when);
    json_object_set_new(entry, "run", run);
    draft_set(draft, "hooks", hook->name, entry);
    if (hook->why[0] != '\0')
        draft_hold(draft, "hooks", hook->name, "Held back: %s.", hook->why);
}

static void take_name(struct webhook *hook)
{
    struct draft *draft = &hook->import->draft;
    const char *id = webhook_text(hook->from, "id");
    name_make(draft, "commands", id, HOOK_NAME_MAX_BYTES - 1, hook->name);
    if (id[0] == '\0')
        draft_note(draft, "hooks", hook->name, "It has no id; it is called %s here.", hook->name);
    else if (strcmp(id, hook->name) != 0)
        draft_note(draft, "hooks", hook->name, "'%s' is called %s here, and delivered to /hooks/%s.", id, hook->name,
                   hook->name);
}

static void translate_hook(struct import *import, const json_t *from)
{
    struct webhook hook = { .import = import, .from = from, .when = json_array() };
    take_name(&hook);
    note_keys(&hook);
    take_command(&hook);
    take_methods(&hook);
    webhook_take_rule(&hook);
    if (hook.verify == NULL && hook.why[0] == '\0')
        make_route(&hook);
    else if (hook.verify == NULL)
        draft_note(&import->draft, "hooks", hook.name, "Left out: %s.", hook.why);
    draft_set(&import->draft, "commands", hook.name, json_incref(hook.command));
    if (hook.why_command[0] != '\0')
        draft_hold(&import->draft, "commands", hook.name, "Held back: %s.", hook.why_command);
    if (hook.verify != NULL)
        set_hook(&hook);
    json_decref(hook.command);
    json_decref(hook.params);
    json_decref(hook.maps);
    json_decref(hook.when);
    json_decref(hook.verify);
}

/* --- the file --------------------------------------------------------------------------------------------------------- */

/* What stands near a fault may be a secret, so its place is told alone. */
static int fail_json(const char *text, const json_error_t *fault, struct error *err)
{
    text += strspn(text, " \t\r\n");
    if (text[0] != '[' && text[0] != '{')
        return fail_plain(err, EINVAL,
                          "this is no JSON; YAML is not read here. python3 -c 'import json, sys, yaml; "
                          "json.dump(yaml.safe_load(sys.stdin), sys.stdout)' <hooks.yaml >hooks.json makes it JSON");
    return fail_plain(err, EINVAL, "this is no JSON, from line %d, column %d on", fault->line, fault->column);
}

int webhook_translate(struct import *import, const char *text, size_t size, struct error *err)
{
    json_error_t fault;
    if (memmem(text, size, "{{", 2) != NULL)
        return fail_plain(
            err, EINVAL,
            "this is a template ('{{'), and what webhook -template would make of it is not known here: write "
            "the values in their places, and import that");
    json_t *hooks = json_loadb(text, size, 0, &fault);
    if (hooks == NULL)
        return fail_json(text, &fault, err);
    int done = 0;
    if (!json_is_array(hooks))
        done = fail_plain(err, EINVAL, "this is no list of hooks: a hooks.json begins with '['");
    for (size_t i = 0; i < json_array_size(hooks) && done == 0; i++)
        if (json_is_object(json_array_get(hooks, i)))
            translate_hook(import, json_array_get(hooks, i));
        else
            done = fail_plain(err, EINVAL, "hook %zu of the list is no object", i + 1);
    json_decref(hooks);
    return done;
}
