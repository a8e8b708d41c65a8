#include "retry_after.h"

#include <string.h>
#include <time.h>

#include "sallyport/limits.h"

static bool read_seconds(const char *text, uint32_t *ret_seconds)
{
    uint64_t seconds = 0;
    if (*text == '\0')
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        if (seconds <= RETRY_AFTER_MAX_S) /* more digits change nothing */
            seconds = seconds * 10 + (uint64_t)(*text - '0');
    if (*text != '\0')
        return false;
    *ret_seconds = seconds < RETRY_AFTER_MAX_S ? (uint32_t)seconds : RETRY_AFTER_MAX_S;
    return true;
}

static bool read_date(const char *text, uint64_t now_unix_s, uint32_t *ret_seconds)
{
    static const char *const forms[] = {
        "%a, %d %b %Y %H:%M:%S GMT", /* of today */
        "%A, %d-%b-%y %H:%M:%S GMT", /* of RFC 850 */
        "%a %b %d %H:%M:%S %Y",      /* of asctime(3) */
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        struct tm tm = { 0 };
        const char *end = strptime(text, forms[i], &tm);
        if (end == NULL || *end != '\0')
            continue;
        time_t then = timegm(&tm);
        uint64_t until = then > 0 && (uint64_t)then > now_unix_s ? (uint64_t)then - now_unix_s : 0;
        *ret_seconds = until < RETRY_AFTER_MAX_S ? (uint32_t)until : RETRY_AFTER_MAX_S;
        return true;
    }
    return false;
}

bool retry_after_parse(const char *text, uint64_t now_unix_s, uint32_t *ret_seconds)
{
    return read_seconds(text, ret_seconds) || read_date(text, now_unix_s, ret_seconds);
}
