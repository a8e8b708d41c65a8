/* sallyport import go-tasky: its address, and a program in place of each worker, for workers were Go code. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "importer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/limits.h"

#define NAME "go-tasky"

struct go_tasky_options {
    const char *address, *file;
    struct words workers;
};

static const struct option_row rows[] = {
    { '\0', OPTION_TEXT, "addr", offsetof(struct go_tasky_options, address), "[HOST]:PORT", ":8888 unless given",
      NULL },
    { '\0', OPTION_TEXTS, "worker", offsetof(struct go_tasky_options, workers), "NAME=PROGRAM",
      "a worker and what runs in its place; may be given again", NULL },
    { '\0', OPTION_TEXT, "workers", offsetof(struct go_tasky_options, file), "FILE",
      "lines NAME=PROGRAM; # begins a comment", NULL },
};

static int take_worker(struct import *import, const char *said, json_t *called, struct error *err)
{
    struct draft *draft = &import->draft;
    const char *equals = strchr(said, '=');
    char word[CALLED_MAX_BYTES], name[NAME_ROOM], path[1024];
    if (equals == NULL || equals == said || equals[1] == '\0' ||
        !text_copy_bytes(word, sizeof word, said, (size_t)(equals - said)))
        return fail_plain(err, EINVAL, "a worker is NAME=PROGRAM, such as copyfile=/usr/local/bin/copyfile, not '%s'",
                          said);
    for (char *letter = word; *letter != '\0'; letter++) /* its routes have names in lower case */
        *letter = (char)tolower((unsigned char)*letter);
    if (json_object_get(called, word) != NULL)
        return fail_plain(err, EINVAL, "worker '%s' is named twice", word);
    name_make(draft, "commands", word, NAME_ROOM - 1, name);
    program_find(equals + 1, path);
    json_t *command = json_pack("{s:[o], s:s}", "exec", text_fixed(path), "stdin", "body");
    draft_note(
        draft, "commands", name,
        "It reads the request's body from standard input, and what it writes is the result. With 'params' in place of "
        "'stdin: body' it gets the members of the body's object.");
    command_run(draft, name, command, path);
    draft_set(draft, "commands", name, command);
    json_object_set_new(called, word, json_string(name));
    return 0;
}

static int take_file(struct import *import, const char *path, json_t *called, struct error *err)
{
    char *text = NULL, *rest = NULL;
    size_t size;
    int done = import_read_file(path, 65536, &text, &size, err);
    if (done == 0 && !text_is_utf8(text, size))
        done = fail_plain(err, EINVAL, "'%s' is not UTF-8", path);
    for (char *line = done == 0 ? strtok_r(text, "\r\n", &rest) : NULL; line != NULL && done == 0;
         line = strtok_r(NULL, "\r\n", &rest)) {
        line += strspn(line, " \t");
        line[strcspn(line, "#")] = '\0';
        for (size_t end = strlen(line); end > 0 && isspace((unsigned char)line[end - 1]); end--)
            line[end - 1] = '\0';
        if (line[0] != '\0')
            done = take_worker(import, line, called, err);
    }
    free(text);
    return done;
}

static int take_workers(struct import *import, const struct go_tasky_options *options, json_t *called,
                        struct error *err)
{
    int done = options->file != NULL ? take_file(import, options->file, called, err) : 0;
    for (size_t i = 0; i < options->workers.count && done == 0; i++)
        done = take_worker(import, options->workers.items[i], called, err);
    if (done == 0 && json_object_size(called) == 0)
        done = fail_plain(err, EINVAL,
                          "go-tasky's workers were Go code; name the program that does the work of each: --worker "
                          "copyfile=/usr/local/bin/copyfile");
    return done;
}

static int run(struct import *import, void *values, const struct words *words, struct error *err)
{
    const struct go_tasky_options *options = values;
    const char *address = options->address != NULL ? options->address : ":8888", *colon = strrchr(address, ':');
    unsigned port = 8888;
    (void)words;
    if (colon == NULL || !port_read(colon + 1, &port))
        return fail_plain(err, EINVAL, "-addr takes [HOST]:PORT, not '%s'", address);
    json_t *called = json_object();
    int done = take_workers(import, options, called, err);
    if (done < 0) {
        json_decref(called);
        return done;
    }
    say_head(import, "go-tasky's workers");
    predecessor_set(import, NAME, port, called);
    if (strncmp(address, "127.0.0.1:", 10) != 0 && strncmp(address, "localhost:", 10) != 0)
        draft_note(&import->draft, "predecessors", NAME, "It listened on %s%s; this is 127.0.0.1 alone.",
                   address[0] == ':' ? "all interfaces, " : "", address);
    return 0;
}

const struct importer import_go_tasky = {
    .name = NAME,
    .summary = "the address of go-tasky, and programs for its workers",
    .usage = "[-addr ADDRESS] [--worker NAME=PROGRAM]... [--workers FILE]",
    .details = "Each worker becomes a command that reads the request's body, and go-tasky is served\n"
               "on its port of 127.0.0.1.\n"
               "\n"
               "  sallyport import go-tasky -addr :8888 --worker copyfile=/usr/local/bin/copyfile\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct go_tasky_options),
    .words_max = 0,
    .run = run,
};
