/*
 * A submit that the keeper makes itself: a schedule's time has come, a job that ended has another to follow, a sequence has
 * its next step. It goes the same way as a caller's: the same checks, the same rules of the queue, the same record and
 * audit entry in the same commit.
 */
#pragma once

#include <stdbool.h>

#include "request.h"
#include "sallyport/job/job.h"

struct own_submit {
    enum job_source source;
    const char *origin;   /* the schedule; or "" */
    struct job_id parent; /* or all zero */
    uint32_t step_index;  /* from 1; 0: no step */
    const char *address;  /* where the wish came from; NULL: from nowhere but here */
    bool is_new_work;     /* and no consequence of accepted work: a drained service refuses it */
    /* NULL, or what is written in the commit that accepts it, or that notes that it joined a job. */
    int (*store)(struct keeper *keeper, struct own_submit *own, const struct job_id *job_id, struct error *err);
    /*
     * Heard once: which job it is (a new one, or one that was there, as struct msg_submitted says) when that is stored, or
     * why there is none. May come before submit_own() returns. A commit that failed is a refusal, 503 store-full: whoever must not lose the
     * submit makes it again in the turn that tries again.
     */
    void (*heard)(struct keeper *keeper, struct own_submit *own, const struct msg_submitted *submitted,
                  const struct msg_refused *refused);
};

/*
 * Part of this turn's commit. `asked` needs no evidence; `own` is the caller's, and must live until it has heard.
 *
 *   who  in whose name: an identity with a right to run this command, made for the purpose (caller_for())
 */
void submit_own(struct keeper *keeper, struct own_submit *own, const struct caller *who,
                const struct msg_submit *asked);

/*
 * An identity that may run one command and nothing else: the owner of the configuration gave it, not a token.
 *
 *   via    enum evidence_kind: how the one in whose name it is was known
 *   scope  room for its scope, which must live as long as the identity
 */
struct caller caller_for(const char *name, uint8_t via, const char *command, struct setting_scope *scope);
