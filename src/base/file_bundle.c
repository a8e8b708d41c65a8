#include "sallyport/base/file_bundle.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define COUNT_BYTES 4
#define SIZE_BYTES  8
#define PLACE_BYTES (NAME_MAX_BYTES + SIZE_BYTES)

bool bundle_name_is_plain(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    size_t length = strnlen(name, NAME_MAX_BYTES);
    return length > 0 && length < NAME_MAX_BYTES && name[0] != '-' && strspn(name, letters) == length;
}

const struct bundle_file *bundle_find(const struct bundle *bundle, const char *name)
{
    for (uint32_t i = 0; i < bundle->count; i++)
        if (strcmp(bundle->files[i].name, name) == 0)
            return &bundle->files[i];
    return NULL;
}

uint64_t bundle_content_bytes(const struct bundle *bundle)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < bundle->count; i++)
        bytes += bundle->files[i].bytes;
    return bytes;
}

static void put_number(uint8_t *to, size_t size, uint64_t number)
{
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)(number >> (8 * i));
}

static uint64_t get_number(const uint8_t *from, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number |= (uint64_t)from[i] << (8 * i);
    return number;
}

void bundle_encode_head(const struct bundle *bundle, uint8_t ret_head[BUNDLE_HEAD_BYTES])
{
    memset(ret_head, 0, BUNDLE_HEAD_BYTES);
    put_number(ret_head, COUNT_BYTES, bundle->count);
    for (uint32_t i = 0; i < bundle->count; i++) {
        uint8_t *place = ret_head + COUNT_BYTES + i * PLACE_BYTES;
        memcpy(place, bundle->files[i].name, strlen(bundle->files[i].name));
        put_number(place + NAME_MAX_BYTES, SIZE_BYTES, bundle->files[i].bytes);
    }
}

static bool is_zero(const uint8_t *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (from[i] != 0)
            return false;
    return true;
}

/* The file at one place. `offset` is where its bytes begin, in a bundle that ends at `total_bytes`. */
static bool decode_place(const uint8_t *place, uint64_t offset, uint64_t total_bytes, struct bundle_file *ret_file)
{
    memcpy(ret_file->name, place, NAME_MAX_BYTES);
    ret_file->offset = offset;
    ret_file->bytes = get_number(place + NAME_MAX_BYTES, SIZE_BYTES);
    if (!bundle_name_is_plain(ret_file->name))
        return false;
    size_t length = strlen(ret_file->name);
    return is_zero(place + length, NAME_MAX_BYTES - length) && ret_file->bytes <= total_bytes - offset;
}

int bundle_decode_head(const uint8_t *head, size_t head_bytes, uint64_t total_bytes, struct bundle *ret_bundle,
                       struct error *err)
{
    if (head_bytes != BUNDLE_HEAD_BYTES || total_bytes < BUNDLE_HEAD_BYTES)
        return fail_plain(err, EBADMSG, "files are cut short");
    struct bundle bundle = { .count = (uint32_t)get_number(head, COUNT_BYTES) };
    if (bundle.count == 0 || bundle.count > BUNDLE_FILES_MAX)
        return fail_plain(err, EBADMSG, "%u files", bundle.count);
    uint64_t offset = BUNDLE_HEAD_BYTES;
    for (uint32_t i = 0; i < bundle.count; i++) {
        struct bundle_file *file = &bundle.files[i];
        if (!decode_place(head + COUNT_BYTES + i * PLACE_BYTES, offset, total_bytes, file) ||
            bundle_find(&bundle, file->name) != file)
            return fail_plain(err, EBADMSG, "file %u has no name of its own, or more bytes than there are", i);
        offset += file->bytes;
    }
    size_t used = COUNT_BYTES + bundle.count * PLACE_BYTES;
    if (!is_zero(head + used, BUNDLE_HEAD_BYTES - used) || offset != total_bytes)
        return fail_plain(err, EBADMSG, "the sizes of files do not add up");
    *ret_bundle = bundle;
    return 0;
}

int bundle_read_sealed(int fd, uint64_t content_max_bytes, struct bundle *ret_bundle, struct error *err)
{
    uint8_t head[BUNDLE_HEAD_BYTES];
    uint64_t bytes = 0;
    int done = memfd_check_sealed(fd, BUNDLE_HEAD_BYTES + content_max_bytes, &bytes, err);
    if (done < 0)
        return done;
    ssize_t got = pread(fd, head, sizeof head, 0);
    if (got < 0)
        return fail(err, errno, "read the head of files");
    return bundle_decode_head(head, (size_t)got, bytes, ret_bundle, err);
}
