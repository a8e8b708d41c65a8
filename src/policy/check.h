/*
 * Whether a command makes sense by itself: what matching and expanding rely on. Asked once, when a policy is read or a
 * matcher made, so that nothing later meets an index that does not fit or a list in a place for one value.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct command;
struct error;
struct template;

/* 0, or -EINVAL naming the command and what is wrong with it. */
int command_check(const struct command *command, struct error *err);

/* The same for one template of it. `may_name_job`: it is for a job that follows another, and may hold {job.id}. */
int template_check(const struct command *command, const struct template *template, bool may_name_job,
                   struct error *err);

/* No piece of it is a file. */
int template_check_no_file(const struct command *command, const struct template *template, struct error *err);

/* Whether a piece's `param` stands for an enum job_fact. */
bool is_job_fact(uint32_t param);
