#include "sallyport/output/output_log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/fd.h"

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
    return read_at(log->bytes_fd, log->base + offset, to, size);
}

int output_log_read_index(const struct output_log *log, void *to, size_t size)
{
    return read_at(log->index_fd, 0, to, size);
}

void output_log_show_window(struct output_log *log, uint64_t base, uint64_t bytes)
{
    log->base = base;
    log->bytes = bytes;
    log->is_complete = true;
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

/*
 * How much of one stream lies before a record. The log holds two streams and nothing else, so what is not of one is of the
 * other: each record tells for both, and so both can be searched like the log itself.
 */
static int position_at(struct output_log *log, uint32_t record, uint32_t stream, uint64_t *ret_position)
{
    struct output_record this;
    int done = record_at(log, record, &this);
    if (done < 0)
        return done;
    if (this.stream_offset > this.offset)
        return -EBADMSG;
    *ret_position = this.stream == stream ? this.stream_offset : this.offset - this.stream_offset;
    return 0;
}

int output_log_position(struct output_log *log, uint32_t stream, uint64_t offset, uint64_t *ret_position)
{
    struct output_extent extent;
    uint32_t record;
    *ret_position = 0;
    if (log->records == 0)
        return 0;
    int done = output_log_find(log, offset, &record);
    if (done < 0)
        return done;
    if (record == log->records)
        record--; /* the end: behind the last one */
    done = output_log_extent(log, record, &extent);
    if (done == 0)
        done = position_at(log, record, stream, ret_position);
    if (done < 0)
        return done;
    if (offset > extent.to)
        offset = extent.to;
    if (extent.stream == stream && offset > extent.from)
        *ret_position += offset - extent.from;
    return *ret_position <= log->bytes ? 0 : -EBADMSG;
}

int output_log_stream_bytes(struct output_log *log, uint32_t stream, uint64_t *ret_bytes)
{
    return output_log_position(log, stream, log->bytes, ret_bytes);
}

int output_log_find_in_stream(struct output_log *log, uint32_t stream, uint64_t position, uint64_t *ret_offset)
{
    uint32_t low = 0, high = log->records; /* low begins at or before the position, high behind it */
    *ret_offset = log->bytes;
    if (log->records == 0)
        return 0;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        uint64_t before;
        int done = position_at(log, middle, stream, &before);
        if (done < 0)
            return done;
        if (before <= position)
            low = middle;
        else
            high = middle;
    }
    struct output_extent extent;
    int done = output_log_extent(log, low, &extent);
    if (done == 0 && extent.stream == stream && position >= extent.stream_offset &&
        position - extent.stream_offset < extent.to - extent.from)
        *ret_offset = extent.from + (position - extent.stream_offset);
    return done;
}
