/*
 * A submit whose standard input is on its way to disk. The message waits here, with a copy of all it holds; when the file
 * is whole (and on the disk, where store.sync asks for that) the submit is answered from the beginning: who it is, may
 * they, are the values right, has the same request come meanwhile. So nothing that was found out before the wait is
 * believed after it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "sallyport/base/hash.h"
#include "sallyport/base/job_id.h"

struct error;
struct keeper;
struct message;

struct intake {
    LIST_ENTRY(intake) in_list;
    struct turn_item *message;
    unsigned epoch; /* of the front that asked; another one does not wait for the answer */
    struct copy *copy;
    struct job_id job_id;
    bool has_sha256;
    uint8_t sha256[HASH_BYTES];
    bool is_taken; /* the file belongs to an accepted job */
};

LIST_HEAD(intakes, intake);

/*
 *   stdin_fd     the sealed memory file; the message owns it
 *   wants_hash   of the content, for an idempotency key
 */
int intake_begin(struct keeper *keeper, const struct message *message, int stdin_fd, uint64_t stdin_bytes,
                 bool wants_hash, struct error *err);
void intakes_done(struct keeper *keeper);
