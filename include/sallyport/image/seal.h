/*
 * A walk through the tree of an image by whoever will answer for it: nothing that the unpacker said of it is believed.
 */
#pragma once

#include <stdint.h>

#include "sallyport/base/hash.h"

struct error;

#define SEAL_KEEPS_OWNER UINT32_MAX

/*
 * Goes through the tree of root_fd, which nobody may change meanwhile. Refuses (-EPERM) what is neither file, directory nor
 * symbolic link, set-id bits, what others may write, another file system, and what belongs to neither `owner` nor us.
 *
 *   owner         who unpacked it: all of it is given to us. SEAL_KEEPS_OWNER: it must be ours already
 *   ret_digest    of names, kinds, modes, targets and contents; the same for equal trees
 */
int seal_tree(int root_fd, uint32_t owner, uint8_t ret_digest[HASH_BYTES], struct error *err);
