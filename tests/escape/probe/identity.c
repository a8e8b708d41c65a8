/*
 * Who we are, and whom we can reach by number.
 */
#include "probe.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int become_root(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (setresuid(0, 0, 0) < 0)
        return blocked(errno, "setresuid to 0");
    return worked("the ids are %d and %d", (int)getuid(), (int)geteuid());
}

static int become_root_for_files(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    setfsuid(0);
    int now = setfsuid((uid_t)-1); /* changes nothing and says what it is */
    return now == 0 ? worked("files are opened as root") : blocked(EPERM, "files are opened as %d still", now);
}

/* Names that programs, loaders and shells obey. */
static int obeyed_names(int argc, char **argv)
{
    char found[1000] = "";
    for (int i = 0; i < argc; i++)
        if (getenv(argv[i]) != NULL)
            add_text(found, sizeof found, " %s", argv[i]);
    if (found[0] != 0)
        return worked("the environment has%s", found);
    return blocked(ENOENT, "none of %d names is there", argc);
}

static int add_groups(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    gid_t group = 0;
    return judge(setgroups(1, &group), "join group 0");
}

static int raise_capabilities(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct all[2], have[2] = { 0 };
    memset(all, 0xff, sizeof all);
    int first_error = syscall(SYS_capset, &header, all) < 0 ? errno : 0;
    if (syscall(SYS_capget, &header, have) < 0)
        return blocked(errno, "capget");
    for (int i = 0; i < 2; i++)
        if ((have[i].effective | have[i].permitted | have[i].inheritable) != 0)
            return worked("capabilities %#x are there", have[i].effective | have[i].permitted | have[i].inheritable);
    for (unsigned long capability = 0; capability <= CAP_LAST_CAP; capability++)
        if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) > 0)
            return worked("capability %lu is in the bounding set", capability);
    return blocked(first_error == 0 ? EPERM : first_error, "all sets are empty");
}

static int securebits(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return judge(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0), "unlock the securebits");
}

static int ambient(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct have[2] = { 0 };
    syscall(SYS_capget, &header, have);
    have[0].inheritable |= have[0].permitted;
    syscall(SYS_capset, &header, have);
    return judge(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_CHROOT, 0, 0), "raise an ambient capability");
}

static int kill_others(int argc, char **argv)
{
    int code = ESRCH;
    kill(-1, SIGKILL);
    kill(1, SIGKILL);
    for (int i = 0; i < argc; i++) {
        if (kill((pid_t)number(argv[i]), SIGKILL) == 0)
            return worked("killed %s", argv[i]);
        code = errno;
    }
    return blocked(code, "nobody else could be reached");
}

static bool file_holds(const char *path, const char *text)
{
    static char data[1 << 16];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length = fd < 0 ? -1 : read(fd, data, sizeof data);
    if (fd >= 0)
        close(fd);
    return length > 0 && memmem(data, (size_t)length, text, strlen(text)) != NULL;
}

/* Looks at every process that /proc shows, but at itself: its own arguments hold the text too. */
static int read_others(int argc, char **argv)
{
    (void)argc;
    DIR *all = opendir("/proc");
    if (all == NULL)
        return blocked(errno, "open /proc");
    struct dirent *entry;
    while ((entry = readdir(all)) != NULL) {
        if (!isdigit((unsigned char)entry->d_name[0]) || strtol(entry->d_name, NULL, 10) == getpid())
            continue;
        char path[300];
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        if (file_holds(path, argv[0]))
            return worked("process %s has it in its arguments", entry->d_name);
        snprintf(path, sizeof path, "/proc/%s/environ", entry->d_name);
        if (file_holds(path, argv[0]))
            return worked("process %s has it in its environment", entry->d_name);
    }
    return blocked(ENOENT, "no process has it");
}

static int cgroup_layout(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    FILE *groups = fopen("/proc/self/cgroup", "re");
    if (groups == NULL)
        return blocked(errno, "open /proc/self/cgroup");
    char line[1024];
    while (fgets(line, sizeof line, groups) != NULL) {
        char *path = strrchr(line, ':');
        if (path != NULL && strcmp(path, ":/\n") != 0)
            return worked("a group of the host: %.*s", (int)strcspn(path + 1, "\n"), path + 1);
    }
    return blocked(ENOENT, "all groups are '/'");
}

const struct attack identity_attacks[] = {
    { "S56a", "securebits", securebits, 0, ": PR_SET_SECUREBITS 0" },
    { "S56b", "ambient", ambient, 0, ": raises an ambient capability" },
    { "S58a", "setuid", become_root, 0, ": setresuid 0" },
    { "S58b", "setgroups", add_groups, 0, ": setgroups 0" },
    { "S58c", "setfsuid", become_root_for_files, 0, ": setfsuid 0" },
    { "S59", "capset", raise_capabilities, 0, ": raises capabilities, then looks at every set" },
    { "S60", "kill", kill_others, 1, "PID...: kills everybody it can" },
    { "S70", "read-processes", read_others, 1, "TEXT: looks for TEXT in other processes' arguments and environments" },
    { "S95", "environment", obeyed_names, 1, "NAME...: looks for them in its environment" },
    { "S79", "cgroup-layout", cgroup_layout, 0, ": looks for the host's cgroup paths" },
    { 0 },
};
