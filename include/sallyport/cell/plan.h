/*
 * What a launcher and a slot supervisor say to each other, over the supervisor's socket (SEQPACKET). Every message is one
 * u32 type and one record of base/record.h, decoded without allocation.
 *
 *   launcher -> supervisor: CELL_RUN with its descriptors, then CELL_SIGNAL, CELL_KILL while the job lives
 *   supervisor -> launcher: CELL_READY once, and after each CELL_RUN: CELL_STARTED or nothing, then CELL_ENDED
 *
 * A supervisor takes one order at a time and believes its launcher; the launcher believes nothing of a supervisor beyond
 * the fate of the one job in its slot. A supervisor that breaks a rule ends itself, and its socket with it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/artifact_frames.h"
#include "sallyport/base/glob.h"
#include "sallyport/base/record.h"
#include "sallyport/limits.h"

#define CELL_MESSAGE_MAX_BYTES (160 * 1024) /* a plan: argv and environment, paths, secrets and a filter */
#define CELL_ARGUMENTS_MAX     4096
#define CELL_ENV_MAX           256
#define CELL_GLOBS_MAX_BYTES   (ARTIFACT_GLOB_COUNT_MAX * GLOB_MAX_BYTES)

enum cell_message {
    CELL_NONE,
    CELL_RUN,     /* launcher -> supervisor: struct plan, with its descriptors (enum cell_run_fd) */
    CELL_SIGNAL,  /* struct cell_signal: to the job's process group */
    CELL_KILL,    /* struct cell_nothing: end the pid namespace now */
    CELL_READY,   /* supervisor -> launcher: struct cell_nothing: confined, waiting for an order */
    CELL_STARTED, /* struct cell_nothing: the program was executed */
    CELL_ENDED,   /* struct cell_ended: nothing of the job is left in its pid namespace */
    CELL_MESSAGE_COUNT,
};

/*
 * Descriptors of CELL_RUN, in this order. The first CELL_RUN_FDS always come; of the others those that the plan speaks of,
 * and the control group at last, if there is one.
 */
enum cell_run_fd {
    CELL_FD_ROOT /* mount namespace */,
    CELL_FD_STDIN,
    CELL_FD_STDOUT,
    CELL_FD_STDERR,
    CELL_RUN_FDS,
    CELL_FD_FILES = CELL_RUN_FDS, /* has_files: a bundle (base/file_bundle.h) */
    CELL_FD_ARTIFACTS,            /* the write end of a pipe, when the plan has artifacts */
    CELL_FD_CGROUP,
    CELL_RUN_FDS_MAX
};

/* Layers that a test build may leave out, to show that an attack works without them. Refused by other builds. */
enum cell_layer {
    CELL_LAYER_SECCOMP = 1, /* the job's filter */
    CELL_LAYER_LANDLOCK = 2,
    CELL_LAYER_CAPS = 4, /* capabilities kept, bounding set kept, inner root instead of the job's id */
    CELL_LAYER_NNP = 8,  /* no_new_privs and securebits; implies that no filter can be loaded without caps */
    CELL_LAYER_NET = 16, /* the supervisor's network namespace */
    CELL_LAYER_IPC = 32,
    CELL_LAYER_UTS = 64,
    CELL_LAYER_FDS = 128, /* close_range */
    CELL_LAYER_RLIMITS = 256,
    CELL_LAYER_PROC = 512, /* the whole of /proc instead of subset=pid,hidepid */
    CELL_LAYER_TMP = 1024, /* size and inode limits, noexec of /tmp */
    CELL_LAYER_KEYRING = 2048,
    CELL_LAYER_MDWE = 4096,
    CELL_LAYER_IDENTITY = 8192, /* the comparison of the program with what was recorded */
    CELL_LAYER_COLLECT = 16384, /* what the collector refuses to follow, and to take */
};

