/* A submit on its way through its checks (submit_check.c) to its acceptance (submit.c). */
#pragma once

#include "keeper_answer.h"
#include "sallyport/store/store.h"

struct submit {
    const struct request *request;
    const struct msg_submit *asked;
    uint32_t command_index;
    const struct command *command;
    bool is_ad_hoc;      /* a sequence that the caller put together */
    uint32_t step_count; /* 0: an ordinary job */
    uint64_t stdin_bytes;
    uint8_t redacted[PARAMS_MAX_BYTES]; /* the parameters as a record may keep them */
    struct span params;
    bool has_secrets;
    struct job_label labels[LABEL_COUNT_MAX];
    uint32_t label_count;
    uint8_t digest[HASH_BYTES];
};

/* Who used which key for which command. */
struct key_scope submit_scope(const struct submit *submit);

/* Says which job it is, to whoever asked. */
void submit_answer(struct keeper *keeper, const struct request *request, const struct msg_submitted *submitted);

/*
 * All checks, in the order in which a caller may learn of them. False when the submit ends there; then the answer is on
 * its way, or the front was dropped.
 */
bool submit_check(struct keeper *keeper, struct submit *submit);

/* Whether its standard input must be stored before it can be accepted. Then the checks that need it come after that. */
bool submit_needs_intake(const struct submit *submit);
