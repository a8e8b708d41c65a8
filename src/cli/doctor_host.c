#include "doctor.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/fd.h"
#include "sallyport/job/job.h"

#define LANDLOCK_FLOOR 2 /* Debian 12's 6.1; without it sallyportd does not start */
#define LANDLOCK_SCOPE 6 /* Linux 6.12: keeps a job from the abstract sockets of a network that it shares */

struct finding *finding_add(struct findings *findings, enum verdict verdict, const char *subject)
{
    assert(findings->count < DOCTOR_FINDINGS_MAX);
    struct finding *finding = &findings->items[findings->count++];
    *finding = (struct finding){ .verdict = verdict, .subject = subject };
    return finding;
}

#define TELL(finding, ...) snprintf((finding)->text, sizeof(finding)->text, __VA_ARGS__)
#define MEND(finding, ...) snprintf((finding)->fix, sizeof(finding)->fix, __VA_ARGS__)

static void check_kernel(const struct host_facts *facts, struct findings *findings)
{
    bool is_new = facts->kernel_major > 6 || (facts->kernel_major == 6 && facts->kernel_minor >= 1);
    struct finding *finding = finding_add(findings, is_new ? DOCTOR_PASS : DOCTOR_FAIL, "kernel");
    TELL(finding, "Linux %s%s", facts->kernel, is_new ? "" : "; sallyport needs 6.1 or later");
    if (!is_new)
        MEND(finding, "boot a newer kernel: Debian 12 has 6.1, bookworm-backports later ones");
}

static bool sysctl_says(const char *path, char value)
{
    char text = '\0';
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, &text, 1) == 1 && text == value;
}

static void check_user_namespaces(const struct host_facts *facts, struct findings *findings)
{
    static const struct {
        const char *path;
        char value;
        const char *fix;
    } switches[] = {
        { "/proc/sys/user/max_user_namespaces", '0', "sysctl -w user.max_user_namespaces=10000" },
        { "/proc/sys/kernel/unprivileged_userns_clone", '0',
          "sysctl -w kernel.unprivileged_userns_clone=1, or start sallyportd as root" },
        { "/proc/sys/kernel/apparmor_restrict_unprivileged_userns", '1',
          "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or start sallyportd as root" },
    };
    int code = facts->user_namespace_errno;
    struct finding *finding = finding_add(findings, code == 0 ? DOCTOR_PASS : DOCTOR_FAIL, "user namespaces");
    if (code == 0) {
        TELL(finding, "can be made");
        return;
    }
    TELL(finding, "cannot be made (%s), so no job can be confined", strerrordesc_np(code));
    MEND(finding, "in a container, allow unshare and mount: in Docker --security-opt seccomp=unconfined --security-opt "
                  "apparmor=unconfined --cap-add SYS_ADMIN, in LXC security.nesting=true");
    for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++)
        if (sysctl_says(switches[i].path, switches[i].value)) {
            MEND(finding, "%s", switches[i].fix);
            return;
        }
}

static void check_proc(const struct host_facts *facts, struct findings *findings)
{
    const char *covers = facts->proc_covers;
    /* Without user namespaces the trial could not even begin; that is named already. */
    if (facts->user_namespace_errno != 0 && !facts->is_root)
        return;
    struct finding *finding = finding_add(findings, facts->proc_mount_errno == 0 ? DOCTOR_PASS : DOCTOR_FAIL, "procfs");
    if (facts->proc_mount_errno == 0) {
        TELL(finding, "a fresh one can be mounted%s%s",
             covers[0] == '\0' ? "" : ", although this is covered: ", covers);
        return;
    }
    TELL(finding, "a fresh one cannot be mounted (%s)%s%s", strerrordesc_np(facts->proc_mount_errno),
         covers[0] == '\0' ? "" : ": the kernel refuses because these parts of /proc are covered: ", covers);
    if (covers[0] != '\0')
        MEND(finding, "start the container without masked paths: in Docker --security-opt systempaths=unconfined, in "
                      "Podman --security-opt unmask=ALL, in LXC security.nesting=true");
    else
        MEND(finding, "%s",
             facts->is_root
                 ? "root needs CAP_SYS_ADMIN for it: in Docker --cap-add SYS_ADMIN --security-opt apparmor=unconfined"
                 : "ask the host's administrator what forbids mounting procfs in a user namespace");
}

