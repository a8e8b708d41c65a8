/* sallyport schedule ls: what runs by the clock, and when it comes next. */
#include <stdio.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "say.h"

static const struct column columns[] = {
    { .header = "NAME", .path = "name" },
    { .header = "COMMAND", .path = "command" },
    { .header = "ZONE", .path = "zone", .is_wide = true },
    { .header = "MISSED", .path = "missed", .is_wide = true },
    { .header = "LAST", .path = "last.state" },
    { .header = "JOB", .path = "last.id", .is_wide = true },
    { .header = "NEXT FIVE", .path = "next" },
};

static int schedule_ls(struct cli *cli, void *values, const struct words *words)
{
    struct error err;
    json_t *answer = NULL;
    struct request request = { .method = "GET", .path = "/v1/schedules" };
    (void)values;
    (void)words;
    if (client_ask(cli->client, &request, &answer, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    const json_t *items = json_object_get(answer, "items");
    render_list(cli, items, columns, sizeof columns / sizeof columns[0], "name");
    if (json_array_size(items) == 0 && !cli->is_quiet)
        say("there is no schedule that you may see here");
    json_decref(answer);
    return 0;
}

const struct subcommand cmd_schedule_ls = {
    .name = "schedule ls",
    .summary = "list what runs by the clock",
    .usage = "",
    .details = "The next five times are in the schedule's own zone, with their offset. Schedules\n"
               "are written in the configuration; -o json has all of each.\n",
    .needs_server = true,
    .run = schedule_ls,
};
