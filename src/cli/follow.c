#include "follow_parts.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "say.h"

#define CANCEL_TIMEOUT_MS 10000

int follow_verdict(const struct cli *cli, const struct report *report)
{
    char sentence[1024];
    int code = report_code(report, cli->exit_codes != 0);
    if (code != 0)
        say("%s", report_sentence(report, sentence));
    return code;
}

/* What a signal asks for. */
static void order_cancel(struct following *following);
static void order_signal(struct following *following, int number);
static int detach(struct following *following, int code);

static int post_job(struct following *following, const char *verb, const json_t *body, struct error *err)
{
    char path[128];
    json_t *answer = NULL;
    snprintf(path, sizeof path, "/v1/jobs/%s/%s", following->id, verb);
    struct request request = { .method = "POST", .path = path, .body = body, .timeout_ms = CANCEL_TIMEOUT_MS };
    int result = client_ask(following->client, &request, &answer, err);
    json_decref(answer);
    return result;
}

static void order_cancel(struct following *following)
{
    struct error err;
    json_t *body = json_object();
    if (post_job(following, "cancel", body, &err) < 0)
        say("job %s could not be cancelled: %s; Ctrl-C again detaches", following->id, err.text);
    else
        say("asked the server to cancel job %s, following it to its end; Ctrl-C again detaches", following->id);
    json_decref(body);
}

static void order_signal(struct following *following, int number)
{
    struct error err;
    const char *name = sigabbrev_np(number) ?: "?";
    json_t *body = json_pack("{s:s}", "signal", name);
    if (post_job(following, "signal", body, &err) < 0)
        say("job %s could not be sent SIG%s: %s; Ctrl-C again detaches", following->id, name, err.text);
    else
        say("sent SIG%s to job %s; Ctrl-C again detaches", name, following->id);
    json_decref(body);
}

static int detach(struct following *following, int code)
{
    if (following->id[0] == '\0')
        say("interrupted before the server told the job's id: whether it runs is not known; see: sallyport ls");
    else
        say("detached; job %s goes on. Follow it with: sallyport attach %s", following->id, following->id);
    following->stop_code = code;
    return 1;
}

int follow_woken(void *arg)
{
    struct following *following = arg;
    uint64_t give_up_ms = following->options->give_up_ms;
    for (int number; (number = interrupt_take()) != 0;) {
        enum interrupt_action action =
            interrupt_decide(&following->options->interrupt, number, following->interrupts++);
        if (action == INTERRUPT_DO_DETACH || following->id[0] == '\0')
            return detach(following, 128 + number);
        if (action == INTERRUPT_DO_CANCEL)
            order_cancel(following);
        else
            order_signal(following, following->options->interrupt.signal);
    }
    if (give_up_ms != 0 && clock_monotonic_ms() >= give_up_ms)
        return detach(following, CODE_TROUBLE);
    return 0;
}

static int on_bytes(void *arg, const char *data, size_t size)
{
    struct following *following = arg;
    int result = lines_add(&following->lines, data, size, follow_line, following);
    if (result < 0) {
        say("%s sent a line that is too long to be a record of output", client_address(following->client));
        following->stop_code = CODE_TROUBLE;
    }
    return result;
}

/* The request that goes on where the last connection stopped. */
static void next_request(const struct following *following, char *path, size_t room, struct request *ret_request)
{
    const struct follow_options *options = following->options;
    int used = snprintf(path, room, "/v1/jobs/%s/output?", follow_streamed_id(following));
    if (!options->once)
        used += snprintf(path + used, room - (size_t)used, "follow=1&");
    if (following->has_offset || options->tail == 0)
        snprintf(path + used, room - (size_t)used, "offset=%llu", (unsigned long long)following->next_offset);
    else
        snprintf(path + used, room - (size_t)used, "tail=%llu", (unsigned long long)options->tail);
    *ret_request = (struct request){ .method = "GET", .path = path, .accept = "application/x-ndjson" };
}

/* A connection that just fell silent is not worth a word: the next one shows whether anything is wrong. */
int follow_wait_to_retry(struct following *following, unsigned tries, const struct error *err)
{
    static const unsigned delays_ms[] = { 50, 200, 500, 1000, 2000, 5000 };
    uint64_t now_ms = clock_monotonic_ms(), limit_ms = following->options->reconnect_ms;
    size_t last = sizeof delays_ms / sizeof delays_ms[0] - 1;
    if (following->lost_since_ms == 0)
        following->lost_since_ms = now_ms;
    if (now_ms - following->lost_since_ms >= limit_ms) {
        say("%s; gave up after %llu s%s%s", err->text, (unsigned long long)(limit_ms / 1000),
            following->id[0] == '\0' ? "; see whether the job runs: sallyport ls"
                                     : ". The job goes on; follow it with: sallyport attach ",
            following->id);
        return 1;
    }
    if (tries > 0 && !following->has_told_loss) {
        say_dim("%s; trying again for up to %llu s", err->text, (unsigned long long)(limit_ms / 1000));
        following->has_told_loss = true;
    }
    struct pollfd wake = { .fd = following->wake_fd, .events = POLLIN };
    poll(&wake, 1, (int)delays_ms[tries < last ? tries : last]);
    return follow_woken(following);
}

