#include "sallyport/base/host.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"

#define FILE_TEXT_MAX (1024 * 1024)

/* Runs try in a child and returns what it returns: 0 or an errno value, which is below 256. */
static int host_try(int (*try)(void))
{
    pid_t child = fork();
    if (child < 0)
        return errno;
    if (child == 0)
        _exit(try());
    int status = 0;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

/* With the mount namespace, because some hosts allow the user namespace and then give no power in it. */
static int try_user_namespace(void)
{
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ? errno : 0;
}

static int try_mount_proc(void)
{
    auto_fd int context = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC);
    if (context < 0)
        return errno;
    if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return errno;
    auto_fd int mount =
        (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return mount < 0 ? errno : 0;
}

/* A procfs shows the pid namespace that its maker is in, so a fresh one needs a child of the new namespace. */
static int try_proc_as_root(void)
{
    return unshare(CLONE_NEWNS | CLONE_NEWPID) < 0 ? errno : host_try(try_mount_proc);
}

static int try_proc_rootless(void)
{
    return unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID) < 0 ? errno : host_try(try_mount_proc);
}

/* The kernel looks at the flags only after the operation, so a bad address proves that the operation is known. */
static bool host_has_seccomp(void)
{
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) < 0 && errno == EFAULT;
}

static uint32_t host_landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return abi < 0 ? 0 : (uint32_t)abi;
}

static char *host_read(const char *path)
{
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *data = NULL;
    size_t size;
    if (fd < 0 || fd_read_file(fd, FILE_TEXT_MAX, &data, &size, NULL) < 0)
        return NULL;
    return (char *)data;
}

/* "name:first:count"; false unless it has this form. */
static bool host_ids_line(const char *line, size_t length, char name[256], struct host_ids *ret_ids)
{
    char copy[256], *fields[3], *rest = copy;
    uint64_t first, count;
    if (!text_copy_bytes(copy, sizeof copy, line, length))
        return false;
    for (size_t i = 0; i < 3; i++)
        fields[i] = strsep(&rest, ":");
    if (rest != NULL || fields[2] == NULL || !text_u64(fields[1], UINT32_MAX, &first) ||
        !text_u64(fields[2], UINT32_MAX, &count))
        return false;
    text_copy(name, 256, fields[0]);
    *ret_ids = (struct host_ids){ (uint32_t)first, (uint32_t)count };
    return true;
}

struct host_ids host_ids_find(const char *text, const char *user, uint32_t uid)
{
    char number[16];
    snprintf(number, sizeof number, "%u", uid);
    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        char name[256];
        struct host_ids ids;
        if (host_ids_line(line, length, name, &ids) && (strcmp(name, user) == 0 || strcmp(name, number) == 0))
            return ids;
        line += length + (line[length] == '\n');
    }
    return (struct host_ids){ 0 };
}

static struct host_ids host_ids_read(const char *path)
{
    char buffer[16384];
    struct passwd entry, *found = NULL;
    auto_free char *text = host_read(path);
    if (text == NULL)
        return (struct host_ids){ 0 };
    if (getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) != 0 || found == NULL)
        return host_ids_find(text, "", geteuid());
    return host_ids_find(text, found->pw_name, geteuid());
}

static bool host_has_program(const char *name)
{
    static const char *const places[] = { "/usr/bin", "/bin", "/usr/local/bin" };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%s", places[i], name);
        if (access(path, X_OK) == 0)
            return true;
    }
    return false;
}

void host_proc_covers(const char *mountinfo, char *text, uint32_t room)
{
    size_t used = 0;
    text[0] = '\0';
    for (const char *line = mountinfo; *line != '\0'; line = strchrnul(line, '\n'), line += *line == '\n') {
        char point[PATH_MAX_BYTES];
        if (sscanf(line, "%*s %*s %*s %*s %1023s", point) != 1 || strncmp(point, "/proc/", 6) != 0)
            continue;
        if (used + strlen(point) + sizeof " ..." + 1 > room) {
            snprintf(text + used, room - used, " ...");
            return;
        }
        used += (size_t)snprintf(text + used, room - used, "%s%s", used == 0 ? "" : " ", point);
    }
}

void host_probe(struct host_facts *ret_facts)
{
    struct host_facts facts = { .is_root = geteuid() == 0 };
    struct utsname name;
    if (uname(&name) == 0) {
        text_copy(facts.kernel, sizeof facts.kernel, name.release);
        char *rest = NULL;
        facts.kernel_major = (unsigned)strtoul(name.release, &rest, 10);
        facts.kernel_minor = *rest == '.' ? (unsigned)strtoul(rest + 1, NULL, 10) : 0;
    }
    facts.landlock_abi = host_landlock_abi();
    facts.has_seccomp = host_has_seccomp();
    facts.has_memfd_noexec = access("/proc/sys/vm/memfd_noexec", F_OK) == 0;
    facts.user_namespace_errno = host_try(try_user_namespace);
    facts.proc_mount_errno = host_try(facts.is_root ? try_proc_as_root : try_proc_rootless);
    auto_free char *mountinfo = host_read("/proc/self/mountinfo");
    if (mountinfo != NULL)
        host_proc_covers(mountinfo, facts.proc_covers, sizeof facts.proc_covers);
    if (!facts.is_root) {
        facts.uids = host_ids_read("/etc/subuid");
        facts.gids = host_ids_read("/etc/subgid");
    }
    facts.has_newuidmap = host_has_program("newuidmap") && host_has_program("newgidmap");
    host_cgroup_probe(facts.is_root, &facts.cgroup);
    *ret_facts = facts;
}
