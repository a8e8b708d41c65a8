/*
 * A command that may be called as a function: what the front knows of it. Plain data, so that a call keeps a copy while the
 * configuration changes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/limits.h"
#include "sallyport/proto/settings.h"

struct error;
struct public_settings;

struct public_function {
    char command[NAME_MAX_BYTES];
    char path[ROUTE_PATH_BYTES];
    uint32_t methods; /* enum route_method */
    uint8_t response; /* enum route_response */
    bool takes_body;  /* as standard input */
    char type[MEDIA_TYPE_BYTES];
    unsigned accept_count; /* 0: any */
    char accept[ROUTE_ACCEPT_MAX][MEDIA_TYPE_BYTES];
    uint16_t statuses[ROUTE_ANY_CODE + 1]; /* 0: none */
};

/* -EBADMSG for what is none. */
int public_function_read(const struct setting_route *setting, struct public_function *ret_function, struct error *err);

/* The status that the owner wants for an exit code; 0: it says nothing. */
unsigned public_function_status(const struct public_function *function, uint32_t exit_code);

/* Whether it takes a body of this Content-Type (NULL for none). */
bool public_function_takes(const struct public_function *function, const char *content_type);

/* The bit of a method of evhttp's, GET for HEAD; 0 for those that no function has. And the name of a bit, NULL behind the last. */
uint32_t function_method(unsigned evhttp_method);
const char *function_method_name(unsigned index);
