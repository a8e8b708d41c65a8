/*
 * Bodies of uploads: one reading however they are cut, no byte of a part beyond those that came, and a name that can be a
 * file's. An input is the first line, a Content-Type, then the body.
 */
#include <stdlib.h>
#include <string.h>

#include "multipart.h"
#include "sallyport/base/file_bundle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that was said of a body, as one number. */
struct reading {
    uint64_t digest, bytes;
    unsigned begun, ended;
    bool is_whole, is_bad;
};

static void note(struct reading *reading, const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        reading->digest = (reading->digest ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
}

static void note_event(struct reading *reading, enum multipart_event event, const struct multipart *multipart,
                       struct span data)
{
    if (event == MULTIPART_PART) {
        if (!bundle_name_is_plain(multipart->name) || ++reading->begun > MULTIPART_PARTS_MAX)
            abort();
        note(reading, multipart->name, strlen(multipart->name) + 1);
    } else if (event == MULTIPART_PART_END) {
        note(reading, "\n", 1);
        reading->ended++;
    } else {
        note(reading, data.data, data.size);
        reading->bytes += data.size;
    }
}

static struct reading read_body(const char *type, const uint8_t *body, size_t size, size_t step)
{
    struct multipart multipart;
    struct reading reading = { .digest = 14695981039346656037u };
    if (!multipart_open(&multipart, type))
        return reading;
    for (size_t at = 0; at < size && !reading.is_bad; at += step) {
        struct reader piece = { body + at, size - at < step ? size - at : step };
        struct span data = { 0 };
        enum multipart_event event;
        while ((event = multipart_next(&multipart, &piece, &data)) != MULTIPART_MORE) {
            reading.is_bad = event == MULTIPART_BAD;
            if (reading.is_bad)
                break;
            note_event(&reading, event, &multipart, data);
        }
    }
    reading.is_whole = multipart_is_whole(&multipart);
    return reading;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char type[256];
    const uint8_t *end = memchr(data, '\n', size);
    if (end == NULL || (size_t)(end - data) >= sizeof type || memchr(data, '\0', (size_t)(end - data)) != NULL)
        return 0;
    memcpy(type, data, (size_t)(end - data));
    type[end - data] = '\0';
    size -= (size_t)(end + 1 - data);
    struct reading whole = read_body(type, end + 1, size, size + 1),
                   parts = read_body(type, end + 1, size, 1 + size % 7);
    if (whole.digest != parts.digest || whole.is_whole != parts.is_whole || whole.is_bad != parts.is_bad ||
        whole.bytes > size || whole.begun < whole.ended ||
        (whole.is_whole && (whole.is_bad || whole.begun != whole.ended)))
        abort();
    return 0;
}
