/*
 * What a caller may ask for and that is done, not answered: it is written down first, and what cannot be written down is not
 * done, and the caller hears so.
 */
#pragma once

#include "request.h"
#include "turn.h"
#include "sallyport/store/store.h"

struct deed {
    uint32_t request_id;
    unsigned epoch; /* of the front that asked; another one does not wait for the answer */
    char actor[NAME_MAX_BYTES], address[ADDRESS_MAX_BYTES];
    struct job_id job_id; /* cancel and signal */
    bool has_grace;
    uint32_t grace_ms;
    uint8_t signal;
    bool is_on;                         /* drain */
    uint8_t session_sha256[HASH_BYTES]; /* logout */
};

/*
 * Records `entry`, and has `effect` called with a copy of `wanted` when that is stored, or could not be; who asked is filled
 * in. The effect frees its deed. False: refused at once; else more may be written that goes with it.
 */
bool deed_when_stored(struct keeper *keeper, const struct request *request, const struct deed *wanted,
                      const struct audit_entry *entry, turn_effect *effect);

/* For an effect: the answer behind what it changed, or the refusal of what was not stored. */
void deed_answer(struct keeper *keeper, const struct deed *deed, enum msg_type type, const void *body);
void deed_refuse(struct keeper *keeper, const struct deed *deed);
