/*
 * One job's start. The order is checked as if the keeper were lost: generation, command, parameters, timeout, and whether
 * this host can hold the job as the owner wants it. Then, each step undone if a later one fails:
 *
 *   a free slot, an entry in our start record, a control group with the limits, pipes, the plan, and the order to the slot's supervisor
 *
 * What is wrong with the order itself, or will pass, is MSG_NOT_LAUNCHED; what this host cannot do is an end of the job
 * (launch_failed).
 */
#include "launcher.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <event2/event.h>

#include "degrade.h"
#include "plan_build.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/policy/files.h"

#define OUTPUT_PIPE_BYTES (256 * 1024) /* a burst of output waits here while the keeper is busy; 64 KiB otherwise */

static struct plan_room room;

/*
 * A stream's file is never read here, and no job ever has it: what is looked at is that the keeper, which gets it back, could not
 * be made to write by it. It begins where the job's input does.
 */
static int check_stream(int fd, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail(err, errno, "look at the stream of input");
    int flags = fcntl(fd, F_GETFL);
    if (!S_ISREG(st.st_mode) || flags < 0 || (flags & O_ACCMODE) != O_RDONLY || (flags & O_PATH) != 0)
        return fail_plain(err, EINVAL, "the stream of input is no file to read");
    return lseek(fd, 0, SEEK_CUR) == 0 ? 0 : fail_plain(err, EINVAL, "the stream of input was begun already");
}

static int check_stdin(const struct command *command, int fd, struct error *err)
{
    if (command->stdin_kind == STDIN_STREAM)
        return fd >= 0 ? check_stream(fd, err) : fail_plain(err, EINVAL, "the command needs a stream of input");
    if (fd < 0)
        return 0;
    if (command->stdin_kind == STDIN_NONE)
        return fail_plain(err, EINVAL, "the command takes no input");
    return memfd_check_sealed(fd, command->stdin_max_bytes, NULL, err);
}

/* Uploads are what the parameters say, and no more than our own policy takes. Their sizes it judges as parameters. */
static int check_files(const struct command *command, const struct msg_launch *order, int files_fd, struct error *err)
{
    struct bundle files;
    if (files_fd < 0)
        return files_compare(order->params, NULL, err);
    int done = bundle_read_sealed(files_fd, command->files_max_bytes, &files, err);
    return done < 0 ? done : files_compare(order->params, &files, err);
}

static enum not_launched check_order(const struct launcher *launcher, const struct msg_launch *order, int stdin_fd,
                                     int files_fd, struct error *err)
{
    const struct policy *policy = launcher->policy;
    if (launcher->phase != PHASE_SERVING) {
        fail_plain(err, EBUSY, "the server is stopping");
        return NOT_LAUNCHED_BUSY;
    }
    if (order->generation != policy->generation) {
        fail_plain(err, ESTALE, "the order is of configuration %u, and %u is in force", order->generation,
                   policy->generation);
        return NOT_LAUNCHED_STALE;
    }
    int done = 0;
    if (slot_of_job(launcher, &order->job_id) != NULL)
        done = fail_plain(err, EEXIST, "the job has a slot already");
    else if (order->command >= policy->command_count)
        done = fail_plain(err, ENOENT, "there is no command %u", order->command);
    else if (command_is_sequence(&policy->commands[order->command]))
        done = fail_plain(err, EINVAL, "command %u is a sequence and has no program", order->command);
    else if (order->timeout_ms > policy->commands[order->command].timeout_ms)
        done = fail_plain(err, EINVAL, "the timeout is longer than the command's own");
    else
        done = check_stdin(&policy->commands[order->command], stdin_fd, err);
    if (done == 0 && order->audit_head.size != START_RECORD_HEAD_BYTES)
        done = fail_plain(err, EINVAL, "the order names no head of the audit trail");
    if (done == 0)
        done = check_files(&policy->commands[order->command], order, files_fd, err);
    if (done == 0)
        done = matcher_check(launcher->matcher, order->command, order->params, NULL, err);
    return done < 0 ? NOT_LAUNCHED_INVALID : NOT_LAUNCHED_NONE;
}

