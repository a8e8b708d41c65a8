/*
 * JSON bodies of requests. Strict: an object of at most REQUEST_JSON_MAX_DEPTH levels, no key twice, no unknown member, no
 * NUL, nothing behind it. All faults are reported at once, each with a JSON Pointer into the body.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "sallyport/limits.h"
#include "sallyport/proto/messages.h"

struct problem;

/* What a submit message borrows: the lists that its spans point into. */
struct submission {
    struct msg_submit submit;         /* command, evidence and idempotency key are the caller's to fill */
    json_t *stdin_text;               /* NULL without stdin; owned */
    int stdin_fd, files_fd;           /* or what came as parts: sealed memory files; -1 for none; owned */
    uint8_t params[PARAMS_MAX_BYTES]; /* of a sequence: its steps */
    uint8_t labels[4096];
};

/* All of these: 0, or -EINVAL with a problem. An empty body is an empty object. */
int json_in_object(const void *body, size_t size, json_t **ret_object, struct problem *problem);
int json_in_submit(const void *body, size_t size, struct submission *ret_submission, struct problem *problem);
int json_in_sequence(const void *body, size_t size, struct submission *ret_submission, struct problem *problem);
int json_in_params(const void *body, size_t size, struct writer *out,
                   struct problem *problem); /* the parameters alone */
int json_in_rerun(const void *body, size_t size, struct submission *ret_submission, struct problem *problem);
int json_in_cancel(const void *body, size_t size, struct msg_cancel *ret_cancel, struct problem *problem);
int json_in_nothing(const void *body, size_t size, struct problem *problem); /* {} */
int json_in_drain(const void *body, size_t size, struct msg_drain *ret_drain, struct problem *problem);
int json_in_signal(const void *body, size_t size, struct msg_signal *ret_signal, struct problem *problem);
int json_in_pause(const void *body, size_t size, struct msg_pause *ret_pause, struct problem *problem);
int json_in_resume(const void *body, size_t size, struct msg_pause *ret_resume, struct problem *problem);

/*
 * The same from values of our own making, NULL for none: -EINVAL when they are too large, or nothing that a parameter or label
 * can be.
 */
int json_in_values(json_t *params, json_t *steps, json_t *labels, struct submission *ret_submission,
                   struct problem *problem);

void submission_done(struct submission *submission);
