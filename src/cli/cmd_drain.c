/* sallyport drain: has the service take no new jobs, or take them again; and waits until nothing runs. */
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "say.h"
#include "terminal.h"

#define LOOK_EVERY_MS     1000
#define RECONNECT_MOST_MS (5 * 60 * 1000)

enum { CODE_STILL_RUNNING = 1 };

struct drain_options {
    bool is_off;
    uint64_t wait_ms;
};

static const struct option_row rows[] = {
    { '\0', OPTION_FLAG, "off", offsetof(struct drain_options, is_off), NULL, "take new jobs again", NULL },
    { '\0', OPTION_PATIENCE_MS, "wait", offsetof(struct drain_options, wait_ms), "TIME",
      "wait until no job runs, at most so long; code 1 when the\ntime is over", NULL },
};

struct state {
    bool is_on;
    json_int_t running, queued;
};

/* On a terminal one line that changes; otherwise a line for each change. */
struct progress {
    bool is_shown, is_terminal, has_line;
    json_int_t running; /* as shown last; -1: not yet */
};

static void progress_clear(struct progress *progress)
{
    if (progress->has_line)
        fprintf(stderr, "\r%40s\r", "");
    progress->has_line = false;
}

static void progress_show(struct progress *progress, json_int_t running)
{
    if (!progress->is_shown || progress->running == running)
        return;
    progress->running = running;
    progress_clear(progress);
    fprintf(stderr, "%lld job%s still run%s%s", (long long)running, running == 1 ? "" : "s", running == 1 ? "s" : "",
            progress->is_terminal ? "" : "\n");
    progress->has_line = progress->is_terminal;
}

static int read_state(const struct cli *cli, const json_t *answer, struct state *ret_state, struct error *err)
{
    const json_t *on = json_object_get(answer, "on"), *running = json_object_get(answer, "running");
    if (!json_is_boolean(on) || !json_is_integer(running))
        return fail_plain(err, EPROTO, "%s answers with something that is no state of a drain; check --url",
                          client_address(cli->client));
    *ret_state = (struct state){ .is_on = json_is_true(on),
                                 .running = json_integer_value(running),
                                 .queued = json_integer_value(json_object_get(answer, "queued")) };
    return 0;
}

/* The answer of one question; it replaces the one before. The caller owns it. */
static int ask(const struct cli *cli, const struct request *request, json_t **answer, struct state *ret_state,
               bool *ret_may_pass, struct error *err)
{
    struct response response;
    int done = client_call(cli->client, request, &response, err);
    *ret_may_pass = done < 0 || response.status == 429 || response.status >= 500;
    if (done == 0 && response.status != 200)
        done = client_refusal(cli->client, &response, err);
    if (done == 0)
        done = read_state(cli, response.json, ret_state, err);
    if (done == 0) {
        json_decref(*answer);
        *answer = json_incref(response.json);
    }
    response_done(&response);
    return done;
}

/* Looks again in a second, however often the service does not answer meanwhile: ours may be what restarts it. */
static int look_again(const struct cli *cli, struct progress *progress, uint64_t give_up_ms, json_t **answer,
                      struct state *state, struct error *err)
{
    const struct request request = { .method = "GET", .path = "/v1/drain" };
    uint64_t lost_since_ms = 0;
    for (;;) {
        uint64_t now_ms = clock_monotonic_ms();
        if (now_ms >= give_up_ms)
            return 0;
        poll(NULL, 0, give_up_ms - now_ms < LOOK_EVERY_MS ? (int)(give_up_ms - now_ms) : LOOK_EVERY_MS);
        bool may_pass;
        int done = ask(cli, &request, answer, state, &may_pass, err);
        if (done == 0 || !may_pass)
            return done;
        now_ms = clock_monotonic_ms();
        if (lost_since_ms == 0) {
            lost_since_ms = now_ms;
            progress_clear(progress);
            say_dim("%s; trying again", err->text);
        }
        if (now_ms - lost_since_ms >= RECONNECT_MOST_MS)
            return done;
    }
}

/* 0 when nothing runs; else an exit code that was explained. */
static int wait_until_idle(const struct cli *cli, uint64_t wait_ms, json_t **answer, struct state *state)
{
    struct progress progress = { .is_shown = !cli->is_quiet, .is_terminal = terminal_is(STDERR_FILENO), .running = -1 };
    uint64_t give_up_ms = wait_ms == PATIENCE_ENDLESS ? UINT64_MAX : clock_monotonic_ms() + wait_ms;
    struct error err;
    int done = 0;
    while (done == 0 && state->is_on && state->running > 0 && clock_monotonic_ms() < give_up_ms) {
        progress_show(&progress, state->running);
        done = look_again(cli, &progress, give_up_ms, answer, state, &err);
    }
    progress_clear(&progress);
    if (done < 0)
        say("%s", err.text);
    else if (!state->is_on)
        say("the drain was taken back meanwhile, so jobs may start at any time");
    else if (state->running == 0)
        return 0;
    else
        say("%lld job%s still run%s after that time; the service stays drained", (long long)state->running,
            state->running == 1 ? "" : "s", state->running == 1 ? "s" : "");
    return done == 0 && state->is_on ? CODE_STILL_RUNNING : CODE_TROUBLE;
}

static void print_state(const struct cli *cli, const json_t *answer, const struct state *state)
{
    if (render_raw(cli, answer) || cli->is_quiet)
        return;
    printf("%s; running: %lld, queued: %lld\n", state->is_on ? "drained: new jobs are refused" : "jobs are taken",
           (long long)state->running, (long long)state->queued);
}

static int drain(struct cli *cli, void *values, const struct words *words)
{
    const struct drain_options *options = values;
    struct state state = { .is_on = false };
    struct error err;
    bool may_pass;
    json_t *answer = NULL;
    (void)words;
    if (options->is_off && options->wait_ms > 0) {
        say("--wait is for a drain, and --off ends it; give one of them");
        return CODE_TROUBLE;
    }
    json_t *body = json_pack("{s:b}", "on", (int)!options->is_off);
    const struct request request = { .method = "POST", .path = "/v1/drain", .body = body };
    int code = 0;
    if (ask(cli, &request, &answer, &state, &may_pass, &err) < 0) {
        say("%s", err.text);
        code = CODE_TROUBLE;
    } else if (options->wait_ms > 0) {
        code = wait_until_idle(cli, options->wait_ms, &answer, &state);
    }
    if (code == 0)
        print_state(cli, answer, &state);
    json_decref(body);
    json_decref(answer);
    return code;
}

const struct subcommand cmd_drain = {
    .name = "drain",
    .summary = "take no new jobs, for maintenance; take them again",
    .usage = "[--off] [--wait[=TIME]]",
    .details = "Needs the scope admin. While the service is drained, new jobs are refused with 503\n"
               "and a Retry-After, those that run go on, those that wait stay where they are, and\n"
               "/readyz is 503. --off takes it back. It outlives any crash of the service's own\n"
               "processes, and ends when sallyportd is started anew. It does not stop sallyportd:\n"
               "SIGTERM does.\n"
               "\n"
               "With --wait the exit code is 0 when no job runs any more, 1 when the time is over.\n"
               "\n"
               "  sallyport drain --wait=10m && systemctl restart sallyportd\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct drain_options),
    .needs_server = true,
    .run = drain,
};
