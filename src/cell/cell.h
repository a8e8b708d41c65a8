/*
 * Inside of the cell program: one job from order to end, in one slot.
 *
 * The supervisor (supervise.c) takes an order and clones pid 1 of the job's pid namespace, which builds the root and the
 * limits (cell.c, the recipe), makes the job's own process (job.c) and stays as its init (init.c). No allocation, no
 * logging, no configuration: one plan, and a pipe for the bad news.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sallyport/cell/plan.h"

/* Descriptors inside a cell once it is being built. The first three are the job's; the others close at its exec. */
enum cell_fd {
    CELL_STDIN = 0,
    CELL_STDOUT = 1,
    CELL_STDERR = 2,
    CELL_PROGRAM = 3, /* what will be executed, opened inside the job's root */
    CELL_STATUS = 4,  /* job -> supervisor: CELL_HOT, or a struct cell_failure; its end means that exec happened */
    CELL_RESULT = 5,  /* init -> supervisor: the wait status of the job's own process */
    CELL_CONTROL = 6, /* supervisor -> init: signals to pass on, one byte each; its end means: end */
    CELL_FILES = 7,   /* a bundle of uploads, until they are copied into the job's root */
    CELL_TMP = 8,     /* the file system that becomes /tmp, if the supervisor made it; closed when it is there */
    CELL_FD_COUNT = 9,
};

/* The byte that says: everything is done but the filter and the exec. */
#define CELL_HOT 'h'

/* How an init ends that cannot do its work, and its job with it. There is no pipe any more to say why: the program runs. */
#define CELL_INIT_FAILED 125

/* A step that could not be done, on the status pipe. Smaller than PIPE_BUF, so it arrives whole. */
struct cell_failure {
    int32_t code; /* errno */
    char step[NAME_MAX_BYTES];
    char detail[REASON_MAX_BYTES];
};

/* Whether the plan keeps a layer. Constant in releases: the switches exist in test builds only. */
static inline bool has_layer(const struct plan *plan, enum cell_layer layer)
{
#if SALLYPORT_TEST_SWITCHES
    return (plan->layers_off & layer) == 0;
#else
    (void)plan;
    (void)layer;
    return true;
#endif
}

/* Tells the failure on the status pipe and ends the process. errno is what went wrong. */
_Noreturn void cell_fail(const char *step, const char *detail);

/* The same with our own code. */
_Noreturn void cell_fail_code(const char *step, int code, const char *detail);

/* Descriptors of the supervisor's that a cell takes over; -1 for what there is not. */
struct cell_ends {
    int status, result, control, tmp;
};

#define FILES_DIRECTORY "/run/files" /* where uploads are */

/* Runs in the new namespaces as their pid 1; fds are the order's (enum cell_run_fd). Never returns. */
_Noreturn void cell_enter(const struct plan *plan, const int *fds, const struct cell_ends *ends);

/* Steps of the recipe; each ends the process through cell_fail() if it cannot be done. */
void cell_build_root(const struct plan *plan);     /* mounts.c */
void cell_enter_image(const struct plan *plan);    /* image.c: a part of it, where the root is an image */
void cell_place_files(const struct plan *plan);    /* files.c: a part of it */
void job_make_context(const struct plan *plan);    /* context.c: with the job's own rights alone */
void cell_apply_rlimits(const struct plan *plan);  /* rlimits.c */
void cell_open_program(const struct plan *plan);   /* program.c: CELL_PROGRAM */
void cell_drop_to_job(const struct plan *plan);    /* caps.c: ids, capabilities, securebits; then reads back */
void cell_drop_to_init(const struct plan *plan);   /* caps.c: keeps CAP_KILL, to pass signals on */
void cell_apply_landlock(const struct plan *plan); /* landlock.c */

/*
 * For a supervisor: no signals and no abstract sockets beyond what it starts itself. Nothing about files, or it could not
 * mount; nothing about TCP, or no job of its slot could use the host's network. 0 also where the kernel is too old.
 * Its price: what a domain does not say of LANDLOCK_ACCESS_FS_REFER it denies, to all below. A job's rename or link from
 * one directory to another is answered EXDEV, whatever the job's own domain allows.
 */
int landlock_scope(void);
void cell_load_filter(const uint8_t *program, uint32_t bytes); /* filter.c */
void cell_load_init_filter(void);                              /* filter.c */
void cell_load_collector_filter(void);                         /* filter.c */

/* landlock.c: reading below one directory, and nothing else; for a process that is left with that directory. */
void cell_apply_collector_landlock(const struct plan *plan, int directory_fd);

/*
 * tmp.c, for a supervisor: the job's /tmp, as a mount that nobody has yet. It lives as long as its descriptor does, and so
 * outlives the namespaces in which it is used. -1 with errno.
 */
int tmp_make(const struct plan *plan);

_Noreturn void job_become(const struct plan *plan); /* job.c: everything up to execveat */
_Noreturn void init_run(int job_pid);               /* init.c */

/* image.c: the image below the job's root, where there is one (-1), until it is closed. */
int cell_image_fd(void);
void cell_close_image(void);

/* Takes the next NUL-terminated text off a span, or NULL at its end (or where the NUL is missing). */
const char *span_next_text(struct span *span);
