/*
 * Runs a program under the filter of one profile, hears of each call that the profile refuses (seccomp_unotify(2)), and says
 * what becomes of it: so the program can be let on where the profile would not. Nothing is kept from anybody: between our answer
 * and the call the program may put other words where its arguments point. What is heard is for people. Needs no privilege.
 */
#pragma once

#include <stdbool.h>

#include "sallyport/filter/learn.h"

struct error;
struct profile;

#define HEARD_PATH_BYTES 4096 /* as long as the kernel takes paths, with the closing NUL */

struct heard_call {
    struct learned_call call;
    bool is_foreign;             /* a call of another architecture or ABI; the number means another call there */
    char program[16];            /* the process's name (comm); "?" if it could not be read */
    char path[HEARD_PATH_BYTES]; /* what it is about, as it stood there when we looked; "" if that could not be read */
};

#define HEARD_GOES_ON 0  /* the kernel makes the call */
#define HEARD_ENDS    -1 /* its process is killed; else the call gets the errno that was returned */

typedef int notify_take(void *arg, const struct heard_call *heard);

/*
 * Runs argv[0], looked for in PATH, with our user, directory and descriptors and under no_new_privs, until it ends; what it left
 * running is killed. SIGINT, SIGQUIT, SIGTERM and SIGHUP that we get go on to the program, unless the terminal sent them to it too.
 * ret_status: as of waitpid(2), with signal SIGSYS if HEARD_ENDS was its end. -errno with err when nothing was run.
 */
int notify_run(const struct profile *profile, char *const argv[], notify_take *take, void *arg, int *ret_status,
               struct error *err);
