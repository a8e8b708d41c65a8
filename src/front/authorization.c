#include "authorization.h"

#include <string.h>
#include <strings.h>

#include "sallyport/base/text.h"

/* What stands behind the scheme's name and blanks; NULL when it is another one. */
static const char *behind(const char *value, const char *scheme)
{
    size_t length = strlen(scheme);
    if (strncasecmp(value, scheme, length) != 0 || value[length] != ' ')
        return NULL;
    return value + length + strspn(value + length, " ");
}

static bool is_plain(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] < ' ' || data[i] == 0x7f)
            return false;
    return true;
}

bool authorization_parse(const char *value, uint8_t room[SECRET_MAX_BYTES], struct evidence *evidence)
{
    const char *token = behind(value, "Bearer"), *pair = behind(value, "Basic");
    size_t size = token != NULL ? strlen(token) : 0;
    if (token != NULL && size > 0 && size <= SECRET_MAX_BYTES) {
        evidence->kind = EVIDENCE_BEARER;
        evidence->secret = (struct span){ (const uint8_t *)token, (uint32_t)size };
        return true;
    }
    if (pair == NULL || !text_unbase64(pair, room, SECRET_MAX_BYTES, &size) || size == 0 || !is_plain(room, size) ||
        memchr(room, ':', size) == NULL)
        return false;
    evidence->kind = EVIDENCE_BASIC;
    evidence->secret = (struct span){ room, (uint32_t)size };
    return true;
}
