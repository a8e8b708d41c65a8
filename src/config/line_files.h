/* Files that a key refers to, and most of them have one line: `hash: file:PATH` of a token, `secret: file:PATH` of a callback. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reading;

#define LINE_TEXT_BYTES 512 /* of one line, and the closing NUL */

struct line_file {
    const char *key;    /* whose faults they are */
    const char *wanted; /* what the line holds, for people */
    bool
        is_secret; /* then nobody but the owner may read it; that others read a hash of 256 random bits tells nothing */
};

/*
 * All of a file of at most `max` bytes, which the caller frees. False after a fault at the key. The file is held to the rules of
 * the configuration's own files (owner.h), and a secret to more: nobody but the owner may read it.
 */
bool whole_file_read(struct reading *reading, const char *key, bool is_secret, const char *path, size_t max,
                     uint8_t **ret_data, size_t *ret_size);

/*
 * The file's one line, without what surrounds it. False after a fault at the key. The file is held to the rules of the
 * configuration's own files (owner.h). What stands in it is never repeated in a fault.
 */
bool line_file_read(struct reading *reading, const struct line_file *file, const char *path,
                    char ret_text[LINE_TEXT_BYTES]);

/* The same for a file that may have none, or so many. */
bool line_file_read_lines(struct reading *reading, const struct line_file *file, const char *path,
                          char (*ret_texts)[LINE_TEXT_BYTES], unsigned most, unsigned *ret_count);
