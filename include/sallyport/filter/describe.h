/* Profiles in words: for people who ask what one allows, how two differ, and why a call is refused. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sallyport/filter/filter.h"

struct error;

#define CALL_NAME_BYTES   48
#define ACTION_TEXT_BYTES 40

/* One rule, or the default (call "*"). */
struct rule_text {
    char call[CALL_NAME_BYTES];
    uint32_t number, line;           /* line: of the entry in the profile's file; 0 for the default */
    char action[ACTION_TEXT_BYTES];  /* "allow", "kill", "errno EPERM" */
    char when[ERROR_TEXT_MAX_BYTES]; /* "arg0 == 0x1 and arg2 & 0x4 == 0"; "" for always */
};

/* The rules in the order of the calls' numbers, then the default. False when take() wants no more. */
bool profile_each_rule(const struct profile *profile, bool (*take)(void *arg, const struct rule_text *text), void *arg);

/* A call of this machine by its name or its number; the name of one that has none is its number. */
bool call_find(const char *text, uint32_t *ret_number, char ret_name[CALL_NAME_BYTES]);

/* A number, or names such as AF_INET6 or SOCK_STREAM|SOCK_CLOEXEC. */
bool argument_parse(const char *text, uint64_t *ret_value);

/* The other way: as names where this argument of this call has some, and the rest as a number. */
#define ARGUMENT_TEXT_BYTES 256
void argument_text(const char *call, unsigned index, uint64_t value, char text[ARGUMENT_TEXT_BYTES]);

/*
 * What becomes of a call of which the first `known` arguments are known. Each rule that decides, or may, is given to take()
 * with what is still open in `when` ("" for nothing); the last one given decides when none of the others does.
 */
void profile_explain(const struct profile *profile, uint32_t number, const uint64_t *args, size_t known,
                     void (*take)(void *arg, const struct rule_text *text), void *arg);

/* Why no profile may allow the call under these arguments; NULL if one may. */
const char *floor_reason(const char *call, const uint64_t *args, size_t known, struct error *err);
