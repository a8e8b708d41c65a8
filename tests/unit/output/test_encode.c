/* Bytes of a job as text: what counts as text, and both encodings. */
#include <criterion/criterion.h>
#include <string.h>

#include "sallyport/output/encode.h"

Test(encode, tells_text_from_bytes_and_where_a_character_is_cut)
{
    static const struct {
        const char *data;
        size_t size;
        bool is_text;
        size_t open;
    } cases[] = {
        { "", 0, true, 0 },
        { "plain text that is longer than a word", 37, true, 0 },
        { "nul\0inside of it", 16, false, 0 },
        { "12345678\0", 9, false, 0 },
        { "\xc3\xa9", 2, true, 0 },
        { "a\xc3", 2, true, 1 },
        { "a\xe2\x82", 3, true, 2 },
        { "\xf0\x9f\x98", 3, true, 3 },
        { "\xf0\x9f\x98\x80", 4, true, 0 },
        { "\x80", 1, false, 0 },
        { "\xc0\xaf", 2, false, 0 }, /* overlong */
        { "\xe0\x80", 2, false, 0 }, /* can only become overlong */
        { "\xe0\xa0", 2, true, 2 },
        { "\xed\xa0", 2, false, 0 }, /* can only become a surrogate */
        { "\xed\x9f", 2, true, 2 },
        { "\xf4\x90", 2, false, 0 }, /* above U+10FFFF */
        { "\xf4\x8f", 2, true, 2 },
        { "\xf5", 1, false, 0 },
        { "\xe2\x28\xa1", 3, false, 0 },
        { "12345678\xff"
          "12345678",
          17, false, 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct utf8_scan scan = utf8_scan((const uint8_t *)cases[i].data, cases[i].size);
        cr_expect_eq(scan.is_text, cases[i].is_text, "case %zu", i);
        cr_expect_eq(scan.open, cases[i].open, "case %zu", i);
    }
}

Test(encode, escapes_what_json_must_not_hold)
{
    char to[100];
    static const char from[] = "a\"\\/\b\f\n\r\t\x01\x1b\x7f\xc3\xa9";
    size_t size = encode_json_text((const uint8_t *)from, sizeof from - 1, to);
    to[size] = '\0';
    cr_expect_str_eq(to, "a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001b\\u007f\xc3\xa9");
}

Test(encode, writes_base64_with_padding)
{
    static const char *const cases[][2] = {
        { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foobar", "Zm9vYmFy" }
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char to[16];
        size_t size = encode_base64((const uint8_t *)cases[i][0], strlen(cases[i][0]), to);
        to[size] = '\0';
        cr_expect_str_eq(to, cases[i][1]);
    }
}
