#include "intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "copies.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "turn_item.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

static void on_stdin_seen(void *arg, const uint8_t *data, size_t size);
static void on_files_seen(void *arg, const uint8_t *data, size_t size);
static void on_copied(struct keeper *keeper, void *arg, int result, const struct error *err);

/* The files go with it unless a job has them. */
static void intake_free(struct keeper *keeper, struct intake *intake)
{
    LIST_REMOVE(intake, in_list);
    copy_stop(keeper, intake->copy);
    if (!intake->is_taken)
        stdin_file_remove(keeper->state_fd, &intake->job_id);
    hash_free(intake->hash);
    turn_item_free(intake->message);
    free(intake);
}

void intakes_done(struct keeper *keeper)
{
    while (!LIST_EMPTY(&keeper->intakes))
        intake_free(keeper, LIST_FIRST(&keeper->intakes));
}

static int copy_input(struct keeper *keeper, struct intake *intake, int from_fd, uint64_t size, copy_seen *seen,
                      struct error *err)
{
    auto_fd int file_fd = -1;
    int done = stdin_file_make(keeper->state_fd, intake->kind, &intake->job_id, &file_fd, err);
    if (done < 0)
        return done;
    struct copy_wish wish = { .from_fd = from_fd,
                              .to_fd = file_fd,
                              .size = size,
                              .syncs = keeper->rules.settings.syncs_fully,
                              .seen = seen,
                              .ended = on_copied,
                              .arg = intake };
    return copy_begin(keeper, &wish, &intake->copy, err);
}

static int copy_stdin(struct keeper *keeper, struct intake *intake, const struct intake_wish *wish, struct error *err)
{
    intake->kind = INPUT_STDIN;
    intake->has_sha256 = wish->wants_hash;
    if (wish->wants_hash && (intake->hash = hash_new()) == NULL)
        return fail(err, ENOMEM, "take standard input");
    return copy_input(keeper, intake, wish->stdin_fd, wish->stdin_bytes, wish->wants_hash ? on_stdin_seen : NULL, err);
}

static int copy_files(struct keeper *keeper, struct intake *intake, int files_fd, struct error *err)
{
    intake->kind = INPUT_FILES;
    return copy_input(keeper, intake, files_fd, BUNDLE_HEAD_BYTES + bundle_content_bytes(&intake->files), on_files_seen,
                      err);
}

int intake_begin(struct keeper *keeper, const struct message *message, const struct intake_wish *wish,
                 struct error *err)
{
    struct intake *intake = calloc(1, sizeof *intake);
    struct turn_item *copied = turn_item_new(message->type, &message->body, message->fds, message->fd_count);
    if (intake == NULL || copied == NULL) {
        free(intake);
        if (copied != NULL)
            turn_item_free(copied);
        return fail(err, ENOMEM, "take input");
    }
    copied->request_id = message->request_id;
    *intake = (struct intake){ .message = copied, .epoch = keeper->front.epoch, .job_id = job_id_new() };
    if (wish->files_fd >= 0)
        intake->files = *wish->files;
    LIST_INSERT_HEAD(&keeper->intakes, intake, in_list);
    int done =
        wish->stdin_fd >= 0 ? copy_stdin(keeper, intake, wish, err) : copy_files(keeper, intake, wish->files_fd, err);
    if (done < 0)
        intake_free(keeper, intake);
    return done;
}

static void on_stdin_seen(void *arg, const uint8_t *data, size_t size)
{
    struct intake *intake = arg;
    hash_update(intake->hash, data, size);
}

/* Each file has a digest of its own. One without bytes begins and ends at the same place. */
static void end_files(struct intake *intake)
{
    while (intake->file < intake->files.count && !intake->is_short_of_memory) {
        const struct bundle_file *file = &intake->files.files[intake->file];
        if (intake->hash == NULL && intake->file_seen >= file->offset && (intake->hash = hash_new()) == NULL)
            intake->is_short_of_memory = true;
        if (intake->hash == NULL || intake->file_seen < file->offset + file->bytes)
            return;
        hash_result(intake->hash, intake->file_sha256[intake->file++]);
        hash_free(intake->hash);
        intake->hash = NULL;
    }
}

static void on_files_seen(void *arg, const uint8_t *data, size_t size)
{
    struct intake *intake = arg;
    while (size > 0 && intake->file < intake->files.count && !intake->is_short_of_memory) {
        const struct bundle_file *file = &intake->files.files[intake->file];
        bool is_head = intake->file_seen < file->offset;
        uint64_t left = (is_head ? file->offset : file->offset + file->bytes) - intake->file_seen;
        size_t taken = size < left ? size : (size_t)left;
        if (!is_head)
            hash_update(intake->hash, data, taken);
        data += taken;
        size -= taken;
        intake->file_seen += taken;
        end_files(intake);
    }
}

/* The message as it came. Its descriptors stay the intake's. */
static void message_of(const struct intake *intake, struct message *ret_message)
{
    const struct turn_item *item = intake->message;
    *ret_message = (struct message){ .type = item->type, .request_id = item->request_id, .fd_count = item->fd_count };
    memcpy(&ret_message->body, item->body, message_defs[item->type].struct_bytes);
    memcpy(ret_message->fds, item->fds, sizeof item->fds);
}

/* Of what was copied just now. */
static int take_digest(struct intake *intake, struct error *err)
{
    if (intake->is_short_of_memory)
        return fail(err, ENOMEM, "take files");
    if (intake->hash != NULL)
        hash_result(intake->hash, intake->sha256);
    hash_free(intake->hash);
    intake->hash = NULL;
    return 0;
}

/* 1 when another copy has begun, 0 when all is there. */
static int go_on(struct keeper *keeper, struct intake *intake, struct error *err)
{
    int done = take_digest(intake, err);
    if (done == 0 && keeper->rules.settings.syncs_fully)
        done = stdin_files_sync(keeper->state_fd, intake->kind, err);
    if (done < 0 || intake->kind == INPUT_FILES || intake->files.count == 0)
        return done;
    const struct turn_item *item = intake->message;
    done = copy_files(keeper, intake, item->fds[item->fd_count - 1], err); /* files come last */
    return done < 0 ? done : 1;
}

static void on_copied(struct keeper *keeper, void *arg, int result, const struct error *err)
{
    struct intake *intake = arg;
    static struct message message; /* large, and one at a time */
    struct error own_err = { 0 };
    intake->copy = NULL;
    if (result == 0 && intake->epoch == keeper->front.epoch) {
        result = go_on(keeper, intake, &own_err);
        err = &own_err;
    }
    if (result > 0)
        return;
    message_of(intake, &message);
    if (intake->epoch != keeper->front.epoch || intake->is_dropped)
        ; /* nobody waits for an answer, and nothing was promised */
    else if (result == 0)
        front_take_again(keeper, &message, intake);
    else
        request_fail(keeper, &(struct request){ .id = message.request_id, .type = message.type }, err);
    intake_free(keeper, intake);
}
