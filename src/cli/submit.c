/* The answer to the submit is the stream itself, so the first byte of output takes one round trip. */
#include "submit.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"
#include "feed.h"
#include "follow.h"
#include "form.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/limits.h"
#include "say.h"

#define UPLOAD_TIMEOUT_MS (15 * 60 * 1000) /* of a submit with files */

static uint64_t reconnect_ms(const struct submit_options *options)
{
    return options->reconnect_ms > 0 ? options->reconnect_ms : RECONNECT_DEFAULT_MS;
}

static int fail_out(const struct error *err)
{
    say("%s", err->text);
    return CODE_TROUBLE;
}

static int gather_labels(const struct submit_options *options, json_t *body, struct error *err)
{
    json_t *labels = options->labels.count > 0 ? json_object() : NULL;
    for (size_t i = 0; i < options->labels.count; i++) {
        const char *word = options->labels.items[i], *equals = strchr(word, '=');
        char name[NAME_MAX_BYTES];
        json_t *value = equals == NULL ? NULL : json_string(equals + 1);
        if (value == NULL || !text_copy_bytes(name, sizeof name, word, (size_t)(equals - word)) ||
            json_object_set(labels, name, value) < 0) {
            json_decref(value);
            json_decref(labels);
            return fail_plain(err, EINVAL, "--label takes NAME=VALUE in UTF-8, not '%s'", word);
        }
        json_decref(value);
    }
    return labels == NULL ? 0 : json_object_set_new(body, "labels", labels);
}

static int gather_priority(const struct submit_options *options, json_t *body, struct error *err)
{
    uint64_t priority;
    if (options->priority == NULL)
        return 0;
    if (!text_u64(options->priority, PRIORITY_MAX, &priority))
        return fail_plain(err, EINVAL, "--priority takes a number from 0 to %d, not '%s'", PRIORITY_MAX,
                          options->priority);
    return json_object_set_new(body, "priority", json_integer((json_int_t)priority));
}

/* NAME, or NAME=URL. */
static int gather_callback(const struct submit_options *options, json_t *body, struct error *err)
{
    const char *word = options->callback, *equals = word == NULL ? NULL : strchr(word, '=');
    if (word == NULL)
        return 0;
    json_t *name = json_stringn(word, equals == NULL ? strlen(word) : (size_t)(equals - word));
    json_t *callback = equals == NULL ? name : json_pack("{s:o, s:s}", "name", name, "url", equals + 1);
    if (callback == NULL || json_object_set_new(body, "callback", callback) < 0)
        return fail_plain(err, EINVAL, "--callback takes NAME or NAME=URL in UTF-8");
    return 0;
}

int submit_body(const struct submit_options *options, json_t *body, struct error *err)
{
    char text[32];
    if (gather_labels(options, body, err) < 0 || gather_priority(options, body, err) < 0 ||
        gather_callback(options, body, err) < 0)
        return -err->code;
    if (options->reason != NULL && json_object_set_new(body, "reason", json_string(options->reason)) < 0)
        return fail_plain(err, EINVAL, "--reason takes text in UTF-8");
    if (options->timeout_ms > 0) {
        snprintf(text, sizeof text, "%llums", (unsigned long long)options->timeout_ms);
        json_object_set_new(body, "timeout", json_string(text));
    }
    return 0;
}

