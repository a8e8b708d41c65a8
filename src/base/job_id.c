#include "sallyport/base/job_id.h"

#include <assert.h>
#include <string.h>
#include <sys/random.h>

#include "sallyport/base/clock.h"

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

/* Layout of RFC 9562 section 5.7: 48 bits of Unix milliseconds, version 7, 12 bits, variant 2, 62 bits. */
struct job_id job_id_new(void)
{
    static struct job_id last;
    struct job_id id;
    ssize_t got = getrandom(id.bytes, sizeof id.bytes, 0);
    assert(got == (ssize_t)sizeof id.bytes); /* up to 256 bytes are never cut short (getrandom(2)) */
    (void)got;
    uint64_t now_ms = clock_unix_ms();
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(now_ms >> (40 - 8 * i));
    id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 0x0f));
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    if (memcmp(id.bytes, last.bytes, sizeof id.bytes) <= 0) {
        /* The same millisecond, or the clock went back: keep the order by counting the last one up. */
        id = last;
        for (int i = JOB_ID_BYTES - 1; i >= 0 && ++id.bytes[i] == 0; i--)
            continue;
    }
    last = id;
    return id;
}

const char *job_id_text(const struct job_id *id, char text[JOB_ID_TEXT_BYTES])
{
    /* 128 bits in 26 digits of 5: the first digit holds the top 3 bits. */
    unsigned __int128 number = 0;
    for (int i = 0; i < JOB_ID_BYTES; i++)
        number = number << 8 | id->bytes[i];
    for (int i = 25; i >= 0; i--) {
        text[i] = alphabet[(unsigned)number & 31];
        number >>= 5;
    }
    text[26] = '\0';
    return text;
}

bool job_id_parse(const char *text, struct job_id *ret_id)
{
    if (strlen(text) != JOB_ID_TEXT_BYTES - 1)
        return false;
    unsigned __int128 number = 0;
    for (int i = 0; i < JOB_ID_TEXT_BYTES - 1; i++) {
        const char *digit = strchr(alphabet, text[i]);
        if (digit == NULL || (i == 0 && digit - alphabet > 7))
            return false;
        number = number << 5 | (unsigned)(digit - alphabet);
    }
    for (int i = JOB_ID_BYTES - 1; i >= 0; i--) {
        ret_id->bytes[i] = (uint8_t)number;
        number >>= 8;
    }
    return true;
}

bool job_id_is_none(const struct job_id *id)
{
    static const struct job_id none;
    return job_id_equal(id, &none);
}

bool job_id_equal(const struct job_id *left, const struct job_id *right)
{
    return memcmp(left->bytes, right->bytes, sizeof left->bytes) == 0;
}
