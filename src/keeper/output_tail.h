/*
 * The last bytes of a job's output, for what a callback is told: text where it is text, and never half a character.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/limits.h"

struct error;
struct job_record;

struct output_tail {
    uint64_t offset; /* of its first byte, in the log */
    uint32_t size;
    bool is_text; /* UTF-8 */
    uint8_t bytes[CALLBACK_TAIL_MAX_BYTES];
};

/*
 * At most `most` bytes, up to the length that the record tells; of a job without output none. -errno when the log cannot be
 * read, or nothing of it may be kept.
 */
int output_tail_read(int state_fd, const struct job_record *record, uint32_t most, struct output_tail *ret_tail,
                     struct error *err);

/*
 * The tail has been cut out of a log at any byte: when it is text but for the rest of a character in front, of at most three
 * bytes, that rest is left out. Otherwise it stays as it is, and is no text.
 */
void output_tail_trim(struct output_tail *tail);
