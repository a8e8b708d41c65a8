#include "lines.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct seen {
    char text[256];
    int count, stop_at;
};

static int take(void *arg, char *line, size_t length)
{
    struct seen *seen = arg;
    strncat(seen->text, line, length);
    strcat(seen->text, "|");
    memset(line, 'x', length); /* may do with it what it likes */
    return ++seen->count == seen->stop_at ? 5 : 0;
}

Test(lines, come_out_whole_wherever_the_bytes_were_cut)
{
    static const char bytes[] = "one\n\ntwo three\nfour\n";
    for (size_t piece = 1; piece <= sizeof bytes - 1; piece++) {
        struct lines lines = { 0 };
        struct seen seen = { .count = 0 };
        for (size_t at = 0; at < sizeof bytes - 1; at += piece) {
            size_t size = at + piece > sizeof bytes - 1 ? sizeof bytes - 1 - at : piece;
            cr_assert_eq(lines_add(&lines, bytes + at, size, take, &seen), 0);
        }
        cr_expect_str_eq(seen.text, "one||two three|four|", "pieces of %zu", piece);
        cr_expect_eq(lines.used, 0);
        lines_done(&lines);
    }
}

Test(lines, stop_when_the_taker_says_so_and_keep_the_rest)
{
    struct lines lines = { 0 };
    struct seen seen = { .stop_at = 2 };
    cr_expect_eq(lines_add(&lines, "a\nb\nc\nd", 7, take, &seen), 5);
    cr_expect_str_eq(seen.text, "a|b|");
    cr_expect_eq(lines_add(&lines, "e\n", 2, take, &seen), 0);
    cr_expect_str_eq(seen.text, "a|b|c|de|");
    lines_done(&lines);
}

Test(lines, a_new_connection_begins_with_a_new_line)
{
    struct lines lines = { 0 };
    struct seen seen = { .count = 0 };
    lines_add(&lines, "half of it", 10, take, &seen);
    lines_reset(&lines);
    lines_add(&lines, "whole\n", 6, take, &seen);
    cr_expect_str_eq(seen.text, "whole|");
    lines_done(&lines);
}

Test(lines, without_an_end_are_refused_at_a_limit)
{
    struct lines lines = { 0 };
    struct seen seen = { .count = 0 };
    size_t size = LINE_MAX_BYTES / 4;
    char *piece = malloc(size);
    memset(piece, 'a', size);
    int result = 0;
    for (int i = 0; i < 5 && result == 0; i++)
        result = lines_add(&lines, piece, size, take, &seen);
    cr_expect_eq(result, -EMSGSIZE);
    free(piece);
    lines_done(&lines);
}
