#include "sallyport/image/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "layer.h"
#include "sallyport/image/place.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/text.h"
#include "sallyport/image/manifest.h"

const char *image_architecture(void)
{
    static struct utsname host;
    uname(&host);
    return strcmp(host.machine, "x86_64") == 0    ? "amd64"
           : strcmp(host.machine, "aarch64") == 0 ? "arm64"
                                                  : host.machine;
}

static int check_digest(int fd, const char *what, const char *digest, struct error *err)
{
    static uint8_t block[64 * 1024];
    struct hash *hash = hash_new();
    if (hash == NULL)
        return fail(err, ENOMEM, "read %s", what);
    ssize_t got;
    while ((got = read(fd, block, sizeof block)) > 0)
        hash_update(hash, block, (size_t)got);
    uint8_t bytes[HASH_BYTES];
    char text[HASH_TEXT_BYTES];
    int code = errno;
    hash_result(hash, bytes);
    hash_free(hash);
    text_hex(bytes, sizeof bytes, text);
    if (got < 0)
        return fail(err, code, "read %s", what);
    if (strcmp(text, digest) != 0)
        return fail_plain(err, EBADMSG, "%s is not what was asked for: its digest is sha256:%s and not sha256:%s", what,
                          text, digest);
    return lseek(fd, 0, SEEK_SET) < 0 ? fail(err, errno, "read %s", what) : 0;
}

/* A blob of any size (bytes UINT64_MAX) or of this one, with this digest. */
static int open_blob(const struct image_source *source, const char *what, const char *path, const char *digest,
                     uint64_t bytes, int *ret_fd, struct error *err)
{
    struct stat st;
    struct open_how how = {
        .flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    auto_fd int fd = (int)syscall(SYS_openat2, source->fd, path, &how, sizeof how);
    if (fd < 0 && errno == EACCES && source->is_layout)
        return fail_plain(err, EACCES,
                          "%s (%s) cannot be read without rights, which is how images are unpacked; let everybody read "
                          "the layout (chmod -R a+rX)",
                          what, path);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, "open %s (%s)", what, path);
    if (!S_ISREG(st.st_mode))
        return fail_plain(err, EBADMSG, "%s (%s) is no file", what, path);
    if (bytes == UINT64_MAX ? st.st_size > IMAGE_JSON_MAX_BYTES : (uint64_t)st.st_size != bytes)
        return fail_plain(err, EBADMSG, "%s has %lld bytes, which is not what it should have", what,
                          (long long)st.st_size);
    int done = check_digest(fd, what, digest, err);
    if (done == 0)
        *ret_fd = fd_take(&fd);
    return done;
}

static int open_named_blob(const struct image_source *source, const char *what, const struct image_blob *blob,
                           int *ret_fd, struct error *err)
{
    char path[128];
    snprintf(path, sizeof path, "%s%s", source->is_layout ? "blobs/sha256/" : "", blob->digest);
    return open_blob(source, what, path, blob->digest, blob->size, ret_fd, err);
}

static int read_manifest(const struct image_source *source, const char *digest, const char *architecture,
                         struct manifest *manifest, struct error *err)
{
    char path[128] = "manifest.json";
    auto_fd int fd = -1;
    auto_free uint8_t *data = NULL;
    size_t size = 0;
    if (source->is_layout)
        snprintf(path, sizeof path, "blobs/sha256/%s", digest);
    int done = open_blob(source, "the manifest", path, digest, UINT64_MAX, &fd, err);
    if (done == 0)
        done = fd_read_file(fd, IMAGE_JSON_MAX_BYTES, &data, &size, err);
    return done < 0 ? done : manifest_parse(data, size, architecture, manifest, err);
}

static int read_config(const struct image_source *source, const struct manifest *manifest, const char *architecture,
                       FILE *settings, struct image_diffs *diffs, struct error *err)
{
    auto_fd int fd = -1;
    auto_free uint8_t *data = NULL;
    size_t size = 0;
    int done = open_named_blob(source, "the configuration", &manifest->config, &fd, err);
    if (done == 0)
        done = fd_read_file(fd, IMAGE_JSON_MAX_BYTES, &data, &size, err);
    if (done == 0)
        done = image_config_parse(data, size, architecture, settings, diffs, err);
    if (done == 0 && diffs->count != manifest->layer_count)
        done = fail_plain(err, EBADMSG, "the manifest has %u layers, the configuration %u", manifest->layer_count,
                          diffs->count);
    return done;
}

/*
 * Where jobs find what is not the image's: nobody can make these places later, and no link may lead from them elsewhere. What
 * an image has there stays if it is of the right kind.
 */
static int add_places(int root_fd, struct error *err)
{
    static const char *const directories[] = { "dev", "proc", "tmp", "run", "run/secrets", "run/files", "etc" };
    static const struct {
        const char *path, *content;
    } files[] = { { "etc/hosts", "127.0.0.1 localhost\n::1 localhost\n" }, { "etc/resolv.conf", "" } };
    struct stat st;
    int done = 0;
    for (size_t i = 0; i < sizeof directories / sizeof directories[0] && done == 0; i++)
        done = place_make_directory(root_fd, directories[i], 0755, err);
    for (size_t i = 0; i < sizeof files / sizeof files[0] && done == 0; i++) {
        auto_fd int fd = -1;
        if (fstatat(root_fd, files[i].path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode))
            continue;
        done = place_make_file(root_fd, files[i].path, 0644, &fd, err);
        if (done == 0)
            done = fd_write_all(fd, files[i].content, strlen(files[i].content), err);
    }
    return done;
}

int image_unpack(const struct image_source *source, const char *digest, const char *architecture, int root_fd,
                 FILE *settings, struct error *err)
{
    static struct manifest manifest; /* some KiB each */
    static struct image_diffs diffs;
    struct layer_budget budget = { 0 };
    int done = read_manifest(source, digest, architecture, &manifest, err);
    if (done == 0)
        done = read_config(source, &manifest, architecture, settings, &diffs, err);
    for (uint32_t i = 0; i < manifest.layer_count && done == 0; i++) {
        auto_fd int fd = -1;
        char what[32];
        snprintf(what, sizeof what, "layer %u", i + 1);
        done = open_named_blob(source, what, &manifest.layers[i], &fd, err);
        if (done == 0 && (done = layer_apply(fd, diffs.digests[i], root_fd, &budget, err)) < 0)
            fail_in(err, "%s", what);
    }
    return done < 0 ? done : add_places(root_fd, err);
}
