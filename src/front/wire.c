#include "wire.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "sallyport/base/text.h"

#include "hook_settings.h"

#define FIELDS_MAX       100
#define TARGET_MAX_BYTES (8 * 1024)

static const struct {
    const char *code, *detail;
} faults[WIRE_FAULT_COUNT] = {
    [WIRE_BARE_LINE_FEED] = { "bad-request", "A line of the head ends without a carriage return." },
    [WIRE_CONTROL_CHARACTER] = { "bad-request", "The head holds a control character." },
    [WIRE_REQUEST_LINE] = { "bad-request",
                            "The request line is not METHOD TARGET VERSION with one blank between each." },
    [WIRE_METHOD] = { "method-not-implemented", "The method is not known." },
    [WIRE_TARGET] = { "bad-request", "The target is not a plain absolute path." },
    [WIRE_TARGET_TOO_LONG] = { "target-too-long", "The target is longer than 8 KiB." },
    [WIRE_VERSION] = { "version-not-supported", "Only HTTP/1.1 and HTTP/1.0 are spoken here." },
    [WIRE_FIELD] = { "bad-request", "A header field has no colon, or a name that holds what no name may hold." },
    [WIRE_FOLDED_FIELD] = { "bad-request", "A header field goes on in another line." },
    [WIRE_FIELD_TWICE] = { "bad-request", "A header field that has one value comes twice." },
    [WIRE_HEAD_TOO_LARGE] = { "head-too-large", "The head is larger than 16 KiB or has more than 100 fields." },
    [WIRE_HOST] = { "bad-request", "Host is missing, or names no host." },
    [WIRE_LENGTH] = { "bad-request", "Content-Length is no number." },
    [WIRE_LENGTH_AND_CODING] = { "bad-request", "Both Content-Length and Transfer-Encoding are given." },
    [WIRE_CODING] = { "bad-request", "Transfer-Encoding is not chunked, or stands in an HTTP/1.0 request." },
    [WIRE_NO_BODY_HERE] = { "bad-request", "This method has no body." },
    [WIRE_BODY_TOO_LARGE] = { "body-too-large", "The body is larger than this service takes." },
    [WIRE_EXPECTATION] = { "expectation-failed", "Expect may only be 100-continue." },
    [WIRE_CHUNK] = { "bad-request", "A chunk of the body is not well-formed." },
    [WIRE_TOO_SLOW] = { "request-timeout", "The request took too long to arrive." },
    [WIRE_NO_ROOM] = { "bodies-full", "As many bytes of bodies as may be are held already. Try again." },
    [WIRE_NO_ROOM_FOR_UPLOAD] = { "uploads-full",
                                  "As many large bodies as may be are on their way already. Try again." },
    [WIRE_HOOK_UNPROVEN] = { "hook-unproven", HOOK_UNPROVEN_TEXT },
};

const char *wire_fault_code(enum wire_fault fault)
{
    return faults[fault].code;
}

const char *wire_fault_detail(enum wire_fault fault)
{
    return faults[fault].detail;
}

/* What a byte may be a part of. Line ends are of no class: wire_scan_head() alone looks at them. */
enum {
    BYTE_HEAD = 1,   /* a head's lines */
    BYTE_TOKEN = 2,  /* a method, the name of a field (RFC 9110 section 5.6.2) */
    BYTE_TARGET = 4, /* a target, where it could not move the borders of the path */
    BYTE_HOST = 8,   /* a name, an address, a port; user information is none of ours */
    BYTE_ANY = BYTE_HEAD | BYTE_TOKEN | BYTE_TARGET | BYTE_HOST,
};

