/*
 * The name of an image. What is taken is a repository that is safe inside an argument of a program, and a digest that is safe as
 * the name of a directory. And the names that clients of predecessors write, which are compared in one spelling.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/image_name.h"
#include "sallyport/image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* The one spelling of a name is its own spelling, and has its registry and a tag or a digest. */
static void check_name(const char *text)
{
    char name[CALLED_MAX_BYTES], again[CALLED_MAX_BYTES];
    if (!image_name_spell(text, name))
        return;
    const char *slash = strchr(name, '/');
    check(slash != NULL && slash != name && strpbrk(strrchr(name, '/'), ":@") != NULL);
    check(image_name_spell(name, again) && strcmp(again, name) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image_reference image;
    struct error err = { 0 };
    char again[IMAGE_REFERENCE_BYTES + 128], *text = strndup((const char *)data, size);
    if (image_reference_parse(text, &image, &err) == 0) {
        check(image.repository[0] != '-' && image.repository[0] != '\0');
        check(strspn(image.repository, "abcdefghijklmnopqrstuvwxyz0123456789.-_/:") == strlen(image.repository));
        check(strlen(image.digest) == IMAGE_DIGEST_DIGITS);
        check(strspn(image.digest, "0123456789abcdef") == IMAGE_DIGEST_DIGITS);
        snprintf(again, sizeof again, "%s@sha256:%s", image.repository, image.digest);
        check(strcmp(again, text) == 0);
    } else
        check(err.text[0] != '\0');
    check_name(text);
    free(text);
    return 0;
}
