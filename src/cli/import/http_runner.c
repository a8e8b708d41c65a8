/* sallyport import http-runner: its command line (v0.0.5). Its whitelist is the list of commands, and nothing runs without one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "importer.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/limits.h"

#define NAME "http-runner"

struct http_runner_options {
    const char *port, *whitelist, *interface, *count;
};

static const struct option_row rows[] = {
    { 'p', OPTION_TEXT, "port", offsetof(struct http_runner_options, port), "PORT", "9000 unless it is a number",
      NULL },
    { 'w', OPTION_TEXT, "whitelist", offsetof(struct http_runner_options, whitelist), "A,B,C",
      "what its clients may run; here it must be given", NULL },
    { 'i', OPTION_TEXT, "interface", offsetof(struct http_runner_options, interface), "ADDRESS",
      "127.0.0.1, and nothing else is taken over", NULL },
    { 'n', OPTION_TEXT, "max-job-count", offsetof(struct http_runner_options, count), "COUNT",
      "how many jobs are kept: 100 unless given; here of each\ncommand", NULL },
};

/* One word of the whitelist to one command. */
static void take_word(struct import *import, json_t *words, const char *word, uint64_t count)
{
    struct draft *draft = &import->draft;
    const char *slash = strrchr(word, '/');
    char name[NAME_ROOM], path[1024];
    name_make(draft, "commands", slash != NULL ? slash + 1 : word, NAME_ROOM - 1, name);
    program_find(word, path);
    json_t *command = json_pack("{s:[o, s], s:{s:o}, s:{s:I}}", "exec", text_fixed(path), "{args...}", "params", "args",
                                param_any_list(), "retention", "count", (json_int_t)count);
    if (program_runs_others(path))
        draft_note(
            draft, "commands", name,
            "LOOK AT THIS: with the right arguments '%s' runs any program and any code. Say with 'pattern' which "
            "arguments it takes, or list in its place what clients really do with it.",
            word);
    else
        draft_note(draft, "commands", name, "It takes any arguments, as it did: say with 'pattern' which are meant.");
    command_run(draft, name, command, path);
    draft_set(draft, "commands", name, command);
    json_object_set_new(words, word, json_string(name));
}

static int take_whitelist(struct import *import, const char *list, uint64_t count, json_t *words, struct error *err)
{
    char word[CALLED_MAX_BYTES];
    for (const char *at = list; at != NULL;) {
        size_t size = strcspn(at, ",");
        if (!text_copy_bytes(word, sizeof word, at, size))
            return fail_plain(err, EINVAL, "-w: a word of more than %d bytes is no command", CALLED_MAX_BYTES - 1);
        bool has_blank = false;
        for (const char *letter = word; *letter != '\0'; letter++)
            has_blank |= (unsigned char)*letter <= ' ' || *letter == 0x7f;
        if (word[0] == '\0' || has_blank)
            draft_note(&import->draft, "predecessors", NAME,
                       "'%s' of -w is left out: between its words are commas, without blanks, and each is a program.",
                       word);
        else if (json_object_get(words, word) == NULL)
            take_word(import, words, word, count);
        at = at[size] == ',' ? at + size + 1 : NULL;
    }
    if (json_object_size(words) == 0)
        return fail_plain(err, EINVAL, "-w names no command; write them with commas between: -w ls,uptime");
    return 0;
}

static int run(struct import *import, void *values, const struct words *words, struct error *err)
{
    const struct http_runner_options *options = values;
    unsigned port = 9000;
    uint64_t count = 100;
    (void)words;
    if (options->whitelist == NULL)
        return fail_plain(
            err, EINVAL,
            "without -w http-runner ran every program of the host; here a list is needed: -w ls,uptime names "
            "what its clients really run");
    if (options->count != NULL && (!text_u64(options->count, 1000000000, &count) || count == 0))
        return fail_plain(err, EINVAL, "-n takes a number from 1 on, not '%s'", options->count);
    json_t *called = json_object();
    int done = take_whitelist(import, options->whitelist, count, called, err);
    if (done < 0) {
        json_decref(called);
        return done;
    }
    say_head(import, "http-runner's options");
    bool is_port = options->port == NULL || port_read(options->port, &port);
    predecessor_set(import, NAME, port, called);
    if (!is_port)
        draft_note(&import->draft, "predecessors", NAME, "'%s' is no port, and http-runner listened on 9000 then.",
                   options->port);
    if (options->interface != NULL && strcmp(options->interface, "127.0.0.1") != 0)
        draft_note(
            &import->draft, "predecessors", NAME,
            "It listened on %s, where anybody could call. Clients of other hosts come through a proxy with TLS that "
            "asks 127.0.0.1:%u, each with a token.",
            options->interface, port);
    draft_note(&import->draft, "predecessors", NAME,
               "-n: of each command %llu ended jobs are kept (retention.count), and running ones are never dropped.",
               (unsigned long long)count);
    return 0;
}

const struct importer import_http_runner = {
    .name = NAME,
    .summary = "the options of http-runner",
    .usage = "-w A,B,C [-p PORT] [-i ADDRESS] [-n COUNT]",
    .details = "The options are those that http-runner was started with. Each word of the list\n"
               "becomes a command that takes the list 'args', and http-runner is served on its port\n"
               "of 127.0.0.1. Without -w it ran whatever it was asked for: that is refused.\n"
               "\n"
               "  sallyport import http-runner -p 9000 -w ls,uptime -n 100\n",
    .rows = rows,
    .row_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct http_runner_options),
    .words_max = 0,
    .run = run,
};
