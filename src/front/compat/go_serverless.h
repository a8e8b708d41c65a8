/* go-serverless, in two parts: what its clients make and list (go_serverless.c), and calls (go_serverless_call.c). */
#pragma once

#include <jansson.h>

#include "sallyport/base/job_id.h"

struct request;

#define SERVERLESS_JSON "application/json; charset=UTF-8"
#define UUID_BYTES      37

/* 36 characters, with dashes. */
const char *serverless_uuid(const struct job_id *id, char text[UUID_BYTES]);

/* POST /r/PATH. */
void go_serverless_call(struct request *request);