/* An end without a beginning: no slot was touched, or it is free again. */
static void report_failed(struct launcher *launcher, const struct msg_launch *order, const char *step,
                          const char *message)
{
    struct msg_exited exited = {
        .job_id = order->job_id,
        .reason = JOB_REASON_LAUNCH_FAILED,
        .finished_unix_ms = clock_unix_ms(),
    };
    text_copy(exited.step, sizeof exited.step, step);
    text_copy(exited.message, sizeof exited.message, message);
    tell_exited(launcher, &exited);
}

static void run_prepare(struct launcher *launcher, const struct msg_launch *order, uint32_t degraded, struct run *run)
{
    const struct command *command = &launcher->policy->commands[order->command];
    run->job_id = order->job_id;
    job_id_text(&order->job_id, run->id_text);
    run->timeout_ms = order->timeout_ms != 0 ? order->timeout_ms : command->timeout_ms;
    run->grace_ms = command->grace_ms;
    run->cpu_time_ms = command->cpu_time_ms;
    run->memory_max_bytes = command->memory_max_bytes;
    run->signals = command->signals;
    run->artifacts_max_bytes = command->artifacts_max_bytes;
    run->degraded = degraded;
    text_copy(run->profile, sizeof run->profile, launcher->policy->filters[command->filter].name);
}

/* From paths, which no process but the bootstrap can look up, to numbers. */
static int take_disks(const struct command *command, struct cgroup_disk disks[DISK_COUNT_MAX], struct error *err)
{
    for (uint32_t i = 0; i < command->disk_count; i++) {
        const struct disk_limit *disk = &command->disks[i];
        if (disk->device == 0)
            return fail_plain(err, ENODEV,
                              "sandbox.io: '%s' led to no disk when the configuration was read; the log of "
                              "sallyportd says why",
                              disk->path);
        disks[i] = (struct cgroup_disk){ .major = major(disk->device),
                                         .minor = minor(disk->device),
                                         .rates = { disk->read_bytes, disk->write_bytes, disk->reads, disk->writes } };
    }
    return 0;
}

static int make_cgroup(struct slot *slot, const struct command *command, struct error *err)
{
    const struct launcher *launcher = slot->launcher;
    struct run *run = &slot->run;
    if (launcher->cgroup_fd < 0)
        return 0;
    struct cgroup_disk disks[DISK_COUNT_MAX];
    bool limits_disks = (run->degraded & DEGRADE_CGROUP_IO) == 0;
    struct cgroup_limits limits = {
        .has_memory = (launcher->settings.controllers & CONTROLLER_MEMORY) != 0,
        .has_pids = (launcher->settings.controllers & CONTROLLER_PIDS) != 0,
        .memory_max_bytes = command->memory_max_bytes,
        .pids_max = command->pids_max + 1, /* and its init */
        .cpu_thousandths = (run->degraded & DEGRADE_CGROUP_CPU) == 0 ? command->cpu_thousandths : 0,
        .disks = disks,
        .disk_count = limits_disks ? command->disk_count : 0,
    };
    int done = limits_disks ? take_disks(command, disks, err) : 0;
    if (done == 0)
        done = cgroup_create(launcher->cgroup_fd, run->id_text, &limits, &run->cgroup, err);
    if (done < 0)
        return done;
    run->has_cgroup = true;
    return run_watch_cgroup(slot, err);
}

/* The read end stays with the run; the write end is the caller's. */
static int make_pipe(int *ret_read_fd, int *ret_write_fd, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    *ret_read_fd = ends[0];
    *ret_write_fd = ends[1];
    /* More than the user's share of pipe memory is refused; the default size works as well, only slower. */
    (void)fcntl(ends[1], F_SETPIPE_SZ, OUTPUT_PIPE_BYTES);
    return 0;
}

static int make_pipes(struct run *run, bool has_artifacts, int ret_write_fds[3], struct error *err)
{
    int done = make_pipe(&run->output_fds[0], &ret_write_fds[0], err);
    if (done == 0)
        done = make_pipe(&run->output_fds[1], &ret_write_fds[1], err);
    if (done == 0 && has_artifacts)
        done = make_pipe(&run->artifacts_fd, &ret_write_fds[2], err);
    return done;
}

