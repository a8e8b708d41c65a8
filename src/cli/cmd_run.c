/*
 * sallyport run: submit a job, then be its terminal until it ends.
 *
 * The command's description comes first, for its schema gives -p its types. The answer to the submit is the stream itself,
 * so the first byte of output takes one round trip.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "follow.h"
#include "options.h"
#include "params.h"
#include "prompt.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "say.h"

#define RECONNECT_DEFAULT_MS (5 * 60 * 1000)

struct run_options {
    struct words params, labels;
    const char *params_file;
    bool takes_stdin, is_detached;
    uint64_t wait_ms, timeout_ms, reconnect_ms;
    const char *reason, *key, *on_interrupt;
};

static const struct option_row rows[] = {
    { 'p', OPTION_TEXTS, "param", offsetof(struct run_options, params), "NAME=VALUE",
      "a parameter; again for further items of a list;\nNAME:=JSON for a value written as JSON", NULL },
    { 'f', OPTION_TEXT, "params-file", offsetof(struct run_options, params_file), "FILE",
      "parameters from a JSON object; -p wins over it; - is stdin", NULL },
    { '\0', OPTION_FLAG, "stdin", offsetof(struct run_options, takes_stdin), NULL,
      "the job gets our stdin, read to its end before it starts", NULL },
    { 'd', OPTION_FLAG, "detach", offsetof(struct run_options, is_detached), NULL,
      "do not follow: print the job's id on stdout, and end", NULL },
    { '\0', OPTION_DURATION_MS, "wait", offsetof(struct run_options, wait_ms), "TIME",
      "follow at most so long, then detach with code 125", NULL },
    { '\0', OPTION_DURATION_MS, "timeout", offsetof(struct run_options, timeout_ms), "TIME",
      "shorten the job's time; the command's own is the most", NULL },
    { '\0', OPTION_TEXT, "reason", offsetof(struct run_options, reason), "TEXT", "why; kept with the job", NULL },
    { '\0', OPTION_TEXTS, "label", offsetof(struct run_options, labels), "NAME=VALUE",
      "kept with the job; 'ls --label' finds it", NULL },
    { '\0', OPTION_TEXT, "key", offsetof(struct run_options, key), "auto|none|KEY",
      "the same key never starts a second job (Idempotency-Key);\nauto, the default, is a new one for each run", NULL },
    { '\0', OPTION_DURATION_MS, "reconnect", offsetof(struct run_options, reconnect_ms), "TIME",
      "how long to try after a lost connection (default 5m)", NULL },
    { '\0', OPTION_TEXT, "on-interrupt", offsetof(struct run_options, on_interrupt), "WHAT",
      "detach, cancel or signal:NAME; see above", NULL },
};

static int fail_out(const struct error *err)
{
    say("%s", err->text);
    return CODE_TROUBLE;
}

static int gather_params(const struct run_options *options, const json_t *schema, json_t *params, struct error *err)
{
    if (options->params_file != NULL && params_read_file(params, options->params_file, err) < 0)
        return -err->code;
    /* What -p gives replaces what the file gave, and does not add to its lists. */
    json_t *given = json_object();
    int result = 0;
    for (size_t i = 0; i < options->params.count && result == 0; i++)
        result = params_add(given, schema, options->params.items[i], err);
    if (result == 0)
        json_object_update(params, given);
    json_decref(given);
    bool has_stdin = options->takes_stdin || (options->params_file != NULL && strcmp(options->params_file, "-") == 0);
    return result == 0 && !has_stdin ? prompt_missing(params, schema, err) : result;
}

static int gather_labels(const struct run_options *options, json_t *body, struct error *err)
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

/* The API carries stdin as JSON text, which has no NUL and no byte that is not UTF-8. */
static int gather_stdin(json_t *body, struct error *err)
{
    uint8_t *data;
    size_t size;
    if (fd_read_file(STDIN_FILENO, STDIN_MAX_BYTES, &data, &size, err) < 0)
        return fail_in(err, "--stdin");
    json_t *text = memchr(data, '\0', size) == NULL ? json_stringn((const char *)data, size) : NULL;
    free(data);
    if (text == NULL)
        return fail_plain(
            err, EINVAL,
            "--stdin: only UTF-8 text without NUL can be sent; encode other data, for example with base64");
    return json_object_set_new(body, "stdin", text);
}

