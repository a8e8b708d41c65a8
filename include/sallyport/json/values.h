/*
 * Values of the API as JSON. Text that is not UTF-8 is made so; nothing here fails but for memory, and then the answer is
 * NULL, which jansson's setters pass on.
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "sallyport/base/job_id.h"
#include "sallyport/base/record.h"

/* Every byte that is not UTF-8 becomes U+FFFD; NUL too. */
json_t *json_text(const char *text);
json_t *json_text_span(struct span text);

/* null for "", an id of zeros, 0, and the year 1970. */
json_t *json_text_or_null(const char *text);
json_t *json_id_or_null(const struct job_id *id);
json_t *json_count_or_null(uint32_t count);
json_t *json_time_or_null(uint64_t unix_ms);

/* A number: whole where it can be. */
json_t *json_seconds(uint64_t us);

/* Parameters or labels (entries.h) as an object. */
json_t *json_entries(struct span entries);
