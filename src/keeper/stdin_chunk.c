#include "stdin_chunk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authorize.h"
#include "copies.h"
#include "deed.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "stdin_file.h"
#include "stdin_stream.h"
#include "submit.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"

struct stdin_chunk {
    LIST_ENTRY(stdin_chunk) in_list;
    struct deed deed;
    struct copy *copy;
    uint64_t before_bytes, more_bytes; /* in the stream already; that this adds */
    bool ends;
};

static void on_copied(struct keeper *keeper, void *arg, int result, const struct error *err); /* the bytes are there, */
static void chunk_count(struct keeper *keeper, struct stdin_chunk *chunk, struct job *job);   /* and shall count; */
static void on_stored(struct keeper *keeper, void *arg, bool is_stored);                      /* now they do */

static void chunk_free(struct keeper *keeper, struct stdin_chunk *chunk)
{
    struct job *job = job_find(keeper, &chunk->deed.job_id);
    if (job != NULL)
        job->has_chunk = false;
    LIST_REMOVE(chunk, in_list);
    free(chunk);
}

void stdin_chunks_done(struct keeper *keeper)
{
    struct stdin_chunk *chunk = LIST_FIRST(&keeper->stdin_chunks);
    while (chunk != NULL) {
        struct stdin_chunk *next = LIST_NEXT(chunk, in_list);
        copy_stop(keeper, chunk->copy);
        free(chunk);
        chunk = next;
    }
    LIST_INIT(&keeper->stdin_chunks);
}

/* The record tells, but while bytes are being stored it is ahead of what is. */
static void verdict(struct keeper *keeper, const struct request *request, const struct job_record *record,
                    enum stdin_verdict what)
{
    struct msg_stdin_taken taken = { .verdict = (uint8_t)what,
                                     .bytes = record->stdin_bytes,
                                     .has_ended = record->has_stdin_ended };
    request_answer(keeper, request, MSG_STDIN_TAKEN, &taken);
}

static bool is_fed(const struct job *job)
{
    return job != NULL && !job->is_over && job->exited == NULL && !job_has_ended(job->record.state);
}

static int read_record(struct keeper *keeper, const struct job_id *id, const struct job *job,
                       struct job_record *ret_record, struct error *err)
{
    if (job == NULL)
        return store_job_read(keeper->store, id, ret_record, err);
    *ret_record = job->record;
    if (job->has_chunk) {
        ret_record->stdin_bytes = job->stdin_stored;
        ret_record->has_stdin_ended = job->is_stdin_end_stored;
    }
    return 1;
}

/* The record of a stream that the caller may feed; otherwise the refusal is on its way. */
static bool find_stream(struct keeper *keeper, const struct request *request, const struct job_id *id,
                        const struct job *job, struct job_record *ret_record)
{
    struct error err = { 0 };
    struct refusal refusal = { .status = 404, .code = "not-found", .job_id = id };
    int found = read_record(keeper, id, job, ret_record, &err);
    if (found < 0) {
        request_fail(keeper, request, &err);
        return false;
    }
    const struct job_record *record = ret_record;
    bool may = found > 0 && may_feed(request->who, record->command, record->actor, record->via);
    if (!may && (found == 0 || !may_read(request->who, record->actor, record->via))) {
        request_refuse(keeper, request, &refusal, "there is no such job");
        return false;
    }
    refusal.command = record->command;
    refusal.status = may ? 409 : 403;
    refusal.code = may ? "stdin-closed" : "forbidden";
    if (!may)
        request_refuse(keeper, request, &refusal,
                       "input comes from the caller who started the job and may still run '%s'", record->command);
    else if (!record->is_stdin_stream)
        request_refuse(keeper, request, &refusal, "the job's command does not say 'stdin: stream'");
    return may && record->is_stdin_stream;
}

static void refuse_ended(struct keeper *keeper, const struct request *request, const struct job_record *record)
{
    struct refusal refusal = {
        .status = 409, .code = "job-not-active", .job_id = &record->id, .command = record->command
    };
    request_refuse(keeper, request, &refusal, "the job has ended, and takes no more input");
}

static uint64_t most_bytes(const struct keeper *keeper, const struct job *job)
{
    int index = policy_find_command(keeper->rules.policy, job->record.command);
    return index >= 0 ? keeper->rules.policy->commands[index].stdin_max_bytes : 0;
}

