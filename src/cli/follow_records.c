#include "follow_parts.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "say.h"
#include "terminal.h"
#include "when.h"

static int stop(struct following *following, int code)
{
    following->stop_code = code;
    return 1;
}

int follow_write(struct following *following, int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, data, size);
        if (put >= 0) {
            data += put;
            size -= (size_t)put;
            continue;
        }
        if (errno == EINTR && follow_woken(following) != 0)
            return 1;
        if (errno == EAGAIN) { /* whoever gave us this descriptor made it so, and may need it so */
            struct pollfd ready = { .fd = fd, .events = POLLOUT };
            poll(&ready, 1, 1000);
            if (follow_woken(following) != 0)
                return 1;
            continue;
        }
        if (errno == EINTR)
            continue;
        int code = errno;
        say("%s cannot be written any more (%s): detached; job %s goes on. Follow it with: sallyport attach %s",
            fd == STDOUT_FILENO ? "stdout" : "stderr", strerrordesc_np(code), following->id, following->id);
        return stop(following, CODE_TROUBLE);
    }
    return 0;
}

static int take_output(struct following *following, struct output_record *record)
{
    uint64_t unix_ms, end = record->offset + record->size;
    if (following->has_offset && end <= following->next_offset)
        return 0; /* had it already, on an earlier connection */
    if (following->has_offset && record->offset < following->next_offset) {
        size_t known = (size_t)(following->next_offset - record->offset);
        record->data += known;
        record->size -= known;
    }
    following->has_offset = true;
    following->next_offset = end;
    uint64_t since_ms = following->options->since_unix_ms;
    if (since_ms > 0 && when_parse(record->time, &unix_ms) && unix_ms < since_ms)
        return 0;
    bool is_out = record->stream == 'o';
    if (following->cli->is_plain) {
        char *data = (char *)(uintptr_t)record->data; /* points into the line, which is ours to change */
        record->size = ansi_strip(&following->plain[is_out ? 0 : 1], record->data, record->size, data);
    }
    return follow_write(following, is_out ? STDOUT_FILENO : STDERR_FILENO, record->data, record->size);
}

static void tell_queue(struct following *following, const json_t *job)
{
    const char *why = json_string_value(json_object_get(job, "queued_reason"));
    json_int_t position = json_integer_value(json_object_get(job, "position"));
    const char *state = json_string_value(json_object_get(job, "state"));
    if (following->has_told_queue || !following->options->announces || state == NULL || strcmp(state, "queued") != 0 ||
        position == 0)
        return;
    following->has_told_queue = true;
    say_dim("job %s waits at place %lld%s%s", follow_streamed_id(following), (long long)position,
            why == NULL ? "" : ": ", why == NULL ? "" : why);
}

static void take_job(struct following *following, const json_t *job)
{
    struct report report;
    if (!report_read(job, &report))
        return;
    if (report.command[0] == '\0')
        memcpy(report.command, following->report.command, sizeof report.command);
    following->report = report;
    if (following->id[0] == '\0')
        memcpy(following->id, report.id, sizeof following->id);
    if (!following->was_announced && following->options->announces)
        say("job %s", following->id);
    following->was_announced = true;
    tell_queue(following, job);
    if (json_is_integer(json_object_get(job, "step_count"))) /* the first record alone has it */
        following->step_count = json_integer_value(json_object_get(job, "step_count"));
}

/* A sequence has no output of its own: once it runs, what there is to see is in the streams of its steps. */
static bool is_to_be_left(struct following *following)
{
    enum job_state state = following->report.state;
    following->leaves_for_steps =
        following->step_count > 0 && (state == JOB_RUNNING || state == JOB_STOPPING || job_has_ended(state));
    return following->leaves_for_steps;
}

static int take_gap(struct following *following, const json_t *record)
{
    (void)following;
    long long from = json_integer_value(json_object_get(record, "from")),
              to = json_integer_value(json_object_get(record, "to"));
    const char *why = json_string_value(json_object_get(record, "why"));
    if (to > from)
        say("%lld bytes of output were not kept%s%s", to - from, why == NULL ? "" : ": ", why == NULL ? "" : why);
    else
        say("some output was not kept%s%s", why == NULL ? "" : ": ", why == NULL ? "" : why);
    return 0;
}

/* The server ends the stream early. What may pass is a lost connection like any other; the rest is final. */
static int take_error(struct following *following, const json_t *problem)
{
    json_int_t status = json_integer_value(json_object_get(problem, "status"));
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    if (status == 429 || status >= 500)
        return 1;
    say("the server ended the stream: %s; job %s goes on", detail == NULL ? "without a reason" : detail, following->id);
    return stop(following, CODE_TROUBLE);
}

static int take_end(struct following *following, const json_t *record)
{
    take_job(following, record);
    following->has_end = true;
    (void)is_to_be_left(following);
    return 1;
}

static int take_news(struct following *following, const json_t *record)
{
    take_job(following, record);
    return is_to_be_left(following);
}

static int take_other(struct following *following, const json_t *record)
{
    static const struct {
        const char *type;
        int (*take)(struct following *following, const json_t *record);
    } types[] = {
        { "job", take_news }, { "state", take_news }, { "gap", take_gap }, { "error", take_error }, { "end", take_end }
    };
    const char *type = json_string_value(json_object_get(record, "type"));
    for (size_t i = 0; type != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(types[i].type, type) == 0)
            return types[i].take(following, record);
    return 0; /* pings, and what a later release tells */
}

int follow_line(void *arg, char *line, size_t length)
{
    struct following *following = arg;
    struct output_record record;
    if (following->has_told_loss)
        say_dim("connected again");
    following->lost_since_ms = 0;
    following->has_told_loss = false;
    if (strspn(line, " \r\n") >= length)
        return 0;
    enum record_kind kind = output_record_read(line, length, &record);
    if (kind == RECORD_OUTPUT)
        return take_output(following, &record);
    json_t *other = kind == RECORD_OTHER ? json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (!json_is_object(other)) {
        json_decref(other);
        say("%s sent a line that is no record of output; check the URL%s%s", client_address(following->client),
            following->id[0] == '\0' ? "" : "; the job goes on: ", following->id);
        return stop(following, CODE_TROUBLE);
    }
    int result = take_other(following, other);
    json_decref(other);
    return result;
}
