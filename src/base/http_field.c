#include "sallyport/base/http_field.h"

#include <string.h>
#include <strings.h>

#include "sallyport/limits.h"

#define NAME_MOST  64
#define VALUE_MOST 1024

bool http_field_name_is_good(const char *name, size_t size)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
    if (size == 0 || size > NAME_MOST)
        return false;
    for (size_t i = 0; i < size; i++)
        if (name[i] == '\0' || strchr(token, name[i]) == NULL)
            return false;
    return true;
}

bool http_field_value_is_good(const char *value, size_t size)
{
    if (size == 0 || size > VALUE_MOST || value[0] == ' ' || value[size - 1] == ' ')
        return false;
    for (size_t i = 0; i < size; i++)
        if (value[i] < 0x20 || value[i] > 0x7e)
            return false;
    return true;
}

/* One of the two names of RFC 6838 section 4.2, without capitals. */
static size_t media_name_length(const char *text)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    return strchr(first, text[0]) != NULL && text[0] != '\0'
               ? strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789!#$&-^_.+")
               : 0;
}

bool http_media_type_is_good(const char *text, bool has_rest)
{
    size_t length = strlen(text), type = media_name_length(text);
    if (length >= MEDIA_TYPE_BYTES || type == 0 || text[type] != '/')
        return false;
    size_t subtype = media_name_length(text + type + 1);
    const char *rest = text + type + 1 + subtype;
    if (subtype == 0 || rest[0] == '\0')
        return subtype > 0;
    return has_rest && rest[0] == ';' && http_field_value_is_good(text, length);
}

bool http_field_is_framing(const char *name, size_t size)
{
    static const char *const names[] = {
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection",
        "te",   "trailer",        "upgrade",           "expect",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strlen(names[i]) == size && strncasecmp(names[i], name, size) == 0)
            return true;
    return false;
}
