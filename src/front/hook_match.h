/*
 * What a delivery says, by the rules of its hook: whether it is meant, and which parameters it gives. Pure functions over bytes
 * that were proven, and may still be anything: the one who signed them passes on what others wrote.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "sallyport/base/record.h"

#include "hook_settings.h"
#include "query.h"

#define HOOK_WHY_BYTES       256
#define HOOK_REGEX_MAX_BYTES 4096 /* of a text that a pattern looks at: each costs the front's only thread */

struct hook_content {
    const char *(*header)(void *arg, const char *name); /* NULL when there is none */
    void *arg;
    const struct query *query;
    const char *body; /* of a form; NULL: the body is none */
    size_t size;
    json_t *json; /* NULL: it has none that can be read; owned */
};

/* Reads the body: a form, or JSON, or JSON in a form's field `payload`. No memory is like no JSON. */
void hook_content_read(struct hook_content *content, const char *body, size_t size, bool is_form);
void hook_content_done(struct hook_content *content);

/* Whether all rules hold; if not, `ret_why` names the first that does not: "json /action". */
bool hook_matches(const struct public_hook *hook, const struct hook_content *content, char ret_why[HOOK_WHY_BYTES]);

/* The parameters that it says, as entries. False: they have no room. */
bool hook_params(const struct public_hook *hook, const struct hook_content *content, struct writer *out);

/* The decoded field of a form, which the caller frees; NULL when it is not there exactly once, or no UTF-8 text. */
char *hook_form_field(const char *body, size_t size, const char *name);

/* What a pointer (RFC 6901) means; NULL: nothing. Borrowed. */
json_t *hook_pointer(json_t *root, const char *pointer);
