/*
 * An answer that goes out piece by piece, as fast as its client takes it: one chunk is under way, and the next is made when
 * that has left. So a slow client costs one chunk, and one that stands still for STREAM_IDLE_READER_MS is closed. Chunks are
 * STREAM_CHUNK_BYTES large while few wait, and become smaller the more of them do, so that all together stay small too.
 */
#pragma once

#include <stdbool.h>

#include <jansson.h>

struct evbuffer;
struct problem;
struct request;

struct flow_kind {
    /* Adds what there is now: `room` bytes, or the least that can be said if that is more; nothing when nothing is there.
     * -errno: the answer breaks. */
    int (*fill)(struct request *request, struct evbuffer *chunk, size_t room);
    bool (*is_finished)(const struct request *request);
    /* After STREAM_PING_MS of silence. NULL: silence it is. */
    void (*add_ping)(struct request *request, struct evbuffer *chunk);
    /* Says why it ends early; takes json over. NULL: it cannot say that, and the connection breaks in the middle. */
    void (*add_error)(struct request *request, struct evbuffer *chunk, json_t *json);
    /* The client has all that it was sent. False: the request is gone. NULL: nothing is to be done. */
    bool (*go_on)(struct request *request);
};

/* The first member of request->state. */
struct flow {
    const struct flow_kind *kind;
    bool is_writing; /* a chunk is on its way */
};

/* The head goes out. Then flow_pump() whenever there may be more; after it the request may be gone. */
void flow_start(struct request *request, unsigned status, const char *content_type);
void flow_pump(struct request *request);

/* Ends it before its end; the request is gone, and so are the problem's parts. */
void flow_break(struct request *request, struct problem *problem);
