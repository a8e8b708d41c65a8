/*
 * Landlock through raw system calls: Debian 12's headers stop at ABI 2 and its libc has no wrappers, so the newer part of
 * the interface is written out here. Source: Documentation/userspace-api/landlock.rst, include/uapi/linux/landlock.h.
 */
#include "sallyport/confine/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define RULESET_VERSION   1u /* flag of landlock_create_ruleset */
#define RULE_PATH_BENEATH 1
#define ABI_MIN           2 /* Linux 5.19: without REFER a file could leave its directory by rename */

struct ruleset_attr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net; /* from ABI 4; an older kernel takes it while it is 0 */
    uint64_t scoped;             /* from ABI 6; the same */
};

struct path_beneath_attr {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

#define NET_CONNECT_TCP (1u << 1)

/* Which rights each ABI added. What is handled and not allowed by a rule is denied. */
static const struct {
    uint32_t since_abi;
    struct ruleset_attr adds;
} rights[] = {
    { 1, { .handled_access_fs = 0x1fff } },   /* execute ... make_sym */
    { 2, { .handled_access_fs = 1u << 13 } }, /* refer */
    { 3, { .handled_access_fs = 1u << 14 } }, /* truncate */
    { 4, { .handled_access_net = 3 } },       /* bind and connect of TCP */
    { 5, { .handled_access_fs = 1u << 15 } }, /* ioctl of devices */
    { 6, { .scoped = 3 } },                   /* abstract unix sockets and signals */
};

/* Beneath an allowed directory: all but running programs and making devices. */
#define FS_EXECUTE      (1u << 0)
#define FS_MAKE_CHAR    (1u << 6)
#define FS_MAKE_BLOCK   (1u << 11)
#define FS_IOCTL_DEVICE (1u << 15)
#define FS_NOT_BENEATH  (FS_EXECUTE | FS_MAKE_CHAR | FS_MAKE_BLOCK | FS_IOCTL_DEVICE)

#define FS_READ      (1u << 2 | 1u << 3) /* files, directories */
#define FS_READ_FILE (1u << 2)

static int allow_beneath(int ruleset, uint64_t access, int directory, struct error *err)
{
    struct path_beneath_attr rule = { .allowed_access = access, .parent_fd = directory };
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &rule, 0) < 0)
        return fail(err, errno, "Landlock: allow the directory");
    return 0;
}

/* What else than the one directory is allowed. */
struct exceptions {
    int read_fd; /* -1: none */
    bool may_connect;
    const char *const *readable, *const *runnable; /* or NULL */
};

/* A file may be named as well as a directory; the rule then is about what files have. */
static int allow_paths(int ruleset, const char *const *paths, uint64_t access, struct error *err)
{
    for (; paths != NULL && *paths != NULL; paths++) {
        struct stat st;
        auto_fd int fd = open(*paths, O_PATH | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT)
            continue;
        if (fd < 0 || fstat(fd, &st) < 0)
            return fail(err, errno, "Landlock: open '%s'", *paths);
        uint64_t of_files = FS_EXECUTE | FS_READ_FILE;
        int done = allow_beneath(ruleset, S_ISDIR(st.st_mode) ? access : access & of_files, fd, err);
        if (done < 0)
            return done;
    }
    return 0;
}

static int allow_exceptions(int ruleset, const struct exceptions *exceptions, struct error *err)
{
    int done = exceptions->read_fd >= 0 ? allow_beneath(ruleset, FS_READ, exceptions->read_fd, err) : 0;
    if (done == 0)
        done = allow_paths(ruleset, exceptions->readable, FS_READ, err);
    return done < 0 ? done : allow_paths(ruleset, exceptions->runnable, FS_READ | FS_EXECUTE, err);
}

static int restrict_to(int beneath_fd, const struct exceptions *exceptions, uint32_t *ret_abi, struct error *err)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, RULESET_VERSION);
    if (abi < ABI_MIN)
        return fail_plain(err, ENOSYS,
                          "Landlock: this kernel has ABI %ld and %d is needed: Linux 6.1 or newer, with "
                          "\"landlock\" in CONFIG_LSM or in the kernel's lsm= option",
                          abi < 0 ? 0 : abi, ABI_MIN);

    struct ruleset_attr handled = { 0 };
    for (size_t i = 0; i < sizeof rights / sizeof rights[0]; i++) {
        if ((uint32_t)abi >= rights[i].since_abi) {
            handled.handled_access_fs |= rights[i].adds.handled_access_fs;
            handled.handled_access_net |= rights[i].adds.handled_access_net;
            handled.scoped |= rights[i].adds.scoped;
        }
    }
    if (exceptions->may_connect)
        handled.handled_access_net &= ~(uint64_t)NET_CONNECT_TCP;
    auto_fd int ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0);
    if (ruleset < 0)
        return fail(err, errno, "Landlock: make a ruleset for ABI %ld", abi);
    if (beneath_fd >= 0) {
        int done = allow_beneath(ruleset, handled.handled_access_fs & ~(uint64_t)FS_NOT_BENEATH, beneath_fd, err);
        if (done < 0)
            return done;
    }
    int allowed = allow_exceptions(ruleset, exceptions, err);
    if (allowed < 0)
        return allowed;
    if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
        return fail(err, errno, "Landlock: restrict ourselves");
    *ret_abi = (uint32_t)abi;
    return 0;
}

int confine_landlock(int beneath_fd, uint32_t *ret_abi, struct error *err)
{
    return restrict_to(beneath_fd, &(struct exceptions){ .read_fd = -1 }, ret_abi, err);
}

int confine_landlock_but_connect(uint32_t *ret_abi, struct error *err)
{
    return restrict_to(-1, &(struct exceptions){ .read_fd = -1, .may_connect = true }, ret_abi, err);
}

int confine_landlock_reading(int beneath_fd, int read_fd, uint32_t *ret_abi, struct error *err)
{
    return restrict_to(beneath_fd, &(struct exceptions){ .read_fd = read_fd }, ret_abi, err);
}

int confine_landlock_program(int beneath_fd, const char *const *readable, const char *const *runnable,
                             uint32_t *ret_abi, struct error *err)
{
    const struct exceptions exceptions = { -1, true, readable, runnable };
    return restrict_to(beneath_fd, &exceptions, ret_abi, err);
}
