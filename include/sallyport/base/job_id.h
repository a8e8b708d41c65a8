/*
 * The name of a job: a UUIDv7 (RFC 9562), written everywhere as 26 characters of lower-case Crockford base32.
 * Names sort by time, and hold nothing but the time and 74 random bits. A name is no secret.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define JOB_ID_BYTES      16
#define JOB_ID_TEXT_BYTES 27 /* 26 characters and the closing NUL */

struct job_id {
    uint8_t bytes[JOB_ID_BYTES];
};

/* A fresh one; names made by one process never decrease. */
struct job_id job_id_new(void);

const char *job_id_text(const struct job_id *id, char text[JOB_ID_TEXT_BYTES]);

/* Takes exactly the spelling that job_id_text() writes: one job has one name. */
bool job_id_parse(const char *text, struct job_id *ret_id);

/* Whether it is all zero, which no job's name is: its version and time are in it. */
bool job_id_is_none(const struct job_id *id);

bool job_id_equal(const struct job_id *left, const struct job_id *right);
