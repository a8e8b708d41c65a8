#include "intake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "copies.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "stdin_file.h"
#include "turn_item.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

static void on_copied(struct keeper *keeper, void *arg, int result, const struct error *err);

/* The file goes with it unless a job has it. */
static void intake_free(struct keeper *keeper, struct intake *intake)
{
    LIST_REMOVE(intake, in_list);
    copy_stop(keeper, intake->copy);
    if (!intake->is_taken)
        stdin_file_remove(keeper->state_fd, &intake->job_id);
    turn_item_free(intake->message);
    free(intake);
}

void intakes_done(struct keeper *keeper)
{
    while (!LIST_EMPTY(&keeper->intakes))
        intake_free(keeper, LIST_FIRST(&keeper->intakes));
}

static int copy_stdin(struct keeper *keeper, struct intake *intake, int stdin_fd, uint64_t size, bool wants_hash,
                      struct error *err)
{
    auto_fd int file_fd = -1;
    int done = stdin_file_make(keeper->state_fd, &intake->job_id, &file_fd, err);
    if (done < 0)
        return done;
    struct copy_wish wish = { .from_fd = stdin_fd,
                              .to_fd = file_fd,
                              .size = size,
                              .syncs = keeper->rules.settings.syncs_fully,
                              .hashes = wants_hash,
                              .ended = on_copied,
                              .arg = intake };
    intake->has_sha256 = wants_hash;
    return copy_begin(keeper, &wish, &intake->copy, err);
}

int intake_begin(struct keeper *keeper, const struct message *message, int stdin_fd, uint64_t stdin_bytes,
                 bool wants_hash, struct error *err)
{
    struct intake *intake = calloc(1, sizeof *intake);
    struct turn_item *copied = turn_item_new(message->type, &message->body, message->fds, message->fd_count);
    if (intake == NULL || copied == NULL) {
        free(intake);
        if (copied != NULL)
            turn_item_free(copied);
        return fail(err, ENOMEM, "take standard input");
    }
    copied->request_id = message->request_id;
    *intake = (struct intake){ .message = copied, .epoch = keeper->front.epoch, .job_id = job_id_new() };
    LIST_INSERT_HEAD(&keeper->intakes, intake, in_list);
    int done = copy_stdin(keeper, intake, stdin_fd, stdin_bytes, wants_hash, err);
    if (done < 0)
        intake_free(keeper, intake);
    return done;
}

/* The message as it came. Its descriptors stay the intake's. */
static void message_of(const struct intake *intake, struct message *ret_message)
{
    const struct turn_item *item = intake->message;
    *ret_message = (struct message){ .type = item->type, .request_id = item->request_id, .fd_count = item->fd_count };
    memcpy(&ret_message->body, item->body, message_defs[item->type].struct_bytes);
    memcpy(ret_message->fds, item->fds, sizeof item->fds);
}

static void on_copied(struct keeper *keeper, void *arg, int result, const struct error *err)
{
    struct intake *intake = arg;
    static struct message message; /* large, and one at a time */
    struct error sync_err = { 0 };
    if (intake->has_sha256 && result == 0)
        copy_sha256(intake->copy, intake->sha256);
    intake->copy = NULL;
    if (result == 0 && keeper->rules.settings.syncs_fully) {
        result = stdin_files_sync(keeper->state_fd, &sync_err);
        err = &sync_err;
    }
    message_of(intake, &message);
    if (intake->epoch != keeper->front.epoch)
        ; /* nobody waits for an answer, and nothing was promised */
    else if (result == 0)
        front_take_again(keeper, &message, intake);
    else
        request_fail(keeper, &(struct request){ .id = message.request_id, .type = message.type }, err);
    intake_free(keeper, intake);
}
