#include "sallyport/image/seal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/limits.h"

struct walk {
    struct hash *hash;
    dev_t device;
    uint32_t owner;
    uint64_t entries;
    unsigned depth;
};

static int is_listed(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

static int by_bytes(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static void list_free(struct dirent **list, int count)
{
    for (int i = 0; i < count; i++)
        free(list[i]);
    free(list);
}

static int check_entry(const struct walk *walk, const struct stat *st, const char *name, struct error *err)
{
    bool is_known = S_ISREG(st->st_mode) || S_ISDIR(st->st_mode) || S_ISLNK(st->st_mode);
    bool may_be_ours = walk->owner == SEAL_KEEPS_OWNER || (S_ISREG(st->st_mode) && st->st_nlink > 1);
    if (!is_known || st->st_dev != walk->device)
        return fail_plain(err, EPERM, "'%s' is no file, directory or link of this tree", name);
    if (!S_ISLNK(st->st_mode) && (st->st_mode & (S_ISUID | S_ISGID | S_ISVTX | S_IWGRP | S_IWOTH)) != 0)
        return fail_plain(err, EPERM, "'%s' has the mode %04o", name, (unsigned)st->st_mode & 07777);
    if (st->st_uid != walk->owner && !(may_be_ours && st->st_uid == geteuid()))
        return fail_plain(err, EPERM, "'%s' belongs to uid %u", name, (unsigned)st->st_uid);
    return 0;
}

static int hash_file(struct walk *walk, int directory_fd, const char *name, struct error *err)
{
    static uint8_t block[64 * 1024];
    auto_fd int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "open '%s'", name);
    ssize_t got;
    while ((got = read(fd, block, sizeof block)) > 0)
        hash_update(walk->hash, block, (size_t)got);
    return got < 0 ? fail(err, errno, "read '%s'", name) : 0;
}

static int hash_link(struct walk *walk, int directory_fd, const char *name, struct error *err)
{
    char target[PATH_MAX_BYTES];
    ssize_t length = readlinkat(directory_fd, name, target, sizeof target);
    if (length < 0)
        return fail(err, errno, "read the link '%s'", name);
    hash_update(walk->hash, target, (size_t)length);
    return 0;
}

/* Kind, mode, size and name, so that no two trees are spelled alike. */
static void hash_head(struct walk *walk, const struct stat *st, const char *name)
{
    char head[96];
    long long size = S_ISDIR(st->st_mode) ? 0 : (long long)st->st_size;
    int length = snprintf(head, sizeof head, "%o %lld %zu ", (unsigned)st->st_mode, size, strlen(name));
    hash_update(walk->hash, head, (size_t)length);
    hash_update(walk->hash, name, strlen(name));
}

static int walk_directory(struct walk *walk, int fd, struct error *err);

static int walk_entry(struct walk *walk, int directory_fd, const char *name,
                      struct error *err) /* NOLINT(misc-no-recursion) */
{
    struct stat st;
    if (++walk->entries > IMAGE_ENTRY_COUNT_MAX)
        return fail_plain(err, E2BIG, "the image has more than %d files", IMAGE_ENTRY_COUNT_MAX);
    if (fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "stat '%s'", name);
    int done = check_entry(walk, &st, name, err);
    if (done < 0)
        return done;
    if (walk->owner != SEAL_KEEPS_OWNER && fchownat(directory_fd, name, geteuid(), getegid(), AT_SYMLINK_NOFOLLOW) < 0)
        return fail(err, errno, "take over '%s'", name);
    hash_head(walk, &st, name);
    if (S_ISREG(st.st_mode))
        return hash_file(walk, directory_fd, name, err);
    if (S_ISLNK(st.st_mode))
        return hash_link(walk, directory_fd, name, err);
    auto_fd int fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "open '%s'", name);
    done = walk_directory(walk, fd, err);
    hash_update(walk->hash, "end", 4);
    return done;
}

/* As deep as entries may lie, and one for a name that is no entry's: IMAGE_DEPTH_MAX. */
static int walk_directory(struct walk *walk, int fd, struct error *err) /* NOLINT(misc-no-recursion) */
{
    struct dirent **list = NULL;
    if (++walk->depth > IMAGE_DEPTH_MAX + 1)
        return fail_plain(err, E2BIG, "the image has directories more than %d deep", IMAGE_DEPTH_MAX);
    int count = scandirat(fd, ".", &list, is_listed, by_bytes), done = 0;
    if (count < 0)
        return fail(err, errno, "list a directory");
    for (int i = 0; i < count && done == 0; i++)
        done = walk_entry(walk, fd, list[i]->d_name, err);
    list_free(list, count);
    walk->depth--;
    return done;
}

int seal_tree(int root_fd, uint32_t owner, uint8_t ret_digest[HASH_BYTES], struct error *err)
{
    struct stat st;
    if (fstat(root_fd, &st) < 0)
        return fail(err, errno, "stat the image");
    if (owner == geteuid())
        owner = SEAL_KEEPS_OWNER;
    struct walk walk = { .hash = hash_new(), .device = st.st_dev, .owner = owner };
    if (walk.hash == NULL)
        return fail(err, ENOMEM, "read the image");
    int done = check_entry(&walk, &st, ".", err);
    if (done == 0 && owner != SEAL_KEEPS_OWNER && fchown(root_fd, geteuid(), getegid()) < 0)
        done = fail(err, errno, "take over the image");
    if (done == 0)
        done = walk_directory(&walk, root_fd, err);
    if (done == 0)
        hash_result(walk.hash, ret_digest);
    hash_free(walk.hash);
    return done;
}
