#include "session_cookie.h"

#include <stdio.h>
#include <string.h>

static bool is_secret(const char *value, size_t size)
{
    return size == SESSION_SECRET_BYTES && strspn(value, "0123456789abcdef") >= size;
}

void session_cookie_take(const char *header, struct session_cookie *cookie)
{
    static const size_t name_size = sizeof SESSION_COOKIE - 1;
    for (const char *at = header; *at != '\0';) {
        at += strspn(at, " \t;");
        size_t size = strcspn(at, ";"), name = strcspn(at, "=; \t");
        const char *value = at + name_size + 1;
        if (name == name_size && memcmp(at, SESSION_COOKIE, name_size) == 0) {
            bool has_form = at[name] == '=' && is_secret(value, size - name_size - 1);
            cookie->count++;
            cookie->value = has_form ? value : NULL;
        }
        at += size;
    }
}

bool session_cookie_is_sound(const struct session_cookie *cookie)
{
    return cookie->count == 1 && cookie->value != NULL;
}

void session_cookie_text(const char *secret, uint64_t max_age_s, char text[SESSION_COOKIE_BYTES])
{
    snprintf(text, SESSION_COOKIE_BYTES, SESSION_COOKIE "=%s; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=%llu",
             secret, (unsigned long long)max_age_s);
}
