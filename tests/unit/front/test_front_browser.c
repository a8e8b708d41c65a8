/* Which hosts are ours, and whose pages may act. */
#include <criterion/criterion.h>

#include "browser.h"
#include "public_settings.h"

static const struct public_settings settings = {
    .host_count = 1,
    .origin_count = 1,
    .hosts = { "jobs.example.org" },
    .origins = { "https://dash.example.org" },
};

Test(front_browser, takes_addresses_localhost_and_listed_names_for_ours)
{
    static const char *const ours[] = {
        "127.0.0.1",        "10.0.0.1:80",           "[::1]", "[2001:db8::1]:8443", "localhost", "LocalHost:1",
        "jobs.example.org", "JOBS.example.org:8443", NULL
    };
    static const char *const others[] = { "",
                                          "example.org",
                                          "x.jobs.example.org",
                                          "jobs.example.org.",
                                          "jobs.example.orgx",
                                          "127.1",
                                          "2130706433",
                                          "0x7f000001",
                                          "::1",
                                          "[::1",
                                          "[localhost]",
                                          "[::1]x",
                                          "127.0.0.1:",
                                          "127.0.0.1:x",
                                          "127.0.0.1:65536",
                                          ":80",
                                          "localhost.a" };
    for (const char *const *host = ours; *host != NULL; host++)
        cr_expect(host_is_ours(&settings, *host), "%s", *host);
    cr_expect(host_is_ours(&settings, NULL));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect_not(host_is_ours(&settings, others[i]), "%s", others[i]);
}

Test(front_browser, lets_own_and_listed_pages_act_and_who_is_no_page)
{
    static const struct {
        const char *origin, *fetch_site;
        bool may;
    } cases[] = {
        { NULL, NULL, true },
        { NULL, "none", true },
        { NULL, "same-origin", true },
        { "https://a:8443", NULL, true },
        { "http://a:8443", "same-origin", true },
        { "https://dash.example.org", "cross-site", true },
        { "https://dash.example.org", NULL, true },
        { NULL, "cross-site", false },
        { NULL, "same-site", false },
        { NULL, "", false },
        { NULL, "Same-Origin", false },
        { "null", NULL, false },
        { "", NULL, false },
        { "a:8443", NULL, false },
        { "https://a", NULL, false },
        { "https://a:8443/", NULL, false },
        { "https://b:8443", NULL, false },
        { "https://a:8443", "cross-site", false },
        { "http://dash.example.org", NULL, false },
        { "https://dash.example.org:443", NULL, false },
        { "https://xdash.example.org", NULL, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(origin_may_act(&settings, "a:8443", cases[i].origin, cases[i].fetch_site), cases[i].may, "%zu", i);
    cr_expect_not(origin_may_act(&settings, NULL, "https://a", NULL));
}

Test(front_browser, a_cookie_acts_for_a_page_of_the_same_origin_alone)
{
    static const struct {
        const char *origin, *fetch_site;
        bool may;
    } cases[] = {
        { "https://a:8443", NULL, true },
        { NULL, "same-origin", true },
        { "https://a:8443", "same-origin", true },
        { NULL, NULL, false },
        { NULL, "none", false },
        { NULL, "", false },
        { NULL, "same-site", false },
        { NULL, "cross-site", false },
        { NULL, "Same-Origin", false },
        { "", "same-origin", false },
        { "null", NULL, false },
        { "null", "same-origin", false },
        { "http://a:8443", NULL, false },
        { "http://a:8443", "same-origin", false },
        { "https://a", NULL, false },
        { "https://b:8443", "same-origin", false },
        { "https://a:8443", "cross-site", false },
        { "https://a:8443", "none", false },
        { "https://a:8443/", NULL, false },
        { "xhttps://a:8443", NULL, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(session_may_act("a:8443", cases[i].origin, cases[i].fetch_site), cases[i].may, "%zu", i);
    cr_expect_not(session_may_act(NULL, "https://a", NULL));
}