static const unsigned char classes[256] = {
    ['\t'] = BYTE_HEAD,
    [' '] = BYTE_HEAD,
    ['!'] = BYTE_HEAD | BYTE_TOKEN | BYTE_TARGET,
    ['"'] = BYTE_HEAD | BYTE_TARGET,
    ['#'] = BYTE_HEAD | BYTE_TOKEN,
    ['$' ... '\''] = BYTE_HEAD | BYTE_TOKEN | BYTE_TARGET,
    ['(' ... ')'] = BYTE_HEAD | BYTE_TARGET,
    ['*' ... '+'] = BYTE_HEAD | BYTE_TOKEN | BYTE_TARGET,
    [','] = BYTE_HEAD | BYTE_TARGET,
    ['-' ... '.'] = BYTE_ANY,
    ['/'] = BYTE_HEAD | BYTE_TARGET,
    ['0' ... '9'] = BYTE_ANY,
    [':'] = BYTE_HEAD | BYTE_TARGET | BYTE_HOST,
    [';' ... '@'] = BYTE_HEAD | BYTE_TARGET,
    ['A' ... 'Z'] = BYTE_ANY,
    ['['] = BYTE_HEAD | BYTE_TARGET | BYTE_HOST,
    ['\\'] = BYTE_HEAD | BYTE_TARGET,
    [']'] = BYTE_HEAD | BYTE_TARGET | BYTE_HOST,
    ['^'] = BYTE_HEAD | BYTE_TOKEN | BYTE_TARGET,
    ['_'] = BYTE_ANY,
    ['`'] = BYTE_HEAD | BYTE_TOKEN | BYTE_TARGET,
    ['a' ... 'z'] = BYTE_ANY,
    ['{'] = BYTE_HEAD | BYTE_TARGET,
    ['|'] = BYTE_HEAD | BYTE_TOKEN | BYTE_TARGET,
    ['}'] = BYTE_HEAD | BYTE_TARGET,
    ['~'] = BYTE_HEAD | BYTE_TOKEN | BYTE_TARGET,
    [0x80 ... 0xff] = BYTE_HEAD,
};

/* How many of the bytes, from the first on, are of the class. */
static size_t span_of(const char *data, size_t size, unsigned char class)
{
    size_t at = 0;
    while (at < size && (classes[(unsigned char)data[at]] & class) != 0)
        at++;
    return at;
}

/* The byte at scan->at, which is none of a line, for it ends one or has no place in a head. */
static enum wire_fault scan_line_end(struct wire_scan *scan, const char *data, bool *ret_is_empty)
{
    bool is_after_return = scan->at > 0 && data[scan->at - 1] == '\r';
    if (data[scan->at] == '\r')
        return is_after_return ? WIRE_CONTROL_CHARACTER : WIRE_FINE;
    if (data[scan->at] != '\n')
        return WIRE_CONTROL_CHARACTER;
    if (!is_after_return)
        return WIRE_BARE_LINE_FEED;
    *ret_is_empty = scan->at - scan->line == 1;
    bool is_first = scan->line == 0;
    scan->line = scan->at + 1;
    return *ret_is_empty && is_first ? WIRE_REQUEST_LINE : WIRE_FINE;
}

int wire_scan_head(struct wire_scan *scan, const char *data, size_t size, size_t *ret_size, enum wire_fault *ret_fault)
{
    size_t end = size < REQUEST_HEAD_MAX_BYTES ? size : REQUEST_HEAD_MAX_BYTES;
    bool is_empty = false;
    enum wire_fault fault = WIRE_FINE;
    while (fault == WIRE_FINE && !is_empty && scan->at < end) {
        size_t plain = span_of(data + scan->at, end - scan->at, BYTE_HEAD);
        if (plain > 0 && scan->at > 0 && data[scan->at - 1] == '\r')
            fault = WIRE_CONTROL_CHARACTER; /* a return alone */
        scan->at += plain;
        if (fault == WIRE_FINE && scan->at < end) {
            fault = scan_line_end(scan, data, &is_empty);
            scan->at++;
        }
    }
    if (fault == WIRE_FINE && !is_empty && size > REQUEST_HEAD_MAX_BYTES)
        fault = WIRE_HEAD_TOO_LARGE;
    *ret_fault = fault;
    *ret_size = scan->line;
    if (fault != WIRE_FINE)
        return -1;
    return is_empty ? 1 : 0;
}

