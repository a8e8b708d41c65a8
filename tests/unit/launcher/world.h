/*
 * The launcher's program as it really runs, with the test in the place of everybody else: the bootstrap at descriptor 3,
 * the keeper, and the supervisors of its slots.
 */
#pragma once

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "groups.h"
#include "order.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/cell/plan.h"
#include "sallyport/job/job.h"
#include "sallyport/policy/policy_records.h"
#include "sallyport/proto/frame.h"
#include "sallyport/proto/settings.h"
#include "sallyport/proto/start_record.h"

#define LAUNCHER_UID 61234
#define PATIENCE_MS  10000
#define SLOTS        2

static struct world {
    pid_t launcher;
    int control, keeper, supervisors[SLOTS];
    int starts; /* the start record */
    int groups; /* -1: this host has none */
    char groups_path[128];
    struct policy *policy;
    struct setting_launcher settings;
    uint8_t frame[MESSAGE_MAX_BYTES]; /* the spans of the last keeper_hears() point into it */
    uint8_t plan_bytes[CELL_MESSAGE_MAX_BYTES];
} world;

static bool world_is_full; /* no file may grow: stands in for a full disk */

static inline void world_tell(int fd, enum msg_type type, const void *body, const int *fds, unsigned fd_count)
{
    static uint8_t frame[MESSAGE_MAX_BYTES];
    static const union any_message nothing;
    size_t size = 0;
    struct error err = { 0 };
    cr_assert_eq(frame_encode(type, 1, body != NULL ? body : &nothing, frame, &size, &err), 0, "%s", err.text);
    cr_assert_eq(frame_send(fd, frame, size, fds, fd_count), 0);
}

/* Hands a descriptor over and closes ours. */
static inline void world_hand(enum msg_type type, const void *body, int fd)
{
    world_tell(world.control, type, body, &fd, 1);
    close(fd);
}

static inline void world_pair(int ret_pair[2])
{
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_pair), 0);
}

static inline void world_hand_file(enum msg_type type, uint32_t generation, const struct record_file *file)
{
    int fd = -1;
    struct error err = { 0 };
    struct msg_generation body = { .generation = generation };
    cr_assert_eq(memfd_sealed("test", file->data, file->size, false, &fd, &err), 0, "%s", err.text);
    world_hand(type, &body, fd);
}

/* World.policy and world.settings, as a generation. */
static inline void world_hand_parts(void)
{
    struct record_file file = { 0 };
    struct error err = { 0 };
    cr_assert_eq(policy_write(world.policy, true, &file, &err), 0, "%s", err.text);
    world_hand_file(MSG_POLICY, world.policy->generation, &file);
    record_file_done(&file);
    cr_assert_eq(record_file_add(&file, setting_defs, SETTING_COUNT, SETTING_LAUNCHER, &world.settings, &err), 0);
    world_hand_file(MSG_SETTINGS, world.policy->generation, &file);
    record_file_done(&file);
}

