/*
 * What may run: the commands that the owner listed, in the form in which keeper and launcher hold them.
 *
 * Built from the configuration by config/, completed by the bootstrap (roots' identities, filters), handed to keeper
 * and launcher as a sealed file of records (policy_records.h). Plain data; each process reads its own copy and
 * believes no index that does not fit it. Every pointer is owned by the policy and freed by policy_free().
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/job/quota.h"
#include "sallyport/job/retention.h"
#include "sallyport/limits.h"

enum param_type {
    PARAM_NONE,
    PARAM_STRING,
    PARAM_INT,
    PARAM_NUMBER,
    PARAM_BOOL,
    PARAM_ENUM,
    PARAM_LIST,
    PARAM_SECRET,
    PARAM_FILE,
    PARAM_TYPE_COUNT
};

/* Rules for one value. A list has rules for itself here and for its items in `item`. */
struct param_rule {
    enum param_type type; /* of the value; for a list's items never PARAM_LIST */
    char *pattern;        /* PCRE2, matched against the whole value unless is_partial; NULL for none */
    bool is_partial;
    bool allows_dash;                /* else a value that starts with '-' is refused */
    uint32_t min_length, max_length; /* bytes; strings, secrets */
    bool has_min, has_max;
    int64_t min, max;              /* int */
    double min_number, max_number; /* number */
    char **values;                 /* enum */
    uint32_t value_count;
    uint64_t file_max_bytes; /* file */
};

struct param {
    char name[NAME_MAX_BYTES];
    struct param_rule rule;
    struct param_rule item; /* for PARAM_LIST */
    uint32_t min_items, max_items;
    bool is_required;
    bool has_default; /* default_values holds one text, or a list's items */
    char **default_values;
    uint32_t default_count;
    char *help, *example;          /* for people; may be NULL */
    char env_name[NAME_MAX_BYTES]; /* PARAM_SECRET: delivered in this variable (`deliver: env:NAME`) */
    /* A secret without `deliver` is delivered as a file: its path is what a placeholder of it expands to. */
};

/*
 * One element of an argv or environment template: literal pieces and placeholders, expanding to exactly one element.
 * `{name...}` alone expands a list to as many elements as it has items.
 */
struct template_piece {
    char *literal;  /* or NULL for a placeholder */
    uint32_t param; /* index into the command's params; from JOB_FACT_FIRST on, in a follow's values: enum job_fact */
};

/* `{job.id}` and its kin: what a job that follows another may be told of it. */
enum job_fact { JOB_FACT_ID, JOB_FACT_STATE, JOB_FACT_REASON, JOB_FACT_EXIT_CODE, JOB_FACT_COUNT };
#define JOB_FACT_FIRST PARAM_COUNT_MAX

struct template
{
    struct template_piece *pieces;
    uint32_t piece_count;
    bool is_spread; /* `{name...}` */
};

struct env_entry {
    char name[NAME_MAX_BYTES];
    struct template value;
};

/* Whose id a job has. Index ACCOUNT_NONE: ids of its own, different for each running job. */
struct account {
    char name[NAME_MAX_BYTES];
    uint32_t uid, gid;
};

struct bind {
    char path[PATH_MAX_BYTES]; /* the same outside and inside */
    bool is_writable;
};

/* Where a root's programs come from. A job may change what it sees of a writable one, for itself and for its time alone. */
enum root_image { ROOT_OF_HOST, ROOT_IMAGE_READ_ONLY, ROOT_IMAGE_WRITABLE };

/* What a job sees of the host's tree beyond the default root (ARCHITECTURE.md). Commands share equal ones. */
struct root {
    struct bind *binds;
    uint32_t bind_count;
    bool has_host_network; /* then resolv.conf and hosts are the host's */
    uint8_t image_kind;    /* enum root_image: how it can be shown here, the bootstrap finds out */

    /* For the bootstrap alone, never handed on: where it comes from, and its manifest's digest; "" for the host's programs. */
    char image_name[IMAGE_REFERENCE_BYTES], image[IMAGE_DIGEST_DIGITS + 1];
};

/* A file that was there when the configuration was loaded, by identity, not by name. */
struct identity {
    uint64_t device, inode, size, changed_ns; /* st_dev, st_ino, st_size, st_ctim */
};

enum stop_or_discard { OUTPUT_KILL, OUTPUT_DISCARD };

/* What jobs may read from a disk and write to it in a second, all of a job's processes together; 0 for no limit. */
struct disk_limit {
    char path[PATH_MAX_BYTES]; /* of the disk, or of what lies on it */
    uint64_t device;           /* found by the bootstrap; 0 when the path leads to no disk */
    uint64_t read_bytes, write_bytes, reads, writes;
};

/* A value that is passed on, as it stands in the configuration. What kind of value it becomes, the target's rule says. */
struct pass {
    char name[NAME_MAX_BYTES]; /* the target's parameter */
    struct template *values;   /* one, or a list's items */
    uint32_t value_count;
    bool is_list;
};

/* Another command that a command has run: as a step of it, or behind its end. */
enum follow_when { FOLLOW_STEP, FOLLOW_THEN, FOLLOW_ON_FAILURE, FOLLOW_ALWAYS, FOLLOW_WHEN_COUNT };

struct follow {
    uint8_t when;     /* enum follow_when */
    uint32_t command; /* index of the target */
    bool continues;   /* FOLLOW_STEP: its failure does not stop the sequence */
    struct pass *passes;
    uint32_t pass_count;
};

