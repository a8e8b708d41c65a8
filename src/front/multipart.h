/*
 * multipart/form-data (RFC 7578, RFC 2046 section 5.1), as strict as it can be read: what two readers could take differently
 * is a fault, never mended. Lines end with CR LF; the body begins with its first boundary and ends with its last, behind which
 * one empty line end may stand; nothing stands behind a boundary; no part is coded or has parts of its own.
 *
 * No I/O and no memory but the parser's own: it is fed pieces of a body, however they are cut, and says what is in them. The
 * file name that a client sends is looked at for its quotes, and then forgotten.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sallyport/base/record.h"
#include "sallyport/limits.h"

#define MULTIPART_BOUNDARY_MAX_BYTES 70
#define MULTIPART_HEAD_MAX_BYTES     2048 /* of one part */
#define MULTIPART_PARTS_MAX          (PARAM_COUNT_MAX + 2)

enum multipart_event {
    MULTIPART_MORE,     /* all that there was is taken */
    MULTIPART_PART,     /* a part begins: its `name` */
    MULTIPART_DATA,     /* bytes of it */
    MULTIPART_PART_END, /* it was whole */
    MULTIPART_BAD,      /* `code` and `why`; nothing more can be asked */
};

struct multipart {
    enum {
        MULTIPART_AT_FIRST,      /* the first boundary, byte by byte */
        MULTIPART_BEHIND,        /* what follows a boundary */
        MULTIPART_BEHIND_RETURN, /* CR was, LF must come */
        MULTIPART_BEHIND_DASH,   /* one dash was */
        MULTIPART_IN_HEAD,
        MULTIPART_IN_DATA,
        MULTIPART_AT_END, /* the last boundary was */
        MULTIPART_AT_END_RETURN,
        MULTIPART_AT_END_LINE, /* and the end of its line */
    } state;
    char delimiter[4 + MULTIPART_BOUNDARY_MAX_BYTES]; /* CR LF "--" and the boundary */
    size_t delimiter_size, matched;                   /* matched: bytes of it that came last */
    char head[MULTIPART_HEAD_MAX_BYTES];
    size_t head_size;
    unsigned parts;
    char name[NAME_MAX_BYTES]; /* of the part that began last */
    const char *code, *why;    /* of a problem (problem.h) */
};

/* By the Content-Type field of a request. False: it names no boundary that could be one. */
bool multipart_open(struct multipart *multipart, const char *content_type);

/*
 * Takes from the piece what belongs to the next event. ret_data is filled for MULTIPART_DATA; it lies in the piece, or in the
 * parser, until the next call.
 */
enum multipart_event multipart_next(struct multipart *multipart, struct reader *piece, struct span *ret_data);

/* Whether the body may end here. */
bool multipart_is_whole(const struct multipart *multipart);
