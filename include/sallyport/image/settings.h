/*
 * What a stored image says about itself, in a form that root's processes can read without a parser of JSON: lines of a
 * key, a blank and a text. The unpacker, which has no power, makes it of the image's configuration; each reader checks it
 * again, for it may have been made by an unpacker that was taken over.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sallyport/limits.h"

struct error;

struct image_settings {
    const char *exec[ARGUMENT_COUNT_MAX]; /* entrypoint and its arguments */
    uint32_t exec_count;
    const char *env[ENV_COUNT_MAX]; /* "NAME=VALUE" */
    uint32_t env_count;
    const char *workdir; /* NULL: none */
    const char *user;    /* NULL: none; for people */
    char *text;          /* what all of them point into */
};

/* Takes over the text, which the caller allocated and ended with a NUL; settings_free() in any case. -EBADMSG. */
int image_settings_parse(char *text, size_t size, struct image_settings *ret_settings, struct error *err);
void image_settings_free(struct image_settings *settings);

/* One line of a settings file; false if the text has a control character, is no UTF-8 or is empty. */
bool image_settings_is_text(const char *text);
