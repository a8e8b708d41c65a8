/*
 * Lists inside a message: parameters, labels and parameter errors, one after another in a bytes field.
 *
 * An entry is a kind, a name, a value and an extra, each of bounded size. Reading allocates nothing and gives views into
 * the message. What the kinds mean is the message's business; parameters use enum param_kind below.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sallyport/base/record.h"

/* How a value was written by the caller, which is all that the front knows of it. */
enum entry_kind {
    ENTRY_NONE,
    ENTRY_STRING,
    ENTRY_INTEGER,     /* decimal digits with an optional minus */
    ENTRY_REAL,        /* decimal, as jansson prints it with 17 digits */
    ENTRY_BOOL,        /* "true" or "false" */
    ENTRY_LIST,        /* value empty; the items follow as entries of the same name with kind + ENTRY_ITEM */
    ENTRY_ITEM = 0x10, /* added to the kind of an item of the list before */
    ENTRY_LABEL = 0x20,
    ENTRY_ERROR = 0x30,  /* name: JSON pointer, value: code, extra: detail */
    ENTRY_SECRET = 0x40, /* a secret parameter in a job record: the value is not kept */
    ENTRY_STEP = 0x50, /* of a sequence that a caller put together. name: the command, value: its parameters as entries,
                            extra: "continue" or nothing */
    ENTRY_FIELD = 0x60, /* of a request's head that we send: name and value */
    ENTRY_FILE =
        0x80, /* a parameter whose value is a file. value: its bytes in decimal digits, extra: its SHA-256 or nothing */
};

struct entry {
    uint8_t kind;
    struct span name, value, extra;
};

/* Appends to out. False if the room is used up or a size is above 64 KiB. */
bool entries_add(struct writer *out, uint8_t kind, struct span name, struct span value, struct span extra);
bool entries_add_text(struct writer *out, uint8_t kind, const char *name, const char *value, const char *extra);

/* 1 and an entry, 0 at the end, -EBADMSG for a list that is cut short. */
int entries_next(struct reader *in, struct entry *ret_entry);

bool span_is(struct span span, const char *text);
