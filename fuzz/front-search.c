/* A text and the lines that hold it: what is found does not depend on how the bytes are cut, and is there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "line_finder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    uint64_t lines, places;
};

static void check_found(const struct line_finder *finder, const uint8_t *data, size_t size)
{
    if (finder->found_at + finder->text_size > size || finder->line_from > finder->found_at || finder->line > size + 1)
        abort();
    if (!finder->ignores_case && memcmp(data + finder->found_at, finder->text, finder->text_size) != 0)
        abort();
    if (memchr(data + finder->line_from, '\n', (size_t)(finder->found_at - finder->line_from)) != NULL)
        abort();
    if (finder->line_from > 0 && data[finder->line_from - 1] != '\n')
        abort();
}

static struct sum search(const uint8_t *data, size_t size, const uint8_t *text, size_t text_size, bool ignores_case,
                         size_t piece)
{
    struct line_finder finder;
    struct sum sum = { 0 };
    uint8_t *block = malloc(size + 1);
    size_t read = 0, held = 0;
    line_finder_init(&finder, text, text_size, ignores_case, 0);
    while (read < size) {
        size_t more = size - read < piece ? size - read : piece, taken = 0, used;
        memcpy(block + held, data + read, more);
        line_finder_fold(&finder, block + held, more);
        read += more;
        held += more;
        enum finding finding;
        while ((finding = line_finder_next(&finder, block + taken, held - taken, read == size, &used)) !=
               FINDING_NOTHING) {
            taken += used;
            if (finding != FINDING_TEXT)
                continue;
            check_found(&finder, data, size);
            sum.lines++;
            sum.places += finder.found_at * 31 + finder.line;
        }
        taken += used;
        if (taken > held || held - taken >= text_size)
            abort();
        held -= taken;
        memmove(block, block + taken, held);
    }
    if (held != 0 || finder.at != size)
        abort();
    free(block);
    return sum;
}

/* The first bytes say how long the text is, which follows, whether case counts, and how long the pieces are. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    size_t text_size = data[0] + (size_t)1, piece = data[1] + (size_t)1;
    bool ignores_case = (data[2] & 1) != 0;
    const uint8_t *text = data + 3;
    if (text_size > size - 3 || memchr(text, '\n', text_size) != NULL)
        return 0;
    data += 3 + text_size;
    size -= 3 + text_size;
    struct sum whole = search(data, size, text, text_size, ignores_case, size + 1),
               cut = search(data, size, text, text_size, ignores_case, piece);
    if (whole.lines != cut.lines || whole.places != cut.places)
        abort();
    return 0;
}
