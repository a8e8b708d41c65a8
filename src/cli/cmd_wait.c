/* sallyport wait: long polls until jobs have ended. */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "follow.h"
#include "options.h"
#include "report.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "say.h"

#define POLL_MS  30000
#define RETRY_MS 1000

struct wait_options {
    uint64_t timeout_ms, reconnect_ms;
};

static const struct option_row rows[] = {
    { '\0', OPTION_DURATION_MS, "timeout", offsetof(struct wait_options, timeout_ms), "TIME",
      "give up after so long, with code 125; the jobs go on", NULL },
    { '\0', OPTION_DURATION_MS, "reconnect", offsetof(struct wait_options, reconnect_ms), "TIME",
      "how long to try without an answer (default 5m)", NULL },
};

struct waiting {
    struct cli *cli;
    const char *id;
    char etag[128];
    uint64_t give_up_ms; /* monotonic; 0 for never */
    uint64_t reconnect_ms, lost_since_ms;
};

/* Milliseconds that the next poll may take; 0 when the time is up. */
static uint32_t poll_time(const struct waiting *waiting)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (waiting->give_up_ms == 0 || waiting->give_up_ms > now_ms + POLL_MS)
        return POLL_MS;
    return waiting->give_up_ms <= now_ms ? 0 : (uint32_t)(waiting->give_up_ms - now_ms);
}

/* One poll. 1: ended, 0: not yet, -errno: it is of no use to go on. */
static int wait_once(struct waiting *waiting, uint32_t time_ms, struct report *ret_report, struct error *err)
{
    char path[128];
    struct response response;
    snprintf(path, sizeof path, "/v1/jobs/%s?wait=%us", waiting->id, (time_ms + 999) / 1000);
    struct request request = { .method = "GET",
                               .path = path,
                               .timeout_ms = time_ms + 15000,
                               .if_none_match = waiting->etag[0] == '\0' ? NULL : waiting->etag };
    int result = client_call(waiting->cli->client, &request, &response, err);
    bool may_pass = result < 0 || response.status == 429 || response.status >= 500;
    if (result == 0 && response.status == 200) {
        snprintf(waiting->etag, sizeof waiting->etag, "%s", response.etag);
        result = report_read(response.json, ret_report)
                     ? report_has_ended(ret_report)
                     : fail_plain(err, EPROTO, "the server's answer is no report of a job");
    } else if (result == 0 && response.status != 304) {
        result = client_refusal(waiting->cli->client, &response, err);
    }
    response_done(&response);
    if (result >= 0)
        waiting->lost_since_ms = 0;
    if (result >= 0 || !may_pass)
        return result;
    uint64_t now_ms = clock_monotonic_ms();
    if (waiting->lost_since_ms == 0) {
        waiting->lost_since_ms = now_ms;
        say_dim("%s; trying again for up to %llu s", err->text, (unsigned long long)(waiting->reconnect_ms / 1000));
    }
    if (now_ms - waiting->lost_since_ms >= waiting->reconnect_ms)
        return result;
    poll(NULL, 0, RETRY_MS);
    return 0;
}

static int wait_for(struct waiting *waiting)
{
    struct report report;
    struct error err;
    for (;;) {
        uint32_t time_ms = poll_time(waiting);
        if (time_ms == 0) {
            say("job %s has not ended in time; it goes on", waiting->id);
            return CODE_TROUBLE;
        }
        int result = wait_once(waiting, time_ms, &report, &err);
        if (result > 0)
            return follow_verdict(waiting->cli, &report);
        if (result < 0) {
            say("%s", err.text);
            return CODE_TROUBLE;
        }
    }
}

static int wait_all(struct cli *cli, void *values, const struct words *words)
{
    const struct wait_options *options = values;
    struct error err;
    int first_bad = 0;
    uint64_t give_up_ms = options->timeout_ms > 0 ? clock_monotonic_ms() + options->timeout_ms : 0;
    for (size_t i = 0; i < words->count; i++)
        if (job_id_check(words->items[i], &err) < 0) {
            say("%s", err.text);
            return CODE_TROUBLE;
        }
    for (size_t i = 0; i < words->count; i++) {
        struct waiting waiting = { .cli = cli,
                                   .id = words->items[i],
                                   .give_up_ms = give_up_ms,
                                   .reconnect_ms =
                                       options->reconnect_ms > 0 ? options->reconnect_ms : RECONNECT_DEFAULT_MS };
        int code = wait_for(&waiting);
        if (first_bad == 0)
            first_bad = code;
    }
    return first_bad;
}

const struct subcommand cmd_wait = {
    .name = "wait",
    .summary = "wait until jobs have ended",
    .usage = "ID... [OPTION]...",
    .details = "Shows no output. The exit code is that of the job; of several jobs, that of the\n"
               "first one named that did not succeed.\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct wait_options),
    .needs_server = true,
    .has_job_codes = true,
    .words_min = 1,
    .words_max = 1000,
    .run = wait_all,
};