/* In the order of the message: what comes always, what the plan speaks of, and the control group. */
static int send_order(struct slot *slot, const int *fds, struct error *err)
{
    int sent[CELL_RUN_FDS_MAX];
    unsigned count = 0;
    for (unsigned i = 0; i < CELL_RUN_FDS_MAX; i++)
        if (i < CELL_RUN_FDS || fds[i] >= 0)
            sent[count++] = fds[i];
    return supervisor_run(slot, &room.plan, sent, count, err);
}

/*
 * Of a stream the job gets a pipe, which the keeper fills from the file. Both ends that this takes stay with the run until the
 * keeper says that the stream has ended: so its death is no end of the job's input, and another one goes on where it was.
 */
static int make_stdin(struct run *run, const struct command *command, int stdin_fd, int *ret_read_fd, struct error *err)
{
    if (command->stdin_kind != STDIN_STREAM)
        return 0;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    *ret_read_fd = ends[0];
    (void)fcntl(ends[1], F_SETPIPE_SZ, OUTPUT_PIPE_BYTES); /* as for output: a refusal only makes it slower */
    run->stdin_fds[1] = ends[1];
    run->stdin_fds[0] = fcntl(stdin_fd, F_DUPFD_CLOEXEC, 3); /* the same description: it has one position for all */
    return run->stdin_fds[0] >= 0 ? 0 : fail(err, errno, "keep the stream of input");
}

/* Our own word on what we were told to do, before anything comes of it. */
static int note_start(struct launcher *launcher, const struct msg_launch *order, struct error *err)
{
    const struct start_record record = { .unix_ms = clock_unix_ms(),
                                         .job_id = order->job_id,
                                         .command = order->command,
                                         .generation = order->generation,
                                         .incarnation = launcher->settings.incarnation,
                                         .audit_head = order->audit_head };
    return start_file_add(&launcher->starts, &record, err);
}

/* Everything that this process does for a start. step names what could not be done. */
static int start(struct slot *slot, const struct msg_launch *order, int stdin_fd, int files_fd, const char **step,
                 struct error *err)
{
    struct launcher *launcher = slot->launcher;
    const struct command *command = &launcher->policy->commands[order->command];
    struct run *run = &slot->run;
    auto_fd int out = -1, errors = -1, artifacts = -1, stream = -1;
    int write_fds[3] = { -1, -1, -1 };

    *step = "start-record";
    int done = note_start(launcher, order, err);
    if (done < 0)
        return done;
    *step = "cgroup";
    done = make_cgroup(slot, command, err);
    if (done < 0)
        return done;
    *step = "pipes";
    done = make_pipes(run, command->artifact_count > 0, write_fds, err);
    out = write_fds[0];
    errors = write_fds[1];
    artifacts = write_fds[2];
    if (done == 0)
        done = make_stdin(run, command, stdin_fd, &stream, err);
    if (done < 0)
        return done;
    *step = "plan";
    const struct plan_order plan_order = {
        .policy = launcher->policy,
        .matcher = launcher->matcher,
        .host = &launcher->settings,
        .command = order->command,
        .params = order->params,
        .job_id = run->id_text,
        .actor = order->actor,
        .source = order->source,
        .timeout_ms = run->timeout_ms,
        .now_unix_ms = clock_unix_ms(),
        .degraded = run->degraded,
        .uid = slot->uid,
        .gid = slot->gid,
        .has_files = files_fd >= 0,
    };
    done = plan_build(&plan_order, &room, err);
    if (done < 0)
        return done;
    *step = "order";
    const int fds[CELL_RUN_FDS_MAX] = {
        [CELL_FD_ROOT] = slot_find_root(slot, launcher->policy->generation, command->root),
        [CELL_FD_STDIN] = stream >= 0     ? stream
                          : stdin_fd >= 0 ? stdin_fd
                                          : launcher->null_fd,
        [CELL_FD_STDOUT] = out,
        [CELL_FD_STDERR] = errors,
        [CELL_FD_FILES] = files_fd,
        [CELL_FD_ARTIFACTS] = artifacts,
        [CELL_FD_CGROUP] = run->has_cgroup ? run->cgroup.directory : -1,
    };
    return send_order(slot, fds, err);
}

