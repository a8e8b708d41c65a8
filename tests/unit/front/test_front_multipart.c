#include "multipart.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define TYPE       "multipart/form-data; boundary=XX"
#define PART(name) "--XX\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"

/* "name=bytes;" of each part, then "." if the body was whole; or what is wrong. */
static const char *read_all(const char *type, const char *body, size_t size, size_t step)
{
    static char said[8192];
    struct multipart multipart;
    size_t used = 0;
    said[0] = '\0';
    if (!multipart_open(&multipart, type))
        return "no boundary";
    for (size_t at = 0; at < size; at += step) {
        size_t length = size - at < step ? size - at : step;
        struct reader piece = { (const uint8_t *)body + at, length };
        struct span data = { 0 };
        enum multipart_event event;
        while ((event = multipart_next(&multipart, &piece, &data)) != MULTIPART_MORE) {
            if (event == MULTIPART_BAD)
                return multipart.why;
            if (event == MULTIPART_PART)
                used += (size_t)snprintf(said + used, sizeof said - used, "%s=", multipart.name);
            if (event == MULTIPART_PART_END)
                used += (size_t)snprintf(said + used, sizeof said - used, ";");
            if (event == MULTIPART_DATA) {
                memcpy(said + used, data.data, data.size);
                used += data.size;
                said[used] = '\0';
            }
        }
    }
    snprintf(said + used, sizeof said - used, multipart_is_whole(&multipart) ? "." : " cut short");
    return said;
}

/* However it is cut. */
static void expect(const char *body, const char *wanted)
{
    for (size_t step = 1; step <= strlen(body) + 1; step++) {
        const char *said = read_all(TYPE, body, strlen(body), step);
        cr_expect_str_eq(said, wanted, "in steps of %zu: %s\n%s", step, body, said);
    }
}

Test(front_multipart, gives_the_bytes_of_each_part)
{
    expect(PART("a") "1\r\n--XX--\r\n", "a=1;.");
    expect(PART("a") "1\r\n--XX--", "a=1;.");
    expect(PART("a") "\r\n--XX--\r\n", "a=;.");
    expect(PART("a") "1\r\n" PART("b_2-c") "22\r\n--XX--\r\n", "a=1;b_2-c=22;.");
    expect(PART("a") "\r\n\r\n--XX--\r\n", "a=\r\n;.");
    expect(PART("a") "x\ny\rz\r\n\r\n-\r\n--\r\n--X\r\n--XY\n--XX\r\n--XX--\r\n",
           "a=x\ny\rz\r\n\r\n-\r\n--\r\n--X\r\n--XY\n--XX;.");
    expect(PART("a") "\r\r\n\r\r\n--XX--\r\n", "a=\r\r\n\r;.");
    expect(PART("a") "--XX--\r\n--XX--\r\n", "a=--XX--;.");
}

Test(front_multipart, gives_bytes_that_are_no_text)
{
    static const char body[] = PART("a") "\0\xff\r\n-\0-XX\0\r\n--XX--\r\n";
    struct multipart multipart;
    uint8_t found[64];
    size_t used = 0;
    cr_assert(multipart_open(&multipart, TYPE));
    struct reader piece = { (const uint8_t *)body, sizeof body - 1 };
    struct span data = { 0 };
    enum multipart_event event;
    while ((event = multipart_next(&multipart, &piece, &data)) != MULTIPART_MORE) {
        cr_assert_neq(event, MULTIPART_BAD);
        if (event == MULTIPART_DATA) {
            memcpy(found + used, data.data, data.size);
            used += data.size;
        }
    }
    cr_expect(multipart_is_whole(&multipart));
    cr_assert_eq(used, 10);
    cr_expect_eq(memcmp(found, "\0\xff\r\n-\0-XX\0", 10), 0);
}

#define HEAD(fields) "--XX\r\n" fields "\r\n\r\nv\r\n--XX--\r\n"
#define NAMED        "Content-Disposition: form-data; name=a"

