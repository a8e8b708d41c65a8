/* sallyport logs, sallyport attach: the output of a job that somebody started. */
#include <errno.h>
#include <stdint.h>

#include "cli.h"
#include "commands.h"
#include "follow.h"
#include "options.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "say.h"
#include "search.h"
#include "when.h"

struct logs_options {
    bool follows, ignores_case;
    uint64_t tail, reconnect_ms;
    const char *since, *search;
};

static const struct option_row logs_rows[] = {
    { 'f', OPTION_FLAG, "follow", offsetof(struct logs_options, follows), NULL,
      "go on until the job ends; Ctrl-C only detaches", NULL },
    { 'n', OPTION_NUMBER, "tail", offsetof(struct logs_options, tail), "N", "begin with the last N lines", NULL },
    { '\0', OPTION_TEXT, "since", offsetof(struct logs_options, since), "TIME",
      "only what was written since: 10m, 2026-03-01,\n2026-03-01T10:00:00Z", NULL },
    { '\0', OPTION_TEXT, "search", offsetof(struct logs_options, search), "TEXT",
      "only the lines that hold TEXT, of what is there now", NULL },
    { 'i', OPTION_FLAG, "ignore-case", offsetof(struct logs_options, ignores_case), NULL,
      "with --search: ASCII letters match in either case", NULL },
    { '\0', OPTION_DURATION_MS, "reconnect", offsetof(struct logs_options, reconnect_ms), "TIME",
      "how long to try after a lost connection (default 5m)", NULL },
};

/* attach takes one of them. */
static const struct option_row attach_rows[] = {
    { '\0', OPTION_DURATION_MS, "reconnect", offsetof(struct logs_options, reconnect_ms), "TIME",
      "how long to try after a lost connection (default 5m)", NULL },
};

static int follow(struct cli *cli, const struct logs_options *options, const char *id, bool once,
                  struct report *ret_report)
{
    struct error err;
    struct follow_options follow = {
        .interrupt = { .way = INTERRUPT_DETACH },
        .reconnect_ms = options->reconnect_ms > 0 ? options->reconnect_ms : RECONNECT_DEFAULT_MS,
        .tail = options->tail,
        .once = once,
    };
    if (job_id_check(id, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    if (options->since != NULL && !when_parse_since(options->since, clock_unix_ms(), &follow.since_unix_ms)) {
        say("--since takes a time such as 10m, 2026-03-01 or 2026-03-01T10:00:00Z, not '%s'", options->since);
        return CODE_TROUBLE;
    }
    return follow_job(cli, &follow, id, NULL, ret_report);
}

static int search(struct cli *cli, const struct logs_options *options, const char *id)
{
    struct error err;
    if (options->follows || options->tail > 0 || options->since != NULL)
        say("--search looks through all that is there now; it does not go with --follow, --tail or --since");
    else if (job_id_check(id, &err) < 0)
        say("%s", err.text);
    else
        return search_job(cli, id, options->search, options->ignores_case);
    return CODE_TROUBLE;
}

static int logs(struct cli *cli, void *values, const struct words *words)
{
    const struct logs_options *options = values;
    struct report report;
    if (options->search != NULL)
        return search(cli, options, words->items[0]);
    if (options->ignores_case) {
        say("--ignore-case goes with --search");
        return CODE_TROUBLE;
    }
    return follow(cli, options, words->items[0], !options->follows, &report);
}

static int attach(struct cli *cli, void *values, const struct words *words)
{
    struct report report;
    int code = follow(cli, values, words->items[0], false, &report);
    return code != 0 ? code : follow_verdict(cli, &report);
}

const struct subcommand cmd_logs = {
    .name = "logs",
    .summary = "show the output of a job",
    .usage = "ID [-f] [OPTION]...",
    .details = "What the job wrote to stdout comes out on stdout, its stderr on stderr, byte for\n"
               "byte. The exit code is 0 however the job ended; 'sallyport attach' gives its own.\n"
               "\n"
               "--search asks the server for the lines that hold a text, and prints them all to\n"
               "stdout, up to 4 KiB of each; with -o ndjson the server's record of each. Where both\n"
               "streams wrote into one line, it is shown as it came. The exit code is 1 when no line\n"
               "has the text.\n"
               "\n"
               "  sallyport logs -f -n 20 01jd8k3v9x5q2m7r4t6w8y0b1c\n"
               "  sallyport logs --search 'timed out' -i 01jd8k3v9x5q2m7r4t6w8y0b1c\n",
    .options = logs_rows,
    .option_count = sizeof logs_rows / sizeof logs_rows[0],
    .option_bytes = sizeof(struct logs_options),
    .needs_server = true,
    .words_min = 1,
    .words_max = 1,
    .run = logs,
};

const struct subcommand cmd_attach = {
    .name = "attach",
    .summary = "follow a job from its first byte, and end with its exit code",
    .usage = "ID [OPTION]...",
    .details = "As if it had been started here with 'sallyport run', but Ctrl-C only detaches;\n"
               "'sallyport cancel ID' ends the job.\n",
    .options = attach_rows,
    .option_count = sizeof attach_rows / sizeof attach_rows[0],
    .option_bytes = sizeof(struct logs_options),
    .needs_server = true,
    .has_job_codes = true,
    .words_min = 1,
    .words_max = 1,
    .run = attach,
};
