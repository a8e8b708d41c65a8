#include "sallyport/base/host.h"

#include <assert.h>
#include <criterion/criterion.h>
#include <string.h>

#include "sallyport/proto/settings.h"

static_assert((int)HOST_MEMORY == (int)CONTROLLER_MEMORY && (int)HOST_PIDS == (int)CONTROLLER_PIDS &&
                  (int)HOST_CPU == (int)CONTROLLER_CPU && (int)HOST_IO == (int)CONTROLLER_IO,
              "one set of bits under two names");

Test(host, reads_controllers_as_whole_words)
{
    cr_expect_eq(host_controllers("cpuset cpu io memory hugetlb pids rdma misc\n"),
                 HOST_CPU | HOST_IO | HOST_MEMORY | HOST_PIDS);
    cr_expect_eq(host_controllers("cpuset hugetlb\n"), 0);
    cr_expect_eq(host_controllers(""), 0);
}

Test(host, finds_the_cgroup2_mount_wherever_it_is)
{
    static const struct {
        const char *mountinfo, *self, *mount, *own;
    } rows[] = {
        { "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
          "0::/user.slice/a.scope\n", "/sys/fs/cgroup", "/sys/fs/cgroup/user.slice/a.scope" },
        { "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup "
          "rw,pids\n"
          "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
          "8:pids:/x\n0::/\n", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/unified" },
        { "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/abc/leaf\n", "/sys/fs/cgroup",
          "/sys/fs/cgroup/leaf" },
        { "30 23 0:26 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/abcdef\n", "/sys/fs/cgroup",
          "" },
        { "30 23 0:26 /part /mnt/part rw - cgroup2 cgroup rw\n31 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n",
          "0::/a\n", "/sys/fs/cgroup", "/sys/fs/cgroup/a" },
        { "22 27 0:21 / /proc rw - proc proc rw\n", "0::/\n", "", "" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct host_cgroup cgroup = { 0 };
        host_cgroup_locate(rows[i].mountinfo, rows[i].self, &cgroup);
        cr_expect_str_eq(cgroup.mount, rows[i].mount, "row %zu", i);
        cr_expect_str_eq(cgroup.own, rows[i].own, "row %zu", i);
    }
}

Test(host, finds_a_users_range_by_name_or_number)
{
    const char *text = "root:1:2\nalice:100000:65536\n1001:200000:10\nbroken\n";
    cr_expect_eq(host_ids_find(text, "alice", 1000).first, 100000);
    cr_expect_eq(host_ids_find(text, "bob", 1001).count, 10);
    cr_expect_eq(host_ids_find(text, "ali", 7).count, 0);
    cr_expect_eq(host_ids_find(text, "broken", 7).count, 0);
}

Test(host, names_what_covers_parts_of_proc)
{
    char text[64];
    host_proc_covers("1 2 0:1 / /proc rw - proc proc rw\n2 1 0:2 /null /proc/kcore rw - tmpfs tmpfs rw\n"
                     "3 1 0:3 / /proc/acpi ro - tmpfs tmpfs ro\n",
                     text, sizeof text);
    cr_expect_str_eq(text, "/proc/kcore /proc/acpi");
    host_proc_covers("2 1 0:2 /null /proc/kcore rw - tmpfs tmpfs rw\n3 1 0:3 / /proc/acpi ro - tmpfs tmpfs ro\n", text,
                     20);
    cr_expect_str_eq(text, "/proc/kcore ...");
}

Test(host, probing_changes_nothing_for_the_caller)
{
    struct host_facts first, second;
    host_probe(&first);
    host_probe(&second);
    cr_expect_gt(first.kernel_major, 0);
    cr_expect_str_eq(first.kernel, second.kernel);
    cr_expect_eq(first.user_namespace_errno, second.user_namespace_errno);
    cr_expect_eq(first.cgroup.place, second.cgroup.place);
    cr_expect_eq(first.cgroup.place == HOST_CGROUP_NONE, first.cgroup.parent[0] == '\0');
}
