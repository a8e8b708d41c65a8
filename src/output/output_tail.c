/*
 * Looking back from the end of a log: the bytes come in blocks, for a record can be a single byte long; and there is an end
 * to looking, in bytes and in records, for nobody else is served meanwhile.
 */
#include <errno.h>
#include <string.h>

#include "sallyport/output/output_log.h"

#define TAIL_MAX_BYTES   (16 * 1024 * 1024)
#define TAIL_MAX_RECORDS (TAIL_MAX_BYTES / OUTPUT_RECORD_BYTES)
#define TAIL_BLOCK       (64 * 1024)

struct look_back {
    struct output_log *log;
    uint64_t oldest; /* nothing before it is looked at */
    uint64_t lines;  /* newlines to be passed */
    uint64_t from;   /* of the block */
    size_t size;
    uint8_t block[TAIL_BLOCK];
};

/* The block holds what ends at `to`. */
static int load(struct look_back *back, uint64_t to)
{
    if (to > back->from && to <= back->from + back->size)
        return 0;
    back->size = to - back->oldest < TAIL_BLOCK ? (size_t)(to - back->oldest) : TAIL_BLOCK;
    back->from = to - back->size;
    return output_log_read(back->log, back->from, back->block, back->size);
}

/* Counts newlines from the end of [from, to) backwards. 1: *ret_offset is behind the one before the wanted lines. */
static int count_back(struct look_back *back, uint64_t from, uint64_t to, uint64_t *ret_offset)
{
    while (to > from) {
        int done = load(back, to);
        if (done < 0)
            return done;
        uint64_t least = from > back->from ? from : back->from;
        while (to > least) {
            const uint8_t *newline = memrchr(back->block + (least - back->from), '\n', (size_t)(to - least));
            if (newline == NULL) {
                to = least;
                break;
            }
            to = back->from + (uint64_t)(newline - back->block);
            if (back->lines == 0) {
                *ret_offset = to + 1;
                return 1;
            }
            back->lines--;
        }
    }
    return 0;
}

/* The last byte of the view is no newline: then the newlines to pass are those that end the wanted lines. */
static int take_open_line(struct look_back *back, uint64_t to)
{
    int done = load(back, to);
    if (done == 0 && back->block[to - 1 - back->from] != '\n')
        back->lines--;
    return done;
}

static int tail_of_log(struct look_back *back, uint64_t *ret_offset)
{
    uint64_t to = back->log->bytes;
    int done = to > back->oldest ? take_open_line(back, to) : 0;
    return done < 0 ? done : count_back(back, back->oldest, to, ret_offset);
}

static int tail_of_stream(struct look_back *back, uint32_t stream, uint64_t *ret_offset)
{
    uint32_t records = back->log->records;
    uint32_t least = records > TAIL_MAX_RECORDS ? records - TAIL_MAX_RECORDS : 0;
    bool is_last = true;
    for (uint32_t record = records; record > least; record--) {
        struct output_extent extent;
        int done = output_log_extent(back->log, record - 1, &extent);
        if (done < 0)
            return done;
        if (extent.to <= back->oldest)
            return 0;
        if (record - 1 == least && extent.from > back->oldest)
            *ret_offset = extent.from;
        if (extent.stream != stream || extent.from == extent.to)
            continue;
        if (is_last)
            done = take_open_line(back, extent.to);
        is_last = false;
        if (done == 0)
            done = count_back(back, extent.from > back->oldest ? extent.from : back->oldest, extent.to, ret_offset);
        if (done != 0)
            return done;
    }
    return 0;
}

int output_log_tail(struct output_log *log, uint32_t stream, uint64_t lines, uint64_t *ret_offset)
{
    static struct look_back back;
    back.log = log;
    back.oldest = log->bytes > TAIL_MAX_BYTES ? log->bytes - TAIL_MAX_BYTES : 0;
    back.lines = lines;
    back.from = back.size = 0;
    *ret_offset = lines == 0 ? log->bytes : back.oldest;
    if (lines == 0)
        return 0;
    int done = stream == 0 ? tail_of_log(&back, ret_offset) : tail_of_stream(&back, stream, ret_offset);
    return done < 0 ? done : 0;
}
