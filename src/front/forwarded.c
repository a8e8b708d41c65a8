#include "forwarded.h"

#include <string.h>

#include "sallyport/base/text.h"

bool forwarded_is_proxy(const struct proxies *proxies, const char *address)
{
    struct ip ip;
    if (!ip_of_address(address, &ip))
        return false;
    for (unsigned i = 0; i < proxies->count; i++)
        if (network_has(&proxies->networks[i], &ip))
            return true;
    return false;
}

/* Cuts the last one off, without the blanks around it; NULL when there is none. Empty ones are none (RFC 9110 section 5.6.1). */
static const char *take_last(char *list, bool *ret_is_first)
{
    size_t length = strlen(list);
    while (length > 0 && strchr(" \t,", list[length - 1]) != NULL)
        list[--length] = '\0';
    if (length == 0)
        return NULL;
    char *comma = strrchr(list, ',');
    char *last = comma != NULL ? comma + 1 : list;
    *ret_is_first = comma == NULL;
    if (comma != NULL)
        *comma = '\0';
    return last + strspn(last, " \t");
}

void forwarded_follow(const struct proxies *proxies, char *list, char address[ADDRESS_MAX_BYTES])
{
    bool is_first = false; /* of all: behind it there is nobody */
    while (!is_first && forwarded_is_proxy(proxies, address)) {
        struct ip ip;
        char text[IP_TEXT_BYTES];
        const char *last = take_last(list, &is_first);
        if (last == NULL)
            return;
        bool is_address = ip_of_address(last, &ip);
        text_copy(address, ADDRESS_MAX_BYTES, is_address ? ip_text(&ip, text) : "unknown");
    }
}
