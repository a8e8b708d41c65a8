/* sallyport policy learn: a program that may do what a profile refuses, and what that was. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "options.h"
#include "policy_files.h"
#include "policy_learned.h"
#include "policy_notify.h"
#include "policy_program.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/filter/filter.h"
#include "say.h"
#include "terminal.h"

#define PROFILE_DEFAULT "base"

struct learn_options {
    const char *profile, *write, *json;
};

static const struct option_row rows[] = {
    { 'p', OPTION_TEXT, "profile", offsetof(struct learn_options, profile), "NAME|FILE",
      "what it refuses is told; " PROFILE_DEFAULT " unless given", NULL },
    { 'w', OPTION_TEXT, "write", offsetof(struct learn_options, write), "FILE",
      "a new file: that profile, with what was learned", NULL },
    { '\0', OPTION_TEXT, "json", offsetof(struct learn_options, json), "FILE",
      "what was learned goes there instead of a table on stderr;\n- is stdout", NULL },
};

/* A file of our own making: one that is there is not overwritten. */
static int write_new(const char *path, const char *text, struct error *err)
{
    auto_fd int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0)
        return fail(err, errno, "write '%s'", path);
    int done = fd_write_all(fd, text, strlen(text), err);
    if (done == 0)
        done = fd_write_all(fd, "\n", 1, err);
    if (done < 0)
        fail_in(err, "write '%s'", path);
    return done;
}

static int tell_json(const struct learned *learned, const char *profile, const char *path, int status,
                     struct error *err)
{
    json_t *report = learned_json(learned);
    json_object_set_new(report, "profile", json_string(profile));
    json_object_set_new(report, "exit_code", json_integer(program_code(status)));
    auto_free char *text = json_dumps(report, JSON_INDENT(2));
    json_decref(report);
    if (text == NULL)
        return fail(err, ENOMEM, "report");
    if (strcmp(path, "-") != 0)
        return write_new(path, text, err);
    puts(text);
    return 0;
}

static void tell_table(const struct learned *learned, const char *profile, const char *program, int status)
{
    const char *smallest = learned_smallest(learned);
    size_t never = learned_never(learned);
    if (learned->count > 0)
        learned_print(learned, stderr, terminal_width(STDERR_FILENO), terminal_has_colour(STDERR_FILENO));
    if (learned->forgotten > 0)
        say("%lu more calls are not shown: %d different ones are remembered", learned->forgotten, LEARNED_MAX);
    if (learned->count == 0)
        say("'%s' refuses nothing that %s called", profile, program);
    if (never > 0)
        say("%zu of these no profile may permit: they were answered with an errno, or their process was ended", never);
    if (learned->count > never && smallest != NULL)
        say("%s'%s' is the smallest of the shipped profiles that permits all", never > 0 ? "of the others " : "",
            smallest);
    else if (learned->count > never)
        say("none of the shipped profiles permits all%s", never > 0 ? " of the others" : "");
    if (WIFSIGNALED(status))
        say("%s was ended by signal %s", program, sigabbrev_np(WTERMSIG(status)) ?: "unknown");
    else
        say("%s ended with %d", program, program_code(status));
}

static int tell(const struct learned *learned, const struct learn_options *options, const char *profile,
                const char *program, int status, struct error *err)
{
    auto_free char *text = NULL;
    int done = 0;
    if (options->json == NULL)
        tell_table(learned, profile, program, status);
    else
        done = tell_json(learned, profile, options->json, status, err);
    if (done == 0 && options->write != NULL)
        done = learned_write(learned, &text, err);
    if (done == 0 && options->write != NULL)
        done = write_new(options->write, text, err);
    return done;
}

static int open_profiles(const char *base, struct learned *learned, struct error *err)
{
    int done = policy_open(base, &learned->base, err);
    for (size_t i = 0; i < PROFILES_KNOWN && done == 0; i++) {
        done = policy_open(profile_names[i], &learned->known[i], err);
        if (strcmp(profile_names[i], base) == 0)
            learned->first_known = i;
    }
    return done;
}

static int run(struct learned *learned, const struct learn_options *options, char *const argv[], int *ret_code,
               struct error *err)
{
    const char *profile = options->profile != NULL ? options->profile : PROFILE_DEFAULT;
    int status = 0;
    int done = open_profiles(profile, learned, err);
    if (done == 0)
        done = notify_run(learned->base, argv, learned_take, learned, &status, err);
    if (done == 0)
        done = tell(learned, options, profile, argv[0], status, err);
    *ret_code = program_code(status);
    return done;
}

static int learn(struct cli *cli, void *values, const struct words *words)
{
    struct learned learned = { .base = NULL };
    struct error err;
    int code = CODE_TROUBLE;
    (void)cli;
    auto_free char **argv = program_argv(words, 0);
    if (argv == NULL) {
        say("out of memory");
        return CODE_TROUBLE;
    }
    if (run(&learned, values, argv, &code, &err) < 0) {
        say("%s", err.text);
        code = CODE_TROUBLE;
    }
    learned_done(&learned);
    return code;
}

const struct subcommand cmd_policy_learn = {
    .name = "policy learn",
    .summary = "run a program, and learn which calls a profile would refuse",
    .usage = "[-p NAME|FILE] [-w FILE] [--json FILE] -- PROGRAM [ARG]...",
    .details = "PROGRAM runs here and now, as you, and IS NOT CONFINED: what the profile refuses is\n"
               "told, and then done all the same, so that the program goes on to what comes after.\n"
               "Use it for programs that you would run anyway, never for foreign ones.\n"
               "\n"
               "  sallyport policy learn -- git fetch\n"
               "  sallyport policy learn -p strict -w mine.json -- ./report --dry-run\n"
               "  sallyport policy test ./mine.json -- ./report --dry-run\n"
               "\n"
               "At its end each different call is shown on stderr: how often it was made, by which\n"
               "program first, its arguments (by name where profiles look at them), the file if it was\n"
               "about one, and which of the shipped profiles permit it. Threads and children are\n"
               "followed. Arguments and files are what stood there when the call was seen.\n"
               "\n"
               "What no profile may permit (policy explain says why) is not done: it gets the errno\n"
               "that the profile answers, EPERM where it kills, so that what the program does without\n"
               "is learned. Calls of another ABI end their process, as everywhere. Only one filter of a\n"
               "process may have a listener, so a program that wants one itself hears EBUSY.\n"
               "\n"
               "-w writes a profile: what -p names, and what was learned, by the rules of the shipped\n"
               "profile that permits it, or by the very arguments seen. Read it before you rely on it: it\n"
               "permits what this one run did. What no profile may permit is never in it.\n"
               "\n"
               "The exit code is the program's, 128+n when signal n ended it, 125 for our own errors.\n"
               "What the program left running is killed at its end, as a job's would be.\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct learn_options),
    .words_min = 1,
    .words_max = 1000,
    .run = learn,
};
