#include "http_runner_body.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "keeper.h"
#include "output.h"
#include "output_files.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/json/predecessors.h"
#include "sallyport/output/output_log.h"
#include "sallyport/output/output_text.h"

#define PIECES_MAX    (16 * 1024) /* of one stream: bytes that were written one by one must not hold up the loop */
#define FRAME_BYTES   128         /* what stands between, and the closing NUL */
#define IS_CUT_MEMBER "truncated"

struct body {
    char *text;
    size_t size, room; /* room: for all but the closing NUL */
    bool is_cut;
};

static void add(struct body *body, const char *text, size_t size)
{
    memcpy(body->text + body->size, text, size);
    body->size += size;
}

/* 0, or -errno when the log cannot be read. Not beyond `end`. */
static int add_stream(struct body *body, struct output_log *log, enum output_stream stream, size_t end)
{
    struct output_text state;
    const char *text;
    size_t size;
    int more = 1;
    output_text_begin(&state, stream, 0);
    for (unsigned i = 0; more > 0; i++) {
        more = output_text_next(log, &state, &text, &size);
        if (more < 0)
            return more;
        if (body->size + size > end || i == PIECES_MAX) { /* a piece is whole or it is not there: no escape is cut */
            body->is_cut = true;
            return 0;
        }
        add(body, text, size);
    }
    return 0;
}

/* 1 with a log, 0 without: the job has none, or nothing of it may be kept. */
static int open_log(struct keeper *keeper, const struct job_record *record, struct output_log *ret_log,
                    struct error *err)
{
    auto_fd int log_fd = -1, index_fd = -1;
    uint64_t bytes = 0;
    uint32_t records = 0;
    if (record->is_metadata_only || record->output_bytes == 0)
        return 0;
    int done = output_files_read(keeper->state_fd, &record->id, &log_fd, &index_fd, err);
    if (done == 0)
        done = output_measure(log_fd, index_fd, &bytes, &records, err);
    if (done < 0)
        return done;
    output_log_init(ret_log, fd_take(&log_fd), fd_take(&index_fd));
    output_log_grow(ret_log, bytes, records, true);
    return 1;
}

/* A log that cannot be read is no reason to tell nothing. */
static void add_output(struct keeper *keeper, const struct job_record *record, struct body *body)
{
    struct output_log log = { .bytes_fd = -1, .index_fd = -1 };
    struct error err = { 0 };
    int has_log = open_log(keeper, record, &log, &err), done = 0;
    struct output_log *from = has_log > 0 ? &log : NULL;
    add(body, HTTP_RUNNER_BEFORE_STDERR, strlen(HTTP_RUNNER_BEFORE_STDERR));
    done = add_stream(body, from, OUTPUT_STDERR, (body->size + body->room) / 2);
    add(body, HTTP_RUNNER_BEFORE_STDOUT, strlen(HTTP_RUNNER_BEFORE_STDOUT));
    if (done == 0)
        done = add_stream(body, from, OUTPUT_STDOUT, body->room);
    add(body, HTTP_RUNNER_BEHIND_STDOUT, strlen(HTTP_RUNNER_BEHIND_STDOUT));
    if (has_log < 0 || done < 0)
        log_warn("a callback is told not all of the output of a job of '%s': %s", record->command,
                 has_log < 0 ? err.text : strerror(-done));
    body->is_cut |= has_log < 0 || done < 0;
    output_log_done(&log);
}

char *http_runner_body(struct keeper *keeper, const struct job_record *record, const struct msg_job *report)
{
    json_t *members = http_runner_members(report);
    json_object_set_new(members, IS_CUT_MEMBER, json_true());
    auto_free char *cut = json_dumps(members, JSON_COMPACT);
    json_object_del(members, IS_CUT_MEMBER);
    auto_free char *whole = json_dumps(members, JSON_COMPACT);
    json_decref(members);
    if (cut == NULL || whole == NULL)
        return NULL;
    size_t members_bytes = strlen(cut);
    size_t most =
        members_bytes + FRAME_BYTES > CALLBACK_BODY_MAX_BYTES ? members_bytes + FRAME_BYTES : CALLBACK_BODY_MAX_BYTES;
    struct body body = { .text = malloc(most), .room = most - members_bytes - FRAME_BYTES };
    if (body.text == NULL)
        return NULL;
    add_output(keeper, record, &body);
    const char *last = body.is_cut ? cut : whole;
    add(&body, last + 1, strlen(last)); /* without the brace that it begins with, and with the NUL */
    return body.text;
}
