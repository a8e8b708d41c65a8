/* sallyport queue: who waits, and for what. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "say.h"

struct queue_options {
    const char *command, *actor;
    uint64_t limit;
};

static const struct option_row rows[] = {
    { 'c', OPTION_TEXT, "command", offsetof(struct queue_options, command), "NAME", "only jobs of this command", NULL },
    { '\0', OPTION_TEXT, "actor", offsetof(struct queue_options, actor), "NAME", "only jobs of this caller", NULL },
    { 'n', OPTION_NUMBER, "limit", offsetof(struct queue_options, limit), "N", "the first N (default: all)", NULL },
};

static const struct column columns[] = {
    { .header = "PLACE", .path = "position" },
    { .header = "ID", .path = "id" },
    { .header = "COMMAND", .path = "command", .may_shrink = true },
    { .header = "PRIORITY", .path = "priority" },
    { .header = "SINCE", .path = "created_at", .kind = COLUMN_TIME },
    { .header = "REASON", .path = "reason" },
    { .header = "ACTOR", .path = "actor.id", .is_wide = true },
    { .header = "WAITS FOR", .path = "queued_reason", .is_wide = true },
};

static int queue(struct cli *cli, void *values, const struct words *words)
{
    const struct queue_options *options = values;
    struct error err;
    json_t *items = NULL;
    char path[512] = "/v1/queue?limit=200";
    (void)words;
    if (filter_add(path, sizeof path, "command", options->command, &err) < 0 ||
        filter_add(path, sizeof path, "actor", options->actor, &err) < 0 ||
        list_ask(cli->client, path, options->limit, &items, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    render_list(cli, items, columns, sizeof columns / sizeof columns[0], "id");
    json_decref(items);
    return 0;
}

const struct subcommand cmd_queue = {
    .name = "queue",
    .summary = "list the jobs that wait, and for what",
    .usage = "[OPTION]...",
    .details = "In the order in which they start: by priority, then as they came. What stands\n"
               "before a job and may not start does not hold it up. -o wide tells in words what\n"
               "each waits for.\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct queue_options),
    .needs_server = true,
    .run = queue,
};
