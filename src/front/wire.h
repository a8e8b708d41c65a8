/*
 * The bytes of a request as RFC 9112 defines them, and nothing that is more lenient. No I/O and no memory of its own: guard.c
 * feeds it what arrived, before evhttp sees it. What two readers could take differently is a fault, never mended.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sallyport/limits.h"

enum wire_fault {
    WIRE_FINE,
    WIRE_BARE_LINE_FEED,
    WIRE_CONTROL_CHARACTER,
    WIRE_REQUEST_LINE,
    WIRE_METHOD,
    WIRE_TARGET,
    WIRE_TARGET_TOO_LONG,
    WIRE_VERSION,
    WIRE_FIELD,
    WIRE_FOLDED_FIELD,
    WIRE_FIELD_TWICE,
    WIRE_HEAD_TOO_LARGE,
    WIRE_HOST,
    WIRE_LENGTH,
    WIRE_LENGTH_AND_CODING,
    WIRE_CODING,
    WIRE_NO_BODY_HERE,
    WIRE_BODY_TOO_LARGE,
    WIRE_EXPECTATION,
    WIRE_CHUNK,
    WIRE_TOO_SLOW,
    WIRE_NO_ROOM,
    WIRE_NO_ROOM_FOR_UPLOAD,
    WIRE_HOOK_UNPROVEN,
    WIRE_FAULT_COUNT,
};

/* The problem's code (problem.c knows its status) and a sentence. */
const char *wire_fault_code(enum wire_fault fault);
const char *wire_fault_detail(enum wire_fault fault);

/*
 * How far a head that arrives in parts was looked at. Zeroed for a new one. 1: it is whole, and *ret_size bytes long; 0: more
 * must come; -1: it can become no head, see *ret_fault. data is always all that there is of it.
 */
struct wire_scan {
    size_t at, line; /* next byte to look at; start of its line */
};
int wire_scan_head(struct wire_scan *scan, const char *data, size_t size, size_t *ret_size, enum wire_fault *ret_fault);

enum wire_body { WIRE_BODY_NONE, WIRE_BODY_LENGTH, WIRE_BODY_CHUNKS };

/* A line of the head with its end, counted from the head's start. */
struct wire_line {
    unsigned at, size;
};

#define WIRE_BODY_LINES 3

struct wire_head {
    enum wire_body body;
    uint64_t length;
    bool may_have_body; /* by its method */
    bool awaits_go_on;  /* the client sends no body before it was told to (100) */
    bool closes;        /* the client will not use the connection again */
    bool is_form;       /* multipart/form-data */
    bool is_function;   /* its target is below /r/ */
    bool is_hook;       /* POST below /hooks/ */
    /* What says how the body comes: Content-Length, Transfer-Encoding, Expect; in the order of the head. */
    struct wire_line body_lines[WIRE_BODY_LINES];
    unsigned body_line_count;
};

/* Judges a whole head, its last empty line included. body_max: the longest body taken. */
enum wire_fault wire_parse_head(const char *data, size_t size, uint64_t body_max, struct wire_head *ret_head);

/* A body in chunks, without extensions and trailers. Zeroed at its start. */
struct wire_chunks {
    enum {
        CHUNK_SIZE,
        CHUNK_SIZE_END,
        CHUNK_DATA,
        CHUNK_DATA_END,
        CHUNK_DATA_END2,
        CHUNK_LAST,
        CHUNK_LAST2,
        CHUNK_DONE
    } state;
    unsigned digits;
    uint64_t left;
};

/*
 * Takes a part of the body: what stands around the data, and one stretch of data at most. The number of bytes taken, of which
 * the last *ret_data are data; 0 only at the end of the body or of what there is. *ret_is_fine false: no such body.
 */
size_t wire_take_chunk(struct wire_chunks *chunks, const char *data, size_t size, size_t *ret_data, bool *ret_is_fine);
