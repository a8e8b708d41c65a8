/*
 * The uploads of a job as parameters: entries of ENTRY_FILE tell of each its name, size and SHA-256; the bytes travel beside
 * them, as a bundle (base/file_bundle.h). No I/O.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/file_bundle.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/record.h"

struct error;

/* A part of a request that is no file (limits.h) has this name. */
bool files_name_is_taken(const char *name);

/* Appends an entry for each file. sha256: of each, in the same order; or NULL while they are not known. False: no room. */
bool files_add_entries(const struct bundle *bundle, const uint8_t (*sha256)[HASH_BYTES], struct writer *out);

/* How many of these parameters are files; -EBADMSG when they are no entries. */
int files_count(struct span params);

/*
 * Whether the files that these parameters tell of are those of the bundle, in its order and with its sizes. NULL: no file
 * was handed over. -EINVAL, or -EBADMSG when params are no entries.
 */
int files_compare(struct span params, const struct bundle *bundle, struct error *err);
