/*
 * The values of the few header fields that the front understands: Accept, Accept-Encoding, Prefer, Range, If-Range, entity
 * tags, Idempotency-Key and X-Request-Id. Pure functions over untrusted text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REQUEST_ID_BYTES 65 /* 64 characters and the closing NUL */

/*
 * The offer that an Accept header likes best (RFC 9110 section 12.5.1: most specific range decides, then q, then our own
 * order), or -1. An absent header (NULL) likes the first one.
 */
int accept_choose(const char *header, const char *const *offers, unsigned offer_count);

/*
 * An Accept-Encoding header (RFC 9110 section 12.5.3; NULL for none) takes gzip, and likes it no less than the bytes as they
 * are. What is badly written is passed over; a coding that comes twice has the lesser of its weights.
 */
bool accepts_gzip(const char *header);

/* The media type of a Content-Type header is `type`, and its charset, if it has one, is UTF-8. */
bool content_type_is(const char *header, const char *type);

/* RFC 7240, as far as we honour it. What we do not know is ignored, as the RFC asks. */
struct prefer {
    bool has_wait, respond_async, return_minimal;
    uint32_t wait_ms;
};
void prefer_parse(const char *header, struct prefer *ret_prefer);

enum range_kind {
    RANGE_NONE,    /* no header, or one that a server is free to ignore: other units, several ranges, bad syntax */
    RANGE_FROM,    /* first- */
    RANGE_FROM_TO, /* first-last */
    RANGE_SUFFIX,  /* -last: that many bytes from the end */
};

struct range {
    enum range_kind kind;
    uint64_t first, last;
};
void range_parse(const char *header, struct range *ret_range);

/* The bytes [*ret_from, *ret_to) of `size` that a range means; false: 416. RANGE_NONE means all. */
bool range_apply(const struct range *range, uint64_t size, uint64_t *ret_from, uint64_t *ret_to);

/* If-None-Match by weak comparison: `header` lists `tag`, or is "*". */
bool etag_matches(const char *header, const char *tag);

/*
 * If-Range by strong comparison (RFC 9110 section 13.1.5): `header` is absent (NULL), or is `tag`. Never for a weak tag or
 * for none (""), and never for a date, as nothing here has one.
 */
bool if_range_holds(const char *header, const char *tag);

/* Quoted or bare, 1 to max characters of printable ASCII; the quotes are taken off. */
bool idempotency_key_parse(const char *header, char *to, size_t room);

/* [A-Za-z0-9._-]{1,64} */
bool request_id_is_plain(const char *text);

/* No control character: what may stand in a header value that we emit. */
bool field_value_is_plain(const char *value);