static int gather_body(const struct run_options *options, const json_t *command, json_t *body, struct error *err)
{
    json_t *params = json_object();
    json_object_set_new(body, "params", params);
    if (gather_params(options, json_object_get(command, "params_schema"), params, err) < 0 ||
        gather_labels(options, body, err) < 0)
        return -err->code;
    if (options->reason != NULL && json_object_set_new(body, "reason", json_string(options->reason)) < 0)
        return fail_plain(err, EINVAL, "--reason takes text in UTF-8");
    if (options->timeout_ms > 0) {
        char text[32];
        snprintf(text, sizeof text, "%llums", (unsigned long long)options->timeout_ms);
        json_object_set_new(body, "timeout", json_string(text));
    }
    return options->takes_stdin ? gather_stdin(body, err) : 0;
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

/* Submits and prints the id. With a key a lost answer is asked for again: the server knows the job by it. */
static int run_detached(struct cli *cli, struct request *request, uint64_t reconnect_ms)
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
            response_done(&response);
            return 0;
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

static int run_followed(struct cli *cli, const struct run_options *options, struct request *request)
{
    struct error err;
    struct report report;
    struct follow_options follow = { .announces = !cli->is_quiet, .reconnect_ms = options->reconnect_ms };
    if (options->on_interrupt != NULL && interrupt_parse(options->on_interrupt, &follow.interrupt, &err) < 0)
        return fail_out(&err);
    if (options->wait_ms > 0)
        follow.give_up_ms = clock_monotonic_ms() + options->wait_ms;
    request->accept = "application/x-ndjson";
    int code = follow_job(cli, &follow, NULL, request, &report);
    return code != 0 ? code : follow_verdict(cli, &report);
}

static int run(struct cli *cli, void *values, const struct words *words)
{
    struct run_options *options = values;
    struct error err = { .code = 0 };
    json_t *command = NULL, *body = json_object();
    char key[IDEMPOTENCY_KEY_MAX_BYTES + 1] = "", path[256];
    int code;
    if (options->reconnect_ms == 0)
        options->reconnect_ms = RECONNECT_DEFAULT_MS;
    if (options->is_detached && options->wait_ms > 0)
        fail_plain(&err, EINVAL, "-d and --wait exclude each other; 'sallyport wait --timeout TIME ID' waits later");
    else if (options->takes_stdin && options->params_file != NULL && strcmp(options->params_file, "-") == 0)
        fail_plain(&err, EINVAL, "--stdin and -f - exclude each other: stdin can be read once");
    if (err.code != 0 || choose_key(options->key, key, &err) < 0 ||
        command_ask(cli->client, words->items[0], &command, &err) < 0 ||
        gather_body(options, command, body, &err) < 0) {
        code = err.code == EINTR ? CODE_CANCELLED : CODE_TROUBLE;
        say("%s", err.text);
    } else {
        snprintf(path, sizeof path, "/v1/commands/%s/jobs",
                 words->items[0]); /* a name the server knows: nothing to escape */
        struct request request = {
            .method = "POST", .path = path, .body = body, .idempotency_key = key[0] == '\0' ? NULL : key
        };
        code = options->is_detached ? run_detached(cli, &request, options->reconnect_ms)
                                    : run_followed(cli, options, &request);
    }
    json_decref(command);
    json_decref(body);
    words_done(&options->params);
    words_done(&options->labels);
    return code;
}

const struct subcommand cmd_run = {
    .name = "run",
    .summary = "run a command and be its terminal",
    .usage = "NAME [-p NAME=VALUE]... [OPTION]...",
    .details = "Submits a job and follows it: its stdout and stderr come out on ours, byte for\n"
               "byte, and its exit code is ours. 'sallyport describe NAME' tells the parameters;\n"
               "on a terminal, required ones that are missing are asked for.\n"
               "\n"
               "  sallyport run deploy-web -p env=staging -p ref=v1.8.2\n"
               "  sallyport run resize --stdin < list.txt > result.txt\n"
               "  id=$(sallyport run -d nightly-report) && sallyport attach $id\n"
               "\n"
               "Ctrl-C asks the server to cancel the job, which is followed to its real end; the\n"
               "second Ctrl-C detaches: the job goes on, 'sallyport attach ID' finds it again.\n"
               "SIGTERM and SIGHUP detach at once, for a dying terminal must not stop the job.\n"
               "--on-interrupt=detach lets the first Ctrl-C detach, =cancel lets TERM and HUP\n"
               "cancel too, =signal:INT sends the job a signal instead of cancelling it.\n"
               "\n"
               "After a lost connection the job is followed from the next byte on.\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct run_options),
    .needs_server = true,
    .has_job_codes = true,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
