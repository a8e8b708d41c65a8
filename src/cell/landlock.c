/*
 * The job's own Landlock domain, after its last mount: a task under any file rule may never mount again, nor may its
 * children. It may read and execute what its root shows, write below /tmp, /dev/shm and its writable binds, and write
 * the few devices. No TCP but with the host's network, no signals and no abstract sockets to the outside.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cell.h"

/* Names newer than Debian 12's kernel headers (Documentation/userspace-api/landlock.rst). */
#define ACCESS_REFER     (1ULL << 13) /* ABI 2 */
#define ACCESS_TRUNCATE  (1ULL << 14) /* ABI 3 */
#define ACCESS_IOCTL_DEV (1ULL << 15) /* ABI 5 */
#define NET_BIND_TCP     (1ULL << 0)  /* ABI 4 */
#define NET_CONNECT_TCP  (1ULL << 1)
#define SCOPE_ABSTRACT   (1ULL << 0) /* ABI 6 */
#define SCOPE_SIGNAL     (1ULL << 1)

#define ACCESS_READ  (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define ACCESS_ABI_1 ((1ULL << 13) - 1)
/* All but execution and device nodes: what a job writes it may not run, and it makes no devices. */
#define ACCESS_WRITE(all)                                                                                              \
    ((all) & ~(uint64_t)(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK))
#define ACCESS_DEVICE (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE)

/* What a rule on something else than a directory may name; the kernel refuses the rest. */
#define ACCESS_OF_FILES                                                                                                \
    (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE |     \
     ACCESS_IOCTL_DEV)

struct ruleset {
    uint64_t handled_access_fs, handled_access_net, scoped;
};

static uint64_t access_of_abi(uint32_t abi)
{
    uint64_t access = ACCESS_ABI_1;
    if (abi >= 2)
        access |= ACCESS_REFER;
    if (abi >= 3)
        access |= ACCESS_TRUNCATE;
    if (abi >= 5)
        access |= ACCESS_IOCTL_DEV;
    return access;
}

static void allow_beneath(int ruleset_fd, const char *path, uint64_t access)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        cell_fail("landlock-open", path);
    if (!S_ISDIR(st.st_mode))
        access &= ACCESS_OF_FILES;
    struct landlock_path_beneath_attr rule = { .allowed_access = access, .parent_fd = fd };
    if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        cell_fail("landlock-rule", path);
    close(fd);
}

int landlock_scope(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 6)
        return 0;
    const struct ruleset ruleset = { .scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL };
    int ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof ruleset, 0);
    if (ruleset_fd < 0)
        return -1;
    long done = syscall(SYS_landlock_restrict_self, ruleset_fd, 0);
    close(ruleset_fd);
    return (int)done;
}

/* The rule for one kind of the plan's paths. */
static void allow_beneath_all(int ruleset_fd, struct span paths, uint64_t access)
{
    for (const char *path; (path = span_next_text(&paths)) != NULL;)
        allow_beneath(ruleset_fd, path, access);
}

/* What is handled and not allowed by a rule is refused. */
static int create_ruleset(const struct plan *plan, bool allows_tcp)
{
    struct ruleset ruleset = { .handled_access_fs = access_of_abi(plan->landlock_abi) };
    size_t size = sizeof ruleset.handled_access_fs;
    if (plan->landlock_abi >= 4) {
        size = offsetof(struct ruleset, scoped);
        if (!allows_tcp)
            ruleset.handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
    }
    if (plan->landlock_abi >= 6) {
        size = sizeof ruleset;
        ruleset.scoped = SCOPE_ABSTRACT | SCOPE_SIGNAL;
    }
    int ruleset_fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
    if (ruleset_fd < 0)
        cell_fail("landlock-create", "");
    return ruleset_fd;
}

void cell_apply_collector_landlock(const struct plan *plan, int directory_fd)
{
    if (plan->landlock_abi == 0 || !has_layer(plan, CELL_LAYER_LANDLOCK))
        return;
    int ruleset_fd = create_ruleset(plan, false);
    struct landlock_path_beneath_attr rule = { .allowed_access = ACCESS_READ, .parent_fd = directory_fd };
    if (syscall(SYS_landlock_add_rule, ruleset_fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
        cell_fail("landlock-rule", "/tmp");
    if (syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
        cell_fail("landlock-restrict", "");
    close(ruleset_fd);
}

/* Whatever lies directly in the image's root: programs may be anywhere in it, and what the job changes there is its own copy. */
static void allow_image_entry(int ruleset_fd, const char *name, uint64_t changes)
{
    static const char *const not_the_images[] = { ".", "..", "dev", "proc", "sys", "tmp" };
    char path[NAME_MAX + 2];
    struct stat st;
    for (size_t i = 0; i < sizeof not_the_images / sizeof not_the_images[0]; i++)
        if (strcmp(name, not_the_images[i]) == 0)
            return;
    snprintf(path, sizeof path, "/%s", name);
    if (lstat(path, &st) < 0)
        cell_fail("landlock-open", path);
    if (!S_ISLNK(st.st_mode)) /* a link's rule would be about what it leads to */
        allow_beneath(ruleset_fd, path, LANDLOCK_ACCESS_FS_EXECUTE | changes);
}

/* Not for the root as a whole: that would be /proc, too. So nothing is made or removed in the root itself. */
static void allow_image(int ruleset_fd, uint64_t changes)
{
    _Alignas(struct dirent64) uint8_t listing[4096];
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ssize_t got;
    if (fd < 0)
        cell_fail("landlock-open", "/");
    while ((got = syscall(SYS_getdents64, fd, listing, sizeof listing)) > 0)
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const struct dirent64 *)(const void *)(listing + at);
            at += entry->d_reclen;
            allow_image_entry(ruleset_fd, entry->d_name, changes);
        }
    if (got < 0)
        cell_fail("landlock-open", "/");
    close(fd);
}

void cell_apply_landlock(const struct plan *plan)
{
    if (plan->landlock_abi == 0 || !has_layer(plan, CELL_LAYER_LANDLOCK))
        return;
    static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom" };

    uint64_t all = access_of_abi(plan->landlock_abi);
    int ruleset_fd = create_ruleset(plan, plan->has_host_network);

    /* Rules add up on the way down, so execution is not granted for the root as a whole: what a job writes to /tmp it may
     * not run, even on a mount that forgot noexec. */
    allow_beneath(ruleset_fd, "/", ACCESS_READ);
    if (plan->image != CELL_NO_IMAGE)
        allow_image(ruleset_fd, plan->image == CELL_IMAGE_WRITABLE ? ACCESS_WRITE(all) : 0);
    else
        allow_beneath(ruleset_fd, "/usr", LANDLOCK_ACCESS_FS_EXECUTE);
    allow_beneath_all(ruleset_fd, plan->readable, LANDLOCK_ACCESS_FS_EXECUTE);
    allow_beneath(ruleset_fd, "/tmp", ACCESS_WRITE(all));
    allow_beneath(ruleset_fd, "/dev/shm", ACCESS_WRITE(all));
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
        allow_beneath(ruleset_fd, devices[i], ACCESS_DEVICE);
    allow_beneath_all(ruleset_fd, plan->writable, ACCESS_WRITE(all));

    if (syscall(SYS_landlock_restrict_self, ruleset_fd, 0) < 0)
        cell_fail("landlock-restrict", "");
    close(ruleset_fd);
}
