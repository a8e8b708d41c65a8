/*
 * A slot: a user namespace with a supervisor in it, and what one running job occupies. A slot serves one job at a time,
 * and is free again only when nothing of the job is left and the keeper has acknowledged its end.
 *
 *   NEW ─ready─► FREE ─order─► STARTING ─started─► RUNNING ─stop, timeout─► STOPPING
 *                  ▲               └──────────┬────────┴──────────┬────────────┘
 *                  │                      all gone         not gone in KILL_WAIT_MS
 *                  └─acknowledged─ ENDED ◄────┘                   └──► QUARANTINE ─all gone─► as ENDED
 *   a supervisor that dies or breaks a rule: its job ends, then the slot is GONE, and NEW when the bootstrap sent another
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cgroup.h"
#include "sallyport/base/job_id.h"
#include "sallyport/cell/plan.h"
#include "sallyport/proto/messages.h"

struct error;
struct event;
struct launcher;

enum slot_state {
    SLOT_NONE,
    SLOT_NEW,
    SLOT_FREE,
    SLOT_STARTING,
    SLOT_RUNNING,
    SLOT_STOPPING,
    SLOT_ENDED,
    SLOT_QUARANTINE,
    SLOT_GONE,
    SLOT_STATE_COUNT,
};

/* What the slot's one timer waits for. */
enum deadline { DEADLINE_NONE, DEADLINE_START, DEADLINE_TIMEOUT, DEADLINE_GRACE, DEADLINE_GONE, DEADLINE_COUNT };

/* One job's stay in a slot. What it needs of the policy is copied: a reload may take the policy away. */
struct run {
    struct job_id job_id;
    char id_text[JOB_ID_TEXT_BYTES];
    int output_fds[2]; /* our duplicates of the read ends: a keeper that crashes breaks no pipe */
    int stdin_fds
        [2]; /* of a stream that has not ended: the file as the keeper handed it over, and the pipe's write end */
    int artifacts_fd; /* the same; -1 for a job without artefacts */
    uint64_t artifacts_max_bytes;
    struct cgroup cgroup;
    bool has_cgroup;
    uint32_t timeout_ms, grace_ms, cpu_time_ms; /* cpu_time_ms: 0 for no limit */
    uint64_t memory_max_bytes, signals;
    char profile[NAME_MAX_BYTES]; /* the seccomp profile's name, to be told at its end */
    uint32_t degraded;
    bool is_told; /* the present keeper has its read ends */

    uint64_t started_us, started_unix_ms; /* monotonic; wall */
    bool has_started, has_ended;          /* as the supervisor says */
    struct cell_ended ended;
    bool was_cancelled, was_output_limited, was_timed_out, was_cpu_limited, was_slow_to_start, was_killed;

    bool is_reported, is_seen;
    struct msg_exited exited;
};

struct slot_root {
    uint32_t generation, root;
    int fd; /* the mount namespace */
};

struct slot {
    struct launcher *launcher;
    uint32_t number, account, uid, gid;
    enum slot_state state;
    int socket;      /* of the supervisor; -1 when that is gone */
    int next_socket; /* of the one that takes its place as soon as the slot is GONE; or -1 */
    struct event *readable;
    struct slot_root *roots;
    uint32_t root_count, root_room;
    struct event *timer;
    enum deadline deadline;
    struct event *cpu_timer;
    struct event *emptied; /* the job's control group may have become empty */
    struct run run;        /* of use in STARTING ... QUARANTINE */
};

/* slot.c */
int slot_new(struct launcher *launcher, const struct msg_slot *config, int socket_fd, struct slot **ret_slot,
             struct error *err);
void slot_free(struct slot *slot); /* takes NULL; for tests and the end */
void slot_replace_supervisor(struct slot *slot, int socket_fd);
int slot_add_root(struct slot *slot, const struct msg_slot_root *root, int fd, struct error *err);
int slot_find_root(const struct slot *slot, uint32_t generation, uint32_t root); /* a descriptor, or -1 */
void slot_forget_roots(struct slot *slot, uint32_t current_generation);          /* those of older ones */
bool slot_has_run(const struct slot *slot);
void slot_set_state(struct slot *slot, enum slot_state state);
void slot_release(struct slot *slot); /* its run is over and acknowledged */
void run_end_stdin(struct run *run);  /* our ends of its stream; a job that the keeper has let go, too, reads the end */

/* Whoever holds the job, or NULL. */
struct slot *slot_of_job(const struct launcher *launcher, const struct job_id *job_id);

/*
 * A free slot for the account that has the root. NULL if there is none now; then ret_is_hopeless says that no slot is made
 * for both.
 */
struct slot *slot_find_free(const struct launcher *launcher, uint32_t account, uint32_t generation, uint32_t root,
                            bool *ret_is_hopeless);

/* supervisor.c: the conversation. A failure to send is the supervisor's death, and handled as such. */
int supervisor_run(struct slot *slot, const struct plan *plan, const int *fds, unsigned fd_count, struct error *err);
void supervisor_signal(struct slot *slot, uint8_t number);
void supervisor_kill_job(struct slot *slot);
void supervisor_listen(struct slot *slot);
void supervisor_lose(struct slot *slot, const char *why);

/* deadlines.c: what ends a job before it ends by itself. */
void deadline_set(struct slot *slot, enum deadline deadline, uint64_t wait_ms);
void deadline_clear(struct slot *slot);
int deadline_prepare(struct slot *slot, struct error *err);
void run_stop(struct slot *slot, uint32_t grace_ms); /* TERM, then KILL after the grace */
void run_kill(struct slot *slot);

/* cpu_time.c */
int cpu_time_prepare(struct slot *slot, struct error *err);
void cpu_time_look(struct slot *slot); /* ends a job that used up its processor time, or looks again later */
void cpu_time_clear(struct slot *slot);

/* finish.c: a job's end. */
int run_watch_cgroup(struct slot *slot, struct error *err);
void run_check_gone(struct slot *slot); /* reports and moves on when nothing of it is left */
void run_quarantine(struct slot *slot); /* reports, although something is left */