/* A part of the head; the head outlives it. */
struct part {
    const char *at;
    size_t size;
};

static bool part_is(struct part part, const char *text)
{
    return part.size == strlen(text) && strncasecmp(part.at, text, part.size) == 0;
}

static bool is_of(struct part part, unsigned char class)
{
    return part.size > 0 && span_of(part.at, part.size, class) == part.size;
}

/* Takes the next line off; its CR LF was seen by wire_scan_head(). False at the empty one. */
static bool line_next(struct part *rest, struct part *ret_line)
{
    const char *end = memchr(rest->at, '\n', rest->size);
    if (end == NULL || end - rest->at <= 1)
        return false;
    *ret_line = (struct part){ rest->at, (size_t)(end - rest->at) - 1 };
    rest->size -= (size_t)(end + 1 - rest->at);
    rest->at = end + 1;
    return true;
}

enum method_body { METHOD_UNKNOWN, METHOD_WITHOUT_BODY, METHOD_WITH_BODY };

static enum method_body method_body(struct part method)
{
    /* Those that evhttp tells apart, and whether it reads a body behind them. Names count by case. */
    static const struct {
        const char *name;
        enum method_body body;
    } methods[] = {
        { "GET", METHOD_WITHOUT_BODY },     { "HEAD", METHOD_WITHOUT_BODY },  { "POST", METHOD_WITH_BODY },
        { "PUT", METHOD_WITH_BODY },        { "PATCH", METHOD_WITH_BODY },    { "DELETE", METHOD_WITHOUT_BODY },
        { "OPTIONS", METHOD_WITHOUT_BODY }, { "TRACE", METHOD_WITHOUT_BODY },
    };
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (method.size == strlen(methods[i].name) && memcmp(method.at, methods[i].name, method.size) == 0)
            return methods[i].body;
    return METHOD_UNKNOWN;
}

/* The path itself is path.c's to judge; here only what could move its borders. "/." is ours (guard.c), and behind "//" evhttp
 * looks for a host. */
static bool target_is_plain(struct part target)
{
    bool has_second = target.size > 1 && (target.at[1] == '.' || target.at[1] == '/');
    return is_of(target, BYTE_TARGET) && target.at[0] == '/' && !has_second;
}

/* Some version, whether or not it is spoken here. */
static bool is_version(struct part version)
{
    return version.size == 8 && memcmp(version.at, "HTTP/", 5) == 0 && version.at[5] >= '0' && version.at[5] <= '9' &&
           version.at[6] == '.' && version.at[7] >= '0' && version.at[7] <= '9';
}

struct request_line {
    enum method_body body;
    bool is_old; /* HTTP/1.0 */
    bool is_function;
    bool is_hook;
};

static enum wire_fault parse_request_line(struct part line, struct request_line *ret_line)
{
    const char *end = line.at + line.size;
    const char *blank = memchr(line.at, ' ', line.size);
    const char *last = memrchr(line.at, ' ', line.size);
    if (blank == NULL || blank == last)
        return WIRE_REQUEST_LINE;
    struct part method = { line.at, (size_t)(blank - line.at) };
    struct part target = { blank + 1, (size_t)(last - blank - 1) };
    struct part version = { last + 1, (size_t)(end - last - 1) };
    if (!is_of(method, BYTE_TOKEN))
        return WIRE_REQUEST_LINE;
    if (!is_version(version))
        return WIRE_REQUEST_LINE;
    ret_line->is_old = memcmp(version.at, "HTTP/1.0", 8) == 0;
    if (!ret_line->is_old && memcmp(version.at, "HTTP/1.1", 8) != 0)
        return WIRE_VERSION;
    if (target.size > TARGET_MAX_BYTES)
        return WIRE_TARGET_TOO_LONG;
    if (!target_is_plain(target))
        return WIRE_TARGET;
    ret_line->is_function = target.size > 3 && memcmp(target.at, "/r/", 3) == 0;
    static const char hooks[] = "/hooks/";
    ret_line->is_hook = method.size == 4 && memcmp(method.at, "POST", 4) == 0 && target.size >= sizeof hooks &&
                        memcmp(target.at, hooks, sizeof hooks - 1) == 0;
    ret_line->body = method_body(method);
    return ret_line->body != METHOD_UNKNOWN ? WIRE_FINE : WIRE_METHOD;
}

