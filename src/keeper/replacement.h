/*
 * `when_full: replace`: jobs that wait make room for the one that comes. On the disk their end, and what follows from it by a chain,
 * is in the same commit as its acceptance; in memory they leave the queue at once and end when that commit is through, or come back when it was refused.
 */
#pragma once

#include <stdbool.h>

struct error;
struct job_record;
struct keeper;
struct replacement;
struct submit;

/* Those that the submit would replace. Freed by replacement_end(), or by free(3) before replacement_begin(). */
int replacement_new(struct keeper *keeper, const struct submit *submit, struct replacement **ret_replacement,
                    struct error *err);

/* All three take NULL, which is nobody. `by`: the new job. */
int replacement_store(struct keeper *keeper, struct replacement *replacement, const struct job_record *by,
                      struct error *err);
void replacement_begin(struct keeper *keeper, struct replacement *replacement);
void replacement_end(struct keeper *keeper, struct replacement *replacement, bool is_stored);

/* The state and reason with which such a job ends. */
void replacement_note_end(struct job_record *record);