/* What becomes of one more job of a key that has as many as may run. */
enum when_full { FULL_QUEUE, FULL_REJECT, FULL_REPLACE, FULL_COALESCE };

/*
 * Which of a command's jobs wait for which, and how many are taken. 0 is no limit. For the keeper alone: the launcher checks
 * that it is well-formed and does not look at it again.
 */
struct queue_rules {
    uint8_t priority;     /* up to PRIORITY_MAX, which starts first */
    uint32_t limit;       /* jobs of one key at once */
    struct template key;  /* without pieces: all jobs of the command have one key */
    uint8_t when_full;    /* enum when_full */
    uint32_t max_queue;   /* jobs of one key that wait */
    uint64_t max_wait_ms; /* since acceptance */
    struct rate rate;     /* of the command as a whole */
    struct template dedupe_key;
    uint64_t dedupe_ms; /* since a job's acceptance: for so long the next of its key is the same job */
};

/* What a job reads: nothing, what came with its submit, or what comes while it runs, too. */
enum stdin_kind { STDIN_NONE, STDIN_BODY, STDIN_STREAM, STDIN_KIND_COUNT };

struct command {
    char name[NAME_MAX_BYTES];
    char *title, *description, *group; /* never NULL, may be "" */
    struct param *params;
    uint32_t param_count;
    struct template *arguments; /* the first is the program: one literal piece, an absolute path */
    uint32_t argument_count;
    bool runs_entrypoint; /* for the bootstrap alone: the arguments stand for the image's, which it finds out */
    struct env_entry *env;
    uint32_t env_count, follow_count;
    struct follow *follows;        /* steps first, in their order */
    uint32_t step_count, parallel; /* parallel: steps at once */
    char workdir[PATH_MAX_BYTES];  /* inside the job's root; "" for /tmp */
    uint32_t account;              /* index into accounts, or ACCOUNT_NONE */
    uint32_t root;                 /* index into roots */
    uint32_t filter;               /* index into filters */
    bool has_host_network;
    uint32_t timeout_ms, grace_ms;
    uint32_t cpu_time_ms;     /* of all of its processes together; 0 for no limit */
    uint32_t cpu_thousandths; /* of a processor, all of them together at any time; 0 for no limit */
    uint64_t memory_max_bytes, tmp_max_bytes, output_max_bytes;
    uint32_t pids_max;
    struct disk_limit *disks;
    uint32_t disk_count;
    uint8_t output_when_full;  /* enum stop_or_discard */
    uint32_t degrade;          /* enum degrade: what the owner accepts to be missing */
    uint32_t landlock_abi_min; /* below it the job is refused; at least 2 */
    uint64_t signals;          /* bit n-1: signal n may be sent through the API */
    uint8_t stdin_kind;        /* enum stdin_kind */
    uint32_t stdin_idle_ms;    /* STDIN_STREAM: it ends when nothing came for so long; 0: never */
    uint64_t stdin_max_bytes;
    uint64_t files_max_bytes; /* of all its PARAM_FILEs together */
    char **artifacts; /* patterns (base/glob.h) of files below the working directory that are kept after the end */
    uint32_t artifact_count;
    uint64_t artifacts_max_bytes; /* of all of them together */
    struct retention retention;
    struct queue_rules queue;
    bool keeps_metadata_only; /* no parameters in the record, and no output once the job has ended */
    bool has_context;         /* it takes a request as a file, and leaves its answer as one (CONTEXT_* of limits.h) */
    bool ends_with_caller;    /* has_context: the job is cancelled when whoever called goes away */
#if SALLYPORT_TEST_SWITCHES
    uint32_t test_layers_off; /* enum cell_layer: what a test leaves out */
#endif

    /* Found by the bootstrap inside the finished root. A script runs through the interpreter of its #! line. */
    char program[PATH_MAX_BYTES];
    struct identity program_identity;
    char interpreter[PATH_MAX_BYTES]; /* "" unless the program is a script */
    char interpreter_argument[256];   /* "" for none */
    struct identity interpreter_identity;
    char unavailable[ERROR_TEXT_MAX_BYTES]; /* why it cannot run on this host; "" when it can */
};

/* A compiled seccomp profile. */
struct filter {
    char name[NAME_MAX_BYTES];
    uint8_t *program; /* struct sock_filter[], host byte order */
    uint32_t program_bytes;
};

struct policy {
    uint32_t generation;
    struct command *commands;
    uint32_t command_count;
    struct account *accounts;
    uint32_t account_count;
    struct root *roots;
    uint32_t root_count;
    struct filter *filters;
    uint32_t filter_count;
};

#define DISK_COUNT_MAX      8 /* of one command */
#define DISK_OPS_MAX        1000000000u
#define DISK_RATE_MAX_BYTES (1024ull * 1024 * 1024 * 1024)

#ifndef ACCOUNT_NONE
#define ACCOUNT_NONE UINT32_MAX
#endif

/* Takes NULL and half-built policies. */
void policy_free(struct policy *policy);

/* A sequence has steps and no program of its own; no launcher runs it. */
bool command_is_sequence(const struct command *command);

/* The index of the command, or -1. */
int policy_find_command(const struct policy *policy, const char *name);
int command_find_param(const struct command *command, const char *name);