/* 128 random bits: two runs never share a key by accident. */
static int choose_key(const char *wish, char key[IDEMPOTENCY_KEY_MAX_BYTES + 1], struct error *err)
{
    uint8_t random[16];
    if (wish != NULL && strcmp(wish, "none") == 0) {
        key[0] = '\0';
        return 0;
    }
    if (wish == NULL || strcmp(wish, "auto") == 0) {
        if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
            return fail(err, errno, "make a key");
        text_hex(random, sizeof random, key);
        return 0;
    }
    for (const char *at = wish; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~')
            return fail_plain(err, EINVAL, "--key takes printable characters without blanks");
    if (wish[0] == '\0' || !text_copy(key, IDEMPOTENCY_KEY_MAX_BYTES + 1, wish))
        return fail_plain(err, EINVAL, "--key takes 1 to %d characters", IDEMPOTENCY_KEY_MAX_BYTES);
    return 0;
}

/* Not followed, but given all of our stdin before we end. */
static int feed_here(struct cli *cli, const char *id, uint64_t reconnect_ms)
{
    struct error err;
    struct feed_options feed = { .job_id = id, .fd = STDIN_FILENO, .reconnect_ms = reconnect_ms };
    fflush(stdout);
    return feed_run(cli, &feed, &err) < 0 ? fail_out(&err) : 0;
}

/* Submits and prints the id. With a key a lost answer is asked for again: the server knows the job by it. */
static int run_detached(struct cli *cli, struct request *request, uint64_t reconnect_ms, bool feeds_stdin)
{
    struct error err;
    uint64_t give_up_ms = clock_monotonic_ms() + reconnect_ms;
    request->prefer = "respond-async";
    for (;;) {
        struct response response;
        int result = client_call(cli->client, request, &response, &err);
        bool may_try = request->idempotency_key != NULL && clock_monotonic_ms() < give_up_ms;
        const char *id = json_string_value(json_object_get(response.json, "id"));
        if (result == 0 && (response.status == 202 || response.status == 200) && id != NULL) {
            printf("%s\n", id);
            int code = feeds_stdin ? feed_here(cli, id, reconnect_ms) : 0;
            response_done(&response);
            return code;
        }
        if (result == 0)
            client_refusal(cli->client, &response, &err);
        response_done(&response);
        /* Only an answer that was lost on its way is worth another try. */
        if (result == 0 || !may_try || (err.code != ECONNRESET && err.code != ETIMEDOUT))
            return fail_out(&err);
        poll(NULL, 0, 500);
    }
}

/* Who gives the job our stdin, while we are its terminal. */
struct feeder {
    struct cli *cli;
    uint64_t reconnect_ms;
    pid_t pid; /* 0: none */
};

static int begin_feeding(void *arg, const char *id)
{
    struct feeder *feeder = arg;
    struct error err;
    struct feed_options feed = { .job_id = id, .fd = STDIN_FILENO, .reconnect_ms = feeder->reconnect_ms };
    return feed_begin(feeder->cli, &feed, &feeder->pid, &err) < 0 ? fail_out(&err) : 0;
}

static int run_followed(struct cli *cli, const struct submit_options *options, struct request *request)
{
    struct error err;
    struct report report;
    struct follow_options follow = { .announces = !cli->is_quiet, .reconnect_ms = reconnect_ms(options) };
    if (options->on_interrupt != NULL && interrupt_parse(options->on_interrupt, &follow.interrupt, &err) < 0)
        return fail_out(&err);
    if (options->wait_ms > 0)
        follow.give_up_ms = clock_monotonic_ms() + options->wait_ms;
    struct feeder feeder = { .cli = cli, .reconnect_ms = reconnect_ms(options) };
    if (options->feeds_stdin) {
        follow.on_known = begin_feeding;
        follow.arg = &feeder;
    }
    request->accept = "application/x-ndjson";
    int code = follow_job(cli, &follow, NULL, request, &report);
    if (feeder.pid != 0)
        feed_end(feeder.pid);
    return code != 0 ? code : follow_verdict(cli, &report);
}

int submit_run(struct cli *cli, const struct submit_options *options, const char *path, const json_t *body)
{
    struct error err;
    char key[IDEMPOTENCY_KEY_MAX_BYTES + 1] = "";
    if (options->is_detached && options->wait_ms > 0) {
        say("-d and --wait exclude each other; 'sallyport wait --timeout TIME ID' waits later");
        return CODE_TROUBLE;
    }
    if (choose_key(options->key, key, &err) < 0)
        return fail_out(&err);
    struct request request = { .method = "POST",
                               .path = path,
                               .body = body,
                               .form = options->form,
                               .idempotency_key = key[0] == '\0' ? NULL : key };
    if (options->form != NULL && options->form->count > 0)
        request.timeout_ms = UPLOAD_TIMEOUT_MS;
    return options->is_detached ? run_detached(cli, &request, reconnect_ms(options), options->feeds_stdin)
                                : run_followed(cli, options, &request);
}

void submit_options_done(struct submit_options *options)
{
    words_done(&options->labels);
}
