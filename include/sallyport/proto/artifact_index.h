/*
 * What the keeper found in a stream of artefacts (base/artifact_frames.h), as a file of records beside it: a head, then an
 * entry for each file and each rejection, in their order. The keeper writes it when the stream has ended, the front reads it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/artifact_frames.h"
#include "sallyport/base/record.h"

#define ARTIFACT_SHOWN_MAX_BYTES       (4 * ARTIFACT_NAME_MAX_BYTES) /* a rejected name, each byte of which may be escaped */
#define ARTIFACT_INDEX_ENTRY_MAX_BYTES (ARTIFACT_SHOWN_MAX_BYTES + 128)
#define ARTIFACT_INDEX_MAX_BYTES                                                                                       \
    ((ARTIFACT_COUNT_MAX + ARTIFACT_REJECTED_MAX + 1) * (uint64_t)ARTIFACT_INDEX_ENTRY_MAX_BYTES)

enum artifact_index_record {
    ARTIFACT_INDEX_NONE,
    ARTIFACT_INDEX_HEAD,
    ARTIFACT_INDEX_ENTRY,
    ARTIFACT_INDEX_RECORD_COUNT
};

struct artifact_index_head {
    uint8_t outcome;   /* enum artifact_outcome */
    uint32_t unlisted; /* rejections without an entry */
};

struct artifact_index_entry {
    struct span name;       /* text; of a rejection with escapes (artifact_name_show()) */
    uint8_t why;            /* enum artifact_why; ARTIFACT_WHY_NONE: the file is there */
    uint64_t offset, bytes; /* in the stream */
    struct span sha256;
};

union any_artifact_index_record {
    struct artifact_index_head head;
    struct artifact_index_entry entry;
};

extern const struct record_def artifact_index_defs[ARTIFACT_INDEX_RECORD_COUNT];

/*
 * The next entry, which lies within a stream of so many bytes and, if it is a file, has a good name and a hash. Start with
 * has_head false. 1, 0 at the end, -EBADMSG.
 */
struct artifact_index_reader {
    struct reader in;
    uint64_t stream_bytes;
    bool has_head;
    struct artifact_index_head head;
};
int artifact_index_next(struct artifact_index_reader *reader, struct artifact_index_entry *ret_entry,
                        struct error *err);
