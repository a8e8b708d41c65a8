#include "sallyport/base/text.h"

#include <stdio.h>
#include <string.h>

bool text_copy_bytes(char *to, size_t room, const void *from, size_t size)
{
    if (size >= room || memchr(from, '\0', size) != NULL) {
        to[0] = '\0';
        return false;
    }
    memcpy(to, from, size);
    to[size] = '\0';
    return true;
}

bool text_copy(char *to, size_t room, const char *from)
{
    return text_copy_bytes(to, room, from, strlen(from));
}

/* The length of the UTF-8 sequence at the start of data, 0 if it is none. */
static size_t utf8_length(const uint8_t *data, size_t size)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t smallest;
    } forms[] = { { 0x80, 0x00, 0 }, { 0xe0, 0xc0, 0x80 }, { 0xf0, 0xe0, 0x800 }, { 0xf8, 0xf0, 0x10000 } };

    for (size_t extra = 0; extra < 4; extra++) {
        if ((data[0] & forms[extra].mask) != forms[extra].lead)
            continue;
        if (extra >= size)
            return 0;
        uint32_t code = data[0] & (uint8_t)~forms[extra].mask;
        for (size_t i = 1; i <= extra; i++) {
            if ((data[i] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (data[i] & 0x3f);
        }
        bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
        return code >= forms[extra].smallest && code <= 0x10ffff && !is_surrogate ? extra + 1 : 0;
    }
    return 0;
}

bool text_is_utf8(const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        size_t length = utf8_length(at, size);
        if (length == 0)
            return false;
        at += length;
        size -= length;
    }
    return true;
}

size_t text_quote_json(const char *from, size_t size, char *to, size_t room)
{
    static const char short_escapes[] = "\"\"\\\\\bb\ff\nn\rr\tt";
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        char piece[8];
        size_t length = utf8_length((const uint8_t *)from + i, size - i), piece_length = 0;
        unsigned char first = (unsigned char)from[i];
        const char *escape = NULL;
        for (const char *pair = short_escapes; *pair != '\0'; pair += 2)
            if ((unsigned char)pair[0] == first)
                escape = pair + 1;
        if (length == 0) {
            piece_length = (size_t)snprintf(piece, sizeof piece, "\\ufffd");
            length = 1;
        } else if (escape != NULL) {
            piece[0] = '\\';
            piece[1] = *escape;
            piece_length = 2;
        } else if (first < 0x20 || first == 0x7f) {
            piece_length = (size_t)snprintf(piece, sizeof piece, "\\u%04x", first);
        } else {
            memcpy(piece, from + i, length);
            piece_length = length;
        }
        if (used + piece_length + 1 > room)
            break;
        memcpy(to + used, piece, piece_length);
        used += piece_length;
        i += length;
    }
    if (room > 0)
        to[used] = '\0';
    return used;
}

bool text_is_name(const char *text)
{
    if (text[0] < 'a' || text[0] > 'z')
        return false;
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");
    return length <= 63 && text[length] == '\0';
}

bool text_glob(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

void text_hex(const void *data, size_t size, char *to)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        to[2 * i] = digits[bytes[i] >> 4];
        to[2 * i + 1] = digits[bytes[i] & 15];
    }
    to[2 * size] = '\0';
}

bool text_unhex(const char *text, size_t size, uint8_t *to)
{
    static const char digits[] = "0123456789abcdef";
    if (strlen(text) != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        const char *high = strchr(digits, text[2 * i]), *low = strchr(digits, text[2 * i + 1]);
        if (high == NULL || low == NULL)
            return false;
        to[i] = (uint8_t)((high - digits) << 4 | (low - digits));
    }
    return true;
}

void text_base64(const uint8_t *data, size_t size, char *to)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        uint32_t bits = (uint32_t)data[i] << 16 | (i + 1 < size ? (uint32_t)data[i + 1] << 8 : 0) |
                        (i + 2 < size ? data[i + 2] : 0);
        *to++ = letters[bits >> 18];
        *to++ = letters[bits >> 12 & 63];
        *to++ = (char)(i + 1 < size ? letters[bits >> 6 & 63] : '=');
        *to++ = (char)(i + 2 < size ? letters[bits & 63] : '=');
    }
    *to = '\0';
}

bool text_unbase64(const char *text, uint8_t *to, size_t room, size_t *ret_size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = strspn(text, letters), padding = strlen(text + length), size = 0;
    if (strspn(text + length, "=") != padding || padding > 2 || (length + padding) % 4 != 0 || length % 4 == 1)
        return false;
    uint32_t bits = 0;
    for (size_t i = 0; i < length; i++) {
        bits = bits << 6 | (uint32_t)(strchr(letters, text[i]) - letters);
        if (i % 4 == 0)
            continue;
        if (size == room)
            return false;
        to[size++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    /* Bits that belong to no byte are 0: one value has one spelling. */
    if ((bits & ((1u << 2 * padding) - 1)) != 0)
        return false;
    *ret_size = size;
    return true;
}

/* The digits at the start of text; false if there are none, too many, or a leading zero. */
static bool text_digits(const char *text, uint64_t *ret_number, const char **ret_rest)
{
    size_t length = strspn(text, "0123456789");
    if (length == 0 || length > 19 || (text[0] == '0' && length > 1))
        return false;
    uint64_t number = 0;
    for (size_t i = 0; i < length; i++)
        number = number * 10 + (uint64_t)(text[i] - '0');
    *ret_number = number;
    *ret_rest = text + length;
    return true;
}

bool text_u64(const char *text, uint64_t max, uint64_t *ret_number)
{
    uint64_t number;
    const char *rest;
    if (!text_digits(text, &number, &rest) || *rest != '\0' || number > max)
        return false;
    *ret_number = number;
    return true;
}

struct unit {
    const char *name;
    uint64_t factor;
};

static bool text_with_unit(const char *text, const struct unit *units, uint64_t *ret_number)
{
    uint64_t number;
    const char *rest;
    if (!text_digits(text, &number, &rest))
        return false;
    for (; units->name != NULL; units++)
        if (strcmp(rest, units->name) == 0)
            return !__builtin_mul_overflow(number, units->factor, ret_number);
    return false;
}

bool text_duration_ms(const char *text, uint64_t *ret_ms)
{
    static const struct unit units[] = { { "ms", 1 },      { "s", 1000 },     { "m", 60000 },
                                         { "h", 3600000 }, { "d", 86400000 }, { NULL, 0 } };
    return text_with_unit(text, units, ret_ms);
}

bool text_size_bytes(const char *text, uint64_t *ret_bytes)
{
    static const struct unit units[] = { { "B", 1 },         { "KiB", 1024 },      { "MiB", 1048576 },
                                         { "GiB", 1 << 30 }, { "TiB", 1LL << 40 }, { NULL, 0 } };
    return text_with_unit(text, units, ret_bytes);
}

unsigned text_distance(const char *left, const char *right)
{
    size_t left_length = strlen(left), right_length = strlen(right);
    if (left_length > 63 || right_length > 63)
        return 64;
    unsigned row[64];
    for (unsigned j = 0; j <= right_length; j++)
        row[j] = j;
    for (unsigned i = 1; i <= left_length; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= right_length; j++) {
            unsigned replaced = diagonal + (left[i - 1] != right[j - 1]);
            diagonal = row[j];
            unsigned least = row[j] + 1 < row[j - 1] + 1 ? row[j] + 1 : row[j - 1] + 1;
            row[j] = replaced < least ? replaced : least;
        }
    }
    return row[right_length];
}
