#include "output_log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/fd.h"

#define TAIL_MAX_BYTES (16 * 1024 * 1024)
#define TAIL_BLOCK     (64 * 1024)

void output_log_init(struct output_log *log, int bytes_fd, int index_fd)
{
    *log = (struct output_log){ .bytes_fd = bytes_fd, .index_fd = index_fd };
}

void output_log_done(struct output_log *log)
{
    fd_close(&log->bytes_fd);
    fd_close(&log->index_fd);
}

bool output_log_grow(struct output_log *log, uint64_t bytes, uint32_t records, bool is_complete)
{
    if (bytes < log->bytes || records < log->records || bytes > INT64_MAX || (log->is_complete && !is_complete))
        return false;
    log->bytes = bytes;
    log->records = records;
    log->is_complete = is_complete;
    return true;
}

static int read_at(int fd, uint64_t offset, void *to, size_t size)
{
    uint8_t *at = to;
    while (size > 0) {
        ssize_t got = pread(fd, at, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            return -EIO;
        at += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

int output_log_read(const struct output_log *log, uint64_t offset, void *to, size_t size)
{
    return read_at(log->bytes_fd, offset, to, size);
}

/* The cache is filled around the record that is asked for: ahead of it going forwards, behind it going backwards. */
static int record_at(struct output_log *log, uint32_t record, struct output_record *ret_record)
{
    if (record < log->cache_from || record - log->cache_from >= log->cache_count) {
        bool goes_back = log->cache_count > 0 && record < log->cache_from;
        uint32_t from = record;
        if (goes_back)
            from = record >= OUTPUT_LOG_CACHE - 2 ? record - (OUTPUT_LOG_CACHE - 2) : 0;
        uint32_t count = log->records - from < OUTPUT_LOG_CACHE ? log->records - from : OUTPUT_LOG_CACHE;
        log->cache_count = 0;
        int done = read_at(log->index_fd, (uint64_t)from * OUTPUT_RECORD_BYTES, log->cache,
                           (size_t)count * OUTPUT_RECORD_BYTES);
        if (done < 0)
            return done;
        log->cache_from = from;
        log->cache_count = count;
    }
    output_record_unpack(log->cache + (size_t)(record - log->cache_from) * OUTPUT_RECORD_BYTES, ret_record);
    return 0;
}

int output_log_extent(struct output_log *log, uint32_t record, struct output_extent *ret_extent)
{
    struct output_record this, next = { .offset = log->bytes };
    int done = record_at(log, record, &this);
    if (done == 0 && record + 1 < log->records)
        done = record_at(log, record + 1, &next);
    if (done < 0)
        return done;
    if (this.offset > next.offset || next.offset > log->bytes ||
        (this.stream != OUTPUT_STDOUT && this.stream != OUTPUT_STDERR))
        return -EBADMSG;
    *ret_extent = (struct output_extent){ this.offset, next.offset, this.stream_offset, this.unix_us, this.stream };
    return 0;
}

int output_log_find(struct output_log *log, uint64_t offset, uint32_t *ret_record)
{
    if (offset >= log->bytes) {
        *ret_record = log->records;
        return 0;
    }
    uint32_t low = 0, high = log->records; /* low begins at or before offset, high behind it */
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        struct output_record record;
        int done = record_at(log, middle, &record);
        if (done < 0)
            return done;
        if (record.offset <= offset)
            low = middle;
        else
            high = middle;
    }
    *ret_record = low;
    return 0;
}

int output_log_stream_bytes(struct output_log *log, uint32_t stream, uint64_t *ret_bytes)
{
    *ret_bytes = 0;
    for (uint32_t record = log->records; record > 0; record--) {
        struct output_extent extent;
        int done = output_log_extent(log, record - 1, &extent);
        if (done < 0)
            return done;
        if (extent.stream == stream) {
            *ret_bytes = extent.stream_offset + (extent.to - extent.from);
            return 0;
        }
    }
    return 0;
}

int output_log_find_in_stream(struct output_log *log, uint32_t stream, uint64_t stream_offset, uint64_t *ret_offset)
{
    for (uint32_t record = 0; record < log->records; record++) {
        struct output_extent extent;
        int done = output_log_extent(log, record, &extent);
        if (done < 0)
            return done;
        if (extent.stream == stream && stream_offset >= extent.stream_offset &&
            stream_offset - extent.stream_offset < extent.to - extent.from) {
            *ret_offset = extent.from + (stream_offset - extent.stream_offset);
            return 0;
        }
    }
    *ret_offset = log->bytes;
    return 0;
}

/* Counts newlines from the end of [from, to) backwards; true when the one before the wanted lines was found. */
static int count_back(struct output_log *log, uint64_t from, uint64_t to, uint64_t *lines, uint64_t *ret_offset)
{
    static uint8_t block[TAIL_BLOCK];
    while (to > from) {
        size_t size = to - from < TAIL_BLOCK ? (size_t)(to - from) : TAIL_BLOCK;
        int done = output_log_read(log, to - size, block, size);
        if (done < 0)
            return done;
        for (size_t i = size; i > 0; i--) {
            if (block[i - 1] != '\n')
                continue;
            if (*lines == 0) {
                *ret_offset = to - size + i;
                return 1;
            }
            --*lines;
        }
        to -= size;
    }
    return 0;
}

/* The last byte of the stream is no newline. */
static int has_open_line(struct output_log *log, uint32_t stream, bool *ret_is_open)
{
    *ret_is_open = false;
    for (uint32_t record = log->records; record > 0; record--) {
        struct output_extent extent;
        int done = output_log_extent(log, record - 1, &extent);
        if (done < 0)
            return done;
        if (extent.from == extent.to || (stream != 0 && extent.stream != stream))
            continue;
        char last;
        done = output_log_read(log, extent.to - 1, &last, 1);
        *ret_is_open = last != '\n';
        return done;
    }
    return 0;
}

int output_log_tail(struct output_log *log, uint32_t stream, uint64_t lines, uint64_t *ret_offset)
{
    bool is_open = false;
    int done = has_open_line(log, stream, &is_open);
    if (done < 0)
        return done;
    if (lines == 0) {
        *ret_offset = log->bytes;
        return 0;
    }
    if (is_open)
        lines--; /* the newlines to pass are those that end the wanted lines */
    uint64_t oldest = log->bytes > TAIL_MAX_BYTES ? log->bytes - TAIL_MAX_BYTES : 0;
    if (stream == 0) {
        done = count_back(log, oldest, log->bytes, &lines, ret_offset);
    } else {
        for (uint32_t record = log->records; record > 0 && done == 0; record--) {
            struct output_extent extent;
            done = output_log_extent(log, record - 1, &extent);
            if (done < 0)
                return done;
            if (extent.to <= oldest)
                break;
            if (extent.stream == stream)
                done = count_back(log, extent.from, extent.to, &lines, ret_offset);
        }
    }
    if (done == 0)
        *ret_offset = oldest;
    return done < 0 ? done : 0;
}
