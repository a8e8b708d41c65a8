/*
 * What went wrong, as RFC 9457 problem documents (API errors). One table knows every code with its status and title.
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "sallyport/limits.h"

struct msg_refused;
struct request;

struct problem {
    unsigned status;
    char code[32];
    char detail[ERROR_TEXT_MAX_BYTES];
    json_t *errors;         /* array of {pointer, code, detail}; NULL for none */
    uint32_t retry_after_s; /* 0 for none */
    char rate[16];          /* the name of the policy that was exceeded, "" for none, */
    uint32_t rate_count, rate_period_s;
};

/* The status comes from the table; a code that is not in it is 500. */
void problem_init(struct problem *problem, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void problem_done(struct problem *problem);

/* Adds to errors; the texts are made valid UTF-8. */
void problem_add_error(struct problem *problem, const char *pointer, const char *code, const char *detail);

/* As the keeper has it. */
void problem_from_refusal(struct problem *problem, const struct msg_refused *refused);

/* The document; instance is the path of the request. */
json_t *problem_json(const struct problem *problem, const struct request *request);

/* Title of a code, or NULL: GET /v1/problems/{code}. */
const char *problem_title(const char *code, unsigned *ret_status);

/*
 * Answer, the request is gone, and so are the problem's parts. request_refuse() first makes sure that the keeper knows the
 * caller: strangers get 401 whatever else is wrong with their request. request_problem() answers at once.
 */
void request_refuse(struct request *request, struct problem *problem);
void request_problem(struct request *request, struct problem *problem);
