/* Files that hold the hash of one token: `hash: file:PATH`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct reading;

/*
 * The file's one line, without what surrounds it. False after a fault at `hash`. The file is held to the rules of the
 * configuration's own files (owner.h); that others can read it does not matter: a hash of 256 random bits tells nothing.
 */
bool hash_file_read(struct reading *reading, const char *path, char *ret_text, size_t room);
