/*
 * sallyport import: a configuration of what another program was told. This file is the table of what can be imported, the
 * options that all have, and where the result goes; src/cli/import/ has one file for each.
 *
 * What comes in is the operator's, but was written for a program that trusted its callers: it is translated as it is, and what
 * is wide open in it is said. Secrets in it go into files that are made for them, and nowhere else.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"
#include "import/importer.h"
#include "options.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "say.h"

static const struct importer *const importers[] = {
    &import_webhook,   &import_shell2http,    &import_http_runner, &import_gort,
    &import_jobrunner, &import_go_serverless, &import_go_tasky,
};
#define IMPORTER_COUNT (sizeof importers / sizeof importers[0])

struct import_options {
    const char *output, *secrets;
    bool needs_no_token, wants_help;
};

#define SHARED_ROWS                                                                                                    \
    { 'o',      OPTION_TEXT,                                                                                           \
      "output", offsetof(struct import_options, output),                                                               \
      "FILE",   "a new file for the result, in place of stdout",                                                       \
      NULL },                                                                                                          \
        { '\0',      OPTION_TEXT,                                                                                      \
          "secrets", offsetof(struct import_options, secrets),                                                         \
          "DIR",     "secrets that are found go into new files there (0600)",                                          \
          NULL },                                                                                                      \
    {                                                                                                                  \
        '\0', OPTION_FLAG, "no-token", offsetof(struct import_options, needs_no_token), NULL,                          \
            "clients of a predecessor need no token: any program of this\nhost may call on its port of loopback", NULL \
    }

static const struct option_row shared_rows[] = { SHARED_ROWS };

/* Behind the name of what is imported: its own options and these. */
static const struct option_row inner_rows[] = {
    SHARED_ROWS,
    { 'h', OPTION_FLAG, "help", offsetof(struct import_options, wants_help), NULL, "help for this one", NULL },
};

static const struct importer *find_importer(const char *name, struct error *err)
{
    char known[256] = "";
    for (size_t i = 0; i < IMPORTER_COUNT; i++) {
        size_t used = strlen(known);
        if (strcmp(importers[i]->name, name) == 0)
            return importers[i];
        snprintf(known + used, sizeof known - used, "%s%s", i == 0 ? "" : ", ", importers[i]->name);
    }
    fail_plain(err, EINVAL, "nothing is known of '%s'; what can be imported is %s", name, known);
    return NULL;
}

static void print_help(const struct importer *importer)
{
    printf("sallyport import %s: %s\n\nusage: sallyport import %s %s\n\n%s", importer->name, importer->summary,
           importer->name, importer->usage, importer->details);
    if (importer->row_count > 0) {
        printf("\nits own options\n");
        options_print(stdout, importer->rows, importer->row_count);
    }
    printf("\noptions of all imports\n");
    options_print(stdout, inner_rows, sizeof inner_rows / sizeof inner_rows[0]);
}

/* Whether what follows one dash may be a letter with its value ("-p80"). */
static bool takes_value(const struct option_row *rows, size_t count, char letter)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].letter == letter && letter != '\0')
            return rows[i].kind != OPTION_FLAG;
    return false;
}

/*
 * Programs in Go write long options with one dash: "-port=80" is read as "--port=80" where there is such an option, and where
 * there is none, so that it is told as a whole.
 */
static int add_dash(const struct importer *importer, const char *word, char **ret_word, struct error *err)
{
    size_t length = word[0] == '-' && word[1] != '-' ? strcspn(word + 1, "=") : 0;
    bool is_long = length > 1 && !takes_value(importer->rows, importer->row_count, word[1]) &&
                   !takes_value(inner_rows, sizeof inner_rows / sizeof inner_rows[0], word[1]);
    for (size_t i = 0; i < importer->row_count; i++)
        is_long |= length > 1 && strlen(importer->rows[i].name) == length &&
                   memcmp(importer->rows[i].name, word + 1, length) == 0;
    if (asprintf(ret_word, "%s%s", is_long ? "-" : "", word) < 0)
        return fail(err, ENOMEM, "read the options");
    return 0;
}

/* The words behind the importer's name, checked and in a form that options_parse() reads. NULL, and err. */
static char **rewrite(const struct importer *importer, const struct words *words, struct error *err)
{
    char **argv = calloc(words->count + 1, sizeof *argv);
    int done = argv != NULL ? 0 : fail(err, ENOMEM, "read the options");
    for (size_t i = 1; i < words->count && done == 0; i++) {
        if (!text_is_utf8(words->items[i], strlen(words->items[i])))
            done = fail_plain(err, EINVAL, "word %zu is not UTF-8, which a configuration has to be: write it anew", i);
        else
            done = add_dash(importer, words->items[i], &argv[i - 1], err);
    }
    if (done == 0)
        return argv;
    for (size_t i = 0; argv != NULL && argv[i] != NULL; i++)
        free(argv[i]);
    free(argv);
    return NULL;
}