static void check_landlock(const struct host_facts *facts, struct findings *findings)
{
    uint32_t abi = facts->landlock_abi;
    struct finding *finding = finding_add(findings,
                                          abi < LANDLOCK_FLOOR   ? DOCTOR_FAIL
                                          : abi < LANDLOCK_SCOPE ? DOCTOR_WARN
                                                                 : DOCTOR_PASS,
                                          "Landlock");
    if (abi < LANDLOCK_FLOOR) {
        TELL(finding, "%s; ABI 2 is needed", abi == 0 ? "is not active" : "ABI 1");
        MEND(finding,
             "boot with lsm=landlock,... in front of the list in /sys/kernel/security/lsm (kernel command line)");
    } else if (abi < LANDLOCK_SCOPE) {
        TELL(finding,
             "ABI %u; commands with network: host need ABI 6 (Linux 6.12), or degrade: [landlock] of their own", abi);
        MEND(finding,
             "boot Linux 6.12 or later, as bookworm-backports has it; nothing to do where no command shares the "
             "host's network");
    } else {
        TELL(finding, "ABI %u", abi);
    }
}

static void check_seccomp(const struct host_facts *facts, struct findings *findings)
{
    struct finding *finding = finding_add(findings, facts->has_seccomp ? DOCTOR_PASS : DOCTOR_FAIL, "seccomp");
    TELL(finding, "%s", facts->has_seccomp ? "filters can be loaded" : "this kernel takes no filters");
    if (!facts->has_seccomp)
        MEND(finding, "use a kernel with CONFIG_SECCOMP_FILTER, as Debian's are");
}

static void check_memfd(const struct host_facts *facts, struct findings *findings)
{
    if (!facts->is_root) {
        struct finding *finding = finding_add(findings, DOCTOR_PASS, "memory files");
        TELL(finding, "rootless: jobs are kept from making executable ones by their seccomp profile");
        return;
    }
    struct finding *finding =
        finding_add(findings, facts->has_memfd_noexec ? DOCTOR_PASS : DOCTOR_WARN, "memory files");
    TELL(finding, "%s",
         facts->has_memfd_noexec
             ? "vm.memfd_noexec can forbid executable ones"
             : "no vm.memfd_noexec (Linux 6.3); the profiles strict and base forbid memfd_create instead");
    if (!facts->has_memfd_noexec)
        MEND(finding, "boot Linux 6.3 or later, as bookworm-backports has it, or leave commands on strict or base");
}

