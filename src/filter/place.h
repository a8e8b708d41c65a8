/* Where in a profile's text something stands: the reader of JSON keeps no lines, and a person who must mend a file needs one. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A way down from the top: `syscalls`, its `entry`, there `list`, its `item`, there `key`. It ends where NULL is. */
struct place {
    const char *top; /* a key of the whole */
    size_t entry;    /* of `syscalls`; SIZE_MAX: the list itself */
    const char *list;
    size_t item; /* SIZE_MAX: the list itself */
    const char *key;
};

/*
 * The line, from 1, on which that begins in text, which must be JSON (RFC 8259); of what cannot be found, the last line that
 * the way there led to. Keys are looked for as they are written: one with an escape is not found.
 */
uint32_t place_line(const struct place *place, const char *text, size_t size);
