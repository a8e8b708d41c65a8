/*
 * The stream of a collector: it says the same however it is cut, what is told of it packs to the same bytes, and no name
 * that is told leads elsewhere.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/artifact_frames.h"
#include "sallyport/base/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was told, as the stream that says so; `size` is how much of it. */
struct told {
    uint8_t *bytes;
    size_t size;
    bool is_broken;
};

static void add(struct told *told, const void *bytes, size_t size)
{
    if (size > 0)
        memcpy(told->bytes + told->size, bytes, size);
    told->size += size;
}

static void add_frame(struct told *told, enum artifact_frame type, const void *body)
{
    uint8_t frame[ARTIFACT_FRAME_MAX_BYTES];
    size_t size = artifact_frame_pack(type, body, frame);
    if (size == 0)
        abort();
    add(told, frame, size);
}

static void check_name(const struct span *name)
{
    char text[ARTIFACT_NAME_MAX_BYTES];
    memcpy(text, name->data, name->size);
    text[name->size] = '\0';
    if (strlen(text) != name->size || text[0] == '/' || strstr(text, "//") != NULL || strcmp(text, "..") == 0 ||
        strncmp(text, "../", 3) == 0 || strstr(text, "/../") != NULL)
        abort();
}

static void check_shown(const struct span *name)
{
    char shown[4 * ARTIFACT_NAME_MAX_BYTES + 1];
    artifact_name_show(name->data, name->size, shown, sizeof shown);
    for (const char *at = shown; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            abort();
}

static struct told tell(const uint8_t *data, size_t size, size_t piece)
{
    struct told told = { .bytes = malloc(size + ARTIFACT_FRAME_MAX_BYTES) };
    struct artifact_scan scan = { 0 };
    if (told.bytes == NULL)
        abort();
    for (size_t from = 0; from < size && !told.is_broken; from += piece) {
        struct reader in = { data + from, size - from < piece ? size - from : piece };
        struct artifact_event event;
        for (enum artifact_news news; (news = artifact_scan_next(&scan, &in, &event)) != ARTIFACT_NEWS_NONE;) {
            if (news == ARTIFACT_NEWS_BROKEN) {
                told.is_broken = true;
                break;
            }
            if (news == ARTIFACT_NEWS_FILE) {
                check_name(&event.file.name);
                add_frame(&told, ARTIFACT_FRAME_FILE, &event.file);
                if (event.at != told.size)
                    abort(); /* where it is said that the bytes begin */
            } else if (news == ARTIFACT_NEWS_BYTES) {
                add(&told, event.bytes.data, event.bytes.size);
            } else if (news == ARTIFACT_NEWS_REJECTED) {
                check_shown(&event.rejected.name);
                add_frame(&told, ARTIFACT_FRAME_REJECTED, &event.rejected);
            } else if (news == ARTIFACT_NEWS_END) {
                add_frame(&told, ARTIFACT_FRAME_END, &event.end);
            }
        }
    }
    return told;
}

/* Any text is taken or refused as a pattern, and what is taken can be matched with. */
static void check_glob(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    if (text != NULL && glob_fault(text) == NULL)
        for (const char *at = text;; at++) {
            size_t length = strcspn(at, "/");
            if (glob_is_plain(at, length) != (glob_matches(at, length, "x") && !glob_matches(at, length, "y")) &&
                length == 1 && *at == 'x')
                abort();
            glob_matches(at, length, text);
            at += length;
            if (*at == '\0')
                break;
        }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct told whole = tell(data, size, size > 0 ? size : 1), cut = tell(data, size, size > 0 ? 1 + data[0] % 17 : 1);
    if (whole.size != cut.size || whole.is_broken != cut.is_broken || memcmp(whole.bytes, cut.bytes, whole.size) != 0 ||
        whole.size > size || memcmp(whole.bytes, data, whole.size) != 0)
        abort();
    free(whole.bytes);
    free(cut.bytes);
    check_glob(data, size);
    return 0;
}
