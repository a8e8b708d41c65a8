/* URLs of callbacks, and the fields that a request may have. */
#include <criterion/criterion.h>
#include <string.h>

#include "sallyport/base/http_field.h"
#include "sallyport/base/url.h"

Test(url, reads_what_callbacks_look_like)
{
    static const struct {
        const char *text;
        struct url url;
    } cases[] = {
        { "https://example.com", { .host = "example.com", .port = 443, .path = "" } },
        { "https://Example.COM:8443/a/b?c=d&e", { .host = "example.com", .port = 8443, .path = "/a/b?c=d&e" } },
        { "http://example.com/", { .is_plain = true, .host = "example.com", .port = 80, .path = "/" } },
        { "https://10.0.0.1:1/x", { .is_numeric = true, .host = "10.0.0.1", .port = 1, .path = "/x" } },
        { "https://[2001:DB8::1]/", { .is_numeric = true, .host = "2001:db8::1", .port = 443, .path = "/" } },
        { "https://[::1]:65535?q", { .is_numeric = true, .host = "::1", .port = 65535, .path = "?q" } },
        { "https://a_b.xn--bcher-kva.example/%7Ex",
          { .host = "a_b.xn--bcher-kva.example", .port = 443, .path = "/%7Ex" } },
        { "https://h/a;b,c=1/.well-known/...", { .host = "h", .port = 443, .path = "/a;b,c=1/.well-known/..." } },
        { "https://h//a//?x=/../@", { .host = "h", .port = 443, .path = "//a//?x=/../@" } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url url;
        const char *why = url_parse(cases[i].text, &url);
        cr_assert_null(why, "%s %s", cases[i].text, why);
        cr_expect_eq(url.is_plain, cases[i].url.is_plain, "%s", cases[i].text);
        cr_expect_eq(url.is_numeric, cases[i].url.is_numeric, "%s", cases[i].text);
        cr_expect_str_eq(url.host, cases[i].url.host);
        cr_expect_eq(url.port, cases[i].url.port, "%s: %u", cases[i].text, url.port);
        cr_expect_str_eq(url.path, cases[i].url.path);
    }
}

Test(url, refuses_what_two_parsers_could_read_differently)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        { "", "must begin with https://" },
        { "example.com/x", "must begin with https://" },
        { "HTTPS://example.com", "must begin with https://" },
        { "ftp://example.com", "must begin with https://" },
        { "file:///etc/passwd", "must begin with https://" },
        { "gopher://x/", "must begin with https://" },
        { " https://example.com", "must begin with https://" },
        { "https://", "no host" },
        { "https:///x", "no host" },
        { "https://:443/", "no host" },
        { "https://good.example@evil.example/", "user name" },
        { "https://user:secret@example.com/", "user name" },
        { "https://example.com\\@evil.example/", "no URL may have" },
        { "https://example.com\r\nX: y/", "no URL may have" },
        { "https://example.com/a b", "no URL may have" },
        { "https://b\xc3\xbc"
          "cher.example/",
          "xn--" },
        { "https://example.com/#x", "'#'" },
        { "https://example.com:0/", "port" },
        { "https://example.com:/", "port" },
        { "https://example.com:65536/", "port" },
        { "https://example.com:0443/", "port" },
        { "https://example.com:99999999999/", "port" },
        { "https://2130706433/", "no good host" },
        { "https://0x7f000001/", "no good host" },
        { "https://0x7f.1/", "no good host" },
        { "https://0177.0.0.1/", "no good host" },
        { "https://127.1/", "no good host" },
        { "https://1.2.3.4.5/", "no good host" },
        { "https://127.0.0.1./", "no good host" },
        { "https://example.com./", "no good host" },
        { "https://.example.com/", "no good host" },
        { "https://a..b/", "no good host" },
        { "https://-a.example/", "no good host" },
        { "https://a%2eb/", "no good host" },
        { "https://a,b/", "no good host" },
        { "https://[::1/", "bracket" },
        { "https://[::1]x/", "bracket" },
        { "https://[fe80::1%25eth0]/", "no IPv6 address" },
        { "https://[v1.x]/", "no IPv6 address" },
        { "https://[127.0.0.1]/", "no IPv6 address" },
        { "https://a[b/", "no good host" },
        { "https://h/[x]", "bracket in its path" },
        { "https://h/a/../b", "step" },
        { "https://h/..", "step" },
        { "https://h/.?x", "step" },
        { "https://h/a/%2E%2e/b", "step" },
        { "https://h/a/.%2e", "step" },
        { "https://h/a/..;x/b", "step" },
        { "https://h/a/..%3bx/b", "step" },
        { "https://h/a%2fb", "escaped '/'" },
        { "https://h/a%5Cb", "escaped '/'" },
        { "https://h/a%00b", "escaped '/'" },
        { "https://h/a%2", "two hex digits" },
        { "https://h/a%zz", "two hex digits" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url url;
        const char *why = url_parse(cases[i].text, &url);
        cr_assert_not_null(why, "%s", cases[i].text);
        cr_expect_not_null(strstr(why, cases[i].why), "%s: %s", cases[i].text, why);
    }
}

Test(url, is_as_long_as_its_room_and_no_longer)
{
    char text[URL_MAX_BYTES + 1];
    struct url url;
    memset(text, 'a', sizeof text);
    memcpy(text, "https://h/", 10);
    text[URL_MAX_BYTES - 1] = '\0';
    cr_expect_null(url_parse(text, &url));
    text[URL_MAX_BYTES - 1] = 'a';
    text[URL_MAX_BYTES] = '\0';
    cr_expect_not_null(url_parse(text, &url));
    memset(text, 'a', sizeof text);
    memcpy(text, "https://", 8);
    strcpy(text + 400, ".example/");
    cr_expect_not_null(url_parse(text, &url), "a host name of 400 bytes");
}