bool follow_is_passing(long status)
{
    return status == 0 || status == 200 || status == 202 || status == 408 || status == 429 || status == 502 ||
           status == 503 || status == 504;
}

static void explain_refusal(const struct following *following, const struct response *response)
{
    struct error err;
    client_refusal(following->client, response, &err);
    say("%s%s%s", following->id[0] == '\0' ? "" : "the output cannot be followed: ", err.text,
        err.code == ENOENT && following->id[0] != '\0' ? " (see: sallyport ls)" : "");
}

/* What one connection came to. */
enum outcome { OUTCOME_AGAIN, OUTCOME_END, OUTCOME_TROUBLE };

/* Judges an answer, or the lack of one. TROUBLE has been explained. */
static enum outcome judge(struct following *following, enum exchange exchange, const struct response *response,
                          const struct request *request, const struct error *err)
{
    long status = response->status;
    bool is_submit = strcmp(request->method, "POST") == 0, is_answered = exchange == EXCHANGE_ANSWERED;
    bool is_known = following->was_announced || following->has_offset;
    if (is_answered && status == 204)
        return OUTCOME_END; /* it had ended, and there is nothing more to tell */
    /* A submit that is refused for now is not tried again: whoever ran us decides whether to wait. */
    if (is_answered && (!follow_is_passing(status) || (is_submit && status != 200 && status != 202))) {
        explain_refusal(following, response);
        return OUTCOME_TROUBLE;
    }
    if (is_answered && status == 200 && following->options->once)
        return OUTCOME_END;
    if (exchange == EXCHANGE_UNREACHABLE && !is_known && following->lost_since_ms == 0) {
        say("%s", err->text); /* there never was a server: no use in waiting for it */
        return OUTCOME_TROUBLE;
    }
    if (following->id[0] == '\0' && request->idempotency_key == NULL) {
        say("%s; whether the job runs is not known, see: sallyport ls", err->text);
        return OUTCOME_TROUBLE;
    }
    return OUTCOME_AGAIN;
}

/* One connection: the submit, or the output from where the last one stopped. */
static enum outcome connect_once(struct following *following, const struct request *submit, const struct sink *sink,
                                 struct error *err)
{
    char path[160];
    struct request request;
    struct response response;
    if (following->id[0] == '\0')
        request = *submit;
    else
        next_request(following, path, sizeof path, &request);
    lines_reset(&following->lines);
    fail_plain(err, ECONNRESET, "the server ended the connection");
    enum exchange exchange = client_stream(following->client, &request, sink, &response, err);
    if (following->id[0] == '\0')
        memcpy(following->id, response.job_id, sizeof following->id);
    enum outcome outcome = OUTCOME_END;
    if (following->stop_code == 0 && !following->has_end && !following->leaves_for_steps)
        outcome = judge(following, exchange, &response, &request, err);
    response_done(&response);
    return outcome;
}

int follow_connections(struct following *following, const struct request *submit)
{
    const struct sink sink = {
        .on_bytes = on_bytes,
        .on_wake = follow_woken,
        .wake_fd = following->wake_fd,
        .deadline_ms = following->options->give_up_ms,
        .arg = following,
    };
    for (unsigned tries = 0;; tries++) {
        struct error err;
        enum outcome outcome = connect_once(following, submit, &sink, &err);
        if (outcome == OUTCOME_END)
            return following->stop_code;
        if (outcome == OUTCOME_TROUBLE)
            return CODE_TROUBLE;
        if (following->lost_since_ms == 0)
            tries = 0;
        if (follow_wait_to_retry(following, tries, &err) != 0)
            return following->stop_code != 0 ? following->stop_code : CODE_TROUBLE;
    }
}

/* The job as the server has it now: for an end record that says too little, and for a 204. */
static int ask_report(struct following *following, struct report *ret_report)
{
    char path[128];
    json_t *job = NULL;
    struct error err;
    snprintf(path, sizeof path, "/v1/jobs/%s", following->id);
    struct request request = { .method = "GET", .path = path };
    int result = client_ask(following->client, &request, &job, &err);
    if (result == 0 && !report_read(job, ret_report))
        result = fail_plain(&err, EPROTO, "the server's answer is no report of a job");
    json_decref(job);
    if (result == 0)
        return 0;
    say("job %s has ended, but how is not known: %s", following->id, err.text);
    return CODE_TROUBLE;
}

int follow_job(struct cli *cli, const struct follow_options *options, const char *id, const struct request *submit,
               struct report *ret_report)
{
    struct following following = { .cli = cli, .client = cli->client, .options = options };
    struct error err;
    int code;
    if (id != NULL)
        snprintf(following.id, sizeof following.id, "%s", id);
    if (interrupt_open(&following.wake_fd, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    code = follow_connections(&following, submit);
    bool is_sequence = following.leaves_for_steps;
    if (code == 0 && is_sequence)
        code = follow_steps(&following);
    interrupt_close();
    lines_done(&following.lines);
    bool goes_on = options->once && !following.has_end;
    if (code == 0 && !goes_on && (is_sequence || !report_has_ended(&following.report)))
        code = ask_report(&following, &following.report);
    if (code == 0)
        *ret_report = following.report;
    return code;
}
