/*
 * Two archives of libarchive in a row: the outer one takes the compression off and is read as plain bytes, which are
 * counted and hashed; the inner one finds entries in them. Nothing is extracted by libarchive itself: what an entry
 * becomes is entry.c's and place.c's, because its own checks let pipes, devices, set-id bits and strange names through.
 */
#include "layer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/image/place.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/text.h"
#include "sallyport/image/entry.h"

#define BLOCK_BYTES     (64 * 1024)
#define TAR_BLOCK_BYTES 512

struct layer {
    struct archive *packed, *tar;
    struct hash *hash;
    uint64_t tar_bytes;
    bool is_padded;
    int root_fd;
    struct layer_budget *budget;
    uint8_t block[BLOCK_BYTES];
};

/* A file at the end of an archive of umoci's has no padding, which readers of tar wait for. It is no part of the digest. */
static la_ssize_t give_padding(struct layer *layer, const void **ret_bytes)
{
    static const uint8_t padding[TAR_BLOCK_BYTES];
    size_t missing = (TAR_BLOCK_BYTES - layer->tar_bytes % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES;
    if (layer->is_padded)
        return 0;
    layer->is_padded = true;
    *ret_bytes = padding;
    return (la_ssize_t)missing;
}

/* The inner archive asks for bytes. */
static la_ssize_t give_bytes(struct archive *tar, void *arg, const void **ret_bytes)
{
    struct layer *layer = arg;
    la_ssize_t got = archive_read_data(layer->packed, layer->block, sizeof layer->block);
    if (got < 0) {
        archive_set_error(tar, archive_errno(layer->packed), "%s", archive_error_string(layer->packed));
        return -1;
    }
    if (got == 0)
        return give_padding(layer, ret_bytes);
    layer->tar_bytes += (uint64_t)got;
    if (layer->tar_bytes > IMAGE_BYTES_MAX) {
        archive_set_error(tar, EFBIG, "it unpacks to more than %llu bytes", IMAGE_BYTES_MAX);
        return -1;
    }
    hash_update(layer->hash, layer->block, (size_t)got);
    *ret_bytes = layer->block;
    return got;
}

static int fail_archive(struct error *err, struct archive *archive)
{
    const char *why = archive_error_string(archive);
    char shown[256];
    why = why != NULL ? why : "it cannot be read";
    text_quote_json(why, strlen(why), shown, sizeof shown);
    return fail_plain(err, EBADMSG, "the layer's archive: %s", shown);
}

static int open_layer(struct layer *layer, int blob_fd, struct error *err)
{
    struct archive_entry *whole;
    if (lseek(blob_fd, 0, SEEK_SET) < 0)
        return fail(err, errno, "read the layer");
    layer->tar_bytes = 0;
    layer->is_padded = false;
    layer->hash = hash_new();
    layer->packed = archive_read_new();
    layer->tar = archive_read_new();
    if (layer->hash == NULL || layer->packed == NULL || layer->tar == NULL)
        return fail(err, ENOMEM, "read the layer");
    archive_read_support_filter_gzip(layer->packed);
    archive_read_support_filter_zstd(layer->packed);
    archive_read_support_format_raw(layer->packed);
    if (archive_read_open_fd(layer->packed, blob_fd, BLOCK_BYTES) != ARCHIVE_OK ||
        archive_read_next_header(layer->packed, &whole) != ARCHIVE_OK)
        return fail_archive(err, layer->packed);
    archive_read_support_format_tar(layer->tar);
    if (archive_read_open(layer->tar, layer, NULL, give_bytes, NULL) != ARCHIVE_OK)
        return fail_archive(err, layer->tar);
    return 0;
}

static void close_layer(struct layer *layer)
{
    archive_read_free(layer->tar);
    archive_read_free(layer->packed);
    hash_free(layer->hash);
    layer->tar = layer->packed = NULL;
    layer->hash = NULL;
}

static int write_content(struct layer *layer, struct archive_entry *entry, int fd, const char *path, struct error *err)
{
    uint8_t content[16 * 1024]; /* the block is busy with the archive */
    for (;;) {
        la_ssize_t got = archive_read_data(layer->tar, content, sizeof content);
        if (got < 0)
            return fail_archive(err, layer->tar);
        if (got == 0)
            break;
        if (layer->budget->bytes + (uint64_t)got > IMAGE_BYTES_MAX)
            return fail_plain(err, EFBIG, "the image's files have more than %llu bytes", IMAGE_BYTES_MAX);
        layer->budget->bytes += (uint64_t)got;
        int done = fd_write_all(fd, content, (size_t)got, err);
        if (done < 0)
            return fail_in(err, "write '%s'", path);
    }
    /* Interpreters compare the times of files with what they cached of them. */
    const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = archive_entry_mtime(entry) } };
    return futimens(fd, times) < 0 ? fail(err, errno, "set the time of '%s'", path) : 0;
}

