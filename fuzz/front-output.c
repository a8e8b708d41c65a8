/* An index that anybody wrote: reading and searching it ends, stays inside the log, and gives each byte of the view once. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <event2/buffer.h>

#include "sallyport/limits.h"

#include "sallyport/output/output_log.h"
#include "sallyport/output/output_piece.h"
#include "output_search.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of(const uint8_t *data, size_t size)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    return fd;
}

static void read_all(struct output_log *log, uint32_t only)
{
    struct output_cursor cursor = { .only = only };
    struct output_piece piece;
    uint64_t at = 0;
    while (output_piece_next(log, &cursor, log->bytes, false, &piece) > 0) {
        size_t json_size;
        if (piece.offset < at || piece.size == 0 || piece.offset + piece.size != cursor.at || cursor.at > log->bytes)
            abort();
        at = cursor.at;
        output_piece_json(&piece, &json_size);
        if (json_size > OUTPUT_JSON_MAX)
            abort();
    }
}

/* It comes to an end, or to an error, and says no more than a chunk at a time. */
static void search_all(struct output_log *log, uint32_t only)
{
    static struct output_search search;
    struct search_options options = { .text = "a", .text_size = 1, .ignores_case = true, .only = only, .limit = 1000 };
    int done = 1;
    if (output_search_start(&search, log, &options) < 0)
        return;
    for (unsigned slices = 0; done > 0; slices++) {
        struct evbuffer *out = evbuffer_new();
        done = output_search_slice(&search, out);
        if (slices > log->bytes + log->records || evbuffer_get_length(out) > STREAM_CHUNK_BYTES)
            abort();
        evbuffer_free(out);
    }
}

/* The first byte says how many records the index has. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    size_t index_size = data[0] * (size_t)OUTPUT_RECORD_BYTES;
    if (index_size > size - 1)
        index_size = (size - 1) / OUTPUT_RECORD_BYTES * OUTPUT_RECORD_BYTES;
    struct output_log log;
    uint64_t found;
    uint32_t record;
    output_log_init(&log, file_of(data + 1 + index_size, size - 1 - index_size), file_of(data + 1, index_size));
    output_log_grow(&log, size - 1 - index_size, (uint32_t)(index_size / OUTPUT_RECORD_BYTES), true);
    for (uint32_t only = 0; only <= OUTPUT_STDERR; only++) {
        read_all(&log, only);
        search_all(&log, only);
        if (output_log_tail(&log, only, 3, &found) == 0 && found > log.bytes)
            abort();
        output_log_find_in_stream(&log, only, 5, &found);
        if (output_log_stream_bytes(&log, only, &found) == 0 && found > log.bytes)
            abort();
        output_log_position(&log, only, size / 2, &found);
    }
    output_log_find(&log, size / 2, &record);
    output_log_done(&log);
    return 0;
}