/* Back to a free slot, as if the order had not come. */
static void start_undo(struct slot *slot)
{
    struct run *run = &slot->run;
    struct error err = { 0 };
    if (slot->emptied != NULL)
        event_free(slot->emptied);
    slot->emptied = NULL;
    if (run->has_cgroup && cgroup_remove(slot->launcher->cgroup_fd, run->id_text, &err) < 0)
        log_warn("job=%s: %s; it stays behind, empty", run->id_text, err.text);
    slot_release(slot);
}

/* A job that was accepted is not ended for a disk that is full. */
static bool may_pass(int done)
{
    return done == -ENOSPC || done == -EDQUOT || done == -EFBIG || done == -EROFS;
}

static void launch_in(struct slot *slot, const struct msg_launch *order, uint32_t request_id, int stdin_fd,
                      int files_fd, uint32_t degraded)
{
    struct launcher *launcher = slot->launcher;
    struct error err = { 0 };
    const char *step = "";
    slot_set_state(slot, SLOT_STARTING);
    run_prepare(launcher, order, degraded, &slot->run);
    int done = start(slot, order, stdin_fd, files_fd, &step, &err);
    plan_wipe(&room);
    if (done == 0) {
        deadline_set(slot, DEADLINE_START, CELL_START_WAIT_MS);
        return;
    }
    if (strcmp(step, "start-record") == 0 && may_pass(done)) {
        log_error("job=%s was not started: %s; it waits again", slot->run.id_text, err.text);
        start_undo(slot);
        tell_not_launched(launcher, request_id, &order->job_id, NOT_LAUNCHED_NO_ROOM, err.text);
        return;
    }
    log_error("job=%s was not started: %s: %s", slot->run.id_text, step, err.text);
    start_undo(slot);
    report_failed(launcher, order, step, err.text);
    if (strcmp(step, "order") == 0 && done != -EMSGSIZE && done != -EINVAL)
        supervisor_lose(slot, err.text);
}

void launch_job(struct launcher *launcher, const struct msg_launch *order, uint32_t request_id, int stdin_fd,
                int files_fd)
{
    struct error err = { 0 };
    enum not_launched why = check_order(launcher, order, stdin_fd, files_fd, &err);
    if (why == NOT_LAUNCHED_INVALID) {
        char id_text[JOB_ID_TEXT_BYTES];
        keeper_doubt(launcher, "job=%s: a start of command %u: %s", job_id_text(&order->job_id, id_text),
                     order->command, err.text);
    }
    if (why != NOT_LAUNCHED_NONE) {
        tell_not_launched(launcher, request_id, &order->job_id, why, err.text);
        return;
    }
    const struct command *command = &launcher->policy->commands[order->command];
    if (command->unavailable[0] != '\0') {
        report_failed(launcher, order, "program", command->unavailable);
        return;
    }
    uint32_t needed = degrade_needed(&launcher->settings, command), missing = needed & ~command->degrade;
    if (missing != 0) {
        char text[ERROR_TEXT_MAX_BYTES];
        degrade_explain(&launcher->settings, command, missing, text, sizeof text);
        report_failed(launcher, order, "limits", text);
        return;
    }
    bool is_hopeless;
    struct slot *slot =
        slot_find_free(launcher, command->account, launcher->policy->generation, command->root, &is_hopeless);
    if (slot != NULL)
        launch_in(slot, order, request_id, stdin_fd, files_fd, needed);
    else if (is_hopeless)
        report_failed(launcher, order, "slot",
                      "no slot was made for this command's user and root: look into the log of "
                      "sallyportd for why, and restart it");
    else
        tell_not_launched(launcher, request_id, &order->job_id, NOT_LAUNCHED_BUSY, "every slot is taken");
}
