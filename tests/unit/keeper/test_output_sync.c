/* Output is on the disk before its end is recorded, and nobody waits long for that. */
#include "rig.h"

#include <sys/syscall.h>

TestSuite(output_sync, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static struct job_id watched;
static unsigned log_syncs, index_syncs, too_late;

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* Takes the place of the C library's: what is synced, and what is recorded by then? */
int fdatasync(int fd)
{
    char link[64], path[256] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    path[size > 0 ? size : 0] = '\0';
    log_syncs += ends_with(path, ".log");
    index_syncs += ends_with(path, ".idx");
    const struct job *job = keeper != NULL ? job_find(keeper, &watched) : NULL;
    if (ends_with(path, ".log") && (job == NULL || job_has_ended(job->record.state)))
        too_late++;
    return (int)syscall(SYS_fdatasync, fd);
}

static void pour(int fd, size_t size)
{
    static const char piece[65536];
    while (size > 0) {
        ssize_t put = write(fd, piece, size < sizeof piece ? size : sizeof piece);
        if (put > 0)
            size -= (size_t)put;
        event_base_loop(keeper->base, EVLOOP_NONBLOCK);
    }
}

Test(output_sync, comes_before_the_recorded_end)
{
    int fds[2];
    keeper->rules.settings.syncs_fully = true;
    rig_hello(7, 0);
    watched = rig_running("echo", fds);
    cr_assert_eq(write(fds[0], "bytes", 5), 5);
    rig_turn();
    cr_expect_eq(log_syncs, 0);
    rig_end(&watched, fds, JOB_REASON_EXITED, 0);
    cr_expect_eq(log_syncs, 1);
    cr_expect_eq(index_syncs, 1);
    cr_expect_eq(too_late, 0);
    cr_expect_eq(rig_report(&watched).output_bytes, 5);
}

Test(output_sync, is_left_out_where_nothing_was_said_or_the_configuration_does_not_want_it)
{
    int fds[2];
    rig_hello(7, 0);
    watched = rig_running("echo", fds);
    cr_assert_eq(write(fds[0], "bytes", 5), 5);
    rig_end(&watched, fds, JOB_REASON_EXITED, 0);
    keeper->rules.settings.syncs_fully = true;
    watched = rig_running("echo", fds);
    rig_end(&watched, fds, JOB_REASON_EXITED, 0);
    cr_expect_eq(log_syncs, 0);
}

Test(output_sync, of_a_large_log_takes_many_short_turns)
{
    int fds[2];
    keeper->rules.settings.syncs_fully = true;
    keeper->rules.policy->commands[0].output_max_bytes = 1ull << 30;
    rig_hello(7, 0);
    watched = rig_running("echo", fds);
    pour(fds[0], 96 * 1024 * 1024);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    struct msg_exited exited = { .job_id = watched, .reason = JOB_REASON_EXITED };
    rig_say(&launcher, MSG_EXITED, &exited);
    uint64_t longest_ms = 0;
    while (keeper->jobs.count > 0) {
        uint64_t before_ms = clock_monotonic_ms();
        event_base_loop(keeper->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        uint64_t took_ms = clock_monotonic_ms() - before_ms;
        longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
    }
    cr_expect_lt(longest_ms, 500, "the longest turn took %llu ms", (unsigned long long)longest_ms);
    cr_expect_eq(log_syncs, 1);
    cr_expect_eq(too_late, 0);
}
