/* Takes terminal control sequences (ECMA-48) out of a stream, wherever its pieces are cut: what --plain does. */
#pragma once

#include <stddef.h>

struct ansi {
    unsigned state; /* zero at first */
};

/* Into to, which has room for size bytes and may be from itself; returns how many are left. */
size_t ansi_strip(struct ansi *ansi, const char *from, size_t size, char *to);
