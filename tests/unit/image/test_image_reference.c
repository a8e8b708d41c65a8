#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/image/reference.h"

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

Test(image_reference, is_a_repository_and_a_digest)
{
    struct image_reference image;
    struct error err;
    cr_assert_eq(image_reference_parse("registry.example:5000/team/tool@sha256:" DIGITS, &image, &err), 0);
    cr_expect_str_eq(image.repository, "registry.example:5000/team/tool");
    cr_expect_str_eq(image.digest, DIGITS);
    cr_expect_eq(image_reference_parse("tool@sha256:" DIGITS, &image, &err), 0);
}

Test(image_reference, that_is_anything_else_is_refused_with_what_to_write)
{
    static const struct {
        const char *text, *said;
    } cases[] = {
        { "tool", "names no digest" },
        { "tool:latest", "skopeo inspect" },
        { "tool@sha512:" DIGITS, "names no digest" },
        { "$(id)", "names no digest" },
        { "@sha256:" DIGITS, "no name" },
        { "-o@sha256:" DIGITS, "no name" },
        { "Tool@sha256:" DIGITS, "no name" },
        { "to ol@sha256:" DIGITS, "no name" },
        { "to\nol@sha256:" DIGITS, "no name" },
        { "tool;x@sha256:" DIGITS, "no name" },
        { "tool@x@sha256:" DIGITS, "no name" },
        { "host:5000/tool:1@sha256:" DIGITS, "leave the tag out" },
        { "tool:1@sha256:" DIGITS, "leave the tag out" },
        { "tool@sha256:", "64" },
        { "tool@sha256:0" DIGITS, "64" },
        { "tool@sha256:" DIGITS "@sha256:" DIGITS, "64" },
        { "tool@sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", "64" },
        { "tool@sha256:g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "64" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct image_reference image = { .digest = "untouched" };
        struct error err = { 0 };
        cr_expect_eq(image_reference_parse(cases[i].text, &image, &err), -EINVAL, "%s", cases[i].text);
        cr_expect_not_null(strstr(err.text, cases[i].said), "%s: %s", cases[i].text, err.text);
        cr_expect_str_eq(image.digest, "untouched", "%s", cases[i].text);
    }
}

Test(image_reference, with_too_long_a_repository_is_refused)
{
    char text[IMAGE_REFERENCE_BYTES + 128];
    struct image_reference image;
    struct error err;
    for (size_t length = IMAGE_REFERENCE_BYTES - 1; length <= IMAGE_REFERENCE_BYTES; length++) {
        memset(text, 'a', length);
        snprintf(text + length, sizeof text - length, "@sha256:" DIGITS);
        cr_expect_eq(image_reference_parse(text, &image, &err), length < IMAGE_REFERENCE_BYTES ? 0 : -EINVAL, "%zu",
                     length);
    }
}

Test(image_reference, shows_a_line_to_copy_only_with_a_name_that_no_shell_reads_as_more)
{
    static const struct {
        const char *text;
        bool has_line;
    } cases[] = {
        { "registry.example:5000/team/Tool_1:V2", true },
        { "tool@sha512:" DIGITS, true },
        { "$(id)", false },
        { "tool;id", false },
        { "to ol", false },
        { "-v", false },
        { "", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct image_reference image;
        struct error err = { 0 };
        cr_expect_eq(image_reference_parse(cases[i].text, &image, &err), -EINVAL);
        cr_expect_eq(strstr(err.text, "skopeo") != NULL, cases[i].has_line, "%s", cases[i].text);
    }
}
