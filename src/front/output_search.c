#include "output_search.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>

#include "sallyport/base/clock.h"
#include "sallyport/limits.h"

#include "sallyport/output/encode.h"
#include "sallyport/output/output_log.h"

#define LINE_MAX_BYTES    4096 /* of a line's text in a record; its length has no limit */
#define RECORD_MAX_BYTES  (6 * LINE_MAX_BYTES + 512)
#define SLICE_MATCHES_MAX 64   /* each looks a place up in the index */
#define SLICE_READS_MAX   1024 /* records of the index can be single bytes */

int output_search_start(struct output_search *search, struct output_log *log, const struct search_options *options)
{
    search->log = log;
    search->limit = options->limit;
    search->matches = 0;
    search->size = 0;
    search->cursor = (struct output_cursor){ .at = options->offset, .only = options->only };
    search->from = options->offset;
    search->to = log->bytes;
    int done = output_log_find(log, options->offset, &search->cursor.record);
    if (done == 0 && options->only != 0) {
        done = output_log_position(log, options->only, options->offset, &search->from);
        if (done == 0)
            done = output_log_stream_bytes(log, options->only, &search->to);
    }
    line_finder_init(&search->finder, options->text, options->text_size, options->ignores_case, search->from);
    return done;
}

/* Where in the log a byte of the view is. The end of one stream is the end of the log: what comes will be behind it. */
static int offset_of(struct output_search *search, uint64_t position, uint64_t *ret_offset)
{
    if (search->cursor.only != 0)
        return output_log_find_in_stream(search->log, search->cursor.only, position, ret_offset);
    *ret_offset = position;
    return 0;
}

/* Bytes of the view from the cursor on, as many as `reads` calls of the kernel give. */
static int read_view(struct output_search *search, struct output_cursor *cursor, uint8_t *to, size_t room,
                     unsigned *reads, size_t *ret_size)
{
    *ret_size = 0;
    while (*ret_size<room && * reads> 0) {
        size_t size;
        int done = output_stretch_next(search->log, cursor, search->log->bytes, room - *ret_size, &size);
        if (done > 0)
            done = output_log_read(search->log, cursor->at, to + *ret_size, size);
        else if (done == 0)
            return 0;
        if (done < 0)
            return done;
        cursor->at += size;
        *ret_size += size;
        --*reads;
    }
    return 0;
}

/* What is left of one slice. */
struct slice {
    struct evbuffer *out;
    uint64_t end; /* of the bytes that are looked at */
    unsigned reads, matches;
};

/* A line as the record shows it: where it begins, who began it, and its text up to a limit. */
struct shown_line {
    uint64_t offset, found_offset;
    struct output_extent extent;
    size_t size;
    bool is_truncated;
    uint8_t text[LINE_MAX_BYTES + 1]; /* one more, to see that there is more */
};

static int look_up(struct output_search *search, struct shown_line *ret_line, uint32_t *ret_record)
{
    int done = offset_of(search, search->finder.line_from, &ret_line->offset);
    if (done == 0)
        done = offset_of(search, search->finder.found_at, &ret_line->found_offset);
    if (done == 0)
        done = output_log_find(search->log, ret_line->offset, ret_record);
    if (done == 0 && *ret_record == search->log->records)
        return -EBADMSG; /* a byte that was read has no place */
    return done < 0 ? done : output_log_extent(search->log, *ret_record, &ret_line->extent);
}

static int show(struct output_search *search, unsigned *reads, struct shown_line *ret_line)
{
    uint32_t record = 0;
    unsigned left = sizeof ret_line->text;
    int done = look_up(search, ret_line, &record);
    struct output_cursor cursor = { .at = ret_line->offset, .record = record, .only = search->cursor.only };
    if (done == 0)
        done = read_view(search, &cursor, ret_line->text, sizeof ret_line->text, &left, &ret_line->size);
    if (done < 0)
        return done;
    *reads -= *reads < sizeof ret_line->text - left ? *reads : (unsigned)sizeof ret_line->text - left;
    const uint8_t *newline = memchr(ret_line->text, '\n', ret_line->size);
    if (newline != NULL)
        ret_line->size = (size_t)(newline - ret_line->text);
    ret_line->is_truncated = ret_line->size > LINE_MAX_BYTES;
    if (ret_line->is_truncated)
        ret_line->size = LINE_MAX_BYTES;
    return 0;
}

