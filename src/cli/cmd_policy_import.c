/* sallyport policy import: a container runtime's profile to one of ours, with a word on all that did not fit. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "options.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/filter/import.h"
#include "say.h"

#define FILE_MAX_BYTES (256 * 1024)

struct notes {
    const struct cli *cli;
    unsigned count;
};

static void on_note(void *arg, const char *sentence)
{
    struct notes *notes = arg;
    notes->count++;
    if (!notes->cli->is_quiet)
        say("%s", sentence);
}

static int import_file(const char *path, struct notes *notes, char **ret_text, struct error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    auto_fd int fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
    auto_free uint8_t *data = NULL;
    size_t size;
    if (fd < 0)
        return fail(err, errno, "open '%s'", path);
    int done = fd_read_file(fd, FILE_MAX_BYTES, &data, &size, err);
    if (done == 0)
        done = profile_import(data, size, on_note, notes, ret_text, err);
    if (done < 0)
        fail_in(err, "'%s'", path);
    return done;
}

static int import(struct cli *cli, void *values, const struct words *words)
{
    struct notes notes = { .cli = cli };
    struct error err;
    auto_free char *text = NULL;
    (void)values;
    if (import_file(words->items[0], &notes, &text, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    puts(text);
    return 0;
}

const struct subcommand cmd_policy_import = {
    .name = "policy import",
    .summary = "make a profile of a container runtime's seccomp file",
    .usage = "FILE|-",
    .details = "FILE is an OCI runtime's linux.seccomp, alone or in a container's config.json, also\n"
               "with the includes, excludes and archMap of container engines. They are resolved for\n"
               "what a job is: this machine's architecture, no capability, a kernel of today.\n"
               "\n"
               "The profile is printed on stdout. What was left out, narrowed or rewritten is said on\n"
               "stderr, one line each with the reason (not with -q): what no profile may allow,\n"
               "comparisons that bit 32 of an argument passes, names that are no call, actions that\n"
               "only log or trace. What is printed was read and compiled as a profile is.\n"
               "\n"
               "  sallyport policy import default.json > mine.json\n"
               "  sallyport policy diff base ./mine.json\n",
    .words_min = 1,
    .words_max = 1,
    .run = import,
};