static const char *controllers_text(uint32_t controllers, char text[64])
{
    static const struct {
        uint32_t bit;
        const char *name;
    } names[] = { { HOST_MEMORY, "memory" }, { HOST_PIDS, "pids" }, { HOST_CPU, "cpu" }, { HOST_IO, "io" } };
    text[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if ((controllers & names[i].bit) != 0) {
            size_t used = strlen(text);
            snprintf(text + used, 64 - used, "%s%s", used == 0 ? "" : " ", names[i].name);
        }
    return text;
}

static void mend_cgroup(const struct host_facts *facts, struct finding *finding)
{
    const struct host_cgroup *cgroup = &facts->cgroup;
    if (cgroup->mount[0] == '\0')
        MEND(finding, "mount cgroup version 2 on /sys/fs/cgroup (boot with systemd.unified_cgroup_hierarchy=1)");
    else if (!facts->is_root)
        MEND(finding, "start it with a group of its own: systemd-run --user --scope -p Delegate=yes sallyportd ...; or "
                      "install the system service");
    else if (cgroup->place == HOST_CGROUP_NONE)
        MEND(finding, "in a container, make '%s' writable: in Docker --cgroupns=private with a writable /sys/fs/cgroup",
             cgroup->mount);
    else if (strstr(cgroup->mount, "unified") != NULL)
        MEND(finding,
             "boot with systemd.unified_cgroup_hierarchy=1: on this hybrid host version 1 holds the controllers");
    else
        MEND(finding,
             "enable them for all groups: echo '+memory +pids' > %s/cgroup.subtree_control; under systemd the "
             "service's Delegate=yes does it",
             cgroup->mount);
}

static void check_cgroup(const struct host_facts *facts, struct findings *findings)
{
    const struct host_cgroup *cgroup = &facts->cgroup;
    char has[64];
    bool is_whole = cgroup->place != HOST_CGROUP_NONE &&
                    (cgroup->controllers & (HOST_MEMORY | HOST_PIDS)) == (HOST_MEMORY | HOST_PIDS);
    struct finding *finding = finding_add(findings, is_whole ? DOCTOR_PASS : DOCTOR_WARN, "control groups");
    controllers_text(cgroup->controllers, has);
    if (cgroup->place == HOST_CGROUP_NONE)
        TELL(finding,
             "jobs can have none: %s. Memory and processes are limited by weaker means (rlimits), and only if degrade: "
             "names it",
             cgroup->why);
    else if (!is_whole)
        TELL(finding,
             "jobs' groups go below '%s' and get %s%s: %s. What is missing of memory and pids is limited by weaker "
             "means (rlimits), and only if degrade: names it",
             cgroup->parent, has[0] == '\0' ? "no controller" : "only ", has, cgroup->why);
    else
        TELL(finding, "jobs' groups go below '%s' and get %s", cgroup->parent, has);
    if (!is_whole)
        mend_cgroup(facts, finding);
}

static bool has_range(const struct host_facts *facts)
{
    return facts->uids.count > 0 && facts->gids.count > 0 && facts->has_newuidmap;
}

static void check_ids(const struct host_facts *facts, struct findings *findings)
{
    if (facts->is_root) {
        struct finding *root = finding_add(findings, DOCTOR_PASS, "user ids");
        TELL(root, "root: each running job gets ids of its own");
        return;
    }
    struct finding *finding = finding_add(findings, has_range(facts) ? DOCTOR_PASS : DOCTOR_WARN, "user ids");
    if (has_range(facts)) {
        TELL(finding, "%u subordinate ids from %u", facts->uids.count, facts->uids.first);
        return;
    }
    TELL(finding, "%s; all jobs would run as this user",
         facts->has_newuidmap ? "this user has no range in /etc/subuid and /etc/subgid" : "newuidmap is not installed");
    MEND(finding, "%s",
         facts->has_newuidmap ? "as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER"
                              : "as root: apt-get install uidmap");
}

void doctor_check_host(const struct host_facts *facts, struct findings *findings)
{
    static void (*const checks[])(const struct host_facts *, struct findings *) = {
        check_kernel,  check_user_namespaces, check_proc,   check_landlock,
        check_seccomp, check_memfd,           check_cgroup, check_ids,
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
        checks[i](facts, findings);
}

uint32_t doctor_degrade(const struct host_facts *facts)
{
    const struct host_cgroup *cgroup = &facts->cgroup;
    uint32_t needed = 0;
    if (cgroup->place == HOST_CGROUP_NONE)
        needed |= DEGRADE_CGROUP_MEMORY | DEGRADE_CGROUP_PIDS | DEGRADE_CGROUP_CPU | DEGRADE_CGROUP_IO;
    if ((cgroup->controllers & HOST_MEMORY) == 0)
        needed |= DEGRADE_CGROUP_MEMORY;
    if ((cgroup->controllers & HOST_PIDS) == 0)
        needed |= DEGRADE_CGROUP_PIDS;
    if (!facts->is_root && !has_range(facts))
        needed |= DEGRADE_JOB_UID;
    return needed;
}

const char *doctor_degrade_text(uint32_t degrade, const char *separator, char text[128])
{
    text[0] = '\0';
    for (unsigned bit = 0; bit < DEGRADE_COUNT; bit++)
        if ((degrade & (1u << bit)) != 0) {
            size_t used = strlen(text);
            snprintf(text + used, 128 - used, "%s%s", used == 0 ? "" : separator, job_degrade_text(bit));
        }
    return text;
}
