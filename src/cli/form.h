/* What goes with a submit beside its JSON document: files, and then standard input as bytes. Together they are a form. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sallyport/limits.h"

struct error;

struct form_file {
    char name[NAME_MAX_BYTES]; /* the parameter */
    const char *path;
};

struct form {
    struct form_file files[PARAM_COUNT_MAX];
    size_t count; /* 0: there is no form, and the JSON document goes alone */
    bool has_stdin;
    uint8_t *stdin_data; /* owned */
    size_t stdin_size;
};

/*
 * Adds a file by "NAME=PATH", where the schema has a parameter of this name that is a file. It is opened once, to say what is
 * wrong with it before anything is sent.
 */
int form_add_file(struct form *form, const json_t *schema, const char *word, struct error *err);

/* Whether all files that the command requires are there. */
int form_check(const struct form *form, const json_t *schema, struct error *err);

/* Reads our standard input to its end. */
int form_take_stdin(struct form *form, struct error *err);

void form_done(struct form *form);