static bool has_room(struct keeper *keeper, const struct request *request, const struct job *job, uint64_t more_bytes)
{
    uint64_t most = most_bytes(keeper, job), known = job->record.stdin_bytes;
    struct refusal refusal = {
        .status = 413, .code = "body-too-large", .job_id = &job->record.id, .command = job->record.command
    };
    if (more_bytes > 0 && (known > most || more_bytes > most - known)) {
        request_refuse(keeper, request, &refusal,
                       "the job's standard input would be larger than the %llu bytes that its command takes",
                       (unsigned long long)most);
        return false;
    }
    const char *why = retention_refusal(keeper);
    if (keeper->turn.is_behind) { /* what is known to fail is not tried: the retry of the turn does that */
        request_fail(keeper, request, &keeper->turn.failure);
        return false;
    }
    if (why == NULL)
        return true;
    refusal.status = 503;
    refusal.code = "store-full";
    refusal.retry_after_s = STORE_RETRY_AFTER_S;
    request_refuse(keeper, request, &refusal, "%s", why);
    return false;
}

static struct stdin_chunk *chunk_new(struct keeper *keeper, const struct request *request, struct job *job,
                                     uint64_t more_bytes, bool ends)
{
    struct stdin_chunk *chunk = calloc(1, sizeof *chunk);
    if (chunk == NULL)
        return NULL;
    *chunk = (struct stdin_chunk){
        .deed = { .request_id = request->id, .epoch = keeper->front.epoch, .job_id = job->record.id },
        .before_bytes = job->record.stdin_bytes,
        .more_bytes = more_bytes,
        .ends = ends
    };
    text_copy(chunk->deed.actor, sizeof chunk->deed.actor, request->who->name);
    text_copy(chunk->deed.address, sizeof chunk->deed.address, request->evidence->address);
    LIST_INSERT_HEAD(&keeper->stdin_chunks, chunk, in_list);
    job->has_chunk = true;
    return chunk;
}

static int begin_copy(struct keeper *keeper, struct stdin_chunk *chunk, int from_fd, uint64_t from_at,
                      struct error *err)
{
    auto_fd int to_fd = -1;
    int done = stdin_file_extend(keeper->state_fd, &chunk->deed.job_id, chunk->before_bytes, &to_fd, err);
    if (done < 0)
        return done;
    struct copy_wish wish = { .from_fd = from_fd,
                              .from_at = from_at,
                              .to_fd = to_fd,
                              .to_at = chunk->before_bytes,
                              .size = chunk->more_bytes,
                              .syncs = keeper->rules.settings.syncs_fully,
                              .ended = on_copied,
                              .arg = chunk };
    return copy_begin(keeper, &wish, &chunk->copy, err);
}

static void take(struct keeper *keeper, const struct request *request, struct job *job, uint64_t skipped_bytes,
                 uint64_t more_bytes, bool ends)
{
    struct error err = { 0 };
    struct stdin_chunk *chunk = chunk_new(keeper, request, job, more_bytes, ends);
    int done = chunk == NULL    ? fail(&err, ENOMEM, "take input")
               : more_bytes > 0 ? begin_copy(keeper, chunk, request->stdin_fd, skipped_bytes, &err)
                                : 0;
    if (done < 0) {
        request_fail(keeper, request, &err);
        if (chunk != NULL)
            chunk_free(keeper, chunk);
    } else if (more_bytes == 0) {
        chunk_count(keeper, chunk, job);
    }
}

void answer_stdin(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_stdin *asked = &message->body.stdin_chunk;
    struct error err = { 0 };
    struct job_record record;
    uint64_t size = 0;
    struct job *job = job_find(keeper, &asked->job_id);
    if (!find_stream(keeper, request, &asked->job_id, job, &record))
        return;
    if (asked->has_bytes && memfd_check_sealed(request->stdin_fd, UINT64_MAX, &size, &err) < 0) {
        request_distrust(keeper, request, err.text);
        return;
    }
    uint64_t known = record.stdin_bytes, at = asked->has_offset ? asked->offset : known;
    uint64_t skipped = at < known ? known - at : 0;
    uint64_t more = skipped < size ? size - skipped : 0;
    if (job != NULL && job->has_chunk)
        verdict(keeper, request, &record, STDIN_BUSY);
    else if (at <= known && more == 0 && (!asked->ends || (record.has_stdin_ended && skipped == size)))
        verdict(keeper, request, &record, STDIN_TAKEN); /* the same again, of a caller who missed our answer */
    else if (!is_fed(job))
        refuse_ended(keeper, request, &record);
    else if (at > known || (asked->ends && skipped > size)) /* a hole before it, or an end before what is there */
        verdict(keeper, request, &record, STDIN_GAP);
    else if (record.has_stdin_ended || (job->stream != NULL && job->stream->is_closed))
        verdict(keeper, request, &record, STDIN_CLOSED);
    else if (has_room(keeper, request, job, more))
        take(keeper, request, job, skipped, more, asked->ends);
}