/* 1, or -errno. */
static int add_match(struct output_search *search, struct slice *slice)
{
    static struct shown_line line;
    static char json[RECORD_MAX_BYTES];
    char stamp[CLOCK_TEXT_BYTES];
    int done = show(search, &slice->reads, &line);
    if (done < 0)
        return done;
    struct utf8_scan scan = utf8_scan(line.text, line.size);
    bool is_text = scan.is_text && (scan.open == 0 || (line.is_truncated && scan.open < line.size));
    size_t size = is_text ? line.size - scan.open : line.size;
    int head =
        snprintf(json, sizeof json,
                 "{\"type\":\"match\",\"off\":%" PRIu64 ",\"line\":%" PRIu64 ",\"at\":%" PRIu64
                 ",\"t\":\"%s\",\"s\":\"%s\",\"truncated\":%s,\"%s\":\"",
                 line.offset, search->finder.line, line.found_offset, clock_text(line.extent.unix_us / 1000, stamp),
                 line.extent.stream == OUTPUT_STDERR ? "err" : "out", line.is_truncated ? "true" : "false",
                 is_text ? "d" : "b64");
    size_t used = (size_t)head;
    used += is_text ? encode_json_text(line.text, size, json + used) : encode_base64(line.text, size, json + used);
    memcpy(json + used, "\"}\n", 3);
    search->matches++;
    slice->matches--;
    return evbuffer_add(slice->out, json, used + 3) < 0 ? -ENOMEM : 1;
}

/*
 * What is missing of the last line of a job that still runs may come: whoever goes on gets the line again, and whole. Its
 * beginning is where to go on then.
 */
static int add_end(struct output_search *search, struct evbuffer *out)
{
    const struct line_finder *finder = &search->finder;
    bool is_complete = finder->at == search->to && search->log->is_complete;
    uint64_t next;
    int done = offset_of(search, is_complete ? search->to : finder->line_from, &next);
    if (done < 0)
        return done;
    int added = evbuffer_add_printf(out,
                                    "{\"type\":\"end\",\"scanned\":%" PRIu64 ",\"matches\":%" PRIu32
                                    ",\"lines\":%" PRIu64 ",\"next_offset\":%" PRIu64 ",\"is_complete\":%s}\n",
                                    finder->at - search->from, search->matches, finder->line - 1, next,
                                    is_complete ? "true" : "false");
    return added < 0 ? -ENOMEM : 0;
}

/* Reads on behind what was left over. */
static int refill(struct output_search *search, struct slice *slice, bool *ret_is_last)
{
    size_t size, room = sizeof search->block - search->size;
    uint8_t *to = search->block + search->size;
    int done = read_view(search, &search->cursor, to, room, &slice->reads, &size);
    if (done < 0)
        return done;
    line_finder_fold(&search->finder, to, size);
    search->size += size;
    *ret_is_last = search->finder.at + search->size == search->to;
    if (size < room && slice->reads > 0 && !*ret_is_last)
        return -EBADMSG; /* the index promised more, or less */
    return 0;
}

static bool is_over(const struct output_search *search, const struct slice *slice)
{
    return search->finder.at >= slice->end || slice->reads == 0 || slice->matches == 0 ||
           evbuffer_get_length(slice->out) + RECORD_MAX_BYTES > STREAM_CHUNK_BYTES;
}

/* Takes what is in the block, or as much as the slice may. 1; 0: the last line that is wanted has ended; -errno. */
static int take_block(struct output_search *search, struct slice *slice, bool is_last)
{
    size_t taken = 0, used;
    enum finding finding;
    int done = 1;
    do {
        finding = line_finder_next(&search->finder, search->block + taken, search->size - taken, is_last, &used);
        taken += used;
        if (finding == FINDING_TEXT)
            done = add_match(search, slice);
        else if (finding == FINDING_LINE && search->matches == search->limit)
            done = 0;
    } while (done > 0 && finding != FINDING_NOTHING && !is_over(search, slice));
    search->size -= taken;
    memmove(search->block, search->block + taken, search->size);
    return done;
}

int output_search_slice(struct output_search *search, struct evbuffer *out)
{
    struct slice slice = { out, search->finder.at + SEARCH_SLICE_BYTES, SLICE_READS_MAX, SLICE_MATCHES_MAX };
    do {
        bool is_last = false;
        int done = refill(search, &slice, &is_last);
        if (done == 0)
            done = take_block(search, &slice, is_last);
        if (done < 0)
            return done;
        if (done == 0 || search->finder.at == search->to)
            return add_end(search, out);
    } while (!is_over(search, &slice));
    return 1;
}
