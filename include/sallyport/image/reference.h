/*
 * How an image is written: REPOSITORY@sha256:DIGITS. The digest alone says which image it is; the repository says where
 * it can be had, and is never trusted with more than that.
 */
#pragma once

#include "sallyport/limits.h"

struct error;

struct image_reference {
    char repository[IMAGE_REFERENCE_BYTES]; /* "registry.example:5000/team/tool" */
    char digest[IMAGE_DIGEST_DIGITS + 1];   /* SHA-256 of the manifest, in lower-case hex */
};

/* -EINVAL with what to write instead, also for a tag: what a tag means is the registry's choice, each time anew. */
int image_reference_parse(const char *text, struct image_reference *ret_reference, struct error *err);
