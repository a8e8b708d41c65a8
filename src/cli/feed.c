#include "feed.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "say.h"

#define PIECE_BYTES (256 * 1024) /* the server takes twice as much at once */

enum verdict { VERDICT_TAKEN, VERDICT_AGAIN, VERDICT_CLOSED, VERDICT_REFUSED };

static enum verdict judge(const struct client *client, int result, const struct response *response, uint64_t sent_to,
                          struct error *err)
{
    if (result < 0 || response->status == 429 || response->status >= 500)
        return result == 0 && client_refusal(client, response, err) >= 0 ? VERDICT_REFUSED : VERDICT_AGAIN;
    const char *code = json_string_value(json_object_get(response->json, "code"));
    uint64_t bytes = (uint64_t)json_integer_value(json_object_get(response->json, "bytes"));
    if (response->status == 202 && bytes == sent_to)
        return VERDICT_TAKEN;
    if (response->status == 202) {
        fail_plain(err, EPROTO, "others feed the job, too: it was given %llu bytes, and %llu of ours",
                   (unsigned long long)bytes, (unsigned long long)sent_to);
        return VERDICT_REFUSED;
    }
    if (code != NULL && strcmp(code, "stdin-busy") == 0)
        return VERDICT_AGAIN;
    if (code != NULL && (strcmp(code, "stdin-closed") == 0 || strcmp(code, "job-not-active") == 0))
        return VERDICT_CLOSED;
    client_refusal(client, response, err);
    return VERDICT_REFUSED;
}

/* Sends one piece until it is taken. 1: the job wants no more. */
static int send_piece(struct client *client, const struct feed_options *options, uint64_t offset, const void *data,
                      size_t size, bool ends, struct error *err)
{
    char path[160];
    snprintf(path, sizeof path, "/v1/jobs/%s/stdin?offset=%llu%s", options->job_id, (unsigned long long)offset,
             ends ? "&eof=1" : "");
    const struct request request = { .method = "POST", .path = path, .bytes = data, .byte_count = size };
    uint64_t give_up_ms = clock_monotonic_ms() + options->reconnect_ms;
    for (unsigned tries = 0;; tries++) {
        struct response response;
        int result = client_call(client, &request, &response, err);
        enum verdict verdict = judge(client, result, &response, offset + size, err);
        response_done(&response);
        if (verdict == VERDICT_TAKEN || verdict == VERDICT_CLOSED)
            return verdict == VERDICT_CLOSED;
        if (verdict == VERDICT_REFUSED || clock_monotonic_ms() >= give_up_ms)
            return -err->code;
        poll(NULL, 0, tries < 5 ? 50 : 1000);
    }
}

/* Where the job's input stands: others, or an earlier call, may have begun it. */
static int find_offset(struct client *client, const struct feed_options *options, uint64_t *ret_offset,
                       struct error *err)
{
    char path[160];
    json_t *answer = NULL;
    snprintf(path, sizeof path, "/v1/jobs/%s/stdin", options->job_id);
    const struct request request = { .method = "POST", .path = path };
    int done = client_ask(client, &request, &answer, err);
    if (done == 0)
        *ret_offset = (uint64_t)json_integer_value(json_object_get(answer, "bytes"));
    json_decref(answer);
    return done;
}

static int feed(struct client *client, const struct feed_options *options, uint8_t *piece, struct error *err)
{
    uint64_t offset = 0;
    int done = find_offset(client, options, &offset, err);
    while (done == 0) {
        ssize_t got = read(options->fd, piece, PIECE_BYTES);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, errno, "read what the job shall be given");
        if (got == 0 && options->is_open_ended)
            return 0;
        done = send_piece(client, options, offset, piece, (size_t)got, got == 0, err);
        offset += (uint64_t)got;
        if (got == 0)
            break;
    }
    return done < 0 ? done : 0;
}

int feed_run(struct cli *cli, const struct feed_options *options, struct error *err)
{
    uint8_t *piece = malloc(PIECE_BYTES);
    if (piece == NULL)
        return fail(err, ENOMEM, "feed a job");
    int done = feed(cli->client, options, piece, err);
    free(piece);
    return done;
}

static _Noreturn void feed_alone(struct cli *cli, const struct feed_options *options, pid_t parent)
{
    struct error err = { 0 };
    struct client *client = NULL;
    /* Ctrl-C is for our parent, which asks the server to cancel, and ends us when the job has. */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_IGN);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(CODE_TROUBLE);
    int done = client_new(cli, &client, &err); /* connections of its own: two processes cannot share one */
    cli->client = client;
    if (done == 0)
        done = feed_run(cli, options, &err);
    if (done < 0)
        say("the job's input: %s", err.text);
    _exit(done < 0 ? CODE_TROUBLE : 0);
}

int feed_begin(struct cli *cli, const struct feed_options *options, pid_t *ret_pid, struct error *err)
{
    pid_t parent = getpid();
    fflush(NULL); /* the child must not write it again */
    pid_t pid = fork();
    if (pid < 0)
        return fail(err, errno, "start a process that feeds the job");
    if (pid == 0)
        feed_alone(cli, options, parent);
    *ret_pid = pid;
    return 0;
}

void feed_end(pid_t pid)
{
    kill(pid, SIGKILL); /* it may wait for a terminal that nobody types on */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}