/* `otherwise`: what to do if it is there. */
static int write_new(const char *path, const char *text, mode_t mode, const char *otherwise, struct error *err)
{
    auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST)
        return fail_plain(err, EEXIST, "'%s' is there already, and nothing is overwritten: %s", path, otherwise);
    if (fd < 0)
        return fail(err, errno, "make '%s'", path);
    int done = fchmod(fd, mode) == 0 ? 0 : fail(err, errno, "set the mode");
    if (done == 0)
        done = fd_write_all(fd, text, strlen(text), err);
    if (done == 0)
        return 0;
    unlink(path); /* half of it is of no use to anybody */
    return fail_in(err, "write '%s'", path);
}

/* The first `count` of them. */
static void remove_secrets(const struct draft *draft, size_t count)
{
    const char *path;
    json_t *secret;
    json_object_foreach(draft->secrets, path, secret)
    {
        if (count-- == 0)
            break;
        unlink(path);
    }
}

/* All, or none. */
static int write_secrets(const struct draft *draft, struct error *err)
{
    const char *path;
    json_t *secret;
    size_t written = 0;
    json_object_foreach(draft->secrets, path, secret)
    {
        if (write_new(path, json_string_value(secret), 0600, "remove it, or name another directory", err) < 0) {
            remove_secrets(draft, written);
            return -err->code;
        }
        written++;
    }
    return 0;
}

static void say_note(const char *place, const char *sentence)
{
    if (place[0] == '\0')
        return; /* the head is for readers of the file */
    say("%s: %s", place, sentence);
}

static int deliver(const struct draft *draft, const char *output, struct error *err)
{
    auto_free char *text = NULL;
    size_t size = 0;
    FILE *room = open_memstream(&text, &size);
    if (room == NULL)
        return fail(err, errno, "write the configuration");
    int done = draft_write(draft, room, err);
    if (fclose(room) != 0 && done == 0)
        done = fail(err, ENOMEM, "write the configuration");
    if (done < 0)
        return done;
    if (output != NULL)
        return write_new(output, text, 0644, "name another one", err);
    fwrite(text, 1, size, stdout);
    return 0;
}

static void say_counts(const struct draft *draft)
{
    size_t taken = 0, held = 0;
    for (size_t i = 0; draft_sections[i] != NULL; i++) {
        taken += json_object_size(json_object_get(draft->config, draft_sections[i]));
        held += json_object_size(json_object_get(draft->held, draft_sections[i]));
    }
    say("%zu entr%s written, %zu held back as comments; 'sallyport config check FILE' looks at the whole once more",
        taken, taken == 1 ? "y" : "ies", held);
}

/* Whoever can write there can put another file in the place of a secret. */
static int check_secrets(const char *path, struct error *err)
{
    struct stat st;
    if (path[0] != '/')
        return fail_plain(err, EINVAL, "--secrets must be an absolute path: it is written into the configuration");
    auto_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "--secrets '%s' (install -d -m 700 '%s' makes it)", path, path);
    if (fstat(fd, &st) < 0)
        return fail(err, errno, "look at '%s'", path);
    if (st.st_uid != geteuid())
        return fail_plain(err, EPERM,
                          "--secrets '%s' belongs to another user (%u), who could change the secrets: chown %u '%s' "
                          "makes it yours, or name another directory",
                          path, st.st_uid, geteuid(), path);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail_plain(
            err, EPERM, "--secrets '%s' can be written by others (%04o), who could change the secrets: chmod go-w '%s'",
            path, st.st_mode & 07777, path);
    return 0;
}

static int make(const struct importer *importer, struct import *import, const struct import_options *options, void *own,
                const struct words *words, struct error *err)
{
    if (options->output != NULL && access(options->output, F_OK) == 0)
        return fail_plain(err, EEXIST, "'%s' is there already, and nothing is overwritten: name another one",
                          options->output);
    if (options->secrets != NULL && check_secrets(options->secrets, err) < 0)
        return -err->code;
    if (words->count > importer->words_max)
        return fail_plain(err, EINVAL, "'%s' is one word too many; usage: sallyport import %s %s",
                          words->items[importer->words_max], importer->name, importer->usage);
    import->secrets = options->secrets;
    import->needs_no_token = options->needs_no_token;
    if (importer->run(import, own, words, err) < 0 || write_secrets(&import->draft, err) < 0)
        return -err->code;
    int done = draft_prove(&import->draft, err);
    if (done == 0)
        done = deliver(&import->draft, options->output, err);
    if (done < 0)
        remove_secrets(&import->draft, SIZE_MAX);
    return done;
}

