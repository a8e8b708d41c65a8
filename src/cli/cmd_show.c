/* sallyport show: all that is known about one job. */
#include <stdio.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "say.h"

static const struct column columns[] = {
    { .header = "id", .path = "id" },
    { .header = "command", .path = "command" },
    { .header = "state", .path = "state" },
    { .header = "waits for", .path = "queued_reason" },
    { .header = "place", .path = "position" },
    { .header = "ended by", .path = "end.reason" },
    { .header = "exit code", .path = "end.exit_code" },
    { .header = "signal", .path = "end.signal_name" },
    { .header = "what", .path = "end.message" },
    { .header = "stopped by", .path = "end.stopped_by" },
    { .header = "limits hit", .path = "end.limits_hit" },
    { .header = "degraded", .path = "degraded" },
    { .header = "parent", .path = "parent" },
    { .header = "steps", .path = "step_count" },
    { .header = "params", .path = "params", .kind = COLUMN_PAIRS },
    { .header = "actor", .path = "actor", .kind = COLUMN_PAIRS },
    { .header = "reason", .path = "reason" },
    { .header = "labels", .path = "labels", .kind = COLUMN_PAIRS },
    { .header = "created", .path = "created_at", .kind = COLUMN_TIME },
    { .header = "started", .path = "started_at", .kind = COLUMN_TIME },
    { .header = "finished", .path = "finished_at", .kind = COLUMN_TIME },
    { .header = "took", .path = "", .kind = COLUMN_TOOK },
    { .header = "timeout", .path = "timeout", .kind = COLUMN_SECONDS },
    { .header = "cpu user", .path = "usage.cpu_user", .kind = COLUMN_SECONDS },
    { .header = "cpu system", .path = "usage.cpu_sys", .kind = COLUMN_SECONDS },
    { .header = "memory peak", .path = "usage.memory_peak", .kind = COLUMN_BYTES },
    { .header = "output", .path = "output.bytes", .kind = COLUMN_BYTES },
    { .header = "truncated", .path = "output.truncated" },
    { .header = "sha256", .path = "output.sha256" },
};

static const struct column step_columns[] = {
    { .header = "step", .path = "index" },
    { .header = "command", .path = "command" },
    { .header = "state", .path = "state" },
    { .header = "job", .path = "job" },
    { .header = "what", .path = "message", .may_shrink = true },
};

/* Behind the job itself, for people; programs ask for them by themselves. */
static int show_steps(const struct cli *cli, const char *id, struct error *err)
{
    char path[128];
    json_t *steps = NULL;
    snprintf(path, sizeof path, "/v1/jobs/%s/steps", id);
    struct request request = { .method = "GET", .path = path };
    int done = client_ask(cli->client, &request, &steps, err);
    if (done < 0)
        return done;
    putchar('\n');
    render_list(cli, json_object_get(steps, "items"), step_columns, sizeof step_columns / sizeof step_columns[0],
                "job");
    json_decref(steps);
    return 0;
}

static int show(struct cli *cli, void *values, const struct words *words)
{
    struct error err;
    json_t *job = NULL;
    char path[128];
    (void)values;
    if (job_id_check(words->items[0], &err) == 0) {
        snprintf(path, sizeof path, "/v1/jobs/%s", words->items[0]);
        struct request request = { .method = "GET", .path = path };
        if (client_ask(cli->client, &request, &job, &err) == 0) {
            render_one(cli, job, columns, sizeof columns / sizeof columns[0], "id");
            bool has_steps = cli->format == FORMAT_TABLE && json_is_integer(json_object_get(job, "step_count"));
            json_decref(job);
            if (!has_steps || show_steps(cli, words->items[0], &err) == 0)
                return 0;
        }
    }
    say("%s", err.text);
    return CODE_TROUBLE;
}

const struct subcommand cmd_show = {
    .name = "show",
    .summary = "show all that is known about a job",
    .usage = "ID",
    .details = "-o json prints the API's object as it is.\n",
    .needs_server = true,
    .words_min = 1,
    .words_max = 1,
    .run = show,
};
