#include "sallyport/base/http_field.h"

#include <string.h>
#include <strings.h>

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