Test(url, lies_below_a_prefix_of_the_same_scheme_host_and_port)
{
    static const struct {
        const char *prefix, *url;
        bool is_below;
    } cases[] = {
        { "https://h/hooks/", "https://h/hooks/a", true },
        { "https://h/hooks/", "https://h/hooks/", true },
        { "https://h/hooks/", "https://H:443/hooks/a/b?c", true },
        { "https://h/hooks/", "https://h/hooks", false },
        { "https://h/hooks", "https://h/hooks", true },
        { "https://h/hooks", "https://h/hooks/a", true },
        { "https://h/hooks", "https://h/hooks?a", true },
        { "https://h/hooks", "https://h/hooks-of-others", false },
        { "https://h/hooks", "https://h/HOOKS", false },
        { "https://h/hooks", "https://h//hooks", false },
        { "https://h", "https://h/anything?x", true },
        { "https://h", "https://h", true },
        { "https://h", "https://h?x", true },
        { "https://h/", "https://h", true },
        { "https://h", "http://h/", false },
        { "https://h", "https://h:8443/", false },
        { "https://h:8443", "https://h/", false },
        { "https://h", "https://h.evil.example/", false },
        { "https://h.example", "https://xh.example/", false },
        { "https://[::1]/a", "https://[::1]/a/b", true },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct url prefix, url;
        cr_assert_null(url_parse(cases[i].prefix, &prefix), "%s", cases[i].prefix);
        cr_assert_null(url_parse(cases[i].url, &url), "%s", cases[i].url);
        cr_expect_eq(url_is_below(&url, &prefix), cases[i].is_below, "%s below %s", cases[i].url, cases[i].prefix);
    }
}

Test(url, is_written_in_one_way)
{
    static const char *const cases[][2] = {
        { "https://a.example", "https://a.example/" },
        { "https://A.Example:443/Hooks/x%2D?y=Z", "https://a.example/Hooks/x%2D?y=Z" },
        { "http://a.example:80?q", "http://a.example/?q" },
        { "http://a.example:443/", "http://a.example:443/" },
        { "https://[FD00::1]:8443/a", "https://[fd00::1]:8443/a" },
        { "https://10.0.0.1/", "https://10.0.0.1/" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[URL_MAX_BYTES], again[URL_MAX_BYTES];
        struct url url;
        cr_assert_null(url_parse(cases[i][0], &url), "%s", cases[i][0]);
        cr_expect(url_write(&url, text));
        cr_expect_str_eq(text, cases[i][1]);
        cr_assert_null(url_parse(text, &url), "%s", text);
        cr_expect(url_write(&url, again));
        cr_expect_str_eq(again, text);
    }
}

Test(url, that_would_be_too_long_is_not_written)
{
    char text[URL_MAX_BYTES] = "https://a.example?", written[URL_MAX_BYTES];
    struct url url;
    memset(text + strlen(text), 'x', sizeof text - 1 - strlen(text));
    text[sizeof text - 1] = '\0';
    cr_assert_null(url_parse(text, &url));
    cr_expect(!url_write(&url, written), "the '/' has no room");
}

static bool name_is_good(const char *text)
{
    return http_field_name_is_good(text, strlen(text));
}

static bool value_is_good(const char *text)
{
    return http_field_value_is_good(text, strlen(text));
}

Test(http_field, takes_tokens_and_printable_values)
{
    char long_name[66], long_value[1026];
    memset(long_name, 'a', 65);
    memset(long_value, 'a', 1025);
    long_name[65] = long_value[1025] = '\0';
    cr_expect(name_is_good("webhook-id"));
    cr_expect(name_is_good("X_y.z!"));
    cr_expect_not(name_is_good(""));
    cr_expect_not(name_is_good("a b"));
    cr_expect_not(name_is_good("a:"));
    cr_expect_not(name_is_good("a\r\nb"));
    cr_expect_not(name_is_good("\xc3\xa4"));
    cr_expect_not(name_is_good(long_name));
    cr_expect(name_is_good(long_name + 1));
    cr_expect_not(http_field_name_is_good("a\0b", 3));
    cr_expect(value_is_good("v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="));
    cr_expect(value_is_good("a b"));
    cr_expect_not(value_is_good(""));
    cr_expect_not(value_is_good(" a"));
    cr_expect_not(value_is_good("a "));
    cr_expect_not(value_is_good("a\tb"));
    cr_expect_not(value_is_good("a\r\nx: y"));
    cr_expect_not(value_is_good("\xc3\xa4"));
    cr_expect_not(value_is_good(long_value));
    cr_expect(value_is_good(long_value + 1));
    cr_expect_not(http_field_value_is_good("a\0b", 3));
}

Test(http_field, knows_those_that_frame_a_message)
{
    static const char *const framing[] = { "Host",       "content-length",  "Transfer-Encoding", "connection",
                                           "TE",         "expect",          "upgrade",           "trailer",
                                           "keep-alive", "proxy-connection" };
    for (size_t i = 0; i < sizeof framing / sizeof framing[0]; i++)
        cr_expect(http_field_is_framing(framing[i], strlen(framing[i])), "%s", framing[i]);
    cr_expect_not(http_field_is_framing("hos", 3));
    cr_expect_not(http_field_is_framing("hosts", 5));
    cr_expect_not(http_field_is_framing("content-type", 12));
}
