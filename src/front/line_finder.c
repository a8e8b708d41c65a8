#include "line_finder.h"

#include <assert.h>
#include <string.h>

static uint8_t lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

void line_finder_init(struct line_finder *finder, const void *text, size_t text_size, bool ignores_case, uint64_t at)
{
    assert(text_size > 0 && text_size <= LINE_FINDER_TEXT_MAX && memchr(text, '\n', text_size) == NULL);
    *finder = (struct line_finder){
        .text_size = text_size, .ignores_case = ignores_case, .at = at, .line_from = at, .line = 1
    };
    memcpy(finder->text, text, text_size);
    line_finder_fold(finder, finder->text, text_size);
}

void line_finder_fold(const struct line_finder *finder, uint8_t *data, size_t size)
{
    for (size_t i = 0; finder->ignores_case && i < size; i++)
        data[i] = lower(data[i]);
}

/* Takes bytes, and counts the lines that end in them. */
static void pass(struct line_finder *finder, const uint8_t *data, size_t size)
{
    const uint8_t *from = data, *end = data + size, *newline;
    while (from < end && (newline = memchr(from, '\n', (size_t)(end - from))) != NULL) {
        from = newline + 1;
        finder->line++;
        finder->line_from = finder->at + (uint64_t)(from - data);
    }
    finder->at += size;
}

/* What is left of a line that held the text. */
static enum finding pass_line(struct line_finder *finder, const uint8_t *data, size_t size, size_t *ret_used)
{
    const uint8_t *newline = memchr(data, '\n', size);
    *ret_used = newline != NULL ? (size_t)(newline - data) + 1 : size;
    pass(finder, data, *ret_used);
    finder->has_found = newline == NULL;
    return newline != NULL ? FINDING_LINE : FINDING_NOTHING;
}

enum finding line_finder_next(struct line_finder *finder, const uint8_t *data, size_t size, bool is_last,
                              size_t *ret_used)
{
    *ret_used = 0;
    if (size == 0)
        return FINDING_NOTHING;
    if (finder->has_found)
        return pass_line(finder, data, size, ret_used);
    const uint8_t *found = memmem(data, size, finder->text, finder->text_size);
    if (found == NULL) {
        size_t kept = is_last ? 0 : finder->text_size - 1;
        *ret_used = size > kept ? size - kept : 0;
        pass(finder, data, *ret_used);
        return FINDING_NOTHING;
    }
    pass(finder, data, (size_t)(found - data));
    finder->found_at = finder->at;
    finder->has_found = true;
    finder->at += finder->text_size;
    *ret_used = (size_t)(found - data) + finder->text_size;
    return FINDING_TEXT;
}
