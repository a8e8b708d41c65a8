/* Bytes of a connection, in pieces: the same requests come out however they are cut, each in the one form that evhttp gets. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "arrival.h"

#define BODY_MAX 1000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    struct evbuffer *requests; /* all that were handed over */
    enum wire_fault fault;
};

/* A head that tells its length when it may have a body, no coding, and so many bytes. */
static void check_form(struct evbuffer *buffer, const struct wire_head *head, uint64_t body_size)
{
    size_t size = evbuffer_get_length(buffer);
    const char *text = (const char *)evbuffer_pullup(buffer, -1);
    const char *end = text != NULL ? memmem(text, size, "\r\n\r\n", 4) : NULL;
    struct wire_head again;
    if (end == NULL || size - (size_t)(end + 4 - text) != body_size)
        abort();
    if (wire_parse_head(text, (size_t)(end + 4 - text), UINT64_MAX, &again) != WIRE_FINE)
        abort();
    if (again.body == WIRE_BODY_CHUNKS || again.length != body_size || again.awaits_go_on ||
        (again.body_line_count == 1) != head->may_have_body)
        abort();
}

/* True while more may follow. */
static bool read_one(struct arrival *arrival, bool *has_head, struct outcome *outcome)
{
    int done = *has_head ? 1 : arrival_read_head(arrival, &outcome->fault);
    *has_head = done > 0;
    if (done > 0 && arrival->head.body == WIRE_BODY_LENGTH && arrival->head.length > BODY_MAX)
        outcome->fault = WIRE_BODY_TOO_LARGE;
    if (done > 0 && outcome->fault == WIRE_FINE && arrival->head.body != WIRE_BODY_NONE)
        done = arrival_read_body(arrival, BODY_MAX, &outcome->fault);
    if (done <= 0 || outcome->fault != WIRE_FINE)
        return false;
    struct evbuffer *request = evbuffer_new();
    uint64_t body_size = arrival_body_size(arrival);
    if (request == NULL || arrival_hand_over(arrival, request) < 0)
        abort();
    check_form(request, &arrival->head, body_size);
    evbuffer_add_buffer(outcome->requests, request);
    evbuffer_free(request);
    *has_head = false;
    return evbuffer_get_length(arrival->pending) > 0;
}

static struct outcome read_all(const uint8_t *data, size_t size, size_t step)
{
    struct arrival arrival;
    struct outcome outcome = { evbuffer_new(), WIRE_FINE };
    struct evbuffer *piece = evbuffer_new();
    bool has_head = false;
    if (outcome.requests == NULL || piece == NULL || arrival_init(&arrival) < 0)
        abort();
    for (size_t at = 0; at < size && outcome.fault == WIRE_FINE; at += step) {
        evbuffer_add(piece, data + at, size - at < step ? size - at : step);
        if (evbuffer_get_length(arrival.pending) == 0 && !has_head && arrival_is_whole(&arrival, piece)) {
            check_form(piece, &arrival.head, 0);
            evbuffer_add_buffer(outcome.requests, piece);
            continue;
        }
        if (arrival_add(&arrival, piece) < 0)
            abort();
        while (read_one(&arrival, &has_head, &outcome))
            continue;
    }
    evbuffer_free(piece);
    arrival_done(&arrival);
    return outcome;
}

/* The first byte says how small the pieces are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct outcome whole = read_all(data + 1, size - 1, size), parts = read_all(data + 1, size - 1, data[0] % 64 + 1);
    size_t length = evbuffer_get_length(whole.requests);
    if (whole.fault != parts.fault || length != evbuffer_get_length(parts.requests))
        abort();
    if (length > 0 && memcmp(evbuffer_pullup(whole.requests, -1), evbuffer_pullup(parts.requests, -1), length) != 0)
        abort();
    evbuffer_free(whole.requests);
    evbuffer_free(parts.requests);
    return 0;
}
