#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cell.h"

static int open_path(int root_fd, const char *path, uint64_t resolve)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS | resolve };
    int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
    if (fd < 0)
        cell_fail("open-program", path);
    return fd;
}

/*
 * Opens the path inside the root and compares it with what was recorded when the configuration was loaded. In an image the file
 * below the job's own layer is compared, where it has the numbers that were recorded: the layer is still empty.
 */
static int open_identical(const struct plan *plan, const char *path, uint64_t device, uint64_t inode, uint64_t size,
                          uint64_t changed_ns)
{
    bool is_in_image = cell_image_fd() >= 0;
    int fd = open_path(is_in_image ? cell_image_fd() : AT_FDCWD, path, is_in_image ? RESOLVE_IN_ROOT : 0);
    struct stat st;
    if (fstat(fd, &st) < 0)
        cell_fail("stat-program", path);
    uint64_t changed = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec;
    bool is_same = st.st_dev == device && st.st_ino == inode && (uint64_t)st.st_size == size && changed == changed_ns;
    if (!is_same && has_layer(plan, CELL_LAYER_IDENTITY))
        cell_fail_code("exec-changed", ESTALE, path);
    if (!is_in_image)
        return fd;
    close(fd);
    return open_path(AT_FDCWD, path, 0);
}

/*
 * The descriptor is of the job's own mount, never of the host's: what a job opens again through /proc/self/exe is as
 * read-only as the rest of its root, or, in an image, a copy of its own.
 */
void cell_open_program(const struct plan *plan)
{
    int program = open_identical(plan, plan->program, plan->device, plan->inode, plan->size, plan->changed_ns);
    if (plan->script[0] != '\0') {
        int script = open_identical(plan, plan->script, plan->script_device, plan->script_inode, plan->script_size,
                                    plan->script_changed_ns);
        close(script);
    }
    cell_close_image();
    if (program != CELL_PROGRAM) {
        if (dup3(program, CELL_PROGRAM, O_CLOEXEC) < 0)
            cell_fail("place-program", "");
        close(program);
    }
}
