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
