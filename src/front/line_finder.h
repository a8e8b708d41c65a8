/*
 * Finds the lines that hold a text, in bytes that come in pieces. It keeps none of them: it knows positions alone, counted
 * from wherever the caller began. A line is what stands between newlines, however long it is; each is found once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_FINDER_TEXT_MAX 256

struct line_finder {
    uint8_t text[LINE_FINDER_TEXT_MAX];
    size_t text_size;
    bool ignores_case; /* of ASCII letters */
    bool has_found;    /* the line at hand; its rest is passed over */
    uint64_t at;       /* the next byte to be taken */
    uint64_t line_from, line;
    uint64_t found_at; /* the text's first byte */
};

/* The text has 1 to LINE_FINDER_TEXT_MAX bytes and no newline. `at` is the first byte of line 1. */
void line_finder_init(struct line_finder *finder, const void *text, size_t text_size, bool ignores_case, uint64_t at);

/* Bytes must go through this once before they are shown to line_finder_next(). */
void line_finder_fold(const struct line_finder *finder, uint8_t *data, size_t size);

enum finding {
    FINDING_NOTHING, /* all that can be taken was */
    FINDING_TEXT,    /* in the line at hand: line, line_from and found_at say where */
    FINDING_LINE,    /* the line that held the text has ended; line_from is where the next one begins */
};

/*
 * Looks at what comes from finder->at on. *ret_used bytes are taken; what is left must come again, with more behind it after
 * FINDING_NOTHING, where it is less than the text is long. is_last: nothing more will come, so nothing is left.
 */
enum finding line_finder_next(struct line_finder *finder, const uint8_t *data, size_t size, bool is_last,
                              size_t *ret_used);
