/* Who may read a job's output may read what it left behind as files: how far they are, and both files, read-only. */
#include <errno.h>
#include <sys/stat.h>

#include "artifacts.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "output.h"
#include "output_files.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

static enum artifacts_state state_of_running(const struct job *job)
{
    bool has_come = job->output != NULL && job->output->artifacts != NULL && job->output->artifacts->bytes > 0;
    return has_come || job->exited != NULL ? ARTIFACTS_GATHERING : ARTIFACTS_PENDING;
}

/* What is not as long as its record says is not what was collected. */
static int open_stored(const struct keeper *keeper, const struct job_record *record, int fds[2],
                       struct msg_artifacts *artifacts, struct error *err)
{
    struct stat stream, index;
    int done = artifact_files_read(keeper->state_fd, &record->id, &fds[0], &fds[1], err);
    if (done < 0)
        return done;
    if (fstat(fds[0], &stream) < 0 || fstat(fds[1], &index) < 0)
        return fail(err, errno, "stat artefacts");
    artifacts->state = ARTIFACTS_STORED;
    artifacts->bytes = (uint64_t)stream.st_size;
    artifacts->index_bytes = (uint64_t)index.st_size;
    unsigned long long found = artifacts->bytes + artifacts->index_bytes;
    if (found != record->artifacts_stored_bytes)
        return fail_plain(err, EBADMSG, "its artefacts take %llu bytes, and its record says %llu", found,
                          (unsigned long long)record->artifacts_stored_bytes);
    return 0;
}

int look_open_artifacts(const struct keeper *keeper, const struct job_record *record, int fds[2],
                        struct msg_artifacts *ret_artifacts, struct error *err)
{
    if (look_is_gone(record))
        return fail_plain(err, ENOENT, "its files were removed");
    return record->artifacts_stored_bytes > 0 ? open_stored(keeper, record, fds, ret_artifacts, err) : 0;
}

static void tell(struct keeper *keeper, const struct request *request, const struct msg_artifacts *artifacts,
                 const int fds[2])
{
    turn_send(keeper, &keeper->front, MSG_ARTIFACTS, request->id, artifacts, fds,
              artifacts->state == ARTIFACTS_STORED ? 2 : 0);
}

void answer_read_artifacts(struct keeper *keeper, const struct request *request, const struct message *message)
{
    struct job_record record;
    struct error err = { 0 };
    if (!look_for_job(keeper, request, &message->body.read_job.job_id, &record))
        return;
    const struct job *job = job_find(keeper, &record.id);
    struct msg_artifacts artifacts = { .job_id = record.id };
    int fds[2] = { -1, -1 }, done = 0;
    if (look_is_gone(&record))
        done = -ENOENT;
    else if (job != NULL && !job->is_over)
        artifacts.state = (uint8_t)state_of_running(job);
    else if (record.artifacts_stored_bytes > 0)
        done = open_stored(keeper, &record, fds, &artifacts, &err);
    if (done == -ENOENT)
        look_refuse_gone(keeper, request, &record);
    else if (done == -EBADMSG)
        look_refuse_damaged(keeper, request, &record, &err);
    else if (done < 0)
        request_fail(keeper, request, &err);
    else
        tell(keeper, request, &artifacts, fds);
    for (int i = 0; i < 2; i++)
        fd_close(&fds[i]);
}
