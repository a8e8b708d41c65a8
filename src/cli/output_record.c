#include "output_record.h"

#include <stdbool.h>
#include <string.h>

/* Four hex digits at text, or -1. */
static int hex4(const char *text, const char *end)
{
    int number = 0;
    if (end - text < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char digit = text[i];
        int value = digit >= '0' && digit <= '9'   ? digit - '0'
                    : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                    : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                                   : -1;
        if (value < 0)
            return -1;
        number = number << 4 | value;
    }
    return number;
}

static char *put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* The escape behind a "\u", a pair of surrogates included; false if it is none. */
static bool decode_unicode(const char **from, const char *end, char **to)
{
    int high = hex4(*from, end);
    *from += 4;
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
        return false;
    if (high < 0xd800 || high > 0xdbff) {
        *to = put_utf8(*to, (uint32_t)high);
        return true;
    }
    if (end - *from < 6 || (*from)[0] != '\\' || (*from)[1] != 'u')
        return false;
    int low = hex4(*from + 2, end);
    if (low < 0xdc00 || low > 0xdfff)
        return false;
    *from += 6;
    *to = put_utf8(*to, 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
    return true;
}

size_t json_string_decode(char *text, size_t size)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    const char *from = text, *end = text + size;
    char *to = text;
    while (from < end) {
        const char *escape = memchr(from, '\\', (size_t)(end - from));
        size_t plain = (size_t)((escape == NULL ? end : escape) - from);
        if (to != from)
            memmove(to, from, plain);
        to += plain;
        from += plain;
        if (escape == NULL)
            break;
        if (end - from < 2)
            return SIZE_MAX;
        const char *name = memchr(names, from[1], sizeof names - 1);
        bool is_unicode = from[1] == 'u';
        from += 2;
        if (name != NULL)
            *to++ = bytes[name - names];
        else if (!is_unicode || !decode_unicode(&from, end, &to))
            return SIZE_MAX;
    }
    return (size_t)(to - text);
}

/* The value of each digit; 0xff for what is none. */
static const uint8_t *base64_values(void)
{
    static uint8_t values[256];
    static bool is_filled;
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (!is_filled) {
        memset(values, 0xff, sizeof values);
        for (int i = 0; i < 64; i++)
            values[(unsigned char)alphabet[i]] = (uint8_t)i;
        is_filled = true;
    }
    return values;
}

size_t base64_decode(char *text, size_t size)
{
    const uint8_t *values = base64_values();
    const unsigned char *from = (const unsigned char *)text;
    char *to = text;
    if (size % 4 != 0)
        return SIZE_MAX;
    size_t padding = size == 0 ? 0 : (text[size - 1] == '=') + (text[size - 1] == '=' && text[size - 2] == '=');
    for (size_t i = 0; i < size; i += 4) {
        bool is_last = i + 4 == size;
        uint32_t a = values[from[i]], b = values[from[i + 1]];
        uint32_t c = is_last && padding == 2 ? 0 : values[from[i + 2]];
        uint32_t d = is_last && padding >= 1 ? 0 : values[from[i + 3]];
        if ((a | b | c | d) > 63)
            return SIZE_MAX;
        uint32_t word = a << 18 | b << 12 | c << 6 | d;
        *to++ = (char)(word >> 16);
        *to++ = (char)(word >> 8);
        *to++ = (char)word;
    }
    return (size_t)(to - text) - padding;
}

/* A member of a flat object: its name and the bytes of its value, without the quotes if it is text. */
struct member {
    const char *name;
    size_t name_length;
    char *value;
    size_t value_length;
    bool is_text;
};

/* The quote that ends the string whose first byte is at text, or NULL. */
static char *string_end(char *text, char *end)
{
    for (char *at = text; (at = memchr(at, '"', (size_t)(end - at))) != NULL; at++) {
        size_t backslashes = 0;
        while (at - backslashes > text && at[-1 - (ptrdiff_t)backslashes] == '\\')
            backslashes++;
        if (backslashes % 2 == 0)
            return at;
    }
    return NULL;
}

static char *skip_blanks(char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
        at++;
    return at;
}

