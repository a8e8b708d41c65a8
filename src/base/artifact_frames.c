#include "sallyport/base/artifact_frames.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/glob.h"
#include "sallyport/base/text.h"

#define HEAD_BYTES 8 /* type and length */

static const struct field file_fields[] = {
    BYTES(struct artifact_file, name, ARTIFACT_NAME_MAX_BYTES - 1),
    U64(struct artifact_file, bytes),
};

static const struct field rejected_fields[] = {
    BYTES(struct artifact_rejected, name, ARTIFACT_NAME_MAX_BYTES - 1),
    U8(struct artifact_rejected, why, ARTIFACT_WHY_MAX - 1),
};

static const struct field end_fields[] = {
    U8(struct artifact_end, outcome, ARTIFACT_NO_ACCESS),
    U32(struct artifact_end, unlisted, UINT32_MAX),
};

static const struct record_def frame_defs[ARTIFACT_FRAME_COUNT] = {
    [ARTIFACT_FRAME_FILE] = RECORD("artifact", struct artifact_file, file_fields),
    [ARTIFACT_FRAME_REJECTED] = RECORD("rejected-artifact", struct artifact_rejected, rejected_fields),
    [ARTIFACT_FRAME_END] = RECORD("end-of-artifacts", struct artifact_end, end_fields),
};

static void put_number(uint8_t *to, uint32_t number)
{
    for (int i = 0; i < 4; i++)
        to[i] = (uint8_t)(number >> (8 * i));
}

static uint32_t get_number(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

size_t artifact_frame_pack(enum artifact_frame type, const void *body, uint8_t ret_bytes[ARTIFACT_FRAME_MAX_BYTES])
{
    assert(type > ARTIFACT_FRAME_NONE && type < ARTIFACT_FRAME_COUNT);
    struct writer out = { ret_bytes + HEAD_BYTES, ARTIFACT_FRAME_MAX_BYTES - HEAD_BYTES };
    if (record_encode(&frame_defs[type], body, &out, NULL) < 0)
        return 0;
    size_t size = (size_t)(out.at - ret_bytes);
    put_number(ret_bytes, type);
    put_number(ret_bytes + 4, (uint32_t)(size - HEAD_BYTES));
    return size;
}

/* --- names --- */

/* C0, DEL, and C1 as UTF-8 has it: what a terminal could take for an order. */
static bool is_plain_at(const uint8_t *name, size_t size, size_t i)
{
    bool is_c1 = name[i] == 0xc2 && i + 1 < size && name[i + 1] < 0xa0;
    return name[i] >= 0x20 && name[i] != 0x7f && name[i] != '\\' && !is_c1;
}

bool artifact_name_is_good(const void *name, size_t size)
{
    const uint8_t *bytes = name;
    unsigned depth = 1;
    size_t begin = 0;
    if (size == 0 || size >= ARTIFACT_NAME_MAX_BYTES || !text_is_utf8(name, size))
        return false;
    for (size_t i = 0; i <= size; i++) {
        if (i < size && bytes[i] != '/') {
            if (!is_plain_at(bytes, size, i))
                return false;
            continue;
        }
        size_t length = i - begin;
        bool is_dots = length <= 2 && memcmp(bytes + begin, "..", length) == 0; /* or empty */
        if (is_dots || depth > GLOB_DEPTH_MAX)
            return false;
        depth++;
        begin = i + 1;
    }
    return true;
}

void artifact_name_show(const void *name, size_t size, char *to, size_t room)
{
    const uint8_t *bytes = name;
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        size_t length = 1;
        while (length < 4 && i + length <= size && !text_is_utf8(bytes + i, length))
            length++;
        bool is_text = i + length <= size && text_is_utf8(bytes + i, length) && is_plain_at(bytes, size, i);
        if (!is_text)
            length = 1;
        if (used + (is_text ? length : 4) >= room)
            break;
        if (is_text)
            memcpy(to + used, bytes + i, length);
        else
            snprintf(to + used, room - used, "\\x%02x", bytes[i]);
        used += is_text ? length : 4;
        i += length;
    }
    to[used] = '\0';
}

/* --- words --- */

static const char *const why_texts[ARTIFACT_WHY_MAX] = {
    [ARTIFACT_WHY_NONE] = "",           [ARTIFACT_WHY_LINK] = "symlink",
    [ARTIFACT_WHY_KIND] = "not-a-file", [ARTIFACT_WHY_HARD_LINK] = "hard-link",
    [ARTIFACT_WHY_NAME] = "name",       [ARTIFACT_WHY_SIZE] = "too-large",
    [ARTIFACT_WHY_COUNT] = "too-many",  [ARTIFACT_WHY_UNREADABLE] = "unreadable",
};

