#include "widths.h"

#include <stddef.h>
#include <string.h>

#define ARG(index) (1u << (index))

/*
 * Pointers, sizes, offsets and what is called `long` in the kernel. Of the calls that a profile may allow only those are here
 * of which somebody compares an argument; all else is taken for an int, so that a constant which cannot be meant is refused.
 * Source: Linux 6.18, include/linux/syscalls.h.
 */
static const struct {
    const char *name;
    uint32_t wide;
} widths[] = {
    { "arch_prctl", ARG(1) },
    { "brk", ARG(0) },
    { "clone", ARG(0) | ARG(1) | ARG(2) | ARG(3) | ARG(4) },
    { "copy_file_range", ARG(1) | ARG(3) | ARG(4) },
    { "execve", ARG(0) | ARG(1) | ARG(2) },
    { "execveat", ARG(1) | ARG(2) | ARG(3) },
    { "fadvise64", ARG(1) | ARG(2) },
    { "fallocate", ARG(2) | ARG(3) },
    { "fcntl", ARG(2) },
    { "ftruncate", ARG(1) },
    { "futex", ARG(0) | ARG(3) | ARG(4) },
    { "getrandom", ARG(0) | ARG(1) },
    { "ioctl", ARG(2) },
    { "lseek", ARG(1) },
    { "madvise", ARG(0) | ARG(1) },
    { "map_shadow_stack", ARG(0) | ARG(1) },
    { "mbind", ARG(0) | ARG(1) | ARG(3) | ARG(4) },
    { "mlock", ARG(0) | ARG(1) },
    { "mlock2", ARG(0) | ARG(1) },
    { "mmap",
      ARG(0) | ARG(1) | ARG(2) | ARG(3) | ARG(4) | ARG(5) }, /* protection and flags are `unsigned long` there */
    { "mprotect", ARG(0) | ARG(1) | ARG(2) },
    { "mremap", ARG(0) | ARG(1) | ARG(2) | ARG(3) | ARG(4) },
    { "mseal", ARG(0) | ARG(1) | ARG(2) },
    { "msync", ARG(0) | ARG(1) },
    { "munlock", ARG(0) | ARG(1) },
    { "munmap", ARG(0) | ARG(1) },
    { "openat", ARG(1) },
    { "pkey_alloc", ARG(0) | ARG(1) },
    { "pkey_mprotect", ARG(0) | ARG(1) | ARG(2) },
    { "prctl", ARG(1) | ARG(2) | ARG(3) | ARG(4) },
    { "pread64", ARG(1) | ARG(2) | ARG(3) },
    { "prlimit64", ARG(2) | ARG(3) },
    { "pwrite64", ARG(1) | ARG(2) | ARG(3) },
    { "read", ARG(1) | ARG(2) },
    { "remap_file_pages", ARG(0) | ARG(1) | ARG(2) | ARG(3) | ARG(4) },
    { "seccomp", ARG(2) },
    { "sendfile", ARG(2) | ARG(3) },
    { "set_mempolicy", ARG(1) | ARG(2) },
    { "shmat", ARG(1) },
    { "truncate", ARG(0) | ARG(1) },
    { "unshare", ARG(0) },
    { "write", ARG(1) | ARG(2) },
};

bool argument_is_wide(const char *name, uint8_t index)
{
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
        if (strcmp(widths[i].name, name) == 0)
            return (widths[i].wide & ARG(index)) != 0;
    return false;
}
