/*
 * The processes of a running instance, as the kernel shows them. Who is who follows from whose child it is: a job may call
 * itself as it likes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

enum role {
    ROLE_BOOTSTRAP,
    ROLE_FRONT,
    ROLE_KEEPER,
    ROLE_LAUNCHER,
    ROLE_NOTIFIER,
    ROLE_REAPER,
    ROLE_SUPERVISOR,
    ROLE_INIT,
    ROLE_JOB,
    ROLE_UNKNOWN, /* a child of the bootstrap that has no business there */
    ROLE_COUNT,
};

enum capability_set { SET_INHERITABLE, SET_PERMITTED, SET_EFFECTIVE, SET_BOUNDING, SET_AMBIENT, SET_COUNT };

enum namespace { SPACE_USER, SPACE_MNT, SPACE_PID, SPACE_NET, SPACE_IPC, SPACE_UTS, SPACE_CGROUP, SPACE_COUNT };

#define SPACE_BIT(space) (1u << (space))

#define WRITABLE_MAX       64
#define INSTANCE_PROCESSES 8192

/* Of one thread: its first unless said otherwise. */
struct credentials {
    uint32_t uids[4], gids[4]; /* real, effective, saved, of the file system */
    uint32_t group_count;
    uint64_t capabilities[SET_COUNT];
    uint32_t no_new_privs, seccomp_mode, filter_count;
};

struct process {
    pid_t pid, parent;
    enum role role;
    struct credentials credentials;
    uint64_t spaces[SPACE_COUNT]; /* their numbers */
    bool has_spaces, has_mounts;  /* could be read */
    uint32_t own_spaces;          /* SPACE_BIT of those that are not the bootstrap's */
    char *writable[WRITABLE_MAX]; /* mount points that are not read-only */
    uint32_t writable_count;      /* of all, also where there are more than there is room for */
};

struct instance {
    struct process *processes; /* the bootstrap first, each after its parent */
    uint32_t count;
};

extern const char *const role_names[ROLE_COUNT];
extern const char *const space_names[SPACE_COUNT];

/* The sallyportd that holds the lock of this state directory. -ESRCH with a sentence when none does. */
int instance_find(const char *state, pid_t *ret_pid, struct error *err);

/* What lives of it now; who ends meanwhile is left out. */
int instance_read(pid_t bootstrap, struct instance *ret_instance, struct error *err);
void instance_done(struct instance *instance);

/* Reads the text of /proc/PID/status; false unless all that we want is there. */
bool credentials_parse(const char *text, struct credentials *ret_credentials);

/* Reads the text of /proc/PID/mountinfo into process->writable. False when a line is none. */
bool mounts_parse(const char *text, struct process *process);
