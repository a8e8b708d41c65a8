/*
 * Command lines by table: each row names an option, what it takes and where in a struct the value goes.
 * Options may stand before and after other words; "--" ends them. The same rows make the text of --help.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct error;

enum option_kind {
    OPTION_FLAG,        /* bool */
    OPTION_TEXT,        /* const char * */
    OPTION_TEXTS,       /* struct words: may be given again */
    OPTION_DURATION_MS, /* uint64_t, from "30s" */
    OPTION_PATIENCE_MS, /* uint64_t: "--wait" is PATIENCE_ENDLESS, "--wait=30s" at most so long, at least 1 ms */
    OPTION_NUMBER,      /* uint64_t */
    OPTION_CHOICE,      /* unsigned: the index into choices */
};

#define PATIENCE_ENDLESS UINT64_MAX

struct option_row {
    char letter; /* '\0' for none */
    enum option_kind kind;
    const char *name;           /* without the dashes */
    size_t offset;              /* in the struct that the caller gives */
    const char *argument;       /* for people: "FILE"; NULL for a flag */
    const char *help;           /* "\n" continues on the next line */
    const char *const *choices; /* OPTION_CHOICE, NULL-terminated */
};

struct words {
    const char **items; /* views of argv; the array is owned here */
    size_t count;
};

/* A table and the struct that it fills. */
struct option_set {
    const struct option_row *rows;
    size_t count;
    void *values;
};

/*
 * Reads argv[0..argc) with both sets; other words go to ret_words, which the caller gives to words_done() in any case.
 *
 *   stops_at_word  leaves off at the first other word; what is left is not looked at
 *   ret_used       how much of argv was read
 *
 * -EINVAL with a sentence for an unknown option (with the nearest known one), a missing or a wrong value.
 */
int options_parse(int argc, char **argv, const struct option_set *sets, size_t set_count, bool stops_at_word,
                  struct words *ret_words, int *ret_used, struct error *err);

/* One indented paragraph for each row, aligned. */
void options_print(FILE *to, const struct option_row *rows, size_t count);

int words_add(struct words *words, const char *word, struct error *err);
void words_done(struct words *words);
