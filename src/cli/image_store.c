#include "image_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/text.h"
#include "sallyport/image/place.h"
#include "sallyport/image/seal.h"

#define PREFIX      "sha256-"
#define NAME_BYTES  (sizeof PREFIX + IMAGE_DIGEST_DIGITS)
#define SOURCE_MOST IMAGE_REFERENCE_BYTES

static void name_of(const char *digest, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, PREFIX "%s", digest);
}

static bool is_image_name(const char *name)
{
    return strncmp(name, PREFIX, strlen(PREFIX)) == 0 && strlen(name) == NAME_BYTES - 1 &&
           strspn(name + strlen(PREFIX), "0123456789abcdef") == IMAGE_DIGEST_DIGITS;
}

static bool is_unfinished(const char *name)
{
    return strncmp(name, ".pull-", 6) == 0 || strncmp(name, ".gone-", 6) == 0;
}

int image_store_open(const char *path, struct image_store *ret_store, struct error *err)
{
    struct stat st;
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return fail(err, errno, "make the store '%s'", path);
    auto_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, "open the store '%s'", path);
    if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail_plain(err, EPERM, "the store '%s' belongs to somebody else or can be changed by others", path);
    *ret_store = (struct image_store){ path, fd_take(&fd) };
    return 0;
}

void image_store_close(struct image_store *store)
{
    fd_close(&store->fd);
}

bool image_store_has(const struct image_store *store, const char *digest)
{
    char name[NAME_BYTES];
    name_of(digest, name);
    return faccessat(store->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A small text of an image. */
static int read_text(int directory_fd, const char *name, char *text, size_t room, struct error *err)
{
    auto_fd int fd = openat(directory_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, room - 1) : -1;
    if (got < 0)
        return fail(err, errno, "read '%s'", name);
    text[got] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return 0;
}

static int open_image(const struct image_store *store, const char *digest, int *ret_fd, struct error *err)
{
    char name[NAME_BYTES];
    name_of(digest, name);
    int fd = openat(store->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return fail_plain(err, ENOENT, "sha256:%s is not in the store '%s'", digest, store->path);
    if (fd < 0)
        return fail(err, errno, "open the image sha256:%s", digest);
    *ret_fd = fd;
    return 0;
}

int image_store_verify(const struct image_store *store, const char *digest, struct error *err)
{
    auto_fd int image = -1, rootfs = -1;
    char noted[HASH_TEXT_BYTES + 1], found[HASH_TEXT_BYTES];
    uint8_t bytes[HASH_BYTES];
    int done = open_image(store, digest, &image, err);
    if (done == 0)
        done = read_text(image, "tree", noted, sizeof noted, err);
    if (done < 0)
        return done;
    rootfs = openat(image, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (rootfs < 0)
        return fail(err, errno, "open the image's files");
    if ((done = seal_tree(rootfs, SEAL_KEEPS_OWNER, bytes, err)) < 0)
        return done;
    text_hex(bytes, sizeof bytes, found);
    return strcmp(noted, found) == 0 ? 0 : fail_plain(err, EBADMSG, "its files are not those that were pulled");
}

static int is_listed(const struct dirent *entry)
{
    return is_image_name(entry->d_name) || is_unfinished(entry->d_name);
}

int image_store_list(const struct image_store *store, int (*take)(void *arg, const char *digest, const char *source),
                     void *arg, struct error *err)
{
    struct dirent **list = NULL;
    int count = scandirat(store->fd, ".", &list, is_listed, alphasort), done = 0;
    if (count < 0)
        return fail(err, errno, "list the store '%s'", store->path);
    for (int i = 0; i < count; i++) {
        const char *digest = list[i]->d_name + strlen(PREFIX);
        char source[SOURCE_MOST] = "";
        auto_fd int image = -1;
        if (done == 0 && is_image_name(list[i]->d_name) && (done = open_image(store, digest, &image, err)) == 0 &&
            (done = read_text(image, "source", source, sizeof source, err)) == 0)
            done = take(arg, digest, source);
        free(list[i]);
    }
    free(list);
    return done;
}

/* Nobody else holds it: not the service, which uses it, nor another of us. */
static int lock_alone(int fd, struct error *err)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? fail_plain(err, EBUSY, "it is used") : fail(err, errno, "lock it");
}

int image_store_remove(const struct image_store *store, const char *digest, struct error *err)
{
    char name[NAME_BYTES], gone[NAME_BYTES + 8];
    auto_fd int image = -1;
    int done = open_image(store, digest, &image, err);
    if (done == 0)
        done = lock_alone(image, err);
    if (done < 0)
        return done;
    name_of(digest, name);
    snprintf(gone, sizeof gone, ".gone-%s", digest);
    /* In one step it is no image any more, whatever becomes of the rest. */
    if (renameat(store->fd, name, store->fd, gone) < 0 || fsync(store->fd) < 0)
        return fail(err, errno, "take it out of the store");
    return place_remove_at(store->fd, gone, err);
}

int image_store_sweep(const struct image_store *store, struct error *err)
{
    struct dirent **list = NULL;
    int count = scandirat(store->fd, ".", &list, is_listed, alphasort), done = 0;
    if (count < 0)
        return fail(err, errno, "list the store '%s'", store->path);
    for (int i = 0; i < count; i++) {
        if (done == 0 && is_unfinished(list[i]->d_name)) {
            auto_fd int fd = openat(store->fd, list[i]->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (fd >= 0 && lock_alone(fd, NULL) == 0)
                done = place_remove_at(store->fd, list[i]->d_name, err);
        }
        free(list[i]);
    }
    free(list);
    return done;
}