static inline void world_hand_root(uint32_t slot)
{
    struct msg_slot_root root = { .slot = slot, .root = 0, .generation = world.policy->generation };
    world_hand(MSG_SLOT_ROOT, &root, open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
}

static inline void world_hand_slot(uint32_t slot)
{
    int pair[2];
    world_pair(pair);
    struct msg_slot body = { .slot = slot, .account = ACCOUNT_NONE, .uid = 1000, .gid = 1000 };
    world_hand(MSG_SLOT, &body, pair[1]);
    fd_close(&world.supervisors[slot]);
    world.supervisors[slot] = pair[0];
    world_hand_root(slot);
}

static inline void world_hand_keeper(void)
{
    int pair[2];
    world_pair(pair);
    struct msg_peer body = { .process = PROCESS_KEEPER };
    world_hand(MSG_PEER, &body, pair[1]);
    fd_close(&world.keeper);
    world.keeper = pair[0];
}

static inline pid_t world_exec(int control)
{
    char program[512];
    snprintf(program, sizeof program, "%s/launcher", getenv("SALLYPORT_BIN"));
    pid_t child = fork();
    if (child != 0)
        return child;
    if (world_is_full) {
        struct rlimit limit;
        getrlimit(RLIMIT_FSIZE, &limit);
        limit.rlim_cur = 0;
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(control, 3);
    close_range(4, ~0U, 0);
    execle(program, "launcher", NULL, (char *const[]){ NULL });
    _exit(127);
}

/* As the bootstrap opens it: only to append. */
static inline void world_hand_starts(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", world.starts);
    world_hand(MSG_START_RECORD, NULL, open(path, O_WRONLY | O_APPEND | O_CLOEXEC));
}

/* The record of this number, as it is in the file. False if there are not so many. */
static inline bool world_start(uint32_t number, uint8_t bytes[START_RECORD_BYTES], struct start_record *ret_record)
{
    if (pread(world.starts, bytes, START_RECORD_BYTES, (off_t)number * START_RECORD_BYTES) != START_RECORD_BYTES)
        return false;
    struct reader in = { bytes, START_RECORD_BYTES };
    cr_assert_eq(record_decode(&start_record_def, &in, ret_record, NULL), 0);
    return true;
}

/* Everything up to MSG_BEGIN. False if this host cannot run it. */
static inline bool world_hand_over(void)
{
    int pair[2];
    struct msg_become become = { .uid = LAUNCHER_UID, .gid = LAUNCHER_UID };
    if (geteuid() != 0 || getenv("SALLYPORT_BIN") == NULL)
        return false;
    world = (struct world){ .control = -1, .keeper = -1, .supervisors = { -1, -1 } };
    world.starts = memfd_create("starts", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    world.groups = groups_make(LAUNCHER_UID, world.groups_path);
    world.policy = order_policy(1);
    world.settings = (struct setting_launcher){ .incarnation = 77, .has_cgroup = world.groups >= 0, .landlock_abi = 7 };
    world_pair(pair);
    world.control = pair[0];
    world.launcher = world_exec(pair[1]);
    close(pair[1]);
    world_tell(world.control, MSG_BECOME, &become, NULL, 0);
    world_hand_starts();
    if (world.groups >= 0)
        world_tell(world.control, MSG_CGROUP, NULL, &world.groups, 1);
    for (uint32_t i = 0; i < SLOTS; i++)
        world_hand_slot(i);
    return true;
}

static inline void keeper_hears(enum msg_type type, struct message *ret_message)
{
    struct error err = { 0 };
    struct pollfd fd = { .fd = world.keeper, .events = POLLIN };
    cr_assert_eq(poll(&fd, 1, PATIENCE_MS), 1, "the keeper waits for %s in vain", message_defs[type].name);
    cr_assert_eq(frame_receive(world.keeper, world.frame, ret_message, &err), 1, "%s", err.text);
    cr_assert_eq(ret_message->type, type, "%s instead of %s", message_defs[ret_message->type].name,
                 message_defs[type].name);
}

static inline void keeper_hears_nothing(int wait_ms)
{
    struct pollfd fd = { .fd = world.keeper, .events = POLLIN };
    cr_expect_eq(poll(&fd, 1, wait_ms), 0, "the keeper heard something");
}

static inline bool keeper_is_dropped(void)
{
    struct pollfd fd = { .fd = world.keeper, .events = POLLIN };
    struct message message;
    return poll(&fd, 1, PATIENCE_MS) == 1 && frame_receive(world.keeper, world.frame, &message, NULL) == -ECONNRESET;
}

static inline void supervisor_says(uint32_t slot, enum cell_message type, const void *body)
{
    uint8_t bytes[1024] = { (uint8_t)type };
    static const union any_cell_message nothing;
    struct writer out = { bytes + 4, sizeof bytes - 4 };
    cr_assert_eq(record_encode(&cell_defs[type], body != NULL ? body : &nothing, &out, NULL), 0);
    cr_assert_eq(send(world.supervisors[slot], bytes, sizeof bytes - out.left, MSG_NOSIGNAL),
                 (ssize_t)(sizeof bytes - out.left));
}

/* Returns the number of descriptors, which are the caller's. The spans of a plan last until the next call. */
static inline unsigned supervisor_hears(uint32_t slot, enum cell_message type, union any_cell_message *ret_body,
                                        int fds[8])
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(8 * sizeof(int))];
    } control;
    struct iovec part = { world.plan_bytes, sizeof world.plan_bytes };
    struct msghdr head = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes
    };
    struct pollfd fd = { .fd = world.supervisors[slot], .events = POLLIN };
    cr_assert_eq(poll(&fd, 1, PATIENCE_MS), 1, "the supervisor of slot %u waits for %s in vain", slot,
                 cell_defs[type].name);
    ssize_t size = recvmsg(fd.fd, &head, MSG_CMSG_CLOEXEC);
    cr_assert_geq(size, 4, "the supervisor of slot %u hears the end", slot);
    cr_assert_eq(world.plan_bytes[0], type);
    struct reader in = { world.plan_bytes + 4, (size_t)size - 4 };
    cr_assert_eq(record_decode(&cell_defs[type], &in, ret_body, NULL), 0);
    const struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
    if (rights == NULL)
        return 0;
    memcpy(fds, CMSG_DATA(rights), rights->cmsg_len - CMSG_LEN(0));
    return (unsigned)((rights->cmsg_len - CMSG_LEN(0)) / sizeof(int));
}

