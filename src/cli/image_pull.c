/*
 * Pulling: two processes without power do what strangers' bytes need, and what they leave is looked through here, taken
 * over, written to the disk and given its name in one step. A kill at any moment leaves a directory that counts for
 * nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image_step.h"
#include "image_store.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/text.h"
#include "sallyport/image/place.h"
#include "sallyport/image/reference.h"
#include "sallyport/image/seal.h"
#include "sallyport/image/settings.h"

struct pull {
    const struct image_store *store;
    const struct image_reference *image;
    struct image_worker worker;
    char name[32];        /* ".pull-XXXXXX" */
    int pull_fd, work_fd; /* ours; the worker's, below it */
    int image_fd;         /* what becomes the image, ours */
    uint8_t tree[HASH_BYTES];
};

static int make_directory(int above, const char *name, mode_t mode, const struct image_worker *owner, int *ret_fd,
                          struct error *err)
{
    if (mkdirat(above, name, mode) < 0)
        return fail(err, errno, "make '%s'", name);
    auto_fd int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, mode) < 0)
        return fail(err, errno, "make '%s'", name);
    if (owner != NULL && owner->is_root && fchown(fd, owner->uid, owner->gid) < 0)
        return fail(err, errno, "give '%s' its owner", name);
    *ret_fd = fd_take(&fd);
    return 0;
}

static int begin(struct pull *pull, struct error *err)
{
    char path[PATH_MAX_BYTES + 32];
    auto_fd int rootfs = -1;
    snprintf(path, sizeof path, "%s/.pull-XXXXXX", pull->store->path);
    if (mkdtemp(path) == NULL)
        return fail(err, errno, "make a directory in the store '%s'", pull->store->path);
    snprintf(pull->name, sizeof pull->name, "%s", strrchr(path, '/') + 1);
    pull->pull_fd = openat(pull->store->fd, pull->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (pull->pull_fd < 0 || flock(pull->pull_fd, LOCK_EX | LOCK_NB) < 0)
        return fail(err, errno, "lock '%s'", path);
    int done = make_directory(pull->pull_fd, "work", 0700, &pull->worker, &pull->work_fd, err);
    if (done == 0)
        done = make_directory(pull->work_fd, "rootfs", 0755, &pull->worker, &rootfs, err);
    return done < 0 ? done : make_directory(pull->pull_fd, "image", 0700, NULL, &pull->image_fd, err);
}

static int write_file(int directory_fd, const char *name, const char *text, size_t size, struct error *err)
{
    auto_fd int fd = openat(directory_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd < 0 ? fail(err, errno, "make '%s'", name) : fd_write_all(fd, text, size, err);
}

/* What the unpacker wrote must be what every reader takes. */
static int write_settings(const struct pull *pull, struct error *err)
{
    auto_fd int fd = openat(pull->work_fd, "settings", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    auto_free uint8_t *said = NULL;
    size_t size = 0;
    struct image_settings settings;
    if (fd < 0)
        return fail(err, errno, "read the image's settings");
    int done = fd_read_file(fd, IMAGE_SETTINGS_MAX_BYTES, &said, &size, err);
    if (done == 0)
        done = write_file(pull->image_fd, "settings", (const char *)said, size, err);
    if (done < 0)
        return done;
    char *copy = strndup((const char *)said, size);
    if (copy == NULL)
        return fail(err, ENOMEM, "read the image's settings");
    done = image_settings_parse(copy, size, &settings, err);
    image_settings_free(&settings);
    return done;
}

/* From the worker's hands into ours. */
static int take_over(struct pull *pull, struct error *err)
{
    char digest[HASH_TEXT_BYTES], tree[HASH_TEXT_BYTES + 1], source[IMAGE_REFERENCE_BYTES + 1];
    auto_fd int rootfs = openat(pull->work_fd, "rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (rootfs < 0)
        return fail(err, errno, "open the image's files");
    int done = seal_tree(rootfs, pull->worker.uid, pull->tree, err);
    if (done == 0)
        done = write_settings(pull, err);
    text_hex(pull->tree, sizeof pull->tree, digest);
    snprintf(tree, sizeof tree, "%s\n", digest);
    snprintf(source, sizeof source, "%s\n", pull->image->repository);
    if (done == 0)
        done = write_file(pull->image_fd, "tree", tree, strlen(tree), err);
    if (done == 0)
        done = write_file(pull->image_fd, "source", source, strlen(source), err);
    if (done == 0 && renameat(pull->work_fd, "rootfs", pull->image_fd, "rootfs") < 0)
        done = fail(err, errno, "take over the image's files");
    return done;
}

static int finish(const struct pull *pull, struct error *err)
{
    char name[IMAGE_DIGEST_DIGITS + 16];
    snprintf(name, sizeof name, "sha256-%s", pull->image->digest);
    if (syncfs(pull->store->fd) < 0)
        return fail(err, errno, "write the image to the disk");
    if (renameat2(pull->pull_fd, "image", pull->store->fd, name, RENAME_NOREPLACE) < 0)
        return fail(err, errno, "give the image its name");
    return fsync(pull->store->fd) < 0 ? fail(err, errno, "write the store to the disk") : 0;
}

static int pull_run(struct pull *pull, const char *layout, bool is_plain, struct error *err)
{
    char image[IMAGE_REFERENCE_BYTES + 80];
    auto_fd int layout_fd = layout != NULL ? open(layout, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (layout != NULL && layout_fd < 0)
        return fail(err, errno, "open the layout '%s'", layout);
    snprintf(image, sizeof image, "%s@sha256:%s", pull->image->repository, pull->image->digest);
    int done = begin(pull, err);
    if (done == 0 && layout == NULL)
        done = image_step_fetch(&pull->worker, pull->work_fd, image, is_plain, err);
    if (done == 0)
        done = image_step_unpack(&pull->worker, pull->work_fd, layout_fd, pull->image->digest, err);
    if (done == 0)
        done = take_over(pull, err);
    return done < 0 ? done : finish(pull, err);
}

int image_store_pull(const struct image_store *store, const struct image_reference *image, const char *layout,
                     bool is_plain, struct error *err)
{
    struct pull pull = {
        .store = store, .image = image, .worker = image_worker_choose(), .pull_fd = -1, .work_fd = -1, .image_fd = -1
    };
    if (image_store_has(store, image->digest))
        return fail_plain(err, EEXIST, "sha256:%s is in the store already", image->digest);
    int done = pull_run(&pull, layout, is_plain, err);
    if (pull.name[0] != '\0')
        place_remove_at(store->fd, pull.name, NULL);
    fd_close(&pull.image_fd);
    fd_close(&pull.work_fd);
    fd_close(&pull.pull_fd);
    return done;
}