/* Fields that mean something to us and have one value: twice is two opinions. The first six are looked into, and of
 * these the first three tell how the body comes. */
enum { FIELD_LENGTH, FIELD_CODING, FIELD_EXPECT, FIELD_HOST, FIELD_CONNECTION, FIELD_TYPE, SINGLE_COUNT = 10 };
static_assert(FIELD_EXPECT + 1 == WIRE_BODY_LINES, "each of these has a line");
static const char *const single_fields[SINGLE_COUNT] = {
    [FIELD_LENGTH] = "Content-Length",
    [FIELD_CODING] = "Transfer-Encoding",
    [FIELD_EXPECT] = "Expect",
    [FIELD_HOST] = "Host",
    [FIELD_CONNECTION] = "Connection",
    [FIELD_TYPE] = "Content-Type",
    "Authorization",
    "Idempotency-Key",
    "Range",
    "Last-Event-ID",
};

static struct part trim(struct part part)
{
    while (part.size > 0 && (*part.at == ' ' || *part.at == '\t'))
        part = (struct part){ part.at + 1, part.size - 1 };
    while (part.size > 0 && (part.at[part.size - 1] == ' ' || part.at[part.size - 1] == '\t'))
        part.size--;
    return part;
}

/* The line stands `at` bytes into the head. What it says goes to values; a value that is not there has no address. */
static enum wire_fault parse_field(struct part line, size_t at, struct part values[SINGLE_COUNT],
                                   struct wire_head *head)
{
    if (line.at[0] == ' ' || line.at[0] == '\t')
        return WIRE_FOLDED_FIELD;
    const char *colon = memchr(line.at, ':', line.size);
    if (colon == NULL)
        return WIRE_FIELD;
    struct part name = { line.at, (size_t)(colon - line.at) };
    if (!is_of(name, BYTE_TOKEN))
        return WIRE_FIELD;
    for (size_t i = 0; i < SINGLE_COUNT; i++) {
        if (!part_is(name, single_fields[i]))
            continue;
        if (values[i].at != NULL)
            return WIRE_FIELD_TWICE;
        values[i] = trim((struct part){ colon + 1, line.size - name.size - 1 });
        if (i < WIRE_BODY_LINES)
            head->body_lines[head->body_line_count++] = (struct wire_line){ (unsigned)at, (unsigned)line.size + 2 };
    }
    return WIRE_FINE;
}

static enum wire_fault judge_body(const struct request_line *line, const struct part values[SINGLE_COUNT],
                                  uint64_t body_max, struct wire_head *head)
{
    struct part length = values[FIELD_LENGTH], coding = values[FIELD_CODING];
    if (length.at != NULL && coding.at != NULL)
        return WIRE_LENGTH_AND_CODING;
    if (coding.at != NULL) {
        if (line->is_old || !part_is(coding, "chunked"))
            return WIRE_CODING;
        head->body = WIRE_BODY_CHUNKS;
    }
    if (length.at != NULL) {
        char text[24];
        if (!text_copy_bytes(text, sizeof text, length.at, length.size) || !text_u64(text, INT64_MAX, &head->length))
            return WIRE_LENGTH;
        if (head->length > 0)
            head->body = WIRE_BODY_LENGTH;
    }
    if (head->body != WIRE_BODY_NONE && line->body == METHOD_WITHOUT_BODY)
        return WIRE_NO_BODY_HERE;
    head->may_have_body = line->body == METHOD_WITH_BODY;
    return head->length > body_max ? WIRE_BODY_TOO_LARGE : WIRE_FINE;
}