static inline bool supervisor_is_dropped(uint32_t slot)
{
    struct pollfd fd = { .fd = world.supervisors[slot], .events = POLLIN };
    char byte[16];
    for (;;) {
        if (poll(&fd, 1, PATIENCE_MS) != 1)
            return false;
        ssize_t size = recv(fd.fd, byte, sizeof byte, 0);
        if (size <= 0)
            return true;
    }
}

/* Up to the greeting. */
static inline void world_serve(void)
{
    struct message message;
    world_hand_parts();
    world_hand_keeper();
    world_tell(world.control, MSG_BEGIN, NULL, NULL, 0);
    for (uint32_t i = 0; i < SLOTS; i++)
        supervisor_says(i, CELL_READY, NULL);
    keeper_hears(MSG_HELLO, &message);
    cr_expect_eq(message.body.hello.incarnation, 77);
    cr_expect_eq(message.body.hello.held, 0);
}

static inline void world_begin(void)
{
    if (world_hand_over())
        world_serve();
    else
        SKIP("needs root and SALLYPORT_BIN");
}

/* The bootstrap leaves; the launcher must follow at once, orderly and without a trace. */
static inline void world_end(void)
{
    int status = -1;
    if (world.launcher <= 0)
        return;
    fd_close(&world.control);
    cr_expect_eq(waitpid(world.launcher, &status, 0), world.launcher);
    cr_expect_eq(status, 0, "the launcher ended with 0x%x", (unsigned)status);
    if (world.groups >= 0)
        cr_expect_eq(groups_remove(world.groups_path), 0, "a job's group was left in %s", world.groups_path);
    policy_free(world.policy);
}

/* One job, as the test sees it from all sides. */
struct job_seen {
    struct job_id id;
    struct plan plan;
    int fds[8]; /* of CELL_RUN */
    unsigned fd_count;
    int output[2]; /* the keeper's read ends */
};

static inline void job_close(struct job_seen *job)
{
    for (unsigned i = 0; i < job->fd_count; i++)
        fd_close(&job->fds[i]);
    for (int i = 0; i < 2; i++)
        fd_close(&job->output[i]);
}

static inline void job_order(struct job_seen *job, uint32_t timeout_ms)
{
    uint8_t params[256];
    *job = (struct job_seen){ .id = job_id_new(), .output = { -1, -1 } };
    struct msg_launch order = { .job_id = job->id,
                                .generation = world.policy->generation,
                                .timeout_ms = timeout_ms,
                                .params = order_params(params, sizeof params, "world", NULL),
                                .actor = "alice",
                                .audit_head = { order_head, sizeof order_head } };
    world_tell(world.keeper, MSG_LAUNCH, &order, NULL, 0);
}

static inline void job_reaches(struct job_seen *job, uint32_t slot)
{
    union any_cell_message body;
    job->fd_count = supervisor_hears(slot, CELL_RUN, &body, job->fds);
    cr_assert_eq(job->fd_count, world.groups >= 0 ? CELL_RUN_FDS + 1 : CELL_RUN_FDS);
    job->plan = body.plan;
}

static inline void job_is_launched(struct job_seen *job)
{
    struct message message;
    keeper_hears(MSG_LAUNCHED, &message);
    cr_assert(job_id_equal(&message.body.launched.job_id, &job->id));
    for (int i = 0; i < 2; i++) {
        fd_close(&job->output[i]);
        job->output[i] = message.fds[i];
    }
}

/* Ordered, taken by the slot, executed, announced. */
static inline void job_run(struct job_seen *job, uint32_t slot, uint32_t timeout_ms)
{
    job_order(job, timeout_ms);
    job_reaches(job, slot);
    supervisor_says(slot, CELL_STARTED, NULL);
    job_is_launched(job);
}

static inline struct msg_exited job_exits(const struct job_seen *job)
{
    struct message message;
    keeper_hears(MSG_EXITED, &message);
    cr_assert(job_id_equal(&message.body.exited.job_id, &job->id));
    return message.body.exited;
}

static inline void job_is_seen(struct job_seen *job)
{
    struct msg_job_only seen = { .job_id = job->id };
    world_tell(world.keeper, MSG_EXITED_SEEN, &seen, NULL, 0);
    job_close(job);
}

/* A process in the job's group, as a cell would have put it there. */
static inline pid_t job_process(const struct job_seen *job)
{
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    char text[16];
    int length = snprintf(text, sizeof text, "%d", (int)child);
    int fd = openat(job->fds[CELL_RUN_FDS], "cgroup.procs", O_WRONLY | O_CLOEXEC);
    cr_assert_eq(write(fd, text, (size_t)length), length);
    close(fd);
    return child;
}
