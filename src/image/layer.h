/* One layer: a tar, perhaps compressed, applied to a root. Private to image/. */
#pragma once

#include <stdint.h>

#include "sallyport/limits.h"

struct error;

/* What all layers of an image may have together, and have had so far. */
struct layer_budget {
    uint64_t bytes, entries;
};

/*
 * Reads the layer of blob_fd twice: once to compare the digest of its bare tar and to apply what it removes of older
 * layers, and once to make what it brings. So a mark of removal never meets what its own layer brings, wherever it stands.
 */
int layer_apply(int blob_fd, const char *diff_digest, int root_fd, struct layer_budget *budget, struct error *err);
