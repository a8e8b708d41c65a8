/*
 * Files that are handed from process to process as one: a head that names them and tells their sizes, then their bytes, one
 * behind the other. The uploads of a job travel so, from the front to the cell, as one sealed memory file.
 *
 * The head has a fixed size, so that a writer can put the bytes behind it before it knows how many there are: a count, and
 * a name and a size for each of BUNDLE_FILES_MAX places. Unused places are zero. Whoever gets a bundle reads the head
 * itself and believes no size that does not add up. No allocation: it works in the cell.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sallyport/limits.h"

struct error;

#define BUNDLE_FILES_MAX  PARAM_COUNT_MAX
#define BUNDLE_HEAD_BYTES (4 + BUNDLE_FILES_MAX * (NAME_MAX_BYTES + 8))

struct bundle_file {
    char name[NAME_MAX_BYTES];
    uint64_t bytes;
    uint64_t offset; /* of its first byte; not in the head, for it follows from the sizes before */
};

struct bundle {
    uint32_t count;
    struct bundle_file files[BUNDLE_FILES_MAX];
};

/* A name that can be a file's: letters, digits, '_' and '-', not '-' first, with its NUL in NAME_MAX_BYTES. So it is one
 * element of a path, and never "." or "..". */
bool bundle_name_is_plain(const char *name);

/* The file with this name, or NULL. */
const struct bundle_file *bundle_find(const struct bundle *bundle, const char *name);

/* Of all files together. */
uint64_t bundle_content_bytes(const struct bundle *bundle);

/* Offsets are not looked at. */
void bundle_encode_head(const struct bundle *bundle, uint8_t ret_head[BUNDLE_HEAD_BYTES]);

/*
 * Reads a head of BUNDLE_HEAD_BYTES in a bundle that is `total_bytes` long, head included. -EBADMSG unless there is at least
 * one file, names are plain and different, unused places are zero, and the sizes add up to exactly total_bytes.
 */
int bundle_decode_head(const uint8_t *head, size_t head_bytes, uint64_t total_bytes, struct bundle *ret_bundle,
                       struct error *err);

/*
 * The head of a sealed memory file, read by position. -EPERM when it is not sealed, -EFBIG when its files have more than
 * content_max_bytes together, else as bundle_decode_head().
 */
int bundle_read_sealed(int fd, uint64_t content_max_bytes, struct bundle *ret_bundle, struct error *err);