/* evhttp understands "close" alone, so whatever is more than "keep-alive" is taken as the last request. */
static bool is_last(struct part connection)
{
    return connection.at != NULL && !part_is(connection, "keep-alive");
}

/* Only whether more may come than of other bodies; what it is, the route looks at. */
static bool is_form(struct part type)
{
    static const char form[] = "multipart/form-data";
    return type.at != NULL && type.size > sizeof form - 1 && strncasecmp(type.at, form, sizeof form - 1) == 0;
}

enum wire_fault wire_parse_head(const char *data, size_t size, uint64_t body_max, struct wire_head *ret_head)
{
    struct part rest = { data, size }, text, values[SINGLE_COUNT] = { 0 };
    struct request_line line = { 0 };
    *ret_head = (struct wire_head){ 0 };
    enum wire_fault fault = line_next(&rest, &text) ? parse_request_line(text, &line) : WIRE_REQUEST_LINE;
    for (unsigned count = 0; fault == WIRE_FINE && line_next(&rest, &text); count++)
        fault =
            count < FIELDS_MAX ? parse_field(text, (size_t)(text.at - data), values, ret_head) : WIRE_HEAD_TOO_LARGE;
    if (fault != WIRE_FINE)
        return fault;
    struct part host = values[FIELD_HOST], expect = values[FIELD_EXPECT];
    if (host.at == NULL ? !line.is_old : !is_of(host, BYTE_HOST) || host.size > 255)
        return WIRE_HOST;
    if (expect.at != NULL && !part_is(expect, "100-continue"))
        return WIRE_EXPECTATION;
    ret_head->closes = is_last(values[FIELD_CONNECTION]);
    ret_head->is_hook = line.is_hook;
    ret_head->is_form = is_form(values[FIELD_TYPE]);
    ret_head->is_function = line.is_function;
    ret_head->awaits_go_on = expect.at != NULL && !line.is_old;
    return judge_body(&line, values, body_max, ret_head);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One digit of a size, or the CR behind it. At most 8 digits, and no zero in front. */
static bool take_size(struct wire_chunks *chunks, char c)
{
    int digit = hex_digit(c);
    if (digit >= 0) {
        if (chunks->digits == 8 || (chunks->digits > 0 && chunks->left == 0))
            return false;
        chunks->digits++;
        chunks->left = chunks->left * 16 + (unsigned)digit;
        return true;
    }
    chunks->state = CHUNK_SIZE_END;
    return c == '\r' && chunks->digits > 0;
}

static bool take_byte(struct wire_chunks *chunks, char c)
{
    switch (chunks->state) {
    case CHUNK_SIZE:
        return take_size(chunks, c);
    case CHUNK_SIZE_END:
        chunks->state = chunks->left > 0 ? CHUNK_DATA : CHUNK_LAST;
        return c == '\n';
    case CHUNK_DATA_END:
        chunks->state = CHUNK_DATA_END2;
        return c == '\r';
    case CHUNK_DATA_END2:
        *chunks = (struct wire_chunks){ .state = CHUNK_SIZE };
        return c == '\n';
    case CHUNK_LAST:
        chunks->state = CHUNK_LAST2;
        return c == '\r';
    case CHUNK_LAST2:
        chunks->state = CHUNK_DONE;
        return c == '\n';
    default:
        return false;
    }
}

size_t wire_take_chunk(struct wire_chunks *chunks, const char *data, size_t size, size_t *ret_data, bool *ret_is_fine)
{
    size_t taken = 0;
    *ret_data = 0;
    *ret_is_fine = true;
    while (taken < size && *ret_is_fine && chunks->state != CHUNK_DONE && chunks->state != CHUNK_DATA)
        *ret_is_fine = take_byte(chunks, data[taken++]);
    if (!*ret_is_fine || chunks->state != CHUNK_DATA)
        return taken;
    *ret_data = size - taken < chunks->left ? size - taken : (size_t)chunks->left;
    chunks->left -= *ret_data;
    if (chunks->left == 0)
        chunks->state = CHUNK_DATA_END;
    return taken + *ret_data;
}
