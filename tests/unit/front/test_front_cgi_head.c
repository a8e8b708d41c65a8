/* The head that a program prints before its answer: what is passed on, and what is not. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "cgi_head.h"

static bool parse(const char *text, struct cgi_head *head, const char **why)
{
    *why = NULL;
    return cgi_head_parse(text, strlen(text), head, why);
}

static const char *field(const struct cgi_head *head, const char *name)
{
    static char value[1100];
    for (unsigned i = 0; i < head->field_count; i++)
        if (strcmp(head->fields[i].name, name) == 0) {
            snprintf(value, sizeof value, "%.*s", (int)head->fields[i].value.size,
                     (const char *)head->fields[i].value.data);
            return value;
        }
    return "";
}

Test(front_cgi_head, ends_with_the_first_empty_line)
{
    static const struct {
        const char *text;
        size_t size;
    } heads[] = {
        { "\n", 1 },
        { "\r\n", 2 },
        { "\n\n", 1 },
        { "ETag: a\n\nbody\n\n", 9 },
        { "ETag: a\r\n\r\nbody", 11 },
        { "ETag: a\r\n\nbody", 10 },
        { "ETag: a\n\r\nSet-Cookie: b\n", 10 },
    };
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        struct cgi_head head;
        const char *why;
        cr_expect(parse(heads[i].text, &head, &why), "%s: %s", heads[i].text, why);
        cr_expect_eq(head.size, heads[i].size, "%s: %zu", heads[i].text, head.size);
    }
}

Test(front_cgi_head, says_a_status_a_type_and_some_fields)
{
    struct cgi_head head;
    const char *why;
    cr_assert(
        parse("status:404 Not Found\nCONTENT-TYPE: \tText/Plain; charset=UTF-8  \netag:\"a b\"\nLocation: /x?y\n\n",
              &head, &why),
        "%s", why);
    cr_expect_eq(head.status, 404);
    cr_expect_str_eq(head.type, "text/plain; charset=UTF-8");
    cr_expect_eq(head.field_count, 2);
    cr_expect_str_eq(field(&head, "ETag"), "\"a b\"");
    cr_expect_str_eq(field(&head, "Location"), "/x?y");
    cr_assert(parse("\nbody", &head, &why));
    cr_expect(head.status == 0 && head.type[0] == '\0' && head.field_count == 0);
}

Test(front_cgi_head, passes_each_field_that_a_program_may_say)
{
    struct cgi_head head;
    const char *why;
    cr_assert(
        parse("Cache-Control: a\nContent-Disposition: b\nContent-Language: c\nETag: d\nExpires: e\nLast-Modified: f\n"
              "Location: https://g.example/\nRetry-After: h\n\n",
              &head, &why),
        "%s", why);
    cr_expect_eq(head.field_count, CGI_FIELDS_MAX);
    cr_expect_str_eq(field(&head, "Retry-After"), "h");
}

Test(front_cgi_head, with_anything_else_is_refused_whole)
{
    static const char *const texts[] = {
        "",
        "ETag: a",
        "ETag: a\n",
        "ETag\n\n",
        "ETag : a\n\n",
        " ETag: a\n\n",
        "ETag: a\n\tb\n\n",
        ": a\n\n",
        "ETag:\n\n",
        "ETag:   \n\n",
        "ETag: a\rSet-Cookie: b\n\n",
        "ETag: a\r\r\n\n",
        "\rETag: a\n\n",
        "\r\r\n",
        "ETag: \x01\n\n",
        "ETag: \x7f\n\n",
        "ETag: \xc3\xa4\n\n",
        "ETag: a\nETAG: b\n\n",
        "Set-Cookie: a=b\n\n",
        "Content-Length: 1\n\n",
        "Transfer-Encoding: chunked\n\n",
        "Connection: close\n\n",
        "Upgrade: h2c\n\n",
        "Trailer: x\n\n",
        "Content-Encoding: gzip\n\n",
        "Content-Range: bytes 0-1/2\n\n",
        "Access-Control-Allow-Origin: *\n\n",
        "Content-Security-Policy: sandbox\n\n",
        "X-Content-Type-Options: nosniff\n\n",
        "Strict-Transport-Security: max-age=0\n\n",
        "Clear-Site-Data: \"*\"\n\n",
        "Service-Worker-Allowed: /\n\n",
        "WWW-Authenticate: Basic\n\n",
        "Refresh: 0; url=https://evil.example\n\n",
        "Link: </x>; rel=preload\n\n",
        "Sallyport-Exit: 0\n\n",
        "X-Request-Id: a\n\n",
        "Status: 20\n\n",
        "Status: 2000\n\n",
        "Status: 20x\n\n",
        "Status: 200OK\n\n",
        "Status: 199\n\n",
        "Status: 600\n\n",
        "Status: +20\n\n",
        "Status: 200\nStatus: 200\n\n",
        "Content-Type: text\n\n",
        "Content-Type: text/\n\n",
        "Content-Type: text/plain charset=x\n\n",
        "Content-Type: text/plain, text/html\n\n",
        "Content-Type: text/plain\nContent-Type: text/plain\n\n",
        "Location: x\n\n",
        "Location: //evil.example\n\n",
        "Location: /\\evil.example\n\n",
        "Location: /a b\n\n",
        "Location: javascript:x\n\n",
        "Location: data:text/html,x\n\n",
        "Location: https://\n\n",
        "Location: https:/x\n\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct cgi_head head;
        const char *why;
        cr_expect_not(parse(texts[i], &head, &why), "took: %s", texts[i]);
        cr_expect_not_null(why, "no reason: %s", texts[i]);
    }
    struct cgi_head head;
    const char *why;
    cr_expect_not(cgi_head_parse("ETag: a\0b\n\n", 11, &head, &why), "took a NUL");
}

Test(front_cgi_head, is_bounded)
{
    static char text[CGI_HEAD_MAX_BYTES + 100];
    struct cgi_head head;
    const char *why;
    memset(text, 'a', sizeof text);
    memcpy(text, "ETag: ", 6);
    cr_expect_not(cgi_head_parse(text, sizeof text, &head, &why));
    cr_expect_str_eq(why, "it is longer than 8 KiB");
    text[6 + 1024] = text[7 + 1024] = '\n';
    cr_expect(cgi_head_parse(text, sizeof text, &head, &why), "a value of 1024 bytes: %s", why);
    text[6 + 1024] = 'a';
    cr_expect_not(cgi_head_parse(text, sizeof text, &head, &why), "a value of 1025 bytes");
}

Test(front_cgi_head, tells_types_that_browsers_run)
{
    static const char *const active[] = { "text/html",
                                          "TEXT/HTML; charset=x",
                                          "image/svg+xml",
                                          "application/xhtml+xml",
                                          "text/xml;x",
                                          "application/xml",
                                          "text/javascript",
                                          "application/atom+xml ;a",
                                          "text/javascript1.5",
                                          "application/x-javascript",
                                          "Application/JavaScript;v=1",
                                          "text/ecmascript",
                                          "application/x-ecmascript",
                                          "text/JScript",
                                          "text/livescript",
                                          "multipart/x-mixed-replace; boundary=x",
                                          "multipart/related" };
    static const char *const others[] = { "text/plain",
                                          "text/htmlx",
                                          "text/htm",
                                          "image/png",
                                          "",
                                          "application/json",
                                          "+xm",
                                          "text/plain; charset=+xml",
                                          "text/plain; a=javascript",
                                          "text/javascrip",
                                          "multipart" };
    for (size_t i = 0; i < sizeof active / sizeof active[0]; i++)
        cr_expect(media_type_is_active(active[i]), "%s", active[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        cr_expect_not(media_type_is_active(others[i]), "%s", others[i]);
    cr_expect(media_type_is_same("text/html; charset=x", "Text/HTML"));
    cr_expect_not(media_type_is_same("text/html", "text/htmlx"));
}
