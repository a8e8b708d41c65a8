/* sallyport rerun: a job once more. */
#include <stdio.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "options.h"
#include "sallyport/base/error.h"
#include "say.h"
#include "submit.h"

struct rerun_options {
    struct submit_options submit;
};

static const struct option_row rows[] = { SUBMIT_ROWS(struct rerun_options) };

static int rerun(struct cli *cli, void *values, const struct words *words)
{
    struct rerun_options *options = values;
    struct error err;
    json_t *body = json_object();
    char path[128];
    int code = CODE_TROUBLE;
    if (job_id_check(words->items[0], &err) < 0 || submit_body(&options->submit, body, &err) < 0) {
        say("%s", err.text);
    } else {
        snprintf(path, sizeof path, "/v1/jobs/%s/rerun", words->items[0]);
        code = submit_run(cli, &options->submit, path, body);
    }
    json_decref(body);
    submit_options_done(&options->submit);
    return code;
}

const struct subcommand cmd_rerun = {
    .name = "rerun",
    .summary = "run a job's command again, with its parameters",
    .usage = "ID [OPTION]...",
    .details = "A new job, followed as with 'sallyport run'. It has the labels of the old one\n"
               "unless --label gives others. What is not kept cannot be had again: a job with\n"
               "secrets or standard input, or of a command that keeps metadata only, is refused.\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct rerun_options),
    .needs_server = true,
    .has_job_codes = true,
    .words_min = 1,
    .words_max = 1,
    .run = rerun,
};
