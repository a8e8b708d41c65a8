/* GET /v1/events?kinds=job,queue&jobs=ID,ID with Last-Event-ID: what a client wants to hear, and where it stopped. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/proto/messages.h"

#include "query.h"

/* "LIFE-SEQUENCE": the id of an event. */
#define EVENT_ID_BYTES 48

struct events_wish {
    uint8_t kinds; /* enum feed_kind: bits */
    struct job_id jobs[FEED_JOBS_MAX];
    unsigned job_count; /* 0: all */
    bool has_cursor;
    uint64_t life, sequence;
};

/* last_event_id: NULL or "" for none. NULL on success, else what is wrong. */
const char *events_wish_read(const struct query *query, const char *last_event_id, struct events_wish *ret_wish);

const char *event_id_text(uint64_t life, uint64_t sequence, char text[EVENT_ID_BYTES]);
bool event_id_parse(const char *text, uint64_t *ret_life, uint64_t *ret_sequence);
