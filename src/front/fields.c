#include "fields.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sallyport/base/text.h"

/* A piece of somebody else's text. */
struct piece {
    const char *at;
    size_t size;
};

static struct piece piece_trim(struct piece piece)
{
    while (piece.size > 0 && (*piece.at == ' ' || *piece.at == '\t'))
        piece = (struct piece){ piece.at + 1, piece.size - 1 };
    while (piece.size > 0 && (piece.at[piece.size - 1] == ' ' || piece.at[piece.size - 1] == '\t'))
        piece.size--;
    return piece;
}

/* Takes what stands before the next separator off `rest`. False at the end. Quotes are not understood: a quoted comma
 * only yields pieces that nobody knows. */
static bool piece_next(struct piece *rest, char separator, struct piece *ret_piece)
{
    if (rest->at == NULL)
        return false;
    const char *end = memchr(rest->at, separator, rest->size);
    size_t size = end != NULL ? (size_t)(end - rest->at) : rest->size;
    *ret_piece = piece_trim((struct piece){ rest->at, size });
    *rest = end != NULL ? (struct piece){ end + 1, rest->size - size - 1 } : (struct piece){ 0 };
    return true;
}

static bool piece_is(struct piece piece, const char *text)
{
    return piece.size == strlen(text) && strncasecmp(piece.at, text, piece.size) == 0;
}

/* "name=value" */
static bool piece_value(struct piece piece, const char *name, struct piece *ret_value)
{
    size_t length = strlen(name);
    if (piece.size <= length || piece.at[length] != '=' || strncasecmp(piece.at, name, length) != 0)
        return false;
    *ret_value = piece_trim((struct piece){ piece.at + length + 1, piece.size - length - 1 });
    return true;
}

static bool piece_number(struct piece piece, uint64_t max, uint64_t *ret_number)
{
    char text[24];
    return text_copy_bytes(text, sizeof text, piece.at, piece.size) && text_u64(text, max, ret_number);
}

/* A weight in thousandths; 1000 if it cannot be read. */
static unsigned quality(struct piece value)
{
    unsigned weight = 0, unit = 1000;
    for (size_t i = 0; i < value.size && unit > 0; i++) {
        if (value.at[i] == '.' && i == 1)
            continue;
        if (value.at[i] < '0' || value.at[i] > '9')
            return 1000;
        weight += (unsigned)(value.at[i] - '0') * unit;
        unit /= 10;
    }
    return weight > 1000 ? 1000 : weight;
}

/* How closely a media range names the type: 3 exactly, 2 "text" with any subtype, 1 any type, 0 not at all. */
static unsigned range_closeness(struct piece range, const char *type)
{
    if (piece_is(range, type))
        return 3;
    size_t major = strcspn(type, "/") + 1;
    if (range.size == major + 1 && range.at[major] == '*' && strncasecmp(range.at, type, major) == 0)
        return 2;
    return piece_is(range, "*/*") ? 1 : 0;
}

static unsigned offer_quality(const char *header, const char *offer)
{
    struct piece rest = { header, strlen(header) }, range;
    unsigned closest = 0, weight = 0;
    while (piece_next(&rest, ',', &range)) {
        struct piece parameters = range, type = range, parameter, value;
        unsigned its_weight = 1000;
        piece_next(&parameters, ';', &type);
        while (piece_next(&parameters, ';', &parameter))
            if (piece_value(parameter, "q", &value))
                its_weight = quality(value);
        unsigned closeness = range_closeness(type, offer);
        if (closeness > closest) {
            closest = closeness;
            weight = its_weight;
        }
    }
    return weight;
}

int accept_choose(const char *header, const char *const *offers, unsigned offer_count)
{
    if (header == NULL || header[0] == '\0')
        return 0;
    int best = -1;
    unsigned best_quality = 0;
    for (unsigned i = 0; i < offer_count; i++) {
        unsigned its_quality = offer_quality(header, offers[i]);
        if (its_quality > best_quality) {
            best = (int)i;
            best_quality = its_quality;
        }
    }
    return best;
}

/* qvalue of RFC 9110 section 12.4.2, to the letter: at most three digits behind the point, and no more than 1. */
static bool weight_parse(struct piece value, unsigned *ret_weight)
{
    unsigned weight = 0, unit = 1000;
    if (value.size == 0 || value.size > 5 || (value.at[0] != '0' && value.at[0] != '1'))
        return false;
    for (size_t i = 0; i < value.size; i++) {
        if (i == 1 && value.at[i] == '.')
            continue;
        if (i == 1 || value.at[i] < '0' || value.at[i] > '9')
            return false;
        weight += (unsigned)(value.at[i] - '0') * unit;
        unit /= 10;
    }
    *ret_weight = weight;
    return weight <= 1000;
}

/* "gzip;q=0.5"; without a weight 1. False for anything else. */
static bool coding_parse(struct piece piece, struct piece *ret_coding, unsigned *ret_weight)
{
    struct piece parameter, value;
    *ret_weight = 1000;
    if (!piece_next(&piece, ';', ret_coding) || ret_coding->size == 0)
        return false;
    if (!piece_next(&piece, ';', &parameter))
        return true;
    return piece_value(parameter, "q", &value) && weight_parse(value, ret_weight) &&
           !piece_next(&piece, ';', &parameter);
}

