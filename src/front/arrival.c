#include "arrival.h"

#include <errno.h>
#include <string.h>

#include <event2/buffer.h>

#include "http.h"
#include "wipe.h"

int arrival_init(struct arrival *arrival)
{
    *arrival = (struct arrival){ .pending = evbuffer_new(), .text = evbuffer_new(), .data = evbuffer_new() };
    if (arrival->pending != NULL && arrival->text != NULL && arrival->data != NULL)
        return 0;
    arrival_done(arrival);
    return -ENOMEM;
}

void arrival_done(struct arrival *arrival)
{
    struct evbuffer *buffers[] = { arrival->pending, arrival->text, arrival->data };
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++)
        if (buffers[i] != NULL) {
            wipe_all(buffers[i]);
            evbuffer_free(buffers[i]);
        }
    *arrival = (struct arrival){ 0 };
}

void arrival_drop(struct arrival *arrival)
{
    wipe_all(arrival->pending);
    wipe_all(arrival->text);
    wipe_all(arrival->data);
    arrival->scan = (struct wire_scan){ 0 };
}

/* Packed, for each read has memory of its own, of which libevent 2.1.12 leaves half empty, or nearly all of it for a client
 * that sends a byte at a time. And wiped where they were: who logs in sends a password. */
int arrival_add(struct arrival *arrival, struct evbuffer *from)
{
    size_t size = evbuffer_get_length(from);
    unsigned char *bytes = evbuffer_pullup(from, -1);
    if (size == 0)
        return 0;
    if (bytes == NULL || evbuffer_add(arrival->pending, bytes, size) < 0)
        return -ENOMEM;
    explicit_bzero(bytes, size);
    return evbuffer_drain(from, size) == 0 ? 0 : -ENOMEM;
}

/* The first `size` bytes of what is pending. */
static bool move(struct arrival *arrival, struct evbuffer *to, size_t size)
{
    return size == 0 || evbuffer_remove_buffer(arrival->pending, to, size) == (int)size;
}

/* Whether the request may go to evhttp as it is. */
static bool stays_as_it_is(const struct wire_head *head)
{
    return head->body_line_count == 0 && !head->may_have_body;
}

/* Without the empty line that ends it, for a length may have to stand before that. One that stays as it is is not copied. */
static bool keep_head(struct arrival *arrival, size_t size)
{
    const struct wire_head *head = &arrival->head;
    size_t at = 0;
    arrival->is_whole = stays_as_it_is(head) && size == evbuffer_get_length(arrival->pending);
    if (arrival->is_whole)
        return evbuffer_add_buffer(arrival->text, arrival->pending) == 0;
    for (unsigned i = 0; i < head->body_line_count; i++) {
        const struct wire_line *line = &head->body_lines[i];
        if (!move(arrival, arrival->text, line->at - at) || evbuffer_drain(arrival->pending, line->size) < 0)
            return false;
        at = line->at + line->size;
    }
    return move(arrival, arrival->text, size - at - 2) && evbuffer_drain(arrival->pending, 2) == 0;
}

bool arrival_is_whole(struct arrival *arrival, struct evbuffer *from)
{
    size_t size = evbuffer_get_length(from), head_size = 0;
    struct wire_scan scan = { 0 };
    enum wire_fault fault = WIRE_FINE;
    if (evbuffer_get_contiguous_space(from) != size)
        return false;
    const char *bytes = (const char *)evbuffer_pullup(from, -1);
    return bytes != NULL && wire_scan_head(&scan, bytes, size, &head_size, &fault) > 0 && head_size == size &&
           wire_parse_head(bytes, size, HTTP_UPLOAD_MAX_BYTES, &arrival->head) == WIRE_FINE &&
           stays_as_it_is(&arrival->head);
}

int arrival_read_head(struct arrival *arrival, enum wire_fault *ret_fault)
{
    size_t size = evbuffer_get_length(arrival->pending), head_size = 0;
    if (size > REQUEST_HEAD_MAX_BYTES + 1)
        size = REQUEST_HEAD_MAX_BYTES + 1;
    const char *bytes = (const char *)evbuffer_pullup(arrival->pending, (ev_ssize_t)size);
    if (bytes == NULL)
        return 0;
    int done = wire_scan_head(&arrival->scan, bytes, size, &head_size, ret_fault);
    if (done <= 0)
        return done;
    arrival->scan = (struct wire_scan){ 0 };
    arrival->chunks = (struct wire_chunks){ 0 };
    *ret_fault = wire_parse_head(bytes, head_size, HTTP_UPLOAD_MAX_BYTES, &arrival->head);
    if (*ret_fault == WIRE_FINE && !keep_head(arrival, head_size))
        *ret_fault = WIRE_NO_ROOM;
    return *ret_fault == WIRE_FINE ? 1 : -1;
}

/* The data of all chunks that are there. It is copied, and wiped where it was. */
static enum wire_fault take_chunks(struct arrival *arrival, uint64_t body_max)
{
    size_t size = evbuffer_get_length(arrival->pending), at = 0, data_size;
    const char *bytes = (const char *)evbuffer_pullup(arrival->pending, -1);
    bool is_fine = bytes != NULL || size == 0;
    while (is_fine && at < size && arrival->chunks.state != CHUNK_DONE) {
        at += wire_take_chunk(&arrival->chunks, bytes + at, size - at, &data_size, &is_fine);
        if (evbuffer_get_length(arrival->data) + data_size > body_max)
            return WIRE_BODY_TOO_LARGE;
        if (evbuffer_add(arrival->data, bytes + at - data_size, data_size) < 0)
            return WIRE_NO_ROOM;
    }
    wipe_drain(arrival->pending, at);
    return is_fine ? WIRE_FINE : WIRE_CHUNK;
}

int arrival_read_body(struct arrival *arrival, uint64_t body_max, enum wire_fault *ret_fault)
{
    if (arrival->head.body != WIRE_BODY_CHUNKS)
        return evbuffer_get_length(arrival->pending) >= arrival->head.length;
    *ret_fault = take_chunks(arrival, body_max);
    if (*ret_fault != WIRE_FINE)
        return -1;
    return arrival->chunks.state == CHUNK_DONE;
}

uint64_t arrival_body_size(const struct arrival *arrival)
{
    if (arrival->head.body == WIRE_BODY_CHUNKS)
        return evbuffer_get_length(arrival->data);
    size_t pending = evbuffer_get_length(arrival->pending);
    return pending < arrival->head.length ? pending : arrival->head.length;
}

int arrival_hand_over(struct arrival *arrival, struct evbuffer *to)
{
    uint64_t size = arrival_body_size(arrival);
    bool is_done = evbuffer_add_buffer(to, arrival->text) == 0;
    if (arrival->head.may_have_body)
        is_done = is_done && evbuffer_add_printf(to, "Content-Length: %llu\r\n", (unsigned long long)size) > 0;
    if (!arrival->is_whole)
        is_done = is_done && evbuffer_add(to, "\r\n", 2) == 0;
    if (arrival->head.body == WIRE_BODY_CHUNKS)
        is_done = is_done && evbuffer_add_buffer(to, arrival->data) == 0;
    else
        is_done = is_done && move(arrival, to, (size_t)size);
    return is_done ? 0 : -ENOMEM;
}
