/*
 * What is read of a receiver's answer, as it arrives: the status and Retry-After. All else is counted and thrown away.
 * Plain functions over foreign bytes; libcurl has cut the head into lines.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLY_HEAD_MAX_BYTES (16 * 1024)
#define REPLY_BODY_MAX_BYTES (16 * 1024) /* read so that the receiver can finish its sentence; then the line is cut */

struct reply {
    bool is_answered; /* the head of the final answer is whole: nothing that follows changes how it went */
    bool is_too_large;
    unsigned status; /* of the head that is being read, or of the final one */
    bool has_retry_after;
    uint32_t retry_after_s;
    size_t head_bytes, body_bytes;
};

/* Both: false when no more is wanted. */
bool reply_take_line(struct reply *reply, const char *line, size_t size, uint64_t now_unix_s);
bool reply_take_body(struct reply *reply, size_t size);
