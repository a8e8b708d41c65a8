/* The members of a JSON body, each read by its row of a table; all faults are reported at once (json_in.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define JSON_POINTER_BYTES 320 /* of a name that is cut for the answer */

struct problem;

/* A member of a body: who reads it into the target. A row without reader is a name that a later release has. */
struct json_member {
    const char *name;
    void (*take)(json_t *value, void *target, struct problem *problem);
};

/* 0, or -EINVAL with a problem. */
int json_in_members(const void *body, size_t size, const struct json_member *members, size_t member_count, void *target,
                    struct problem *problem);

/* The same of an object that was read before. */
int json_take_members(json_t *object, const struct json_member *members, size_t member_count, void *target,
                      struct problem *problem);

/* Appends "/KEY" to a pointer, escaped as RFC 6901 says; a name that does not fit is cut. */
void json_pointer_add(char pointer[JSON_POINTER_BYTES], const char *key);

/* Notes a fault at PARENT/KEY, or at PARENT where key is NULL. */
void json_fault(struct problem *problem, const char *parent, const char *key, const char *code, const char *detail);

/* A text or a duration at the top of the body; what is none is a fault. */
void json_take_text(json_t *value, const char *key, char *to, size_t room, struct problem *problem);
bool json_take_duration(json_t *value, const char *key, uint64_t max_ms, uint32_t *ret_ms, struct problem *problem);