bool accepts_gzip(const char *header)
{
    enum { GZIP, IDENTITY, ANY, CODINGS };
    unsigned weights[CODINGS] = { 1001, 1001, 1001 }; /* above 1000: not named */
    struct piece rest = { header, header != NULL ? strlen(header) : 0 }, piece, coding;
    unsigned weight;
    while (piece_next(&rest, ',', &piece)) {
        if (!coding_parse(piece, &coding, &weight))
            continue;
        int which = piece_is(coding, "gzip") || piece_is(coding, "x-gzip") ? GZIP
                    : piece_is(coding, "identity")                         ? IDENTITY
                    : piece_is(coding, "*")                                ? ANY
                                                                           : CODINGS;
        if (which != CODINGS && weight < weights[which])
            weights[which] = weight;
    }
    unsigned gzip = weights[GZIP] <= 1000 ? weights[GZIP] : weights[ANY];
    return gzip > 0 && gzip <= 1000 && (weights[IDENTITY] > 1000 || gzip >= weights[IDENTITY]);
}

bool content_type_is(const char *header, const char *type)
{
    if (header == NULL)
        return false;
    struct piece rest = { header, strlen(header) }, part = rest, value;
    if (!piece_next(&rest, ';', &part) || !piece_is(part, type))
        return false;
    while (piece_next(&rest, ';', &part))
        if (piece_value(part, "charset", &value) && !piece_is(value, "utf-8") && !piece_is(value, "\"utf-8\""))
            return false;
    return true;
}

void prefer_parse(const char *header, struct prefer *ret_prefer)
{
    *ret_prefer = (struct prefer){ 0 };
    if (header == NULL)
        return;
    struct piece rest = { header, strlen(header) }, preference, value;
    uint64_t seconds;
    while (piece_next(&rest, ',', &preference)) {
        if (piece_is(preference, "respond-async")) {
            ret_prefer->respond_async = true;
        } else if (piece_is(preference, "return=minimal")) {
            ret_prefer->return_minimal = true;
        } else if (piece_value(preference, "wait", &value) && piece_number(value, UINT32_MAX / 1000, &seconds)) {
            ret_prefer->has_wait = true;
            ret_prefer->wait_ms = (uint32_t)seconds * 1000;
        }
    }
}

void range_parse(const char *header, struct range *ret_range)
{
    *ret_range = (struct range){ 0 };
    if (header == NULL || strncasecmp(header, "bytes=", 6) != 0)
        return;
    struct piece all = piece_trim((struct piece){ header + 6, strlen(header + 6) });
    const char *dash = memchr(all.at, '-', all.size);
    if (dash == NULL || memchr(all.at, ',', all.size) != NULL)
        return;
    struct piece left = { all.at, (size_t)(dash - all.at) };
    struct piece right = { dash + 1, all.size - left.size - 1 };
    uint64_t first = 0, last = 0;
    bool has_first = piece_number(left, INT64_MAX, &first), has_last = piece_number(right, INT64_MAX, &last);
    if ((!has_first && left.size > 0) || (!has_last && right.size > 0) || (!has_first && !has_last))
        return;
    if (has_first && has_last && last < first)
        return;
    *ret_range = (struct range){ !has_first ? RANGE_SUFFIX : has_last ? RANGE_FROM_TO : RANGE_FROM, first, last };
}

bool range_apply(const struct range *range, uint64_t size, uint64_t *ret_from, uint64_t *ret_to)
{
    uint64_t from = 0, to = size;
    if (range->kind == RANGE_SUFFIX)
        from = range->last < size ? size - range->last : 0;
    else if (range->kind != RANGE_NONE)
        from = range->first;
    if (range->kind == RANGE_FROM_TO && range->last < size)
        to = range->last + 1;
    if (range->kind != RANGE_NONE && from >= to)
        return false;
    *ret_from = from;
    *ret_to = to;
    return true;
}

bool etag_matches(const char *header, const char *tag)
{
    if (header == NULL)
        return false;
    if (strncmp(tag, "W/", 2) == 0)
        tag += 2;
    struct piece rest = { header, strlen(header) }, one;
    while (piece_next(&rest, ',', &one)) {
        if (one.size > 2 && strncmp(one.at, "W/", 2) == 0)
            one = (struct piece){ one.at + 2, one.size - 2 };
        if (piece_is(one, "*") || (one.size == strlen(tag) && memcmp(one.at, tag, one.size) == 0))
            return true;
    }
    return false;
}

bool if_range_holds(const char *header, const char *tag)
{
    if (header == NULL)
        return true;
    struct piece one = piece_trim((struct piece){ header, strlen(header) });
    return tag[0] == '"' && one.size == strlen(tag) && memcmp(one.at, tag, one.size) == 0;
}

bool idempotency_key_parse(const char *header, char *to, size_t room)
{
    struct piece key = piece_trim((struct piece){ header, strlen(header) });
    if (key.size >= 2 && key.at[0] == '"' && key.at[key.size - 1] == '"')
        key = (struct piece){ key.at + 1, key.size - 2 };
    for (size_t i = 0; i < key.size; i++)
        if (key.at[i] <= 0x20 || key.at[i] >= 0x7f || key.at[i] == '"')
            return false;
    return key.size > 0 && text_copy_bytes(to, room, key.at, key.size);
}

bool request_id_is_plain(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");
    return length > 0 && length < REQUEST_ID_BYTES && text[length] == '\0';
}

bool field_value_is_plain(const char *value)
{
    for (; *value != '\0'; value++)
        if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
            return false;
    return true;
}
