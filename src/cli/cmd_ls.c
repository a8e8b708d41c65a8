/* sallyport ls: which jobs there are. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/job/job.h"
#include "sallyport/limits.h"
#include "say.h"
#include "when.h"

#define LIMIT_DEFAULT 30

struct ls_options {
    const char *command, *state, *actor, *label, *since, *until;
    uint64_t limit;
    bool is_all;
};

static const struct option_row rows[] = {
    { 'c', OPTION_TEXT, "command", offsetof(struct ls_options, command), "NAME", "only jobs of this command", NULL },
    { 's', OPTION_TEXT, "state", offsetof(struct ls_options, state), "STATE",
      "queued, starting, running, stopping, succeeded, failed,\ntimed_out, cancelled, rejected, lost or launch_failed",
      NULL },
    { '\0', OPTION_TEXT, "actor", offsetof(struct ls_options, actor), "NAME", "only jobs that this caller started",
      NULL },
    { 'l', OPTION_TEXT, "label", offsetof(struct ls_options, label), "NAME=VALUE", "only jobs with this label", NULL },
    { '\0', OPTION_TEXT, "since", offsetof(struct ls_options, since), "TIME",
      "created since: 2h, 2026-03-01, 2026-03-01T10:00:00Z", NULL },
    { '\0', OPTION_TEXT, "until", offsetof(struct ls_options, until), "TIME", "created before", NULL },
    { 'n', OPTION_NUMBER, "limit", offsetof(struct ls_options, limit), "N", "the newest N (default 30)", NULL },
    { 'a', OPTION_FLAG, "all", offsetof(struct ls_options, is_all), NULL, "all of them", NULL },
};

static const struct column columns[] = {
    { .header = "ID", .path = "id" },
    { .header = "COMMAND", .path = "command", .may_shrink = true },
    { .header = "STATE", .path = "state" },
    { .header = "CREATED", .path = "created_at", .kind = COLUMN_TIME },
    { .header = "TOOK", .path = "", .kind = COLUMN_TOOK },
    { .header = "ACTOR", .path = "actor.id", .may_shrink = true },
    { .header = "ENDED BY", .path = "end.reason", .is_wide = true },
    { .header = "EXIT", .path = "end.exit_code", .is_wide = true },
    { .header = "OUTPUT", .path = "output.bytes", .kind = COLUMN_BYTES, .is_wide = true },
    { .header = "LABELS", .path = "labels", .kind = COLUMN_PAIRS, .is_wide = true },
    { .header = "REASON", .path = "reason", .is_wide = true },
};

/* The API takes points in time only. */
static int add_time(char *path, size_t room, const char *name, const char *value, struct error *err)
{
    uint64_t unix_ms;
    char text[CLOCK_TEXT_BYTES];
    if (value == NULL)
        return 0;
    if (!when_parse_since(value, clock_unix_ms(), &unix_ms))
        return fail_plain(err, EINVAL, "--%s takes a time such as 2h, 2026-03-01 or 2026-03-01T10:00:00Z, not '%s'",
                          name, value);
    return filter_add(path, room, name, clock_text(unix_ms, text), err);
}

static int check_state(const char *state, struct error *err)
{
    enum job_state parsed;
    if (state == NULL || job_state_parse(state, &parsed))
        return 0;
    return fail_plain(err, EINVAL, "there is no state '%s'; see: sallyport ls --help", state);
}

static int ls(struct cli *cli, void *values, const struct words *words)
{
    const struct ls_options *options = values;
    struct error err;
    json_t *items = NULL;
    uint64_t limit = options->is_all ? 0 : options->limit > 0 ? options->limit : LIMIT_DEFAULT;
    char path[1024];
    (void)words;
    snprintf(path, sizeof path, "/v1/jobs?limit=%llu",
             (unsigned long long)(limit == 0 || limit > LIST_JOBS_MAX ? LIST_JOBS_MAX : limit));
    if (check_state(options->state, &err) < 0 || filter_add(path, sizeof path, "command", options->command, &err) < 0 ||
        filter_add(path, sizeof path, "state", options->state, &err) < 0 ||
        filter_add(path, sizeof path, "actor", options->actor, &err) < 0 ||
        filter_add(path, sizeof path, "label", options->label, &err) < 0 ||
        add_time(path, sizeof path, "since", options->since, &err) < 0 ||
        add_time(path, sizeof path, "until", options->until, &err) < 0 ||
        list_ask(cli->client, path, limit, &items, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    render_list(cli, items, columns, sizeof columns / sizeof columns[0], "id");
    json_decref(items);
    return 0;
}

const struct subcommand cmd_ls = {
    .name = "ls",
    .summary = "list jobs, the newest first",
    .usage = "[OPTION]...",
    .details = "  sallyport ls -s running\n"
               "  sallyport ls -o name -c deploy-web --since 1d | xargs -n1 sallyport cancel\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct ls_options),
    .needs_server = true,
    .run = ls,
};
