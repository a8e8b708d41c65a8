/*
 * The head that a program prints before its answer: lines of a name, a colon and a value, and an empty line (RFC 3875
 * section 6, without what a server would do by itself). Pure functions over untrusted bytes: what could move the borders of
 * our own answer, or speak for more than this answer, is a fault and never mended.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "sallyport/base/record.h"
#include "sallyport/limits.h"

#define CGI_FIELDS_MAX 8

struct cgi_head {
    size_t size;                 /* where the body begins */
    unsigned status;             /* 0: it says none */
    char type[MEDIA_TYPE_BYTES]; /* "" for none */
    unsigned field_count;
    struct {
        const char *name;  /* as we spell it */
        struct span value; /* into the bytes; good as a value of a field */
    } fields[CGI_FIELDS_MAX];
};

/* False, with a sentence for people, for what is no such head. `data` may hold the body, or its beginning, too. */
bool cgi_head_parse(const void *data, size_t size, struct cgi_head *ret_head, const char **ret_why);

/* A type whose content browsers would run or render in the name of our origin; its parameters are not looked at. */
bool media_type_is_active(const char *type);

/* The same type, whatever their parameters. */
bool media_type_is_same(const char *left, const char *right);
