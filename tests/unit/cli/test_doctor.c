#include "doctor.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static struct host_facts good_host(void)
{
    return (struct host_facts){ .kernel = "6.12.0",
                                .kernel_major = 6,
                                .kernel_minor = 12,
                                .landlock_abi = 6,
                                .has_seccomp = true,
                                .has_memfd_noexec = true,
                                .is_root = true,
                                .has_newuidmap = true,
                                .cgroup = { .mount = "/sys/fs/cgroup",
                                            .place = HOST_CGROUP_FRESH,
                                            .parent = "/sys/fs/cgroup",
                                            .controllers = HOST_MEMORY | HOST_PIDS } };
}

static void expect_degrade(const struct host_facts *facts, const char *expected)
{
    char text[128];
    cr_expect_str_eq(doctor_degrade_text(doctor_degrade(facts), ",", text), expected);
}

Test(doctor, a_good_host_needs_nothing)
{
    struct host_facts facts = good_host();
    struct findings findings = { .count = 0 };
    doctor_check_host(&facts, &findings);
    for (uint32_t i = 0; i < findings.count; i++)
        cr_expect_eq(findings.items[i].verdict, DOCTOR_PASS, "%s: %s", findings.items[i].subject,
                     findings.items[i].text);
    expect_degrade(&facts, "");
}

Test(doctor, names_exactly_the_features_that_are_missing)
{
    struct host_facts facts = good_host();
    facts.cgroup.controllers = HOST_PIDS;
    expect_degrade(&facts, "cgroup-memory");
    facts.cgroup.controllers = 0;
    expect_degrade(&facts, "cgroup-memory,cgroup-pids");
    facts.cgroup.place = HOST_CGROUP_NONE;
    expect_degrade(&facts, "cgroup-memory,cgroup-pids,cgroup-cpu,cgroup-io");
    facts = good_host();
    facts.is_root = false;
    expect_degrade(&facts, "job-uid");
    facts.uids.count = facts.gids.count = 65536;
    expect_degrade(&facts, "");
    facts.has_newuidmap = false;
    expect_degrade(&facts, "job-uid");
}

Test(doctor, whatever_is_not_right_comes_with_a_reason)
{
    struct host_facts facts = { .kernel = "5.10.0",
                                .kernel_major = 5,
                                .kernel_minor = 10,
                                .landlock_abi = 1,
                                .user_namespace_errno = EPERM,
                                .proc_mount_errno = EPERM,
                                .proc_covers = "/proc/kcore /proc/acpi",
                                .is_root = true };
    struct findings findings = { .count = 0 };
    unsigned failed = 0;
    doctor_check_host(&facts, &findings);
    for (uint32_t i = 0; i < findings.count; i++) {
        const struct finding *finding = &findings.items[i];
        failed += finding->verdict == DOCTOR_FAIL;
        cr_expect_neq(finding->text[0], '\0', "%s", finding->subject);
        if (finding->verdict != DOCTOR_PASS)
            cr_expect_neq(finding->fix[0], '\0', "%s", finding->subject);
        if (strcmp(finding->subject, "procfs") == 0)
            cr_expect_not_null(strstr(finding->text, "/proc/kcore /proc/acpi"));
    }
    cr_expect_eq(failed, 5);
}

Test(doctor, what_only_warns_comes_with_its_fix_too)
{
    struct host_facts lacks[5];
    for (size_t i = 0; i < 5; i++)
        lacks[i] = good_host();
    lacks[0].landlock_abi = 4;
    lacks[1].has_memfd_noexec = false;
    lacks[2].cgroup.controllers = HOST_PIDS;
    lacks[3].cgroup.place = HOST_CGROUP_NONE;
    lacks[4].is_root = false; /* and no subordinate ids */
    for (size_t i = 0; i < 5; i++) {
        struct findings findings = { .count = 0 };
        unsigned warned = 0;
        doctor_check_host(&lacks[i], &findings);
        for (uint32_t j = 0; j < findings.count; j++) {
            const struct finding *finding = &findings.items[j];
            warned += finding->verdict == DOCTOR_WARN;
            cr_expect_eq(finding->fix[0] == '\0', finding->verdict == DOCTOR_PASS, "%s", finding->subject);
        }
        cr_expect_eq(warned, 1, "lack %zu", i);
    }
}
