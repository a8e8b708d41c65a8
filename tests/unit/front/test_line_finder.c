/* Lines that hold a text, however the bytes are cut. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "line_finder.h"

#define BEGIN      1000 /* where the first byte stands */
#define MOST_LINES 4096

struct found {
    uint64_t line, line_from, found_at;
};

static struct found found[MOST_LINES];
static size_t found_count;

/* Shows the bytes in pieces of at most `piece`, as a reader with a buffer does. */
static void search_in_pieces(struct line_finder *finder, const char *data, size_t size, size_t piece)
{
    static uint8_t block[65536 + LINE_FINDER_TEXT_MAX];
    size_t read = 0, held = 0, used;
    found_count = 0;
    do {
        size_t more = size - read < piece ? size - read : piece;
        memcpy(block + held, data + read, more);
        line_finder_fold(finder, block + held, more);
        read += more;
        held += more;
        enum finding finding;
        size_t taken = 0;
        do {
            cr_assert_eq(finder->at, BEGIN + read - (held - taken));
            finding = line_finder_next(finder, block + taken, held - taken, read == size, &used);
            taken += used;
            cr_assert_leq(taken, held);
            if (finding == FINDING_TEXT)
                found[found_count++] = (struct found){ finder->line, finder->line_from, finder->found_at };
            if (finding == FINDING_LINE)
                cr_assert(finder->line_from == finder->at && data[finder->at - BEGIN - 1] == '\n');
        } while (finding != FINDING_NOTHING);
        held -= taken;
        cr_assert(held < finder->text_size, "%zu bytes were left", held);
        memmove(block, block + taken, held);
    } while (read < size);
    cr_assert_eq(held, 0);
    cr_assert_eq(finder->at, BEGIN + size);
}

static bool is_here(const char *data, const char *text, size_t size, bool ignores_case)
{
    for (size_t i = 0; i < size; i++) {
        char left = data[i], right = text[i];
        if (ignores_case && left >= 'A' && left <= 'Z')
            left = (char)(left + 32);
        if (ignores_case && right >= 'A' && right <= 'Z')
            right = (char)(right + 32);
        if (left != right)
            return false;
    }
    return true;
}

/* The same byte by byte. */
static void expect_as_found(const char *data, size_t size, const char *text, size_t text_size, bool ignores_case)
{
    size_t count = 0, from = 0, line = 1;
    while (from < size) {
        const char *newline = memchr(data + from, '\n', size - from);
        size_t to = newline != NULL ? (size_t)(newline - data) : size;
        for (size_t at = from; at + text_size <= to; at++)
            if (is_here(data + at, text, text_size, ignores_case)) {
                cr_assert_lt(count, found_count, "line %zu was not found", line);
                cr_assert(found[count].line == line && found[count].line_from == BEGIN + from &&
                              found[count].found_at == BEGIN + at,
                          "line %zu at %zu: found in line %d at %d", line, at, (int)found[count].line,
                          (int)found[count].found_at);
                count++;
                break;
            }
        from = to + 1;
        line++;
    }
    cr_assert_eq(count, found_count);
}

static void check(const char *data, size_t size, const char *text, size_t text_size, bool ignores_case, size_t piece)
{
    struct line_finder finder;
    line_finder_init(&finder, text, text_size, ignores_case, BEGIN);
    search_in_pieces(&finder, data, size, piece);
    expect_as_found(data, size, text, text_size, ignores_case);
}

Test(line_finder, finds_each_line_once_and_says_where)
{
    static const char data[] = "needle\nno\na needle, a needle\n\nneedl\neneedle";
    struct line_finder finder;
    line_finder_init(&finder, "needle", 6, false, BEGIN);
    search_in_pieces(&finder, data, sizeof data - 1, 7);
    cr_assert_eq(found_count, 3);
    cr_expect(found[0].line == 1 && found[0].line_from == BEGIN && found[0].found_at == BEGIN);
    cr_expect(found[1].line == 3 && found[1].line_from == BEGIN + 10 && found[1].found_at == BEGIN + 12);
    cr_expect(found[2].line == 6 && found[2].found_at == BEGIN + sizeof data - 1 - 6);
    cr_expect_eq(finder.line_from, found[2].line_from);
}

Test(line_finder, finds_what_a_walk_over_all_bytes_finds_wherever_they_are_cut)
{
    static char data[3000], text[8];
    srand(5);
    for (int round = 0; round < 3000; round++) {
        size_t size = (size_t)rand() % sizeof data, text_size = 1 + (size_t)rand() % 6;
        unsigned rare = 2 + (unsigned)rand() % 40;
        for (size_t i = 0; i < size; i++)
            data[i] = (unsigned)rand() % rare == 0 ? '\n' : "abAB"[rand() % 4];
        for (size_t i = 0; i < text_size; i++)
            text[i] = "abAB"[rand() % 4];
        check(data, size, text, text_size, round % 2 == 1, 1 + (size_t)rand() % (round % 3 == 0 ? 8 : 5000));
    }
}

Test(line_finder, looks_for_any_bytes_and_folds_ascii_letters_alone)
{
    static const char data[] = "a\0b\n\xc3\x84z[\n\xff\xfe\n@`{[\n";
    check(data, sizeof data - 1, "\0", 1, false, 3);
    check(data, sizeof data - 1, "\xff\xfe", 2, true, 1);
    check(data, sizeof data - 1, "Z", 1, true, 2);
    check(data, sizeof data - 1, "\xc3\xa4", 2, true, 2); /* a small one is another letter here */
    cr_expect_eq(found_count, 0);
    check(data, sizeof data - 1, "@", 1, true, 2); /* neighbours of the letters are none */
    cr_expect_eq(found_count, 1);
    check(data, sizeof data - 1, "{", 1, true, 9);
    cr_expect_eq(found_count, 1);
}

Test(line_finder, takes_texts_as_long_as_they_may_be)
{
    static char data[2000], text[LINE_FINDER_TEXT_MAX];
    memset(data, 'x', sizeof data);
    memset(text, 'x', sizeof text);
    data[100] = data[400] = data[657] = '\n'; /* lines of 100, 299, 256 and 1342 */
    for (size_t piece = 1; piece < 600; piece += 13)
        check(data, sizeof data, text, sizeof text, false, piece);
    cr_expect_eq(found_count, 3);
}
