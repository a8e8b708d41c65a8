/*
 * Runs a program under the filter of one profile and sees each call that the profile refuses, before the program hears of it.
 * The filter is the profile's own program; only where it refuses it asks us, as the tracer (ptrace(2), SECCOMP_RET_TRACE),
 * and we give the same answer. Needs no privilege.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct profile;

#define TRACE_PATH_BYTES 256

struct refused_call {
    uint32_t number;
    bool is_foreign; /* a call of another architecture or ABI; the number means another call there */
    uint64_t args[6];
    int code;                    /* the errno that it gets; 0: the process is ended */
    char path[TRACE_PATH_BYTES]; /* what it was about, if its first path could be read; else "" */
};

/* Sees each call; true lets it pass all the same. */
typedef bool trace_take(void *arg, const struct refused_call *call);

/*
 * Runs argv[0], looked for in PATH, with our user, directory and descriptors, until it ends; what it left running is killed.
 * ret_status: as of waitpid(2), with signal SIGSYS if the profile ended it. -errno with err when nothing was run.
 */
int trace_run(const struct profile *profile, char *const argv[], trace_take *take, void *arg, int *ret_status,
              struct error *err);