/* Reads `"name": value` at *at, a string or a bare word; false if it is anything else. */
static bool read_member(char **at, char *end, struct member *member)
{
    char *start = skip_blanks(*at, end);
    if (start >= end || *start != '"')
        return false;
    char *close = string_end(start + 1, end);
    if (close == NULL)
        return false;
    member->name = start + 1;
    member->name_length = (size_t)(close - start - 1);
    start = skip_blanks(close + 1, end);
    if (start >= end || *start != ':')
        return false;
    start = skip_blanks(start + 1, end);
    member->is_text = start < end && *start == '"';
    if (member->is_text) {
        close = string_end(start + 1, end);
        if (close == NULL)
            return false;
        member->value = start + 1;
        member->value_length = (size_t)(close - start - 1);
        *at = close + 1;
        return true;
    }
    close = start;
    while (close < end &&
           ((*close >= '0' && *close <= '9') || (*close >= 'a' && *close <= 'z') || *close == '.' || *close == '-'))
        close++;
    member->value = start;
    member->value_length = (size_t)(close - start);
    *at = close;
    return close > start;
}

static bool is_called(const struct member *member, const char *name)
{
    return member->name_length == strlen(name) && memcmp(member->name, name, member->name_length) == 0;
}

static bool is_saying(const struct member *member, const char *text)
{
    return member->is_text && member->value_length == strlen(text) &&
           memcmp(member->value, text, member->value_length) == 0;
}

static bool read_number(const struct member *member, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (member->is_text || member->value_length > 19)
        return false;
    for (size_t i = 0; i < member->value_length; i++) {
        if (member->value[i] < '0' || member->value[i] > '9')
            return false;
        number = number * 10 + (uint64_t)(member->value[i] - '0');
    }
    *ret_number = number;
    return true;
}

struct reading {
    struct member type, offset, time, stream, text, base64;
};

static bool read_members(char *line, size_t length, struct reading *reading)
{
    char *at = skip_blanks(line, line + length), *end = line + length;
    if (at >= end || *at++ != '{')
        return false;
    for (;;) {
        struct member member;
        if (!read_member(&at, end, &member))
            return false;
        static const struct {
            const char *name;
            size_t offset;
        } places[] = { { "type", offsetof(struct reading, type) }, { "off", offsetof(struct reading, offset) },
                       { "t", offsetof(struct reading, time) },    { "s", offsetof(struct reading, stream) },
                       { "d", offsetof(struct reading, text) },    { "b64", offsetof(struct reading, base64) } };
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
            if (is_called(&member, places[i].name))
                *(struct member *)((char *)reading + places[i].offset) = member;
        at = skip_blanks(at, end);
        if (at >= end)
            return false;
        if (*at == '}')
            return skip_blanks(at + 1, end) == end;
        if (*at++ != ',')
            return false;
    }
}

enum record_kind output_record_read(char *line, size_t length, struct output_record *ret_record)
{
    struct reading reading = { .type = { .name = NULL } };
    struct output_record record = { .time = "" };
    if (!read_members(line, length, &reading) || reading.type.name == NULL || !is_saying(&reading.type, "output"))
        return RECORD_OTHER;
    struct member *payload = reading.text.name != NULL ? &reading.text : &reading.base64;
    if (payload->name == NULL || !payload->is_text || reading.offset.name == NULL ||
        !read_number(&reading.offset, &record.offset))
        return RECORD_BROKEN;
    if (is_saying(&reading.stream, "out"))
        record.stream = 'o';
    else if (is_saying(&reading.stream, "err"))
        record.stream = 'e';
    else
        return RECORD_BROKEN;
    if (reading.time.is_text) {
        reading.time.value[reading.time.value_length] = '\0'; /* over its closing quote */
        record.time = reading.time.value;
    }
    record.data = payload->value;
    record.size = payload == &reading.text ? json_string_decode(payload->value, payload->value_length)
                                           : base64_decode(payload->value, payload->value_length);
    if (record.size == SIZE_MAX)
        return RECORD_BROKEN;
    *ret_record = record;
    return RECORD_OUTPUT;
}
