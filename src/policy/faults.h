/* What is wrong with a request, collected: one entry of ENTRY_ERROR each, until the room is used up. */
#pragma once

#include <stdint.h>

#include "sallyport/base/record.h"

struct faults {
    struct writer *out; /* NULL when nobody wants to read them */
    uint32_t count;     /* of all, also of those that found no room */
    char pointer[128];  /* the JSON pointer of what is being looked at */
};

/* Says what is being looked at: "/params" alone, a parameter, or its item; item is -1 for none. */
void faults_at(struct faults *faults, struct span name, int item);
void faults_at_request(struct faults *faults);

/* Adds a fault of it. The sentence is cut, at a whole character, when it is longer than REASON_MAX_BYTES. */
void faults_add(struct faults *faults, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));
