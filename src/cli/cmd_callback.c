/* sallyport callback ls, sallyport callback redeliver: what was told to whom. */
#include <stddef.h>
#include <stdio.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "sallyport/base/job_id.h"
#include "say.h"

struct callback_options {
    const char *state, *target, *job;
    uint64_t limit;
};

static const char *const states[] = { "waiting", "delivered", "failed", NULL };

static const struct option_row rows[] = {
    { 's', OPTION_CHOICE, "state", offsetof(struct callback_options, state), "STATE", "waiting, delivered or failed",
      states },
    { '\0', OPTION_TEXT, "target", offsetof(struct callback_options, target), "NAME", "only to this callback", NULL },
    { '\0', OPTION_TEXT, "job", offsetof(struct callback_options, job), "JOB", "only of this job", NULL },
    { 'n', OPTION_NUMBER, "limit", offsetof(struct callback_options, limit), "N", "at most so many; 50 when absent",
      NULL },
};

static const struct column columns[] = {
    { .header = "ID", .path = "id" },
    { .header = "TARGET", .path = "target" },
    { .header = "TYPE", .path = "type" },
    { .header = "STATE", .path = "state" },
    { .header = "ATTEMPTS", .path = "attempt_count" },
    { .header = "SINCE", .path = "created_at", .kind = COLUMN_TIME },
    { .header = "JOB", .path = "job", .is_wide = true },
    { .header = "DETAIL", .path = "detail", .may_shrink = true },
};

static int callback_ls(struct cli *cli, void *values, const struct words *words)
{
    const struct callback_options *options = values;
    struct error err;
    json_t *items = NULL;
    char path[512] = "/v1/callbacks?limit=100";
    (void)words;
    if (filter_add(path, sizeof path, "state", options->state, &err) < 0 ||
        filter_add(path, sizeof path, "target", options->target, &err) < 0 ||
        filter_add(path, sizeof path, "job", options->job, &err) < 0 ||
        list_ask(cli->client, path, options->limit > 0 ? options->limit : 50, &items, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    render_list(cli, items, columns, sizeof columns / sizeof columns[0], "id");
    json_decref(items);
    return 0;
}

const struct subcommand cmd_callback_ls = {
    .name = "callback ls",
    .summary = "list what callbacks were told, the newest first",
    .usage = "[OPTION]...",
    .details = "  sallyport callback ls -s failed\n\n"
               "-o json has every attempt. What has ended is kept for seven days.\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct callback_options),
    .needs_server = true,
    .run = callback_ls,
};

static int callback_redeliver(struct cli *cli, void *values, const struct words *words)
{
    struct error err;
    struct job_id id;
    json_t *answer = NULL;
    char path[64];
    struct request request = { .method = "POST", .path = path };
    (void)values;
    if (!job_id_parse(words->items[0], &id)) {
        say("'%s' is no id of a delivery; see: sallyport callback ls", words->items[0]);
        return CODE_TROUBLE;
    }
    snprintf(path, sizeof path, "/v1/callbacks/%s/redeliver", words->items[0]);
    if (client_ask(cli->client, &request, &answer, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    json_decref(answer);
    if (!cli->is_quiet)
        printf("%s is sent again\n", words->items[0]);
    return 0;
}

const struct subcommand cmd_callback_redeliver = {
    .name = "callback redeliver",
    .summary = "send what a callback was told once more",
    .usage = "ID",
    .details = "It says the same as before, under the same webhook-id. This needs the scope admin.\n",
    .needs_server = true,
    .words_min = 1,
    .words_max = 1,
    .run = callback_redeliver,
};
