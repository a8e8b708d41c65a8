/* sallyport hook ls, deliveries and redeliver: who may deliver webhooks, and what came. */
#include <stddef.h>
#include <stdio.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "sallyport/base/job_id.h"
#include "sallyport/base/text.h"
#include "say.h"

static const struct column hook_columns[] = {
    { .header = "NAME", .path = "name" },
    { .header = "PRESET", .path = "preset" },
    { .header = "COMMAND", .path = "command" },
    { .header = "SECRETS", .path = "secrets" },
    { .header = "LAST", .path = "last_delivery_at", .kind = COLUMN_TIME },
};

static int hook_ls(struct cli *cli, void *values, const struct words *words)
{
    struct error err;
    json_t *answer = NULL;
    struct request request = { .method = "GET", .path = "/v1/hooks" };
    (void)values;
    (void)words;
    if (client_ask(cli->client, &request, &answer, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    render_list(cli, json_object_get(answer, "items"), hook_columns, sizeof hook_columns / sizeof hook_columns[0],
                "name");
    json_decref(answer);
    return 0;
}

const struct subcommand cmd_hook_ls = {
    .name = "hook ls",
    .summary = "list the webhooks that are taken",
    .usage = "",
    .details = "Hooks are written in the configuration. This needs the scope admin.\n",
    .needs_server = true,
    .run = hook_ls,
};

struct delivery_options {
    uint64_t limit;
};

static const struct option_row delivery_rows[] = {
    { 'n', OPTION_NUMBER, "limit", offsetof(struct delivery_options, limit), "N", "at most so many; 50 when absent",
      NULL },
};

static const struct column delivery_columns[] = {
    { .header = "ID", .path = "id" },
    { .header = "VERDICT", .path = "verdict" },
    { .header = "EVENT", .path = "event" },
    { .header = "TIMES", .path = "count" },
    { .header = "SEEN", .path = "seen_at", .kind = COLUMN_TIME },
    { .header = "JOB", .path = "job" },
    { .header = "DELIVERY", .path = "delivery", .is_wide = true },
    { .header = "ADDRESS", .path = "address", .is_wide = true },
    { .header = "DETAIL", .path = "detail", .may_shrink = true },
};

/* False, and said, for what could be no hook's name. */
static bool is_hook(const char *name)
{
    if (text_is_name(name))
        return true;
    say("'%s' is no name of a hook; see: sallyport hook ls", name);
    return false;
}

static int hook_deliveries(struct cli *cli, void *values, const struct words *words)
{
    const struct delivery_options *options = values;
    struct error err;
    json_t *items = NULL;
    char path[128];
    if (!is_hook(words->items[0]))
        return CODE_TROUBLE;
    snprintf(path, sizeof path, "/v1/hooks/%s/deliveries?limit=100", words->items[0]);
    if (list_ask(cli->client, path, options->limit > 0 ? options->limit : 50, &items, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    render_list(cli, items, delivery_columns, sizeof delivery_columns / sizeof delivery_columns[0], "id");
    json_decref(items);
    return 0;
}

const struct subcommand cmd_hook_deliveries = {
    .name = "hook deliveries",
    .summary = "list what was delivered to a webhook",
    .usage = "NAME [OPTION]...",
    .details = "Genuine deliveries of the last seven days, the newest first. What was not proven is\n"
               "counted by the metric sallyport_webhook_deliveries_total, and in the audit trail.\n"
               "This needs the scope admin.\n",
    .options = delivery_rows,
    .option_count = sizeof delivery_rows / sizeof delivery_rows[0],
    .option_bytes = sizeof(struct delivery_options),
    .needs_server = true,
    .words_min = 1,
    .words_max = 1,
    .run = hook_deliveries,
};

static int hook_redeliver(struct cli *cli, void *values, const struct words *words)
{
    struct error err;
    struct job_id id;
    json_t *answer = NULL;
    char path[160];
    struct request request = { .method = "POST", .path = path };
    (void)values;
    if (!is_hook(words->items[0]))
        return CODE_TROUBLE;
    if (!job_id_parse(words->items[1], &id)) {
        say("'%s' is no id of a delivery; see: sallyport hook deliveries %s", words->items[1], words->items[0]);
        return CODE_TROUBLE;
    }
    snprintf(path, sizeof path, "/v1/hooks/%s/deliveries/%s/redeliver", words->items[0], words->items[1]);
    if (client_ask(cli->client, &request, &answer, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    const char *job = json_string_value(json_object_get(answer, "job"));
    if (!cli->is_quiet && job != NULL)
        printf("job %s does again what delivery %s started\n", job, words->items[1]);
    json_decref(answer);
    return 0;
}

const struct subcommand cmd_hook_redeliver = {
    .name = "hook redeliver",
    .summary = "run what a delivery started once more",
    .usage = "NAME ID",
    .details = "With the parameters of the job that it started, in your name. Bodies are not kept: a\n"
               "delivery that started nothing has to be delivered again by its sender. This needs\n"
               "the scope admin.\n",
    .needs_server = true,
    .words_min = 2,
    .words_max = 2,
    .run = hook_redeliver,
};