Test(front_multipart, takes_heads_as_clients_send_them)
{
    expect(HEAD("content-disposition: FORM-DATA; NAME=\"a\"; filename=\"x.c\"\r\nContent-Type: text/plain"), "a=v;.");
    expect(HEAD("Content-Disposition:form-data;name=a;filename=x"), "a=v;.");
    expect(HEAD("Content-Disposition: form-data; filename=\"\"; name=\"a\""), "a=v;.");
    expect(HEAD("Content-Disposition: form-data; name=\"a\"; filename=\"../../etc/passwd\""), "a=v;.");
    expect(HEAD("Content-Disposition: form-data; name=\"a\"; filename=\"a \\\"b\\\\;name=c\""), "a=v;.");
    expect(HEAD("Content-Disposition: form-data; name=\"a\"; filename=\"\xc3\xa4.txt\""), "a=v;.");
    expect(HEAD(NAMED "\r\nContent-Type: text/plain; charset=utf-8\r\nX-More: anything at all\r\nContent-Length: 1"),
           "a=v;.");
}

Test(front_multipart, refuses_what_can_be_read_in_two_ways)
{
    static const char disposition[] =
        "The Content-Disposition of a part has something else than one name and one filename.";
    static const char unreadable[] = "The Content-Disposition of a part cannot be read.";
    static const char name[] = "A part has a name that is no parameter's: letters, digits, '_' and '-', at most 63.";
    static const char first[] = "The body does not begin with the boundary that its type names.";
    static const char behind[] = "The body goes on behind its last boundary.";
    static const char line[] = "A line in the head of a part does not end with CR LF.";
    static const char no_field[] = "The head of a part has a line that is no field.";
    static const struct {
        const char *body, *why;
    } rows[] = {
        { "", " cut short" },
        { "x", first },
        { "\r\n--XX\r\n", first },
        { "preamble\r\n--XX\r\n", first },
        { "--YY\r\n", first },
        { "--XX", " cut short" },
        { "--XX--\r\n", "The body has no part." },
        { "--XX \r\n", "Something stands behind a boundary." },
        { "--XXX\r\n", "Something stands behind a boundary." },
        { "--XX-\r\n", "Something stands behind a boundary." },
        { "--XX\n", "Something stands behind a boundary." },
        { "--XX\rx", "A boundary's line does not end with CR LF." },
        { PART("a") "1\r\n--XX\r\n", "a=1; cut short" },
        { PART("a") "1\r\n--XX", "a=1; cut short" },
        { PART("a") "1\r\n--XX-", "a=1; cut short" },
        { PART("a") "1", "a=1 cut short" },
        { PART("a") "1\r\n--XX--\r", "a=1; cut short" },
        { PART("a") "1\r\n--XX--\n", behind },
        { PART("a") "1\r\n--XX--\r\n\r\n", behind },
        { PART("a") "1\r\n--XX--epilogue", behind },
        { PART("a") "1\r\n--XX--\r\n" PART("b"), behind },
        { PART("a") "1\r\n--XX x\r\n", "Something stands behind a boundary." },
        { "--XX\r\n\r\nv\r\n--XX--\r\n", "A part has no name." },
        { HEAD("Content-Disposition: form-data"), "A part has no name." },
        { HEAD("Content-Type: text/plain"), "A part has no name." },
        { HEAD("Content-Disposition: attachment; name=a"), "The Content-Disposition of a part is not form-data." },
        { HEAD("Content-Disposition: "), "The Content-Disposition of a part is not form-data." },
        { HEAD(NAMED "\r\n" NAMED), "A part has more than one Content-Disposition." },
        { HEAD(NAMED "; name=b"), disposition },
        { HEAD(NAMED "; filename=b; filename=c"), disposition },
        { HEAD(NAMED "; filename*=utf-8''b"), disposition },
        { HEAD(NAMED "; size=3"), disposition },
        { HEAD(NAMED ";"), unreadable },
        { HEAD(NAMED " b"), unreadable },
        { HEAD(NAMED "; filename"), unreadable },
        { HEAD(NAMED "; filename ="), unreadable },
        { HEAD("Content-Disposition: form-data; name=\"a"), unreadable },
        { HEAD("Content-Disposition: form-data; name=\"a\\"), unreadable },
        { HEAD("Content-Disposition: form-data; name=\"a\"b"), unreadable },
        { HEAD("Content-Disposition: form-data; name=\"\""), name },
        { HEAD("Content-Disposition: form-data; name=\"a b\""), name },
        { HEAD("Content-Disposition: form-data; name=\"../a\""), name },
        { HEAD("Content-Disposition: form-data; name=\"a\\b\""), name },
        { HEAD("Content-Disposition: form-data; name=\"-a\""), name },
        { HEAD("Content-Disposition: form-data; "
               "name=\"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffff1234\""),
          name },
        { HEAD(NAMED "\r\nContent-Transfer-Encoding: binary"),
          "A part has a Content-Transfer-Encoding; send its bytes as they are." },
        { HEAD(NAMED "\r\nContent-Type: multipart/mixed; boundary=YY"), "A part has parts of its own." },
        { HEAD(NAMED "\r\nContent-Type: text/plain\r\nContent-Type: text/plain"),
          "A part has more than one Content-Type." },
        { HEAD(NAMED "\r\nContent-Type: text"), "The Content-Type of a part cannot be read." },
        { HEAD(NAMED "\r\n folded"), no_field },
        { HEAD(NAMED "\r\nno field"), no_field },
        { HEAD(NAMED "\r\nX-A : b"), no_field },
        { HEAD(NAMED "\nX: y"), line },
        { HEAD(NAMED "\rX: y"), line },
        { HEAD(NAMED "\r\nX: \x01"), "The head of a part holds a control character." },
        { HEAD(NAMED "\r\nX: \x7f"), "The head of a part holds a control character." },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect(rows[i].body, rows[i].why);
}

Test(front_multipart, bounds_heads_and_parts)
{
    static char body[64 * 1024];
    size_t used = (size_t)sprintf(body, "--XX\r\n" NAMED "\r\nX: ");
    memset(body + used, 'x', MULTIPART_HEAD_MAX_BYTES);
    cr_expect_str_eq(read_all(TYPE, body, strlen(body), 100), "The head of a part is larger than 2 KiB.");
    used = 0;
    for (int i = 0; i <= MULTIPART_PARTS_MAX; i++)
        used += (size_t)sprintf(body + used, PART("a") "\r\n");
    cr_expect_str_eq(read_all(TYPE, body, used, 100), "The body has too many parts.");
}

Test(front_multipart, says_no_more_after_a_fault)
{
    struct multipart multipart;
    struct span data;
    cr_assert(multipart_open(&multipart, TYPE));
    struct reader piece = { (const uint8_t *)"x--XX\r\n", 7 };
    cr_expect_eq(multipart_next(&multipart, &piece, &data), MULTIPART_BAD);
    cr_expect_eq(multipart_next(&multipart, &piece, &data), MULTIPART_BAD);
    cr_expect_not(multipart_is_whole(&multipart));
    cr_expect_str_eq(multipart.code, "bad-request");
}

Test(front_multipart, takes_boundaries_of_the_grammar_alone)
{
    static const char *const good[] = {
        "multipart/form-data; boundary=X",
        "Multipart/Form-Data;BOUNDARY=\"X\"",
        "multipart/form-data; boundary=\"a'()+_,-./:=?z\"",
        "multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW",
        "multipart/form-data; boundary=1234567890123456789012345678901234567890123456789012345678901234567890",
    };
    static const char *const bad[] = {
        "",
        "multipart/form-data",
        "multipart/form-data;",
        "multipart/form-data; boundary",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"\"",
        "multipart/form-data; boundary=\"a",
        "multipart/form-data; boundary=\"a b\"",
        "multipart/form-data; boundary=\"a\\\"b\"",
        "multipart/form-data; boundary=a;boundary=b",
        "multipart/form-data; boundary=a; charset=utf-8",
        "multipart/form-data; boundary=a/b",
        "multipart/form-data; boundary=\xc3\xa4",
        "multipart/form-data boundary=a",
        "multipart/mixed; boundary=a",
        "application/json; boundary=a",
        "multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901",
    };
    struct multipart multipart;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect(multipart_open(&multipart, good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(multipart_open(&multipart, bad[i]), "%s", bad[i]);
}
