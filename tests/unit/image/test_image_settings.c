#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/image/settings.h"

static int parse(const char *text, size_t size, struct image_settings *settings)
{
    struct error err = { 0 };
    char *copy = calloc(1, size + 1);
    memcpy(copy, text, size);
    return image_settings_parse(copy, size, settings, &err);
}

Test(image_settings, are_lines_of_a_key_and_a_text)
{
    static const char text[] =
        "sallyport-image 1\nexec /bin/tool\nexec an argument\nenv A=b=c\nenv B=\nworkdir /app\nuser 1:1\n";
    struct image_settings settings;
    cr_assert_eq(parse(text, strlen(text), &settings), 0);
    cr_expect_eq(settings.exec_count, 2);
    cr_expect_str_eq(settings.exec[1], "an argument");
    cr_expect_eq(settings.env_count, 2);
    cr_expect_str_eq(settings.env[0], "A=b=c");
    cr_expect_str_eq(settings.workdir, "/app");
    cr_expect_str_eq(settings.user, "1:1");
    image_settings_free(&settings);
}

Test(image_settings, that_are_anything_else_are_refused)
{
    static const char *const texts[] = {
        "",
        "\n",
        "sallyport-image 1",
        "sallyport-image 2\n",
        "exec /bin/tool\n",
        "sallyport-image 1\nexec\n",
        "sallyport-image 1\nexec \n",
        "sallyport-image 1\n\n",
        "sallyport-image 1\nenv NAME\n",
        "sallyport-image 1\nexec a\tb\n",
        "sallyport-image 1\nexec \xff\n",
        "sallyport-image 1\nworkdir /a\nworkdir /b\n",
        "sallyport-image 1\nroot /\n",
        "sallyport-image 1\nexec /bin/tool",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct image_settings settings;
        cr_expect_eq(parse(texts[i], strlen(texts[i]), &settings), -EBADMSG, "%zu", i);
        image_settings_free(&settings);
    }
}

Test(image_settings, with_a_nul_are_refused)
{
    static const char text[] = "sallyport-image 1\nexec a\0b\n";
    struct image_settings settings;
    cr_expect_eq(parse(text, sizeof text - 1, &settings), -EBADMSG);
    image_settings_free(&settings);
}

Test(image_settings, hold_as_many_arguments_as_a_command_may_have_and_no_more)
{
    char text[ARGUMENT_COUNT_MAX * 8 + 64] = "sallyport-image 1\n";
    struct image_settings settings;
    for (unsigned i = 0; i < ARGUMENT_COUNT_MAX; i++)
        strcat(text, "exec a\n");
    cr_expect_eq(parse(text, strlen(text), &settings), 0);
    image_settings_free(&settings);
    strcat(text, "exec a\n");
    cr_expect_eq(parse(text, strlen(text), &settings), -EBADMSG);
    image_settings_free(&settings);
}
