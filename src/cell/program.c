#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cell.h"

/* Opens the path inside the root and compares it with what was recorded when the configuration was loaded. */
static int open_identical(const struct plan *plan, const char *path, uint64_t device, uint64_t inode, uint64_t size,
                          uint64_t changed_ns)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (fd < 0)
        cell_fail("open-program", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        cell_fail("stat-program", path);
    uint64_t changed = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec;
    bool is_same = st.st_dev == device && st.st_ino == inode && (uint64_t)st.st_size == size && changed == changed_ns;
    if (!is_same && has_layer(plan, CELL_LAYER_IDENTITY))
        cell_fail_code("exec-changed", ESTALE, path);
    return fd;
}

/*
 * The descriptor is of the job's own read-only mount, never of the host's: what a job opens again through /proc/self/exe
 * is as read-only as the rest of its root.
 */
void cell_open_program(const struct plan *plan)
{
    int program = open_identical(plan, plan->program, plan->device, plan->inode, plan->size, plan->changed_ns);
    if (plan->script[0] != '\0') {
        int script = open_identical(plan, plan->script, plan->script_device, plan->script_inode, plan->script_size,
                                    plan->script_changed_ns);
        close(script);
    }
    if (program != CELL_PROGRAM) {
        if (dup3(program, CELL_PROGRAM, O_CLOEXEC) < 0)
            cell_fail("place-program", "");
        close(program);
    }
}
