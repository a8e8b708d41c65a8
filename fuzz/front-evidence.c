/* Authorization, Cookie and X-Forwarded-For: evidence stays within its bounds, and only a proxy's word changes an address. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "authorization.h"
#include "forwarded.h"
#include "session_cookie.h"
#include "sallyport/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_authorization(const char *text)
{
    uint8_t room[SECRET_MAX_BYTES];
    struct evidence evidence = { 0 };
    if (!authorization_parse(text, room, &evidence)) {
        if (evidence.kind != EVIDENCE_NONE || evidence.secret.size != 0)
            abort();
    } else if (evidence.secret.size == 0 || evidence.secret.size > SECRET_MAX_BYTES ||
               memchr(evidence.secret.data, '\0', evidence.secret.size) != NULL ||
               (evidence.kind == EVIDENCE_BASIC) != (evidence.secret.data == room)) {
        abort();
    }
}

/* As one header, and as two: what is sound is one value of the right form, which lies in the header. */
static void check_cookie(const char *text)
{
    struct session_cookie cookie = { 0 };
    session_cookie_take(text, &cookie);
    if (!session_cookie_is_sound(&cookie))
        return;
    if (cookie.value < text + sizeof SESSION_COOKIE || cookie.value + SESSION_SECRET_BYTES > text + strlen(text) ||
        memcmp(cookie.value - sizeof SESSION_COOKIE, SESSION_COOKIE "=", sizeof SESSION_COOKIE) != 0 ||
        strspn(cookie.value, "0123456789abcdef") != SESSION_SECRET_BYTES)
        abort();
    session_cookie_take(text, &cookie);
    if (session_cookie_is_sound(&cookie))
        abort();
}

static void check_forwarded(const struct proxies *proxies, const char *text, const char *peer, bool is_proxy)
{
    char list[FORWARDED_MAX_BYTES], address[ADDRESS_MAX_BYTES];
    struct ip ip;
    if (!text_copy(list, sizeof list, text))
        return;
    text_copy(address, sizeof address, peer);
    forwarded_follow(proxies, list, address);
    if (!is_proxy && strcmp(address, peer) != 0)
        abort();
    if (strcmp(address, "unknown") != 0 && !ip_of_address(address, &ip))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    struct proxies proxies = { .count = 1 };
    if (network_parse("10.0.0.0/8", &proxies.networks[0]) != NULL)
        abort();
    check_authorization(text);
    check_cookie(text);
    check_forwarded(&proxies, text, "10.0.0.1:5", true);
    check_forwarded(&proxies, text, "192.0.2.1:5", false);
    free(text);
    return 0;
}