/* Options that may be given again own their lists. */
static void lists_done(const struct importer *importer, void *own)
{
    for (size_t i = 0; own != NULL && i < importer->row_count; i++)
        if (importer->rows[i].kind == OPTION_TEXTS)
            words_done((struct words *)((char *)own + importer->rows[i].offset));
}

static int run(const struct cli *cli, const struct importer *importer, struct import_options *options, char **argv,
               struct words *words, struct error *err)
{
    struct import import = { .secrets = NULL };
    void *own = calloc(1, importer->option_bytes + 1);
    const struct option_set sets[] = { { importer->rows, importer->row_count, own },
                                       { inner_rows, sizeof inner_rows / sizeof inner_rows[0], options } };
    int argc = 0, used = 0, done = own != NULL ? draft_init(&import.draft, err) : fail(err, ENOMEM, "read the options");
    while (argv[argc] != NULL)
        argc++;
    if (done == 0)
        done = options_parse(argc, argv, sets, 2, importer->stops_at_word, words, &used, err);
    for (; done == 0 && used < argc; used++)
        done = words_add(words, argv[used], err);
    if (done == 0 && options->wants_help) {
        print_help(importer);
    } else if (done == 0) {
        done = make(importer, &import, options, own, words, err);
        if (done == 0 && !cli->is_quiet) {
            draft_each_note(&import.draft, say_note);
            say_counts(&import.draft);
        }
    }
    lists_done(importer, own);
    free(own);
    draft_done(&import.draft);
    return done;
}

static int import_any(struct cli *cli, void *values, const struct words *words)
{
    struct error err;
    struct words own_words = { 0 };
    const struct importer *importer = find_importer(words->items[0], &err);
    char **argv = importer != NULL ? rewrite(importer, words, &err) : NULL;
    int done = argv != NULL ? run(cli, importer, values, argv, &own_words, &err) : -err.code;
    if (done < 0)
        say("%s", err.text);
    words_done(&own_words);
    for (size_t i = 0; argv != NULL && argv[i] != NULL; i++)
        free(argv[i]);
    free(argv);
    return done < 0 ? CODE_TROUBLE : 0;
}

const struct subcommand cmd_import = {
    .name = "import",
    .summary = "make a configuration of what another program was told",
    .usage = "[-o FILE] [--secrets DIR] [--no-token] NAME [ITS OPTIONS]...",
    .details = "NAME is one of these, and its own options follow as it takes them:\n"
               "\n"
               "  webhook        hooks.json of adnanh/webhook\n"
               "  shell2http     its options and its pairs of path and command\n"
               "  http-runner    its options: -p, -w, -i, -n\n"
               "  gort           PORT, SCRIPTS_DIR and GORT_RATE_LIMIT of the environment\n"
               "  jobrunner      JOBRUNNER_... of the environment\n"
               "  go-serverless  what GET /v1/functions and /v1/routes of it answer\n"
               "  go-tasky       -addr, and a program for each worker\n"
               "\n"
               "'sallyport import NAME --help' tells what each takes. Works without a server, runs\n"
               "nothing, and overwrites nothing.\n"
               "\n"
               "The result goes to stdout, or to FILE with -o (here it is no format). It passes\n"
               "'sallyport config check': what would not, and why, stands in it as a comment at its\n"
               "place, and is said on stderr (not with -q). Read it before you use it.\n"
               "\n"
               "Secrets of signatures are never printed, nor is what is compared with a value whose\n"
               "name says password: token, secret, password, auth, api key and the like. Whatever else\n"
               "stands in what is imported may be a secret, too, and is written: fixed arguments and\n"
               "variables, the shell's text. With --secrets secrets of signatures go into files below\n"
               "DIR, which belong to whoever runs this: be root. Without it the lines that make the\n"
               "files are shown.\n"
               "\n"
               "  sallyport import -o /etc/sallyport/sallyport.yaml --secrets /etc/sallyport/hooks \\\n"
               "      webhook /etc/webhook/hooks.json\n"
               "  sallyport import http-runner -p 9000 -w ls,uptime -n 100\n",
    .options = shared_rows,
    .option_count = sizeof shared_rows / sizeof shared_rows[0],
    .option_bytes = sizeof(struct import_options),
    .leaves_rest = true,
    .words_min = 1,
    .words_max = 2000,
    .run = import_any,
};
