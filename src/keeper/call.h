/*
 * A call: the submit of a function, by a caller who waits for what it writes. It needs no right but to run the command: the
 * caller hears how its own job ended and gets its output, under the number of the call, and nothing else of it.
 *
 * MSG_SUBMITTED says that there is a job, MSG_JOB that it has ended, MSG_OUTPUT brings both files and is the last; of a command
 * with a context it is MSG_ARTIFACTS, for what that answers is a file. An MSG_UNWATCH before that says that the caller went away; then the job ends, too, where its command says so.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;
struct job;
struct job_id;
struct keeper;
struct request;
struct submit;

/* A part of the checks of a submit: it is none, or its command is a function and one more may wait. False: refused. */
bool call_check(struct keeper *keeper, const struct submit *submit);

/* Who made this request waits for the job: a new one, or one that was there. */
int call_follow(struct keeper *keeper, const struct request *request, struct job *job, bool is_new, struct error *err);

/* The answer is a job that was there before. May be called when it is not in memory any more. */
int call_join(struct keeper *keeper, const struct request *request, const struct job_id *job_id, struct error *err);

/* MSG_SUBMITTED is on its way: so is the rest, if that job has ended. */
void call_tell_ended(struct keeper *keeper, uint32_t request_id, const struct job_id *job_id);

/* How the job ended, and its output. */
void call_tell(struct keeper *keeper, uint32_t request_id, const struct job *job);

/* The caller is gone, or with the front all of them are. Before the watches are removed. */
void call_abandon(struct keeper *keeper, uint32_t request_id);
void calls_abandon_all(struct keeper *keeper);
