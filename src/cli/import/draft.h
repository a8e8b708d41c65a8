/*
 * A configuration that is being made of what another program was told: its entries, those that cannot stand yet, and what is to
 * be said of each. Strings in it are foreign: the one who writes it (draft_write.c) lets none of them out of a scalar or a comment.
 *
 * Places are a section and a name in it ("hooks", "deploy"); a section's own place has the name "", and that of the whole file
 * the section "", too. Running out of memory is remembered and told by draft_write().
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct error;

struct draft {
    json_t *config;  /* section -> name -> value */
    json_t *held;    /* the same: written as comments, because they would be refused */
    json_t *notes;   /* section -> name -> list of sentences */
    json_t *secrets; /* path of a file to be made -> what goes into it, and nowhere else */
};

/* The sections, in the order in which they are written; NULL-terminated. */
extern const char *const draft_sections[];

/* -ENOMEM. What is left of a draft goes with draft_done(), in any case. */
int draft_init(struct draft *draft, struct error *err);
void draft_done(struct draft *draft);

/* Takes the value over. */
void draft_set(struct draft *draft, const char *section, const char *name, json_t *value);

/* What stands there, or NULL; the draft's. */
json_t *draft_get(const struct draft *draft, const char *section, const char *name);
bool draft_has(const struct draft *draft, const char *section, const char *name); /* held or not */

/* One more sentence about a place. */
void draft_note(struct draft *draft, const char *section, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* It stays in the file as a comment, behind the sentence that says why. */
void draft_hold(struct draft *draft, const char *section, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* -ENOMEM; what the stream itself says is the caller's to ask. */
int draft_write(const struct draft *draft, FILE *to, struct error *err);

/* In the order of the file; `place` is "hooks.deploy", "hooks" or "". */
void draft_each_note(const struct draft *draft, void (*take)(const char *place, const char *sentence));

/*
 * Asks the one who reads configurations about the whole, as `sallyport config check` would. What is refused, and what speaks of
 * it, is held with the reason, so that the rest is a configuration that is taken. Makes and removes a directory for it.
 */
int draft_prove(struct draft *draft, struct error *err);
