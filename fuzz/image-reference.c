/*
 * The name of an image. What is taken is a repository that is safe inside an argument of a program, and a digest that is safe as
 * the name of a directory.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/image/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
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
    free(text);
    return 0;
}
