/*
 * A call of a function, from its request to the last byte of its answer: the state of the request, which function.c,
 * function_body.c and function_answer.c hand on.
 */
#pragma once

#include <jansson.h>

#include "flow.h"
#include "json_in.h"
#include "sallyport/output/output_log.h"
#include "sallyport/output/output_piece.h"
#include "public_function.h"

struct event;
struct problem;
struct request;

/* How the job ended. */
struct call_end {
    uint8_t state, reason; /* enum job_state, enum job_reason; 0: not yet */
    uint32_t exit_code, signal;
    uint64_t duration_ms;
    bool is_cut; /* output beyond the limit was thrown away */
    char message[ERROR_TEXT_MAX_BYTES];
};

struct call {
    struct flow flow;                /* first: of the answer */
    struct public_function function; /* a copy */
    json_t *schema;                  /* of its parameters */
    struct submission submission;
    struct writer params;                        /* what is left of the submission's room */
    struct event *step;                          /* while a body is taken over, or an answer looked through; */
    void (*body_taken)(struct request *request); /* and then, of the body */
    struct call_end end;
    struct output_log log; /* both of -1 until it came */
    struct output_cursor cursor;
    uint64_t left;   /* of the body */
    unsigned status; /* of an answer that is looked through, */
    uint8_t *text;   /* which is here meanwhile */
    size_t text_bytes, text_used;
};

/* function_params.c. Adds what a query or a form says to call->params. 0, or -EINVAL with a problem. */
int function_add_query(struct call *call, const char *query, struct problem *problem);
int function_add_form(struct call *call, const void *body, size_t size, struct problem *problem);

/* function_body.c. Takes the body over, then calls `done`; or refuses it, and the request is gone. */
void function_take_body(struct request *request, void (*done)(struct request *request));

/* function_answer.c. The job has ended and its output is there. */
void function_answer(struct request *request);
