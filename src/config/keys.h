/*
 * The one table of keys: what may be written where, what it means, and what stands when it is left out. Validator and
 * reference are loops over it; a new key is a new row (and a member of a draft, and whoever uses that).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "draft.h"

struct reading;

enum key_type {
    KEY_GROUP,         /* a map whose keys are rows */
    KEY_ENTRIES,       /* a map whose keys are names of the owner's choice; its row "PATH.*" is each of them */
    KEY_MAPS,          /* a list of maps; its row "PATH.*" is each of them */
    KEY_TEXT,          /* const char *; least and most in bytes */
    KEY_SCALAR,        /* const char *: text or number, as text */
    KEY_TEXTS,         /* const json_t *: a list of texts; least and most of them */
    KEY_TEXT_OR_TEXTS, /* the same, or a single text */
    KEY_INT,           /* uint64_t */
    KEY_DECIMAL,       /* uint64_t in thousandths: "0.5" */
    KEY_BOOL,          /* bool */
    KEY_DURATION,      /* uint64_t in ms */
    KEY_SIZE,          /* uint64_t in bytes */
    KEY_RATE,          /* struct rate_draft: "10/1h" */
    KEY_WORD,          /* uint64_t: index of one of the words */
    KEY_WORDS,         /* uint64_t: a list of words, as bits */
    KEY_PATH,          /* const char *: absolute, in its shortest form */
    KEY_PATHS,         /* const json_t *: a list of those */
    KEY_VALUE,         /* const json_t *: a scalar or a list of scalars */
    KEY_SOURCE,        /* the same, or a map that says where a delivery has it (hooks.h) */
    KEY_TYPE_COUNT,
};

/* How the entries of a map of names, or the items of a list of maps, begin and end. Items have no name. */
struct entry_life {
    bool (*is_name)(const char *name);
    const char *name_rule;                                    /* what a name must be, for people */
    void *(*open)(struct reading *reading, const char *name); /* the draft that the rows below write to */
    void (*close)(struct reading *reading);                   /* all rows are read: make the model */
};

struct key {
    const char *path; /* "commands.*.timeout"; a parent stands before its children */
    enum key_type type;
    uint32_t offset; /* in the draft of the nearest entry, or in server_draft */
    uint64_t least, most;
    const char *(*word)(unsigned index); /* KEY_WORD, KEY_WORDS: NULL or "" behind the last */
    const char *fallback;                /* what stands when it is absent, as it would be written; NULL for nothing */
    const struct entry_life *entries;    /* KEY_ENTRIES */
    uint32_t for_types;                  /* keys of parameters: bits of enum param_type; 0 for all */
    bool is_required;
    bool is_later;    /* the name is taken, the feature comes with a later release */
    const char *hint; /* what to write, when the shape is wrong */
    const char *help;
};

extern const struct key keys[];
extern const size_t key_count;

/* The last step of a row's path. */
const char *key_name(const struct key *key);

/* The next row below `parent` ("" for the top) after `previous` (NULL for the first), in the table's order. */
const struct key *key_next_child(const char *parent, const struct key *previous);

/* The row for a name below `parent`, or NULL. */
const struct key *key_find_child(const char *parent, const char *name);

/* The row of exactly this path; it must exist. */
const struct key *key_find(const char *path);

bool key_exists(const char *path);

/* The nearest of the rows' names below `parent`, or NULL when none is near. */
const char *key_nearest(const char *parent, const char *name);

/* Whether a misspelling of `right` may have become `wrong`; better when smaller. */
bool is_near(const char *wrong, const char *right, unsigned *best);

/* Bounds of a row as they would be written: "100ms", "64MiB", "12". */
#define BOUND_TEXT_BYTES 32
const char *key_bound_text(const struct key *key, uint64_t bound, char text[BOUND_TEXT_BYTES]);
