#include "cgroup.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include "groups.h"
#include "sallyport/base/error.h"

static int parent = -1;
static char path[128];

static void begin(void)
{
    parent = groups_make(getuid(), path);
}

static void end(void)
{
    if (parent < 0)
        return;
    cr_expect_eq(groups_remove(path), 0, "a test left a group behind in %s", path);
    close(parent);
}

/* A skipped test has no end of its own. */
static void skip(const char *why)
{
    end();
    SKIP(why);
}

static pid_t sleeper_in(const struct cgroup *group)
{
    pid_t child = fork();
    if (child == 0) {
        signal(SIGTERM, SIG_IGN);
        for (;;)
            pause();
    }
    char text[16];
    int length = snprintf(text, sizeof text, "%d", (int)child);
    int fd = openat(group->directory, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    cr_assert_eq(write(fd, text, (size_t)length), length);
    close(fd);
    return child;
}

Test(cgroup, is_killed_whole_and_says_so, .init = begin, .fini = end)
{
    if (parent < 0)
        skip("needs a directory of cgroup version 2 in which groups can be made");
    struct cgroup group;
    struct error err = { 0 };
    struct cgroup_limits limits = { 0 };
    cr_assert_eq(cgroup_create(parent, "job", &limits, &group, &err), 0, "%s", err.text);
    cr_expect_not(cgroup_is_populated(&group));
    pid_t child = sleeper_in(&group);
    cr_expect(cgroup_is_populated(&group));
    cr_expect_eq(cgroup_remove(parent, "job", &err), -EBUSY, "%s", err.text);

    /* The launcher's loop relies on this: an edge of "readable" comes with each change of cgroup.events. */
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN | EPOLLET };
    cr_assert_eq(epoll_ctl(epoll, EPOLL_CTL_ADD, group.events, &event), 0);
    cr_expect_eq(epoll_wait(epoll, &event, 1, 0), 1, "no first edge");
    cgroup_is_populated(&group);
    cr_expect_eq(epoll_wait(epoll, &event, 1, 50), 0, "edges without a change would keep the loop busy");

    cr_assert_eq(cgroup_kill(&group, &err), 0, "%s", err.text);
    int status = 0;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    cr_expect_eq(epoll_wait(epoll, &event, 1, 1000), 1, "no edge when it became empty");
    cr_expect_not(cgroup_is_populated(&group));
    close(epoll);

    struct cgroup_usage usage;
    cgroup_read_usage(&group, &usage);
    cr_expect(usage.has_cpu);
    cr_expect_eq(usage.oom_kills, 0);
    cr_expect_eq(cgroup_remove(parent, "job", &err), 0, "%s", err.text);
    cr_expect_not(cgroup_is_populated(&group), "a group that is gone is empty");
    cr_expect_eq(cgroup_kill(&group, &err), 0, "killing a group that is gone is no failure");
    cgroup_close(&group);
    cgroup_close(&group);
}

Test(cgroup, has_one_job_under_a_name, .init = begin, .fini = end)
{
    if (parent < 0)
        skip("needs a directory of cgroup version 2 in which groups can be made");
    struct cgroup group, second;
    struct error err = { 0 };
    struct cgroup_limits limits = { 0 };
    cr_assert_eq(cgroup_create(parent, "job", &limits, &group, &err), 0, "%s", err.text);
    cr_expect_eq(cgroup_create(parent, "job", &limits, &second, &err), -EEXIST, "%s", err.text);
    cgroup_close(&second);
    cgroup_close(&group);
    cr_expect_eq(cgroup_remove(parent, "job", &err), 0, "%s", err.text);
}

Test(cgroup, refuses_a_share_of_processors_without_the_controller, .init = begin, .fini = end)
{
    if (parent < 0)
        skip("needs a directory of cgroup version 2 in which groups can be made");
    if (faccessat(parent, "cpu.max", F_OK, 0) == 0)
        skip("needs a host whose groups have no cpu controller");
    struct cgroup group;
    struct error err = { 0 };
    struct cgroup_limits limits = { .cpu_thousandths = 500 };
    cr_expect_eq(cgroup_create(parent, "job", &limits, &group, &err), -ENOENT);
    cr_expect_not_null(strstr(err.text, "cpu.max"), "%s", err.text);
    cr_expect_lt(faccessat(parent, "job", F_OK, 0), 0, "the group is still there");
}

Test(cgroup, leaves_nothing_behind_when_a_limit_cannot_be_set, .init = begin, .fini = end)
{
    if (parent < 0)
        skip("needs a directory of cgroup version 2 in which groups can be made");
    if (faccessat(parent, "pids.max", F_OK, 0) == 0)
        skip("needs a host whose groups have no pids controller");
    struct cgroup group;
    struct error err = { 0 };
    struct cgroup_limits limits = { .has_pids = true, .pids_max = 5 };
    cr_expect_eq(cgroup_create(parent, "job", &limits, &group, &err), -ENOENT);
    cr_expect_not_null(strstr(err.text, "pids.max"), "%s", err.text);
    cr_expect_eq(group.directory, -1);
    cr_expect_lt(faccessat(parent, "job", F_OK, 0), 0, "the group is still there");
}

