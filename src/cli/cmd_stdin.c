/* sallyport stdin: gives a job that runs what comes on our stdin. */
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include "cli.h"
#include "commands.h"
#include "feed.h"
#include "options.h"
#include "sallyport/base/error.h"
#include "say.h"

struct stdin_options {
    bool is_open_ended;
    uint64_t reconnect_ms;
};

static const struct option_row rows[] = {
    { '\0', OPTION_FLAG, "no-eof", offsetof(struct stdin_options, is_open_ended), NULL,
      "more will come: the end of our stdin is not the end of the job's", NULL },
    { '\0', OPTION_DURATION_MS, "reconnect", offsetof(struct stdin_options, reconnect_ms), "TIME",
      "how long to try after a lost connection (default 5m)", NULL },
};

static int feed(struct cli *cli, void *values, const struct words *words)
{
    const struct stdin_options *options = values;
    struct error err;
    struct feed_options feed = { .job_id = words->items[0],
                                 .fd = STDIN_FILENO,
                                 .is_open_ended = options->is_open_ended,
                                 .reconnect_ms =
                                     options->reconnect_ms > 0 ? options->reconnect_ms : RECONNECT_DEFAULT_MS };
    if (job_id_check(feed.job_id, &err) == 0 && feed_run(cli, &feed, &err) == 0)
        return 0;
    say("%s", err.text);
    return CODE_TROUBLE;
}

const struct subcommand cmd_stdin = {
    .name = "stdin",
    .summary = "give a job that runs more input",
    .usage = "ID [--no-eof]",
    .details = "What comes on our stdin goes to the job, behind what it was given before, as it\n"
               "comes. The command must say 'stdin: stream', and only who started the job may\n"
               "do this, or an administrator. It is kept by the server until the job reads it;\n"
               "the end of our stdin is the end of the job's, unless --no-eof says otherwise.\n"
               "\n"
               "  echo 'select 1;' | sallyport stdin --no-eof 01jd8k3v9x5q2m7r4t6w8y0b1c\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct stdin_options),
    .needs_server = true,
    .words_min = 1,
    .words_max = 1,
    .run = feed,
};
