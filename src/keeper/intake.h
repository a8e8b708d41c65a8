/*
 * A submit whose standard input and files are on their way to disk. The message waits here, with a copy of all it holds; when
 * they are whole (and on the disk, where store.sync asks for that) the submit is answered from the beginning: who it is, may
 * they, are the values right, has the same request come meanwhile. So nothing that was found out before the wait is
 * believed after it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "stdin_file.h"
#include "sallyport/base/file_bundle.h"
#include "sallyport/base/hash.h"
#include "sallyport/base/job_id.h"

struct error;
struct keeper;
struct message;

struct intake {
    LIST_ENTRY(intake) in_list;
    struct turn_item *message;
    unsigned epoch; /* of the front that asked; another one does not wait for the answer */
    struct job_id job_id;
    bool is_taken;     /* the files belong to an accepted job */
    bool is_abandoned; /* a call whose caller went away: nobody waits for the answer, */
    bool is_dropped;   /* and there shall be no job */

    enum input_kind kind; /* what is being copied */
    struct copy *copy;
    struct hash *hash; /* of what is being copied, or NULL */
    bool has_sha256;
    uint8_t sha256[HASH_BYTES]; /* of standard input */

    struct bundle files;
    uint32_t file;      /* which of them is being copied, */
    uint64_t file_seen; /* and how much of the bundle was */
    bool is_short_of_memory;
    uint8_t file_sha256[BUNDLE_FILES_MAX][HASH_BYTES];
};

LIST_HEAD(intakes, intake);

struct intake_wish {
    int stdin_fd; /* a sealed memory file, or -1; the message owns it */
    uint64_t stdin_bytes;
    bool wants_hash;            /* of standard input, for an idempotency key */
    int files_fd;               /* the same; a bundle, */
    const struct bundle *files; /* whose head this is */
};

int intake_begin(struct keeper *keeper, const struct message *message, const struct intake_wish *wish,
                 struct error *err);
void intakes_done(struct keeper *keeper);
