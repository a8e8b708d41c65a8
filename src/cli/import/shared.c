/* Parts of configurations that several importers make. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "importer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

json_t *text_fixed(const char *text)
{
    char *room = malloc(2 * strlen(text) + 1);
    size_t used = 0;
    if (room == NULL)
        return NULL;
    for (; *text != '\0'; text++) {
        room[used++] = *text;
        if (*text == '{' || *text == '}')
            room[used++] = *text;
    }
    json_t *fixed = json_stringn(room, used);
    free(room);
    return fixed;
}

bool text_is_harmless(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:@~";
    return text[0] != '\0' && text[strspn(text, letters)] == '\0' && strlen(text) < 256;
}

/* What every job sees of the host (ARCHITECTURE.md). */
static bool is_shown_to_all(const char *path)
{
    static const char *const trees[] = { "/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/" };
    for (size_t i = 0; i < sizeof trees / sizeof trees[0]; i++)
        if (strncmp(path, trees[i], strlen(trees[i])) == 0)
            return true;
    return false;
}

void command_run(struct draft *draft, const char *name, json_t *command, const char *path)
{
    if (access(path, X_OK) != 0)
        draft_note(
            draft, "commands", name,
            "%s is no program of this host: correct 'exec', or install it. Outside of /usr sandbox.read must list it.",
            path);
    command_show(command, path);
}

void command_show(json_t *command, const char *path)
{
    if (is_shown_to_all(path) || strcmp(path, "/tmp") == 0 || access(path, F_OK) != 0)
        return;
    json_t *sandbox = json_object_get(command, "sandbox");
    if (sandbox == NULL) {
        json_object_set_new(command, "sandbox", json_pack("{s:[]}", "read"));
        sandbox = json_object_get(command, "sandbox");
    }
    json_t *read = json_object_get(sandbox, "read");
    for (size_t i = 0; i < json_array_size(read); i++)
        if (strcmp(json_string_value(json_array_get(read, i)), path) == 0)
            return;
    json_array_append_new(read, json_string(path));
}

json_t *param_any_text(void)
{
    return json_pack("{s:s, s:s}", "type", "string", "default", "");
}

json_t *param_any_list(void)
{
    return json_pack("{s:s, s:{s:s, s:b}, s:[]}", "type", "list", "of", "type", "string", "allow_dash", 1, "default");
}

/* What its clients need, each once. */
static json_t *scopes_of(const char *name, const json_t *words)
{
    json_t *scopes = json_array(), *command;
    const char *word;
    json_object_foreach((json_t *)(uintptr_t)words, word, command)
        json_array_append_new(scopes, json_sprintf("run:%s", json_string_value(command)));
    json_array_append_new(scopes, json_string("read:own"));
    json_array_append_new(scopes, json_string("cancel:own"));
    if (strcmp(name, "go-serverless") == 0) /* they make what they call */
        json_array_append_new(scopes, json_string("admin:functions"));
    return scopes;
}

/* "run:a,read:own"; NULL when memory is short. The caller frees. */
static char *joined(const json_t *texts)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < json_array_size(texts); i++)
        fprintf(out, "%s%s", i > 0 ? "," : "", json_string_value(json_array_get(texts, i)));
    if (fclose(out) == 0)
        return text;
    free(text);
    return NULL;
}

static void add_callers(struct import *import, const char *name, unsigned port, const json_t *words)
{
    struct draft *draft = &import->draft;
    char peer[NAME_ROOM];
    json_t *allow = scopes_of(name, words);
    auto_free char *scopes = joined(allow);
    snprintf(peer, sizeof peer, "%s-clients", name);
    if (import->needs_no_token) {
        draft_set(draft, "peers", peer, json_pack("{s:s, s:o}", "predecessor", name, "allow", allow));
        draft_note(draft, "peers", peer,
                   "Any program of this host is this caller on 127.0.0.1:%u, and any user of it. Give clients tokens "
                   "where that is too much.",
                   port);
        return;
    }
    json_decref(allow);
    draft_note(
        draft, "predecessors", name,
        "Its clients need a token (an Authorization header) now: sallyport token create --name %s --allow '%s' makes "
        "one, and the lines that admit it. Clients that can send none: import once more with --no-token.",
        peer, scopes != NULL ? scopes : "...");
}

void predecessor_set(struct import *import, const char *name, unsigned port, json_t *words)
{
    char listen[32];
    snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
    add_callers(import, name, port, words);
    draft_set(&import->draft, "predecessors", name, json_pack("{s:s, s:o}", "listen", listen, "commands", words));
}

void say_head(struct import *import, const char *what)
{
    draft_note(&import->draft, "", "",
               "Made of %s by 'sallyport import'. What could not be translated stands in comments.", what);
    draft_note(
        &import->draft, "", "",
        "Jobs run in a sandbox now: as nobody, with /usr and their own /tmp, without a network and without the "
        "service's environment. What a command needs beyond that is its 'sandbox', 'user', 'workdir' and 'env'.");
}

int import_read_file(const char *path, size_t most, char **ret_text, size_t *ret_size, struct error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    auto_fd int opened = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (!is_stdin && opened < 0)
        return fail(err, errno, "open '%s'", path);
    if (fd_read_file(is_stdin ? STDIN_FILENO : opened, most, (uint8_t **)ret_text, ret_size, err) < 0)
        return fail_in(err, "read '%s'", path);
    return 0;
}
