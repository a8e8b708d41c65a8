#include "sallyport/output/encode.h"

#include <string.h>

#include "sallyport/base/text.h"

/* How long the sequence is that starts with this byte; 0 for none. */
static size_t sequence_length(uint8_t lead)
{
    if (lead >= 0xc2 && lead <= 0xdf)
        return 2;
    if (lead >= 0xe0 && lead <= 0xef)
        return 3;
    if (lead >= 0xf0 && lead <= 0xf4)
        return 4;
    return 0;
}

/* The bytes could go on to be a sequence: tried with the least and the greatest second byte that completes it. */
static bool may_be_start(const uint8_t *data, size_t size, size_t length)
{
    static const uint8_t fillers[] = { 0x80, 0x9f, 0xa0, 0xbf };
    for (size_t i = 0; i < sizeof fillers; i++) {
        uint8_t whole[4];
        memset(whole, fillers[i], sizeof whole);
        memcpy(whole, data, size);
        if (text_is_utf8(whole, length))
            return true;
    }
    return false;
}

struct utf8_scan utf8_scan(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size;) {
        uint64_t word;
        while (size - i >= sizeof word) {
            memcpy(&word, data + i, sizeof word);
            /* eight bytes at once: none above 0x7f, none zero */
            if (((word | (word - 0x0101010101010101u)) & 0x8080808080808080u) != 0)
                break;
            i += sizeof word;
        }
        if (i == size)
            break;
        if (data[i] == 0)
            return (struct utf8_scan){ .is_text = false };
        if (data[i] < 0x80) {
            i++;
            continue;
        }
        size_t length = sequence_length(data[i]);
        if (length > size - i && may_be_start(data + i, size - i, length))
            return (struct utf8_scan){ .is_text = true, .open = size - i };
        if (length == 0 || length > size - i || !text_is_utf8(data + i, length))
            return (struct utf8_scan){ .is_text = false };
        i += length;
    }
    return (struct utf8_scan){ .is_text = true };
}

/* 0: stands for itself; 'u': \u00XX; else the letter behind the backslash. */
static const char escapes[256] = {
    [0x00 ... 0x07] = 'u', ['\b'] = 'b',          ['\t'] = 't', ['\n'] = 'n',  [0x0b] = 'u', ['\f'] = 'f',
    ['\r'] = 'r',          [0x0e ... 0x1f] = 'u', ['"'] = '"',  ['\\'] = '\\', [0x7f] = 'u',
};

size_t encode_json_text(const uint8_t *data, size_t size, char *to)
{
    static const char digits[] = "0123456789abcdef";
    char *at = to;
    for (size_t i = 0; i < size; i++) {
        char escape = escapes[data[i]];
        if (escape == 0) {
            *at++ = (char)data[i];
            continue;
        }
        *at++ = '\\';
        *at++ = escape;
        if (escape == 'u') {
            *at++ = '0';
            *at++ = '0';
            *at++ = digits[data[i] >> 4];
            *at++ = digits[data[i] & 15];
        }
    }
    return (size_t)(at - to);
}

size_t encode_json_lossy(const uint8_t *data, size_t size, char *to)
{
    char *at = to;
    for (size_t i = 0; i < size;) {
        size_t length = data[i] < 0x80 ? 1 : sequence_length(data[i]);
        if (length == 0 || length > size - i || (length > 1 && !text_is_utf8(data + i, length))) {
            memcpy(at, "\\ufffd", 6); /* NOLINT(bugprone-not-null-terminated-result) */
            at += 6;
            i++;
            continue;
        }
        at += encode_json_text(data + i, length, at);
        i += length;
    }
    return (size_t)(at - to);
}

size_t encode_open_end(const uint8_t *data, size_t size)
{
    for (size_t open = 1; open <= 3 && open <= size; open++) {
        const uint8_t *lead = data + size - open;
        size_t length = sequence_length(*lead);
        if (length > 0)
            return length > open && may_be_start(lead, open, length) ? open : 0;
        if (*lead < 0x80)
            return 0;
    }
    return 0;
}

size_t encode_base64(const uint8_t *data, size_t size, char *to)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *at = to;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits =
            (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) | (left > 2 ? data[i + 2] : 0);
        *at++ = digits[bits >> 18];
        *at++ = digits[bits >> 12 & 63];
        *at++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[bits & 63] : '=';
    }
    return (size_t)(at - to);
}
