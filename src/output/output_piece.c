#include "sallyport/output/output_piece.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/clock.h"

#include "sallyport/output/encode.h"
#include "sallyport/output/output_log.h"

#define JUMP_AFTER OUTPUT_LOG_CACHE /* records passed over */

/* Over a long run of the other stream, which would take a turn of the loop to walk. The index may lie: never backwards. */
static int cursor_jump(struct output_log *log, struct output_cursor *cursor)
{
    uint64_t position, offset = 0;
    uint32_t record = 0;
    int done = output_log_position(log, cursor->only, cursor->at, &position);
    if (done == 0)
        done = output_log_find_in_stream(log, cursor->only, position, &offset);
    if (done == 0)
        done = output_log_find(log, offset, &record);
    if (done < 0 || offset < cursor->at || record <= cursor->record)
        return done;
    cursor->at = offset;
    cursor->record = record < log->records ? record : log->records - 1;
    return 0;
}

/* Moves to the first record that has bytes of the view at or behind the cursor. 1, 0 at the end, -errno. */
static int cursor_settle(struct output_log *log, struct output_cursor *cursor, uint64_t to,
                         struct output_extent *ret_extent)
{
    for (unsigned steps = 1; cursor->at < to && cursor->record < log->records; steps++) {
        int done = output_log_extent(log, cursor->record, ret_extent);
        if (done < 0)
            return done;
        bool is_wanted = cursor->only == 0 || ret_extent->stream == cursor->only;
        if (cursor->at < ret_extent->from)
            cursor->at = ret_extent->from;
        if (is_wanted && cursor->at < ret_extent->to)
            return cursor->at < to;
        if (cursor->at < ret_extent->to)
            cursor->at = ret_extent->to;
        if (cursor->record + 1 == log->records)
            return 0; /* it may still be said to be longer */
        cursor->record++;
        done = steps % JUMP_AFTER == 0 ? cursor_jump(log, cursor) : 0;
        if (done < 0)
            return done;
    }
    return 0;
}

int output_stretch_next(struct output_log *log, struct output_cursor *cursor, uint64_t to, size_t max, size_t *ret_size)
{
    struct output_extent extent = { .to = to };
    if (cursor->only != 0) {
        int done = cursor_settle(log, cursor, to, &extent);
        if (done <= 0)
            return done;
    }
    if (cursor->at >= to)
        return 0;
    uint64_t end = extent.to < to ? extent.to : to;
    *ret_size = end - cursor->at < max ? (size_t)(end - cursor->at) : max;
    return 1;
}

/* Where the bytes of this stream that follow without a gap end, one record further on; `end` itself if there are none. */
static int run_on(struct output_log *log, uint32_t *record, uint32_t stream, uint64_t *end)
{
    while (*record + 1 < log->records) {
        struct output_extent next;
        int done = output_log_extent(log, *record + 1, &next);
        if (done < 0)
            return done;
        if (next.from != *end || next.stream != stream)
            return 0;
        ++*record;
        if (next.to > next.from) {
            *end = next.to;
            return 1;
        }
    }
    return 0;
}

int output_piece_next(struct output_log *log, struct output_cursor *cursor, uint64_t to, bool grows,
                      struct output_piece *ret_piece)
{
    static uint8_t data[OUTPUT_PIECE_MAX];
    struct output_extent extent;
    int done = cursor_settle(log, cursor, to, &extent);
    if (done <= 0)
        return done;

    size_t most = cursor->piece_max > 0 && cursor->piece_max < sizeof data ? cursor->piece_max : sizeof data;
    uint64_t end = extent.to;
    uint32_t record = cursor->record;
    struct utf8_scan scan;
    size_t size;
    for (;;) {
        uint64_t stop = end < to ? end : to;
        bool is_cut = stop - cursor->at > most;
        size = is_cut ? most : (size_t)(stop - cursor->at);
        done = output_log_read(log, cursor->at, data, size);
        if (done < 0)
            return done;
        scan = utf8_scan(data, size);
        if (scan.open == 0 || scan.open < size || is_cut)
            break;
        done = stop < to ? run_on(log, &record, extent.stream, &end) : 0;
        if (done < 0)
            return done;
        if (done > 0)
            continue;
        if (stop == to && grows)
            return 0; /* the rest of the character has yet to be written */
        break;
    }
    bool is_text = scan.is_text && scan.open < size;
    if (is_text)
        size -= scan.open;
    *ret_piece = (struct output_piece){ cursor->at, extent.unix_us, extent.stream, is_text, size, data };
    cursor->at += size;
    return 1;
}

const char *output_piece_json(const struct output_piece *piece, size_t *ret_size)
{
    static char json[OUTPUT_JSON_MAX];
    char stamp[CLOCK_TEXT_BYTES];
    int head =
        snprintf(json, sizeof json, "{\"type\":\"output\",\"off\":%" PRIu64 ",\"t\":\"%s\",\"s\":\"%s\",\"%s\":\"",
                 piece->offset, clock_text(piece->unix_us / 1000, stamp),
                 piece->stream == OUTPUT_STDERR ? "err" : "out", piece->is_text ? "d" : "b64");
    size_t used = (size_t)head;
    used += piece->is_text ? encode_json_text(piece->data, piece->size, json + used)
                           : encode_base64(piece->data, piece->size, json + used);
    json[used++] = '"';
    json[used++] = '}';
    *ret_size = used;
    return json;
}
