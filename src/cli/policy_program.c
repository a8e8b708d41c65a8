#include "policy_program.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "options.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/limits.h"

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#define X32_BIT     0x40000000u
#else
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#define X32_BIT     0u
#endif
#define SKIPPED UINT32_MAX /* -1 is no call of any ABI */

/* The calls, by the argument that is a path, of which people want to know the file. */
static const struct {
    long number;
    unsigned index;
} paths[] = {
#if defined(__x86_64__)
    { SYS_open, 0 },     { SYS_creat, 0 },     { SYS_unlink, 0 },   { SYS_mkdir, 0 },    { SYS_rename, 0 },
    { SYS_link, 0 },     { SYS_symlink, 1 },   { SYS_chmod, 0 },    { SYS_chown, 0 },    { SYS_mknod, 0 },
    { SYS_rmdir, 0 },    { SYS_utime, 0 },
#endif
    { SYS_openat, 1 },   { SYS_openat2, 1 },   { SYS_unlinkat, 1 }, { SYS_mkdirat, 1 },  { SYS_renameat2, 1 },
    { SYS_linkat, 1 },   { SYS_symlinkat, 2 }, { SYS_fchmodat, 1 }, { SYS_fchownat, 1 }, { SYS_mknodat, 1 },
    { SYS_execve, 0 },   { SYS_execveat, 1 },  { SYS_chroot, 0 },   { SYS_mount, 1 },    { SYS_umount2, 0 },
    { SYS_truncate, 0 }, { SYS_utimensat, 1 }, { SYS_chdir, 0 },
};

char **program_argv(const struct words *words, size_t first)
{
    char **argv = calloc(words->count - first + 1, sizeof *argv); /* the last stays NULL */
    for (size_t i = first; argv != NULL && i < words->count; i++)
        argv[i - first] = (char *)(uintptr_t)words->items[i]; /* exec changes nothing there */
    return argv;
}

int program_open(const char *name, struct error *err)
{
    const char *list = getenv("PATH") ?: "/usr/bin:/bin";
    int fd = strchr(name, '/') != NULL ? open(name, O_PATH) : -1;
    while (fd < 0 && strchr(name, '/') == NULL && *list != '\0') {
        char path[PATH_MAX_BYTES];
        size_t size = strcspn(list, ":");
        int length = snprintf(path, sizeof path, "%.*s/%s", (int)size, list, name);
        if (length < (int)sizeof path && access(path, X_OK) == 0)
            fd = open(path, O_PATH);
        list += size + (list[size] == ':');
    }
    return fd < 0 ? fail(err, errno != 0 ? errno : ENOENT, "run '%s'", name) : fd;
}

int program_path_argument(uint32_t number)
{
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (paths[i].number == (long)number)
            return (int)paths[i].index;
    return -1;
}

bool program_call_is_foreign(uint32_t arch, uint32_t number)
{
    return arch != NATIVE_ARCH || (number != SKIPPED && (number & X32_BIT) != 0);
}

/* What is not found here was traced, and dies with us (PTRACE_O_EXITKILL), or was born in this moment. */
void program_kill_rest(void)
{
    char path[64], list[4096];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    for (;;) {
        auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t size = fd < 0 ? -1 : read(fd, list, sizeof list - 1);
        if (size <= 0)
            return;
        list[size] = '\0';
        for (char *at = list, *end; (end = strchr(at, ' ')) != NULL; at = end + 1)
            kill((pid_t)strtol(at, NULL, 10), SIGKILL);
        int status; /* one at a time: whose children come to us is then in the list */
        if (waitpid(-1, &status, __WALL) < 0 && errno != EINTR)
            return;
    }
}

int program_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
