/*
 * The cursor of GET /v1/jobs: the last job of a page, and a digest of the filters that the page was made with, so that it is
 * not used with others by mistake. It carries no right: the keeper judges every page anew, so nothing is gained by forging
 * one and it needs no signature.
 */
#pragma once

#include <stdbool.h>

#include "sallyport/base/job_id.h"

#include "query.h"

#define CURSOR_BYTES 48

const char *cursor_text(const struct job_id *last, const struct query *query, char text[CURSOR_BYTES]);

/* False for what was not given out for these filters. */
bool cursor_parse(const char *text, const struct query *query, struct job_id *ret_last);

/* `</path?filters&cursor=...>; rel="next"`. False if it does not fit. */
bool cursor_link(const char *path, const struct query *query, const char *cursor, char *to, size_t room);
