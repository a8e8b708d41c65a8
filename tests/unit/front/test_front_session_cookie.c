/* One cookie of our name and form, among whatever else a browser sends. */
#include "session_cookie.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OURS   "__Host-sallyport=" DIGITS

static struct session_cookie take(const char *header)
{
    struct session_cookie cookie = { 0 };
    session_cookie_take(header, &cookie);
    return cookie;
}

Test(session_cookie, is_found_among_others)
{
    static const char *const headers[] = {
        OURS,       OURS ";",    " " OURS,   "a=b; " OURS,      "a=b;" OURS,         OURS "; a=b",
        "a; " OURS, ";;; " OURS, "=; " OURS, "x" OURS ";" OURS, "a=" OURS "; " OURS, "__Host-sallyportx=1; " OURS
    };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct session_cookie cookie = take(headers[i]);
        cr_expect_eq(cookie.count, 1, "%s", headers[i]);
        cr_assert(session_cookie_is_sound(&cookie), "%s", headers[i]);
        cr_expect_eq(memcmp(cookie.value, DIGITS, SESSION_SECRET_BYTES), 0, "%s", headers[i]);
    }
}

Test(session_cookie, of_another_form_is_there_and_counts_for_nothing)
{
    static const char *const headers[] = { "__Host-sallyport",
                                           "__Host-sallyport=",
                                           "__Host-sallyport=1",
                                           OURS "0",
                                           OURS " ",
                                           "__Host-sallyport=\"" DIGITS "\"",
                                           "__Host-sallyport= " DIGITS,
                                           "__Host-sallyport =" DIGITS,
                                           "__Host-sallyport==" DIGITS,
                                           OURS "; __Host-sallyport=",
                                           OURS "; " OURS,
                                           "__Host-sallyport; " OURS };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct session_cookie cookie = take(headers[i]);
        cr_expect_gt(cookie.count, 0, "%s", headers[i]);
        cr_expect_not(session_cookie_is_sound(&cookie), "%s", headers[i]);
    }
}

Test(session_cookie, of_another_name_is_not_ours)
{
    static const char *const headers[] = { "",
                                           ";",
                                           "a=b",
                                           "sallyport=" DIGITS,
                                           "__host-sallyport=" DIGITS,
                                           "x__Host-sallyport=" DIGITS,
                                           "a=__Host-sallyport=" DIGITS,
                                           "__Host-sallyport-2=" DIGITS };
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct session_cookie cookie = take(headers[i]);
        cr_expect_eq(cookie.count, 0, "%s", headers[i]);
        cr_expect_not(session_cookie_is_sound(&cookie));
    }
}

Test(session_cookie, in_two_headers_is_two)
{
    struct session_cookie cookie = take(OURS);
    session_cookie_take("a=b", &cookie);
    cr_expect(session_cookie_is_sound(&cookie));
    session_cookie_take(OURS, &cookie);
    cr_expect_not(session_cookie_is_sound(&cookie));
}

Test(session_cookie, is_set_with_every_attribute)
{
    char text[SESSION_COOKIE_BYTES];
    session_cookie_text(DIGITS, 60, text);
    cr_expect_str_eq(text, OURS "; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=60");
    session_cookie_text("", 0, text);
    cr_expect_str_eq(text, "__Host-sallyport=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0");
    session_cookie_text(DIGITS, UINT64_MAX, text);
    cr_expect_not_null(strstr(text, "; Max-Age=18446744073709551615"), "it fits");
}
