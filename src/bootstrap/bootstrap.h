/*
 * sallyportd: the one process that is root (or the root of a rootless instance's own user namespace), and then sleeps.
 *
 * It reads the configuration, makes what only root can make, starts the other processes and hands each its part, and waits for
 * signals, for the end of a child, and for a doorbell that has no content. It reads no message, no network byte and no
 * output of a job, and opens no path in a directory that a child can write.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "sallyport/base/host.h"
#include "sallyport/config/config.h"
#include "sallyport/limits.h"
#include "sallyport/policy/policy.h"
#include "sallyport/proto/messages.h"

#include "restart.h"

struct error;

/* Exit statuses as sysexits.h has them; a child that exits with EXIT_CONFIG asks not to be started again. */
enum exit_status { EXIT_USAGE = 64, EXIT_CHILDREN_DIE = 70, EXIT_OS = 71, EXIT_CONFIG = 78 };

/* Who is who, in the ids of our own user namespace. */
struct ids {
    bool is_rootless;
    bool is_single;    /* one id for everybody: rootless without a range of subordinate ids */
    bool keeps_groups; /* supplementary groups of our user could not be dropped */
    uint32_t own_uid;  /* who started us, in the ids of the host */
    uint32_t front, keeper, launcher, notifier, reaper;
    uint32_t slots;    /* the first id of the slots; each has two */
    uint32_t slot_ids; /* how many there are */
};

/* One job at a time. Its user namespace lives as long as the bootstrap; its supervisor may come and go. */
struct slot {
    uint32_t account;  /* index into the table of accounts, or ACCOUNT_NONE */
    uint32_t uid, gid; /* of the job inside the namespace */
    int user_namespace;
    int roots[ROOT_COUNT_MAX]; /* a mount namespace for each root of the current policy */
    pid_t supervisor;          /* 0: none */
    struct restart restart;    /* of the supervisor */
};

/* A process of ours that is restarted when it dies. */
struct child {
    const char *name;
    bool is_optional; /* jobs run without it: it is tried for ever */
    pid_t pid;        /* 0: not running */
    int control;      /* our end of its control channel */
    struct restart restart;
};

/* Where jobs' control groups are made. */
struct groups {
    bool exist;
    uint32_t controllers;      /* enum controller */
    char path[PATH_MAX_BYTES]; /* our directory: supervisors/ and jobs/ are in it */
    int jobs_fd,
        supervisors_fd; /* the directory of jobs' groups; the file that moves a process among the supervisors */
};

/* An image that some configuration since the start named: locked, so that nobody removes it below a job. */
struct held_image {
    char digest[IMAGE_DIGEST_DIGITS + 1];
    int fd;
};

struct bootstrap {
    const char *config_path;
    struct config *config;
    struct host_facts host;
    struct ids ids;
    struct groups groups;
    struct account *accounts; /* every account since the start: indexes stay what they were through reloads */
    uint32_t account_count;
    uint32_t generation;
    uint64_t service;     /* of this start of ours: what is to end with it is marked so */
    uint64_t incarnation; /* of the world of cells */

    int state_fd, keeper_dir_fd, lock_fd;
    int starts_fd; /* the launcher's start record; can only be appended to */
    int notify_fd; /* of the service manager that started us; -1: nobody wants to know */
    int signal_fd, doorbell_fd;
    uint64_t rings; /* of this keeper's doorbell, heard so far */
    int listener_fds[LISTENER_COUNT_MAX];
    int policies_fd;    /* the directory of seccomp profiles */
    int sysctl_user_fd; /* /proc/sys/user */
    int cell_fd;        /* the cell program, sealed */
    int supervisor_filter_fd;
    char programs[PATH_MAX_BYTES]; /* the directory of our siblings */

    struct held_image *images;
    uint32_t image_count;
    int template_fds[ROOT_COUNT_MAX]; /* a mount namespace for each root of the current policy */
    struct slot *slots;
    uint32_t slot_count;

    int settings_fds[PROCESS_COUNT], policy_fds[PROCESS_COUNT]; /* sealed parts, for restarts */
    struct child children[PROCESS_COUNT];
    pid_t reaper;
    int reaper_lifeline; /* closing it ends the reaper, and with it everything in the outer pid namespace */
    int outer_pid_namespace;

    bool is_trial; /* for one `sallyport try`: ends with the end of its stdin, and reads no configuration again */
    bool is_stopping;
    int exit_status; /* of an end that is ours */
    uint64_t stop_deadline_ms;
    bool is_worldless; /* the world of cells is being ended on purpose */
};

/* ids.c, rootless.c: finds out who we can be. Rootless: enters a user namespace of our own. */
int ids_choose(struct bootstrap *bootstrap, struct error *err);
int rootless_enter(struct bootstrap *bootstrap, struct error *err);

/* state.c: opens (or makes) and locks the state directory. */
int state_open(struct bootstrap *bootstrap, const char *path, struct error *err);
int state_give(struct bootstrap *bootstrap, struct error *err); /* to keeper and launcher, once ids are known */

/* groups.c */
int groups_make(struct bootstrap *bootstrap, struct error *err);
void groups_sweep_jobs(struct bootstrap *bootstrap); /* kills and removes what a dead launcher left */
void groups_remove(struct bootstrap *bootstrap);

/* siblings.c: where our programs and policies are: beside us, or where they were installed. */
int siblings_find(struct bootstrap *bootstrap, struct error *err);

