/*
 * sallyport audit: who asked for what, and what was answered, from the state directory itself. It needs no running service
 * and asks none: what it is to find out may be what the service was made to say.
 */
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "audit_json.h"
#include "cli.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/proto/state_files.h"
#include "sallyport/store/store.h"
#include "say.h"
#include "starts.h"
#include "state_dir.h"
#include "when.h"

#define LIMIT_DEFAULT 30

enum { CODE_FAULT = 1 };

struct audit_options {
    const char *state, *since, *actor, *job;
    unsigned verdict; /* enum audit_verdict */
    uint64_t limit;
    bool is_all;
};

static const char *const verdicts[] = {
    [AUDIT_ANY] = "any", [AUDIT_WAS_ACCEPTED] = "accepted", [AUDIT_WAS_REFUSED] = "refused", NULL
};

static const struct option_row rows[] = {
    { '\0', OPTION_TEXT, "state", offsetof(struct audit_options, state), "DIR", STATE_DIR_HELP, NULL },
    { '\0', OPTION_TEXT, "since", offsetof(struct audit_options, since), "TIME",
      "since: 2h, 2026-03-01, 2026-03-01T10:00:00Z", NULL },
    { '\0', OPTION_TEXT, "actor", offsetof(struct audit_options, actor), "NAME", "only of this caller", NULL },
    { 'j', OPTION_TEXT, "job", offsetof(struct audit_options, job), "ID", "only of this job", NULL },
    { '\0', OPTION_CHOICE, "verdict", offsetof(struct audit_options, verdict), "VERDICT", "accepted or refused",
      verdicts },
    /* ls alone */
    { 'n', OPTION_NUMBER, "limit", offsetof(struct audit_options, limit), "N", "the newest N (default 30)", NULL },
    { 'a', OPTION_FLAG, "all", offsetof(struct audit_options, is_all), NULL, "all of them", NULL },
};
#define ROWS_STATE  1
#define ROWS_FILTER 5
#define ROWS_ALL    (sizeof rows / sizeof rows[0])

static const struct column columns[] = {
    { .header = "TIME", .path = "time", .kind = COLUMN_TIME },
    { .header = "WHO", .path = "actor", .may_shrink = true },
    { .header = "WHAT", .path = "what" },
    { .header = "JOB", .path = "job" },
    { .header = "VERDICT", .path = "verdict" },
    { .header = "WHY", .path = "why", .may_shrink = true },
    { .header = "COMMAND", .path = "command", .is_wide = true },
    { .header = "ADDRESS", .path = "address", .is_wide = true },
    { .header = "COUNT", .path = "count", .is_wide = true },
    { .header = "ENTRY", .path = "entry", .is_wide = true },
};

/* In this order: what the launcher noted is never newer than the trail that we see then. */
static int open_trail(const struct audit_options *options, struct state_dir *state, struct store **ret_store,
                      struct error *err)
{
    int done = state_dir_open(options->state != NULL ? options->state : state_dir_default(), state, err);
    if (done < 0)
        return done;
    done = state_dir_enter(state, err);
    return done < 0 ? done : store_open_to_read(STATE_FILE_DATABASE, ret_store, err);
}

static int read_filter(const struct audit_options *options, struct job_id *job_id, struct audit_filter *ret_filter,
                       struct error *err)
{
    *ret_filter = (struct audit_filter){ .actor = options->actor, .verdict = (enum audit_verdict)options->verdict };
    if (options->since != NULL && !when_parse_since(options->since, clock_unix_ms(), &ret_filter->since_unix_ms))
        return fail_plain(err, EINVAL, "--since takes a time such as 2h, 2026-03-01 or 2026-03-01T10:00:00Z, not '%s'",
                          options->since);
    if (options->job == NULL)
        return 0;
    if (!job_id_parse(options->job, job_id))
        return fail_plain(err, EINVAL, "'%s' is not written as a job's id is", options->job);
    ret_filter->job_id = job_id;
    return 0;
}

