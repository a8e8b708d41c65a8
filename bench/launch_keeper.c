/*
 * Stands in the keeper's place in a real instance and measures the launcher: from the order to the moment when the job's
 * slot could be used again. Bare vfork, exec and wait of the same program, and bubblewrap, take turns with it in the
 * same loop, because only ratios of one run mean anything.
 *
 * Commands of the instance: 0 is /usr/bin/true, 1 the tiny program (bench/launch writes the configuration).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/job/job.h"
#include "sallyport/proto/frame.h"

#define CONTROL     3
#define ROUNDS      300
#define ROUNDS_WARM 20

enum way { WAY_BARE, WAY_OURS, WAY_BUBBLEWRAP, WAY_COUNT };
enum target { TARGET_TRUE, TARGET_TINY, TARGET_COUNT };

static const char *const way_names[] = { "bare vfork+exec+wait", "sallyport", "bubblewrap" };
static const char *const target_names[] = { "/usr/bin/true", "tiny static program" };

static uint8_t buffer[MESSAGE_MAX_BYTES];
static uint32_t samples_us[TARGET_COUNT][WAY_COUNT][ROUNDS];
static char tiny_path[PATH_MAX_BYTES];
static uint32_t generation;
static int launcher = -1;

static _Noreturn void die(const char *what, const struct error *err)
{
    dprintf(STDERR_FILENO, "bench: %s: %s\n", what, err->text);
    _exit(1);
}

static int receive(int fd, struct message *message)
{
    struct error err = { 0 };
    for (;;) {
        int got = frame_receive(fd, buffer, message, &err);
        if (got == 1)
            return 1;
        if (got < 0)
            die("receive", &err);
        struct pollfd wait = { .fd = fd, .events = POLLIN };
        poll(&wait, 1, -1);
    }
}

static void send_to_launcher(enum msg_type type, const void *body)
{
    static uint8_t frame[MESSAGE_MAX_BYTES];
    struct error err = { 0 };
    size_t size;
    if (frame_encode(type, 1, body, frame, &size, &err) < 0)
        die("encode", &err);
    if (frame_send(launcher, frame, size, NULL, 0) < 0)
        _exit(1);
}

/* Takes what the bootstrap hands over, and keeps the launcher's end. */
static void take_hand_over(void)
{
    struct message message;
    for (bool has_begun = false; !has_begun || launcher < 0;) {
        receive(CONTROL, &message);
        if (message.type == MSG_PEER && message.body.peer.process == PROCESS_LAUNCHER) {
            fd_close(&launcher);
            launcher = fd_take(&message.fds[0]);
        }
        if (message.type == MSG_POLICY)
            generation = message.body.generation.generation;
        has_begun |= message.type == MSG_BEGIN;
        message_done(&message);
    }
    do
        receive(launcher, &message);
    while (message.type != MSG_HELLO);
}

static void run_ours(enum target target)
{
    static const uint8_t head[32] = { 0 }; /* of an audit trail that this stand-in does not keep */
    struct message message;
    struct msg_launch launch = { .job_id = job_id_new(),
                                 .generation = generation,
                                 .command = (uint32_t)target,
                                 .audit_head = { head, sizeof head } };
    text_copy(launch.actor, sizeof launch.actor, "bench");
    send_to_launcher(MSG_LAUNCH, &launch);
    for (;;) {
        receive(launcher, &message);
        message_done(&message);
        if (message.type == MSG_EXITED)
            break;
        if (message.type == MSG_NOT_LAUNCHED) {
            dprintf(STDERR_FILENO, "bench: not launched: %s\n", message.body.not_launched.detail);
            _exit(1);
        }
    }
    if (message.body.exited.reason != JOB_REASON_EXITED || message.body.exited.exit_code != 0) {
        dprintf(STDERR_FILENO, "bench: the job failed: %s %s\n", message.body.exited.step, message.body.exited.message);
        _exit(1);
    }
    struct msg_job_only seen = { .job_id = launch.job_id };
    send_to_launcher(MSG_EXITED_SEEN, &seen);
}

static void run_program(const char *const *arguments)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execv(arguments[0], (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0) {
        dprintf(STDERR_FILENO, "bench: %s failed\n", arguments[0]);
        _exit(1);
    }
}

static void run(enum target target, enum way way)
{
    const char *program = target == TARGET_TRUE ? "/usr/bin/true" : tiny_path;
    char directory[PATH_MAX_BYTES];
    snprintf(directory, sizeof directory, "%s", tiny_path);
    *strrchr(directory, '/') = '\0';
    const char *const bare[] = { program, NULL };
    const char *const bubblewrap[] = {
        "/usr/bin/bwrap",
        "--unshare-all",
        "--ro-bind",
        "/usr",
        "/usr",
        "--symlink",
        "usr/bin",
        "/bin",
        "--symlink",
        "usr/lib",
        "/lib",
        "--symlink",
        "usr/lib64",
        "/lib64",
        "--ro-bind",
        directory,
        directory,
        "--proc",
        "/proc",
        "--dev",
        "/dev",
        "--tmpfs",
        "/tmp",
        "--uid",
        "65534",
        "--gid",
        "65534",
        "--cap-drop",
        "ALL",
        "--new-session",
        "--die-with-parent",
        "--clearenv",
        program,
        NULL,
    };
    if (way == WAY_OURS)
        run_ours(target);
    else
        run_program(way == WAY_BARE ? bare : bubblewrap);
}

static int compare(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static void report(enum target target)
{
    for (enum way way = WAY_BARE; way < WAY_COUNT; way++)
        qsort(samples_us[target][way], ROUNDS, sizeof(uint32_t), compare);
    double bare_us = samples_us[target][WAY_BARE][ROUNDS / 2];
    dprintf(STDERR_FILENO, "%s\n", target_names[target]);
    for (enum way way = WAY_BARE; way < WAY_COUNT; way++) {
        const uint32_t *sorted = samples_us[target][way];
        dprintf(STDERR_FILENO, "  %-22s p50 %6u us   ratio %5.2f   (p10 %5.2f, p90 %5.2f, p99 %5.2f)\n", way_names[way],
                sorted[ROUNDS / 2], sorted[ROUNDS / 2] / bare_us, sorted[ROUNDS / 10] / bare_us,
                sorted[ROUNDS * 9 / 10] / bare_us, sorted[ROUNDS * 99 / 100] / bare_us);
    }
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    take_hand_over();
    ssize_t length = readlink("/proc/self/exe", tiny_path, sizeof tiny_path - 8);
    if (length < 0)
        return 1;
    tiny_path[length] = '\0';
    strcpy(strrchr(tiny_path, '/'), "/tiny");

    for (int round = -ROUNDS_WARM; round < ROUNDS; round++)
        for (enum target target = TARGET_TRUE; target < TARGET_COUNT; target++)
            for (enum way way = WAY_BARE; way < WAY_COUNT; way++) {
                uint64_t start_us = clock_monotonic_us();
                run(target, way);
                if (round >= 0)
                    samples_us[target][way][round] = (uint32_t)(clock_monotonic_us() - start_us);
            }
    for (enum target target = TARGET_TRUE; target < TARGET_COUNT; target++)
        report(target);
    dprintf(STDERR_FILENO, "done\n");
    pause();
    return 0;
}