/* listeners.c */
int listeners_open(struct bootstrap *bootstrap, struct error *err);
void listeners_close(struct bootstrap *bootstrap); /* and removes the files of unix sockets */

/*
 * images.c: finds the images of the roots, holds them, and adds to the commands what the images say. A command whose image
 * is not there becomes unavailable, and its root has nothing of the host's instead. -1: none is held.
 */
int images_prepare(struct bootstrap *bootstrap, const struct config *config, struct error *err);
int images_held(const struct bootstrap *bootstrap, const char *digest);

/* template.c: a mount namespace for one root; programs of its commands are identified inside. */
int template_make(struct bootstrap *bootstrap, struct policy *policy, uint32_t root, int *ret_namespace,
                  struct error *err);

/* filters.c: compiles the policy's profiles into it; and, once, the filter of all supervisors into a sealed file. */
int filters_compile(struct bootstrap *bootstrap, struct policy *policy, struct error *err);
int supervisor_filter_make(struct bootstrap *bootstrap, struct error *err);

/* slots.c: makes those that are missing for the configuration; drops all from this one on, which nobody was given yet. */
int slots_make(struct bootstrap *bootstrap, const struct config *config, struct error *err);
void slots_drop(struct bootstrap *bootstrap, uint32_t from);
int slot_make_root(struct bootstrap *bootstrap, uint32_t index, const struct root *root, int template_fd,
                   int *ret_namespace, struct error *err);

/* parts.c: what each process gets of the configuration, as sealed files. */
int parts_make(const struct bootstrap *bootstrap, const struct config *config, uint32_t generation,
               int settings[PROCESS_COUNT], int policies[PROCESS_COUNT], struct error *err);
bool parts_differ(const struct bootstrap *bootstrap, const struct config *config, /* from what is in effect */
                  const int settings[PROCESS_COUNT]);
int parts_renew_launcher(struct bootstrap *bootstrap, struct error *err); /* for its next incarnation */

/* notifier_part.c: the system's files about names and certificates, for who cannot open them. Not looked at. */
int notifier_part_write(const struct config *config, struct record_file *file, struct error *err);

/* spawn.c */
struct spawn {
    const char *name;
    int program_fd;               /* executed as it is; -1: the sibling of this name */
    const char *const *arguments; /* NULL-terminated */
    const int *fds;               /* become 3, 4, ... */
    unsigned fd_count;
    bool is_in_outer_namespace; /* of pids */
    bool makes_outer_namespace;
    bool is_launcher_uid; /* takes the launcher's ids before exec, and joins the supervisors' group */
};
int spawn(struct bootstrap *bootstrap, const struct spawn *what, pid_t *ret_pid, struct error *err);

/* hand.c: messages to children; the child reads at once, so waiting a little for room is enough. */
int hand(int control, enum msg_type type, const void *body, int fd, struct error *err);

/*
 * children.c. A child that cannot be handed something within HAND_WAIT_MS has died, or does not read: it is killed, so that its
 * end starts it anew. children_join() gives a child a line to each of its neighbours that run, or all of them lines, for
 * PROCESS_NONE; it goes on when one cannot be told, and tells of the last such.
 */
bool child_is_wanted(const struct config *config, enum process process);
int child_hand(struct bootstrap *bootstrap, enum process process, enum msg_type type, const void *body, int fd,
               struct error *err);
int child_start(struct bootstrap *bootstrap, enum process process, struct error *err);
int child_hand_parts(struct bootstrap *bootstrap, enum process process, struct error *err);
int children_join(struct bootstrap *bootstrap, enum process process, struct error *err);
void child_end(struct bootstrap *bootstrap, enum process process);

/* deaths.c: what follows when one of ours has ended. */
void child_ended(struct bootstrap *bootstrap, pid_t pid, int status);
void child_start_again(struct bootstrap *bootstrap, enum process process); /* now, or when it can be */
void supervisor_start(struct bootstrap *bootstrap, uint32_t index);        /* now, or when it can be */
void restart_due(struct bootstrap *bootstrap, bool is_waited_for); /* those whose time has come, or all that wait */
int restart_next_wait_ms(const struct bootstrap *bootstrap);       /* until the next of them; -1: none */

/* world.c: reaper, launcher, supervisors: they live and die together. */
int world_start(struct bootstrap *bootstrap, struct error *err);
void world_end(struct bootstrap *bootstrap);
int world_start_supervisor(struct bootstrap *bootstrap, uint32_t index, struct error *err);
int world_hand_roots(struct bootstrap *bootstrap, uint32_t index, struct error *err);

/*
 * model.c: a configuration becomes what runs: filters, templates, slots, parts. Changes nothing unless all of it works, and
 * then owns the configuration. What a reload cannot change is kept in it by model_keep_fixed(), and said.
 *
 *   ret_has_changed  whether anything that it says differs from what was in effect
 */
int model_apply(struct bootstrap *bootstrap, struct config *config, bool *ret_has_changed, struct error *err);
int model_keep_fixed(const struct bootstrap *bootstrap, struct config *config, FILE *report, struct error *err);

/* reload.c: the whole of a reload, while the service runs; tells the keeper how it went. */
void reload_run(struct bootstrap *bootstrap);

/* doorbell.c: a new one for each keeper, so that its count is the keeper's own. Whether it rang since it was asked last. */
int doorbell_make(struct bootstrap *bootstrap, struct error *err);
bool doorbell_heard(struct bootstrap *bootstrap);

/* loop.c: sleeps until the end. Returns the exit status. */
int loop_run(struct bootstrap *bootstrap);