static bool print_line(void *arg, const struct audit_row *row)
{
    json_t *entry = audit_json(row);
    (void)arg;
    if (entry == NULL)
        return false;
    json_dumpf(entry, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(entry);
    return ferror(stdout) == 0;
}

static bool gather(void *arg, const struct audit_row *row)
{
    return json_array_append_new(arg, audit_json(row)) == 0;
}

/* Lines leave as they are read: a trail may be larger than our memory. */
static int print_entries(const struct cli *cli, struct store *store, const struct audit_filter *filter, bool is_export,
                         struct error *err)
{
    if (is_export || cli->format == FORMAT_NDJSON)
        return audit_list(store, filter, print_line, NULL, err);
    json_t *items = json_array();
    int done = audit_list(store, filter, gather, items, err);
    if (done == 0)
        render_list(cli, items, columns, sizeof columns / sizeof columns[0], "entry");
    json_decref(items);
    return done;
}

static int list(const struct cli *cli, const struct audit_options *options, uint64_t limit, bool is_export)
{
    struct state_dir state = { .keeper_fd = -1, .starts_fd = -1 };
    struct store *store = NULL;
    struct audit_filter filter;
    struct job_id job_id;
    struct error err;
    int done = read_filter(options, &job_id, &filter, &err);
    filter.limit = limit;
    if (done == 0)
        done = open_trail(options, &state, &store, &err);
    if (done == 0)
        done = print_entries(cli, store, &filter, is_export, &err);
    if (done < 0)
        say("%s", err.text);
    store_close(store);
    state_dir_close(&state);
    return done < 0 ? CODE_TROUBLE : 0;
}

static int audit_ls(struct cli *cli, void *values, const struct words *words)
{
    const struct audit_options *options = values;
    (void)words;
    return list(cli, options, options->is_all ? 0 : options->limit > 0 ? options->limit : LIMIT_DEFAULT, false);
}

static int audit_export(struct cli *cli, void *values, const struct words *words)
{
    (void)words;
    return list(cli, values, 0, true);
}

/* What a head that is missing says: which start the launcher had noted it at. */
static void say_rebuilt(const struct starts *starts)
{
    char id[JOB_ID_TEXT_BYTES], time[CLOCK_TEXT_BYTES];
    say("the audit trail was rebuilt, shortened or put back: when the launcher was ordered to start job %s (%s), it "
        "noted a head that the trail does not have there",
        job_id_text(&starts->last.job_id, id), clock_text(starts->last.unix_ms, time));
}

static int verify_trail(const struct cli *cli, const struct state_dir *state, struct store *store, struct error *err)
{
    static struct starts starts;
    uint64_t entries = 0;
    starts.fd = state->starts_fd;
    starts.bytes = state->starts_bytes;
    const struct audit_witness witness = starts_witness(&starts);
    int done = audit_verify_against(store, state->starts_fd >= 0 ? &witness : NULL, &entries, err);
    if (done == -ENOENT) {
        say_rebuilt(&starts);
        return CODE_FAULT;
    }
    if (done < 0) {
        say("%s", err->text);
        return done == -EBADMSG ? CODE_FAULT : CODE_TROUBLE;
    }
    if (state->starts_fd < 0) {
        say("the audit trail fits together (%llu entries), but there is no start record of the launcher "
            "(launcher/starts) that would show whether it was rebuilt or shortened",
            (unsigned long long)entries);
        return CODE_FAULT;
    }
    if (!cli->is_quiet)
        printf("the audit trail is whole: %llu entries, and all %llu heads that the launcher noted\n",
               (unsigned long long)entries, (unsigned long long)starts.count);
    return 0;
}

static int audit_check(struct cli *cli, void *values, const struct words *words)
{
    struct state_dir state = { .keeper_fd = -1, .starts_fd = -1 };
    struct store *store = NULL;
    struct error err;
    int code = CODE_TROUBLE;
    (void)words;
    if (open_trail(values, &state, &store, &err) < 0)
        say("%s", err.text);
    else
        code = verify_trail(cli, &state, store, &err);
    store_close(store);
    state_dir_close(&state);
    return code;
}

const struct subcommand cmd_audit_ls = {
    .name = "audit ls",
    .summary = "who asked for what, and what was answered",
    .usage = "[OPTION]...",
    .details = "Reads the state directory of this host, also while the service runs; needs its\n"
               "owner's rights (root). The newest entries, the oldest of them first.\n"
               "\n"
               "  sallyport audit ls --since 1d --verdict refused\n"
               "  sallyport audit ls --job 01m815e810f7nt8z7jrdfxc7zj -o ndjson\n",
    .options = rows,
    .option_count = ROWS_ALL,
    .option_bytes = sizeof(struct audit_options),
    .run = audit_ls,
};

const struct subcommand cmd_audit_verify = {
    .name = "audit verify",
    .summary = "was the audit trail changed?",
    .usage = "[OPTION]...",
    .details = "Computes every entry's hash again, and compares the trail with the heads that the\n"
               "launcher noted at each start. One entry that was changed, removed or moved shows,\n"
               "and so does a trail that was rebuilt or shortened, up to the newest start. The\n"
               "exit code is 0, or 1 when there is a fault; 125 when it could not be read.\n",
    .options = rows,
    .option_count = ROWS_STATE,
    .option_bytes = sizeof(struct audit_options),
    .run = audit_check,
};

const struct subcommand cmd_audit_export = {
    .name = "audit export",
    .summary = "the audit trail as lines of JSON",
    .usage = "[OPTION]...",
    .details = "One entry a line, the oldest first, with its head and the one before it, for a\n"
               "place out of this host's reach. Verifies nothing.\n",
    .options = rows,
    .option_count = ROWS_FILTER,
    .option_bytes = sizeof(struct audit_options),
    .run = audit_export,
};
