#include "multipart.h"

#include <string.h>
#include <strings.h>

#include "sallyport/base/file_bundle.h"
#include "sallyport/base/text.h"

/* --- texts of a head ----------------------------------------------------------------------------------------------- */

/* What is left of a field's value. */
struct rest {
    const char *at;
    size_t size;
};

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_token_char(char c)
{
    return is_alphanumeric(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void skip_blanks(struct rest *rest)
{
    while (rest->size > 0 && (*rest->at == ' ' || *rest->at == '\t')) {
        rest->at++;
        rest->size--;
    }
}

static bool take_char(struct rest *rest, char c)
{
    if (rest->size == 0 || *rest->at != c)
        return false;
    rest->at++;
    rest->size--;
    return true;
}

static bool take_token(struct rest *rest, struct rest *ret_token)
{
    *ret_token = (struct rest){ rest->at, 0 };
    while (rest->size > 0 && is_token_char(*rest->at)) {
        rest->at++;
        rest->size--;
        ret_token->size++;
    }
    return ret_token->size > 0;
}

/* What stands between the quotes, with its backslashes: no text that we use has any. */
static bool take_quoted(struct rest *rest, struct rest *ret_text)
{
    if (!take_char(rest, '"'))
        return false;
    *ret_text = (struct rest){ rest->at, 0 };
    while (rest->size > 0 && *rest->at != '"') {
        size_t step = *rest->at == '\\' ? 2 : 1;
        if (step > rest->size)
            return false;
        rest->at += step;
        rest->size -= step;
        ret_text->size += step;
    }
    return take_char(rest, '"');
}

static bool rest_is(struct rest text, const char *wanted)
{
    return text.size == strlen(wanted) && strncasecmp(text.at, wanted, text.size) == 0;
}

/* "; name=value" up to the end. 1: there was one; 0: the end; -1: neither. */
static int next_parameter(struct rest *rest, struct rest *ret_name, struct rest *ret_value)
{
    skip_blanks(rest);
    if (rest->size == 0)
        return 0;
    if (!take_char(rest, ';'))
        return -1;
    skip_blanks(rest);
    if (!take_token(rest, ret_name) || !take_char(rest, '='))
        return -1;
    bool is_quoted = rest->size > 0 && *rest->at == '"';
    return (is_quoted ? take_quoted(rest, ret_value) : take_token(rest, ret_value)) ? 1 : -1;
}

/* --- the boundary -------------------------------------------------------------------------------------------------- */

/* bchars of RFC 2046, but for the blank, which nobody sends and which must not be last. */
static bool is_boundary(struct rest boundary)
{
    for (size_t i = 0; i < boundary.size; i++)
        if (!is_alphanumeric(boundary.at[i]) && strchr("'()+_,-./:=?", boundary.at[i]) == NULL)
            return false;
    return boundary.size > 0 && boundary.size <= MULTIPART_BOUNDARY_MAX_BYTES;
}

bool multipart_open(struct multipart *multipart, const char *content_type)
{
    struct rest rest = { content_type, strlen(content_type) }, type, subtype, name, value, boundary = { 0 };
    int more;
    skip_blanks(&rest);
    if (!take_token(&rest, &type) || !take_char(&rest, '/') || !take_token(&rest, &subtype) ||
        !rest_is(type, "multipart") || !rest_is(subtype, "form-data"))
        return false;
    while ((more = next_parameter(&rest, &name, &value)) > 0) {
        if (!rest_is(name, "boundary") || boundary.at != NULL)
            return false;
        boundary = value;
    }
    if (more < 0 || boundary.at == NULL || memchr(boundary.at, '\0', boundary.size) != NULL || !is_boundary(boundary))
        return false;
    *multipart = (struct multipart){ .matched = 2 }; /* as if a line had ended before the body */
    memcpy(multipart->delimiter, "\r\n--", 4);
    memcpy(multipart->delimiter + 4, boundary.at, boundary.size);
    multipart->delimiter_size = 4 + boundary.size;
    return true;
}

/* --- the head of a part -------------------------------------------------------------------------------------------- */

static enum multipart_event bad(struct multipart *multipart, const char *code, const char *why)
{
    multipart->code = code;
    multipart->why = why;
    return MULTIPART_BAD;
}

/* Which fields a head had. */
struct fields {
    bool has_disposition, has_name, has_file_name, has_type;
};

static const char *take_disposition(struct multipart *multipart, struct rest rest, struct fields *fields)
{
    struct rest word, name, value;
    int more;
    if (fields->has_disposition)
        return "A part has more than one Content-Disposition.";
    fields->has_disposition = true;
    skip_blanks(&rest);
    if (!take_token(&rest, &word) || !rest_is(word, "form-data"))
        return "The Content-Disposition of a part is not form-data.";
    while ((more = next_parameter(&rest, &name, &value)) > 0) {
        if (rest_is(name, "filename") && !fields->has_file_name) {
            fields->has_file_name = true; /* and is used for nothing */
        } else if (rest_is(name, "name") && !fields->has_name) {
            fields->has_name = true;
            if (!text_copy_bytes(multipart->name, sizeof multipart->name, value.at, value.size) ||
                !bundle_name_is_plain(multipart->name))
                return "A part has a name that is no parameter's: letters, digits, '_' and '-', at most 63.";
        } else {
            return "The Content-Disposition of a part has something else than one name and one filename.";
        }
    }
    return more < 0 ? "The Content-Disposition of a part cannot be read." : NULL;
}

static const char *take_type(struct rest rest, struct fields *fields)
{
    struct rest type, subtype;
    if (fields->has_type)
        return "A part has more than one Content-Type.";
    fields->has_type = true;
    skip_blanks(&rest);
    if (!take_token(&rest, &type) || !take_char(&rest, '/') || !take_token(&rest, &subtype))
        return "The Content-Type of a part cannot be read.";
    return rest_is(type, "multipart") ? "A part has parts of its own." : NULL;
}

/* Other fields mean nothing here (RFC 7578 section 4.8). */
static const char *take_field(struct multipart *multipart, struct rest line, struct fields *fields)
{
    struct rest name;
    if (!take_token(&line, &name) || !take_char(&line, ':'))
        return "The head of a part has a line that is no field.";
    if (rest_is(name, "Content-Disposition"))
        return take_disposition(multipart, line, fields);
    if (rest_is(name, "Content-Type"))
        return take_type(line, fields);
    if (rest_is(name, "Content-Transfer-Encoding"))
        return "A part has a Content-Transfer-Encoding; send its bytes as they are.";
    return NULL;
}

/* The head with all its line ends, the empty line included. */
static enum multipart_event take_head(struct multipart *multipart)
{
    struct fields fields = { 0 };
    const char *at = multipart->head, *end = at + multipart->head_size - 2, *why = NULL;
    multipart->name[0] = '\0';
    while (at < end && why == NULL) {
        const char *line_end = memchr(at, '\r', (size_t)(end - at));
        why = take_field(multipart, (struct rest){ at, (size_t)(line_end - at) }, &fields);
        at = line_end + 2;
    }
    if (why == NULL && !fields.has_name)
        why = "A part has no name.";
    if (why == NULL && ++multipart->parts > MULTIPART_PARTS_MAX)
        why = "The body has too many parts.";
    if (why != NULL)
        return bad(multipart, "bad-request", why);
    multipart->state = MULTIPART_IN_DATA;
    multipart->matched = 0;
    return MULTIPART_PART;
}

/* One more byte of a head. True: it is whole. *ret_why: it can become none. */
static bool add_to_head(struct multipart *multipart, char c, const char **ret_why)
{
    size_t size = multipart->head_size;
    bool is_after_return = size > 0 && multipart->head[size - 1] == '\r';
    if (size == sizeof multipart->head)
        *ret_why = "The head of a part is larger than 2 KiB.";
    else if (is_after_return != (c == '\n'))
        *ret_why = "A line in the head of a part does not end with CR LF.";
    else if (((unsigned char)c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7f)
        *ret_why = "The head of a part holds a control character.";
    else
        multipart->head[multipart->head_size++] = c;
    if (*ret_why != NULL || c != '\n')
        return false;
    size = multipart->head_size;
    return size == 2 || multipart->head[size - 3] == '\n';
}

static enum multipart_event read_head(struct multipart *multipart, struct reader *piece)
{
    const char *why = NULL;
    while (piece->left > 0) {
        char c = (char)*piece->at;
        piece->at++;
        piece->left--;
        if (add_to_head(multipart, c, &why))
            return take_head(multipart);
        if (why != NULL)
            return bad(multipart, "bad-request", why);
    }
    return MULTIPART_MORE;
}

/* --- between heads ------------------------------------------------------------------------------------------------- */

/* What stands around boundaries, byte by byte. */
static enum multipart_event read_mark(struct multipart *multipart, char c)
{
    switch (multipart->state) {
    case MULTIPART_AT_FIRST:
        if (c != multipart->delimiter[multipart->matched])
            return bad(multipart, "bad-request", "The body does not begin with the boundary that its type names.");
        if (++multipart->matched == multipart->delimiter_size)
            multipart->state = MULTIPART_BEHIND;
        return MULTIPART_MORE;
    case MULTIPART_BEHIND:
        multipart->state = c == '\r' ? MULTIPART_BEHIND_RETURN : MULTIPART_BEHIND_DASH;
        return c == '\r' || c == '-' ? MULTIPART_MORE
                                     : bad(multipart, "bad-request", "Something stands behind a boundary.");
    case MULTIPART_BEHIND_RETURN:
        multipart->state = MULTIPART_IN_HEAD;
        multipart->head_size = 0;
        return c == '\n' ? MULTIPART_MORE : bad(multipart, "bad-request", "A boundary's line does not end with CR LF.");
    case MULTIPART_BEHIND_DASH:
        multipart->state = MULTIPART_AT_END;
        if (c != '-')
            return bad(multipart, "bad-request", "Something stands behind a boundary.");
        return multipart->parts > 0 ? MULTIPART_MORE : bad(multipart, "bad-request", "The body has no part.");
    case MULTIPART_AT_END:
        multipart->state = MULTIPART_AT_END_RETURN;
        return c == '\r' ? MULTIPART_MORE : bad(multipart, "bad-request", "The body goes on behind its last boundary.");
    case MULTIPART_AT_END_RETURN:
        multipart->state = MULTIPART_AT_END_LINE;
        return c == '\n' ? MULTIPART_MORE : bad(multipart, "bad-request", "The body goes on behind its last boundary.");
    default:
        return bad(multipart, "bad-request", "The body goes on behind its last boundary.");
    }
}

/*
 * Bytes of a part, up to what may be the next boundary. The delimiter has its only CR in front, so what looked like the
 * beginning of one, and was none, holds no beginning of another.
 */
static enum multipart_event read_data(struct multipart *multipart, struct reader *piece, struct span *ret_data)
{
    if (multipart->matched == 0) {
        const uint8_t *from = piece->at, *found = memchr(from, '\r', piece->left);
        size_t size = found != NULL ? (size_t)(found - from) : piece->left;
        piece->at += size;
        piece->left -= size;
        *ret_data = (struct span){ from, (uint32_t)size };
        if (size > 0)
            return MULTIPART_DATA;
    }
    while (piece->left > 0 && multipart->matched < multipart->delimiter_size) {
        if ((char)*piece->at != multipart->delimiter[multipart->matched]) {
            *ret_data = (struct span){ (const uint8_t *)multipart->delimiter, (uint32_t)multipart->matched };
            multipart->matched = 0;
            return MULTIPART_DATA;
        }
        multipart->matched++;
        piece->at++;
        piece->left--;
    }
    if (multipart->matched < multipart->delimiter_size)
        return MULTIPART_MORE;
    multipart->state = MULTIPART_BEHIND;
    return MULTIPART_PART_END;
}

enum multipart_event multipart_next(struct multipart *multipart, struct reader *piece, struct span *ret_data)
{
    if (multipart->why != NULL)
        return MULTIPART_BAD;
    while (piece->left > 0) {
        if (multipart->state == MULTIPART_IN_DATA)
            return read_data(multipart, piece, ret_data);
        enum multipart_event event;
        if (multipart->state == MULTIPART_IN_HEAD) {
            event = read_head(multipart, piece);
        } else {
            event = read_mark(multipart, (char)*piece->at);
            piece->at++;
            piece->left--;
        }
        if (event != MULTIPART_MORE)
            return event;
    }
    return MULTIPART_MORE;
}

bool multipart_is_whole(const struct multipart *multipart)
{
    return multipart->why == NULL &&
           (multipart->state == MULTIPART_AT_END || multipart->state == MULTIPART_AT_END_LINE);
}
