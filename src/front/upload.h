/*
 * A submit as multipart/form-data: the part `job` is the JSON document, `stdin` the job's standard input, and each other part
 * the file of the parameter that it is named after.
 */
#pragma once

#include <stdbool.h>

struct request;
struct submission;

typedef void submission_taker(struct request *request, struct submission *submission);

/* Whether the request says that its body is one. */
bool upload_is_meant(const struct request *request);

/*
 * Reads the body, a piece in each turn of the loop, and gives the submission to `take`, which answers. What is no such body
 * is refused.
 */
void upload_begin(struct request *request, submission_taker *take);
