/* sallyport cancel, sallyport signal: what can be done to a running job. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "options.h"
#include "report.h"
#include "sallyport/base/error.h"
#include "say.h"

struct cancel_options {
    uint64_t grace_ms;
    const char *reason;
};

static const struct option_row cancel_rows[] = {
    { '\0', OPTION_DURATION_MS, "grace", offsetof(struct cancel_options, grace_ms), "TIME",
      "between TERM and KILL; the command's own by default", NULL },
    { '\0', OPTION_TEXT, "reason", offsetof(struct cancel_options, reason), "TEXT", "why; kept with the job", NULL },
};

static int post(struct cli *cli, const char *id, const char *verb, const json_t *body, json_t **ret_answer)
{
    struct error err;
    char path[128];
    if (job_id_check(id, &err) == 0) {
        snprintf(path, sizeof path, "/v1/jobs/%s/%s", id, verb);
        struct request request = { .method = "POST", .path = path, .body = body };
        if (client_ask(cli->client, &request, ret_answer, &err) == 0)
            return 0;
    }
    say("%s: %s", id, err.text);
    return CODE_TROUBLE;
}

static int cancel_one(struct cli *cli, const char *id, const json_t *body)
{
    json_t *answer = NULL;
    int code = post(cli, id, "cancel", body, &answer);
    if (code == 0 && !cli->is_quiet) {
        bool has_changed = !json_is_false(json_object_get(answer, "changed"));
        printf("%s %s\n", id, has_changed ? "is being cancelled" : "had ended already");
    }
    json_decref(answer);
    return code;
}

/* The wishes that go with a cancel; NULL if they cannot be written as JSON. */
static json_t *cancel_body(const struct cancel_options *options)
{
    json_t *body = json_object();
    char text[32];
    int result = 0;
    if (options->grace_ms > 0) {
        snprintf(text, sizeof text, "%llums", (unsigned long long)options->grace_ms);
        result = json_object_set_new(body, "grace", json_string(text));
    }
    if (options->reason != NULL && result == 0)
        result = json_object_set_new(body, "reason", json_string(options->reason));
    if (result == 0)
        return body;
    json_decref(body);
    return NULL;
}

static int cancel(struct cli *cli, void *values, const struct words *words)
{
    json_t *body = cancel_body(values);
    int worst = 0;
    if (body == NULL) {
        say("--reason takes text in UTF-8");
        return CODE_TROUBLE;
    }
    for (size_t i = 0; i < words->count; i++) {
        int code = cancel_one(cli, words->items[i], body);
        if (code > worst)
            worst = code;
    }
    json_decref(body);
    return worst;
}

static int send_signal(struct cli *cli, void *values, const struct words *words)
{
    const char *id = words->items[0];
    int number = signal_number(words->items[1]);
    (void)values;
    if (number == 0 || sigabbrev_np(number) == NULL) {
        say("there is no signal '%s'; write it as HUP, SIGHUP or 1", words->items[1]);
        return CODE_TROUBLE;
    }
    json_t *answer = NULL, *body = json_pack("{s:s}", "signal", sigabbrev_np(number));
    int code = post(cli, id, "signal", body, &answer);
    if (code == 0 && !cli->is_quiet)
        printf("%s was sent SIG%s\n", id, sigabbrev_np(number));
    json_decref(answer);
    json_decref(body);
    return code;
}

const struct subcommand cmd_cancel = {
    .name = "cancel",
    .summary = "end jobs: TERM, a grace, KILL",
    .usage = "ID... [OPTION]...",
    .details = "Returns when the server has noted the wish; 'sallyport wait ID' tells the end. A\n"
               "job that has ended already is left as it is.\n",
    .options = cancel_rows,
    .option_count = sizeof cancel_rows / sizeof cancel_rows[0],
    .option_bytes = sizeof(struct cancel_options),
    .needs_server = true,
    .words_min = 1,
    .words_max = 1000,
    .run = cancel,
};

const struct subcommand cmd_signal = {
    .name = "signal",
    .summary = "send a signal to a running job",
    .usage = "ID SIGNAL",
    .details = "Only signals that the command's configuration allows.\n"
               "\n"
               "  sallyport signal 01jd8k3v9x5q2m7r4t6w8y0b1c HUP\n",
    .needs_server = true,
    .words_min = 2,
    .words_max = 2,
    .run = send_signal,
};