static const char *const outcome_texts[ARTIFACT_OUTCOME_MAX] = {
    [ARTIFACT_OUTCOME_NONE] = "",
    [ARTIFACT_COMPLETE] = "",
    [ARTIFACT_UNLISTED] = "more matches were rejected than are listed",
    [ARTIFACT_ENTRIES] = "there were more files than are looked at; those found first are here",
    [ARTIFACT_NO_ACCESS] = "the working directory could not be read by the job's own user",
    [ARTIFACT_CUT] = "the collection was ended before it was done; what is listed is whole",
    [ARTIFACT_BROKEN] = "the collector said what it cannot say; what it sent before is listed",
    [ARTIFACT_LOST] = "the service could not keep what was collected; what is listed is whole",
};

const char *artifact_why_text(unsigned why)
{
    return why < ARTIFACT_WHY_MAX ? why_texts[why] : "";
}

const char *artifact_outcome_text(unsigned outcome)
{
    return outcome < ARTIFACT_OUTCOME_MAX ? outcome_texts[outcome] : "";
}

/* --- reading --- */

static enum artifact_news scan_break(struct artifact_scan *scan)
{
    scan->is_broken = true;
    return ARTIFACT_NEWS_BROKEN;
}

static size_t take(struct artifact_scan *scan, struct reader *in, size_t most)
{
    size_t size = in->left < most ? in->left : most;
    in->at += size;
    in->left -= size;
    scan->at += size;
    return size;
}

static enum artifact_news scan_bytes(struct artifact_scan *scan, struct reader *in, struct artifact_event *event)
{
    if (scan->left == 0) {
        scan->is_in_file = false;
        event->at = scan->at;
        return ARTIFACT_NEWS_FILE_END;
    }
    if (in->left == 0)
        return ARTIFACT_NEWS_NONE;
    event->bytes.data = in->at;
    size_t most = scan->left < UINT32_MAX ? (size_t)scan->left : UINT32_MAX;
    event->bytes.size = (uint32_t)take(scan, in, most);
    scan->left -= event->bytes.size;
    event->at = scan->at;
    return ARTIFACT_NEWS_BYTES;
}

/* Moves bytes into the frame until it has `wanted`. False while it has not. */
static bool gather(struct artifact_scan *scan, struct reader *in, size_t wanted)
{
    const uint8_t *from = in->at;
    size_t size = take(scan, in, wanted - scan->gathered);
    memcpy(scan->frame + scan->gathered, from, size);
    scan->gathered += size;
    return scan->gathered == wanted;
}

static enum artifact_news take_file(struct artifact_scan *scan, struct artifact_event *event)
{
    const struct artifact_file *file = &event->file;
    if (scan->file_count == ARTIFACT_COUNT_MAX || !artifact_name_is_good(file->name.data, file->name.size) ||
        file->bytes > INT64_MAX)
        return scan_break(scan);
    scan->file_count++;
    scan->left = file->bytes;
    scan->is_in_file = true;
    return ARTIFACT_NEWS_FILE;
}

static enum artifact_news take_rejected(struct artifact_scan *scan, struct artifact_event *event)
{
    const struct artifact_rejected *rejected = &event->rejected;
    if (scan->rejected_count == ARTIFACT_REJECTED_MAX || rejected->name.size == 0 || rejected->why == ARTIFACT_WHY_NONE)
        return scan_break(scan);
    scan->rejected_count++;
    return ARTIFACT_NEWS_REJECTED;
}

static enum artifact_news take_end(struct artifact_scan *scan, struct artifact_event *event)
{
    if (event->end.outcome == ARTIFACT_OUTCOME_NONE)
        return scan_break(scan);
    scan->has_ended = true;
    return ARTIFACT_NEWS_END;
}

static enum artifact_news (*const takes[ARTIFACT_FRAME_COUNT])(struct artifact_scan *, struct artifact_event *) = {
    [ARTIFACT_FRAME_FILE] = take_file,
    [ARTIFACT_FRAME_REJECTED] = take_rejected,
    [ARTIFACT_FRAME_END] = take_end,
};

enum artifact_news artifact_scan_next(struct artifact_scan *scan, struct reader *in, struct artifact_event *ret_event)
{
    if (scan->is_broken)
        return ARTIFACT_NEWS_BROKEN;
    if (scan->is_in_file)
        return scan_bytes(scan, in, ret_event);
    if (in->left == 0)
        return ARTIFACT_NEWS_NONE;
    if (scan->has_ended)
        return scan_break(scan);
    if (scan->gathered < HEAD_BYTES && !gather(scan, in, HEAD_BYTES))
        return ARTIFACT_NEWS_NONE;
    uint32_t type = get_number(scan->frame), length = get_number(scan->frame + 4);
    if (type == ARTIFACT_FRAME_NONE || type >= ARTIFACT_FRAME_COUNT || length > sizeof scan->frame - HEAD_BYTES)
        return scan_break(scan);
    if (!gather(scan, in, HEAD_BYTES + length))
        return ARTIFACT_NEWS_NONE;
    struct reader body = { scan->frame + HEAD_BYTES, length };
    scan->gathered = 0;
    if (record_decode(&frame_defs[type], &body, ret_event, NULL) < 0)
        return scan_break(scan);
    ret_event->at = scan->at;
    return takes[type](scan, ret_event);
}