/* In the copy of a template whose root is an image: where the image lies, and where its upper layer is made. */
#define CELL_IMAGE_PLACE "/.sallyport-image"
#define CELL_IMAGE_UPPER "/.sallyport-upper"

/* What the job's root is made of; the values are policy.h's enum root_image. */
enum cell_image { CELL_NO_IMAGE, CELL_IMAGE_READ_ONLY, CELL_IMAGE_WRITABLE };

struct plan {
    char job_id[JOB_ID_TEXT_BYTES];
    char hostname[NAME_MAX_BYTES];
    bool has_host_network;
    uint32_t uid, gid;  /* the job's ids inside the slot's namespace */
    bool has_single_id; /* the namespace maps one id: there is no inner root to become */
    uint64_t tmp_max_bytes, tmp_max_inodes;
    uint64_t memory_max_bytes;    /* RLIMIT_DATA; 0 when the cgroup does it */
    uint64_t file_max_bytes;      /* RLIMIT_FSIZE; 0 for none */
    uint32_t pids_max;            /* RLIMIT_NPROC, always: a second net; where there is a group, that refuses first */
    uint32_t cpu_max_s;           /* RLIMIT_CPU of each process, a second net as well; 0 for none */
    uint32_t landlock_abi;        /* what this kernel has; 0 leaves Landlock out (degrade) */
    bool forbids_writable_code;   /* PR_SET_MDWE where the kernel has it */
    char program[PATH_MAX_BYTES]; /* what is executed, inside the root: the program or a script's interpreter */
    uint64_t device, inode, size, changed_ns;
    char script[PATH_MAX_BYTES]; /* "" unless the program is an interpreter */
    uint64_t script_device, script_inode, script_size, script_changed_ns;
    char workdir[PATH_MAX_BYTES];
    uint32_t argument_count, env_count;
    struct span arguments, env; /* texts, each with its NUL */
    struct span readable;  /* paths of read binds, each with its NUL: Landlock lets the job execute there, as in /usr */
    struct span writable;  /* paths of write binds, each with its NUL: Landlock lets the job write there */
    struct span secrets;   /* texts, name and value in turn, each with its NUL: files of mode 0400 in /run/secrets */
    struct span filter;    /* struct sock_filter[] */
    struct span artifacts; /* patterns, each with its NUL; then /tmp outlives the job, and is gone through */
    uint64_t artifacts_max_bytes;
    uint8_t image;                    /* enum cell_image */
    bool has_files;                   /* uploads: files of mode 0400 in /run/files */
    char context[CONTEXT_PATH_BYTES]; /* a directory that the job makes of its own upload; "" for none */
    uint32_t layers_off;              /* enum cell_layer; must be 0 but in a test build */
};

struct cell_signal {
    uint8_t signal;
};

struct cell_nothing {
    uint8_t unused;
};

struct cell_ended {
    bool has_started;          /* false: a step failed, and step, code, detail say which */
    char step[NAME_MAX_BYTES]; /* "mount-proc", "exec" */
    uint32_t code;             /* errno */
    char detail[REASON_MAX_BYTES];
    bool has_status;            /* init reported the program's end; false when init was killed first */
    uint32_t exit_code, signal; /* one of the two */
    uint64_t user_us, system_us, memory_peak_bytes; /* rusage of everything that init waited for */
};

union any_cell_message {
    struct plan plan;
    struct cell_signal signal;
    struct cell_nothing nothing;
    struct cell_ended ended;
};

extern const struct record_def cell_defs[CELL_MESSAGE_COUNT];

/*
 * How a supervisor is started: `cell supervise`, with these descriptors, as the launcher's uid and with no capability;
 * it enters the slot's user namespace itself, which its uid owns.
 */
enum cell_start_fd { CELL_START_SOCKET = 3, CELL_START_USER_NAMESPACE = 4, CELL_START_FILTER = 5, CELL_START_ROOT = 6 };

/* And the reaper: `cell reap`, pid 1 of the outer pid namespace; ends when descriptor 3 does (the bootstrap holds the other end). */
