/* Bytes as they come from a connection, to whole lines. */
#pragma once

#include <stddef.h>

#define LINE_MAX_BYTES (16u * 1024 * 1024)

struct lines {
    char *data;
    size_t used, room;
    size_t searched; /* so many bytes are known to hold no line's end */
};

/*
 * Adds bytes and gives each line that is whole now to take(), without its end and in a buffer that take() may change.
 * Stops when take() returns nonzero, and returns that; the rest is kept. -EMSGSIZE for a line above LINE_MAX_BYTES,
 * -ENOMEM.
 */
int lines_add(struct lines *lines, const char *data, size_t size, int (*take)(void *arg, char *line, size_t length),
              void *arg);

/* Forgets what is left: a new connection begins with a new line. */
void lines_reset(struct lines *lines);
void lines_done(struct lines *lines);
