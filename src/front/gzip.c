#include "gzip.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <event2/buffer.h>

#define ZLIB_CONST /* its input is const then */
#include <zlib.h>

/*
 * The fastest level: one thread serves everybody, and the next level takes a third more time to make logs a twentieth
 * smaller. Window and memory are zlib's defaults, a quarter of a megabyte (zlib.h, deflateInit2).
 */
#define LEVEL        1
#define WINDOW_BITS  (15 + 16) /* + 16: with gzip's head and check */
#define MEMORY_LEVEL 8

struct gzip {
    z_stream stream;
    unsigned *count;
    bool has_ended;
};

struct gzip *gzip_new(unsigned *count)
{
    struct gzip *gzip = calloc(1, sizeof *gzip);
    if (gzip == NULL)
        return NULL;
    if (deflateInit2(&gzip->stream, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(gzip);
        return NULL;
    }
    gzip->count = count;
    ++*count;
    return gzip;
}

void gzip_free(struct gzip *gzip)
{
    if (gzip == NULL)
        return;
    deflateEnd(&gzip->stream);
    --*gzip->count;
    free(gzip);
}

static int run(struct gzip *gzip, const uint8_t *data, size_t size, int flush, struct evbuffer *out)
{
    static uint8_t room[16 * 1024];
    z_stream *stream = &gzip->stream;
    assert(!gzip->has_ended && size <= UINT32_MAX);
    stream->next_in = data;
    stream->avail_in = (uInt)size;
    int done = Z_OK;
    do {
        stream->next_out = room;
        stream->avail_out = sizeof room;
        done = deflate(stream, flush);
        assert(done != Z_STREAM_ERROR);
        if (evbuffer_add(out, room, sizeof room - stream->avail_out) < 0)
            return -ENOMEM;
    } while (stream->avail_out == 0); /* there may be more of it (zlib.h, deflate) */
    gzip->has_ended = done == Z_STREAM_END;
    return 0;
}

int gzip_add(struct gzip *gzip, const uint8_t *data, size_t size, struct evbuffer *out)
{
    return run(gzip, data, size, Z_NO_FLUSH, out);
}

int gzip_flush(struct gzip *gzip, struct evbuffer *out)
{
    return run(gzip, NULL, 0, Z_SYNC_FLUSH, out);
}

int gzip_end(struct gzip *gzip, struct evbuffer *out)
{
    return run(gzip, NULL, 0, Z_FINISH, out);
}

bool gzip_has_ended(const struct gzip *gzip)
{
    return gzip->has_ended;
}