static int make_entry(struct layer *layer, struct archive_entry *entry, const struct entry_judged *judged,
                      struct error *err)
{
    mode_t type = archive_entry_filetype(entry), mode = entry_mode(type, archive_entry_mode(entry));
    if (judged->hardlink[0] != '\0')
        return place_make_hardlink(layer->root_fd, judged->path, judged->hardlink, err);
    if (S_ISLNK(type))
        return place_make_symlink(layer->root_fd, judged->path, archive_entry_symlink(entry), err);
    if (S_ISDIR(type))
        return place_make_directory(layer->root_fd, judged->path, mode, err);
    auto_fd int fd = -1;
    if (layer->budget->bytes + (uint64_t)archive_entry_size(entry) > IMAGE_BYTES_MAX)
        return fail_plain(err, EFBIG, "the image's files have more than %llu bytes", IMAGE_BYTES_MAX);
    int done = place_make_file(layer->root_fd, judged->path, mode, &fd, err);
    return done < 0 ? done : write_content(layer, entry, fd, judged->path, err);
}

static int remove_entry(struct layer *layer, const struct entry_judged *judged, struct error *err)
{
    if (judged->deed == ENTRY_REMOVE)
        return place_remove(layer->root_fd, judged->path, err);
    return judged->deed == ENTRY_REMOVE_BELOW ? place_empty(layer->root_fd, judged->path, err) : 0;
}

static int take_entry(struct layer *layer, struct archive_entry *entry, bool makes, struct error *err)
{
    struct entry_judged judged;
    const struct entry_claim claim = {
        .path = archive_entry_pathname(entry),
        .symlink = archive_entry_symlink(entry),
        .hardlink = archive_entry_hardlink(entry),
        .type = archive_entry_filetype(entry),
        .size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0,
    };
    if (makes && ++layer->budget->entries > IMAGE_ENTRY_COUNT_MAX)
        return fail_plain(err, E2BIG, "the image has more than %d entries", IMAGE_ENTRY_COUNT_MAX);
    int done = entry_judge(&claim, &judged, err);
    if (done < 0)
        return done;
    if (!makes)
        return remove_entry(layer, &judged, err);
    return judged.deed == ENTRY_MAKE ? make_entry(layer, entry, &judged, err) : 0;
}

/* What stands behind the tar's end is a part of its digest, too. */
static int drain(struct layer *layer, struct error *err)
{
    const void *bytes;
    la_ssize_t got;
    while ((got = give_bytes(layer->tar, layer, &bytes)) > 0)
        ;
    return got < 0 ? fail_archive(err, layer->tar) : 0;
}

static int walk(struct layer *layer, bool makes, struct error *err)
{
    struct archive_entry *entry;
    for (uint64_t count = 0;; count++) {
        int got = archive_read_next_header(layer->tar, &entry);
        if (got == ARCHIVE_EOF)
            return 0;
        if (got == ARCHIVE_WARN) /* a name in no known set of letters: judged as bytes */
            got = ARCHIVE_OK;
        if (got != ARCHIVE_OK)
            return fail_archive(err, layer->tar);
        if (count > IMAGE_ENTRY_COUNT_MAX)
            return fail_plain(err, E2BIG, "the layer has more than %d entries", IMAGE_ENTRY_COUNT_MAX);
        int done = take_entry(layer, entry, makes, err);
        if (done < 0)
            return done;
    }
}

static int check_digest(struct layer *layer, const char *diff_digest, struct error *err)
{
    uint8_t digest[HASH_BYTES];
    char text[HASH_TEXT_BYTES];
    hash_result(layer->hash, digest);
    text_hex(digest, sizeof digest, text);
    if (strcmp(text, diff_digest) != 0)
        return fail_plain(err, EBADMSG, "the layer unpacks to sha256:%s, the image's configuration says sha256:%s",
                          text, diff_digest);
    return 0;
}

static int read_once(struct layer *layer, int blob_fd, const char *diff_digest, bool makes, struct error *err)
{
    int done = open_layer(layer, blob_fd, err);
    if (done == 0)
        done = walk(layer, makes, err);
    if (done == 0)
        done = drain(layer, err);
    if (done == 0)
        done = check_digest(layer, diff_digest, err);
    close_layer(layer);
    return done;
}

int layer_apply(int blob_fd, const char *diff_digest, int root_fd, struct layer_budget *budget, struct error *err)
{
    static struct layer layer; /* too large for a stack, and there is one at a time */
    layer = (struct layer){ .root_fd = root_fd, .budget = budget };
    int done = read_once(&layer, blob_fd, diff_digest, false, err);
    return done < 0 ? done : read_once(&layer, blob_fd, diff_digest, true, err);
}