Test(cgroup, applies_the_limits_that_it_can, .init = begin, .fini = end)
{
    if (parent < 0 || faccessat(parent, "memory.max", F_OK, 0) < 0 || faccessat(parent, "pids.max", F_OK, 0) < 0)
        skip("needs cgroup version 2 with the memory and pids controllers");
    int fd = openat(parent, "cgroup.subtree_control", O_WRONLY | O_CLOEXEC);
    cr_assert_geq(write(fd, "+memory +pids", 13), 0);
    close(fd);
    struct cgroup group;
    struct error err = { 0 };
    struct cgroup_limits limits = { .has_memory = true, .has_pids = true, .memory_max_bytes = 1 << 24, .pids_max = 5 };
    cr_assert_eq(cgroup_create(parent, "job", &limits, &group, &err), 0, "%s", err.text);
    static const struct {
        const char *file, *text;
    } rows[] = { { "memory.max", "16777216\n" }, { "memory.oom.group", "1\n" }, { "pids.max", "5\n" } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[64] = "";
        fd = openat(group.directory, rows[i].file, O_RDONLY | O_CLOEXEC);
        cr_expect_gt(read(fd, text, sizeof text - 1), 0);
        cr_expect_str_eq(text, rows[i].text);
        close(fd);
    }
    cgroup_close(&group);
    cr_expect_eq(cgroup_remove(parent, "job", &err), 0, "%s", err.text);
}

Test(cgroup, spells_limits_as_the_kernel_reads_them)
{
    static const struct {
        uint32_t thousandths;
        const char *line;
    } shares[] = {
        { 10, "1000 100000" }, { 500, "50000 100000" }, { 2500, "250000 100000" }, { 1024000, "102400000 100000" }
    };
    static const struct {
        struct cgroup_disk disk;
        const char *line;
    } disks[] = {
        { { 254, 0, { 20 << 20, 5 << 20, 0, 0 } }, "254:0 rbps=20971520 wbps=5242880 riops=max wiops=max" },
        { { 8, 16, { 0, 0, 7, 8 } }, "8:16 rbps=max wbps=max riops=7 wiops=8" },
        { { UINT32_MAX, UINT32_MAX, { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX } },
          "4294967295:4294967295 rbps=18446744073709551615 wbps=18446744073709551615 riops=18446744073709551615 "
          "wiops=18446744073709551615" },
    };
    char line[CGROUP_LINE_BYTES];
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++)
        cr_expect_str_eq(cgroup_cpu_line(shares[i].thousandths, line), shares[i].line);
    for (size_t i = 0; i < sizeof disks / sizeof disks[0]; i++)
        cr_expect_str_eq(cgroup_disk_line(&disks[i].disk, line), disks[i].line);
}

/* With a plain file in the kernel's place, where each line that is written replaces the beginning. */
Test(cgroup, takes_limits_of_disks_away_and_may_have_none)
{
    static const char limits[] =
        "254:0 rbps=max wbps=65536 riops=max wiops=7\n8:16 rbps=1 wbps=max riops=max wiops=max\n";
    static const char lifted[] = "8:16 rbps=max wbps=max riops=max wiops=max";
    char directory[] = "/tmp/sallyport-cgroup.XXXXXX", text[sizeof lifted] = "";
    struct cgroup group;
    struct error err = { 0 };
    cgroup_none(&group);
    cr_assert_not_null(mkdtemp(directory));
    group.directory = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_expect_eq(cgroup_lift_disks(&group, &err), 0, "there is nothing to take away without the controller");
    int fd = openat(group.directory, "io.max", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    cr_expect_eq(cgroup_lift_disks(&group, &err), 0, "%s", err.text);
    cr_expect_eq(read(fd, text, 1), 0, "nothing was limited, and '%s' was written", text);
    cr_assert_gt(write(fd, limits, sizeof limits - 1), 0);
    cr_expect_eq(cgroup_lift_disks(&group, &err), 0, "%s", err.text);
    cr_assert_gt(pread(fd, text, sizeof text - 1, 0), 0);
    cr_expect_str_eq(text, lifted);
    close(fd);
    unlinkat(group.directory, "io.max", 0);
    cgroup_close(&group);
    rmdir(directory);
}

Test(cgroup, reads_numbers_by_their_whole_key)
{
    static const char text[] = "low 1\noom 2\noom_kill 3\noom_group_kill 4\nmax 18446744073709551615\n";
    cr_expect_eq(cgroup_number(text, "oom_kill"), 3);
    cr_expect_eq(cgroup_number(text, "oom"), 2);
    cr_expect_eq(cgroup_number(text, "low"), 1);
    cr_expect_eq(cgroup_number(text, "max"), UINT64_MAX);
    cr_expect_eq(cgroup_number(text, "kill"), 0);
    cr_expect_eq(cgroup_number("", "oom"), 0);
}
