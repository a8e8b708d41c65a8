/* What a restarted keeper, or one with a new launcher, makes of the jobs that were under way. */
#pragma once

#include <stdint.h>

struct error;
struct job;
struct keeper;

/* Reads every job that has not ended; called once, before anybody is answered. */
int recover_jobs(struct keeper *keeper, struct error *err);

/* The launcher said hello: jobs of another incarnation are lost, the others wait to be named. */
void recover_hello(struct keeper *keeper, uint64_t incarnation);

/* It has named all that it holds. */
void recover_unheard(struct keeper *keeper);
