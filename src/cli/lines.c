#include "lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int make_room(struct lines *lines, size_t size)
{
    size_t needed = lines->used + size;
    if (needed <= lines->room)
        return 0;
    size_t room = lines->room == 0 ? 64 * 1024 : lines->room;
    while (room < needed)
        room *= 2;
    char *larger = realloc(lines->data, room);
    if (larger == NULL)
        return -ENOMEM;
    lines->data = larger;
    lines->room = room;
    return 0;
}

int lines_add(struct lines *lines, const char *data, size_t size, int (*take)(void *arg, char *line, size_t length),
              void *arg)
{
    if (size == 0)
        return 0;
    int result = make_room(lines, size);
    if (result < 0)
        return result;
    memcpy(lines->data + lines->used, data, size);
    lines->used += size;

    size_t start = 0;
    for (;;) {
        size_t from = start + lines->searched;
        char *end = memchr(lines->data + from, '\n', lines->used - from);
        if (end == NULL)
            break;
        size_t length = (size_t)(end - (lines->data + start));
        char *line = lines->data + start;
        start += length + 1;
        lines->searched = 0;
        result = take(arg, line, length);
        if (result != 0)
            break;
    }
    memmove(lines->data, lines->data + start, lines->used - start);
    lines->used -= start;
    if (result == 0)
        lines->searched = lines->used;
    return result == 0 && lines->used > LINE_MAX_BYTES ? -EMSGSIZE : result;
}

void lines_reset(struct lines *lines)
{
    lines->used = lines->searched = 0;
}

void lines_done(struct lines *lines)
{
    free(lines->data);
    *lines = (struct lines){ 0 };
}