/* --- and later -------------------------------------------------------------------------------------------------- */

static void refuse(struct keeper *keeper, const struct stdin_chunk *chunk, const struct msg_refused *refused)
{
    if (chunk->deed.epoch == keeper->front.epoch)
        turn_send(keeper, &keeper->front, MSG_REFUSED, chunk->deed.request_id, refused, NULL, 0);
}

static void refuse_late(struct keeper *keeper, const struct stdin_chunk *chunk)
{
    struct msg_refused refused = { .status = 409, .code = "job-not-active" };
    text_copy(refused.detail, sizeof refused.detail, "the job ended while its input was stored");
    refuse(keeper, chunk, &refused);
}

static void refuse_failed(struct keeper *keeper, const struct stdin_chunk *chunk, const struct error *err)
{
    struct msg_refused refused;
    request_refusal(err, &refused);
    refuse(keeper, chunk, &refused);
}

static void on_copied(struct keeper *keeper, void *arg, int result, const struct error *err)
{
    struct stdin_chunk *chunk = arg;
    struct job *job = job_find(keeper, &chunk->deed.job_id);
    struct error sync_err = { 0 };
    chunk->copy = NULL;
    if (result == 0 && chunk->before_bytes == 0 && keeper->rules.settings.syncs_fully) {
        result = stdin_files_sync(keeper->state_fd, INPUT_STDIN, &sync_err); /* the file may be new */
        err = &sync_err;
    }
    if (result == 0 && is_fed(job)) {
        chunk_count(keeper, chunk, job);
        return;
    }
    if (result < 0)
        refuse_failed(keeper, chunk, err);
    else
        refuse_late(keeper, chunk);
    chunk_free(keeper, chunk);
}

/* Each chunk would fill the trail with what says nothing. */
static int record_chunk(struct keeper *keeper, const struct stdin_chunk *chunk, const struct job *job,
                        struct error *err)
{
    char detail[REASON_MAX_BYTES];
    const struct deed *deed = &chunk->deed;
    if (chunk->before_bytes > 0 && !chunk->ends && strcmp(deed->actor, job->record.actor) == 0)
        return 0;
    unsigned long long bytes = chunk->before_bytes + chunk->more_bytes;
    snprintf(detail, sizeof detail, "%llu bytes%s", bytes, chunk->ends ? ", and no more" : "");
    struct audit_entry entry = { .what = AUDIT_STDIN,
                                 .job_id = &deed->job_id,
                                 .actor = deed->actor,
                                 .count = 1,
                                 .address = deed->address,
                                 .command = job->record.command,
                                 .detail = detail };
    return audit_record(keeper->store, &entry, err);
}

static void chunk_count(struct keeper *keeper, struct stdin_chunk *chunk, struct job *job)
{
    struct error err = { 0 };
    int done = turn_write(keeper, &err);
    if (done == 0)
        done = record_chunk(keeper, chunk, job, &err);
    if (done < 0) {
        turn_spoil(keeper, &err);
        refuse_failed(keeper, chunk, &err);
        chunk_free(keeper, chunk);
        return;
    }
    job->record.stdin_bytes += chunk->more_bytes;
    job->record.has_stdin_ended |= chunk->ends;
    job->record.version++;
    turn_job_changed(keeper, job);
    turn_then(keeper, on_stored, chunk);
}

/* What was not stored does not count: whoever sent it hears so, and sends it again. */
static void on_stored(struct keeper *keeper, void *arg, bool is_stored)
{
    struct stdin_chunk *chunk = arg;
    struct job *job = job_find(keeper, &chunk->deed.job_id);
    struct msg_stdin_taken taken = { .verdict = STDIN_TAKEN,
                                     .bytes = chunk->before_bytes + chunk->more_bytes,
                                     .has_ended = chunk->ends };
    if (!is_stored && job != NULL) {
        job->record.stdin_bytes = chunk->before_bytes;
        job->record.has_stdin_ended = job->is_stdin_end_stored;
    }
    if (is_stored)
        deed_answer(keeper, &chunk->deed, MSG_STDIN_TAKEN, &taken);
    else
        deed_refuse(keeper, &chunk->deed);
    chunk_free(keeper, chunk);
    if (is_stored && job != NULL)
        stdin_stream_touch(job);
}
