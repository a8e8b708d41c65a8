/*
 * What this host can give to jobs: found by looking and by trying in short-lived children, never by changing anything.
 * Used by the bootstrap, which builds on the facts, and by `sallyport doctor`, which explains them.
 *
 * Knows nothing of configurations: whether a missing thing matters is the caller's to say.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/limits.h"

struct error;

/* Bits, the same as enum controller of proto/settings.h (a unit test compares them). */
enum host_controller { HOST_MEMORY = 1, HOST_PIDS = 2, HOST_CPU = 4, HOST_IO = 8 };

enum host_cgroup_place {
    HOST_CGROUP_NONE,  /* jobs can have no groups */
    HOST_CGROUP_FRESH, /* a new directory directly below the mount; no existing group's files are changed */
    HOST_CGROUP_OWN,   /* below our own group, which was delegated to us */
};

struct host_cgroup {
    char mount[PATH_MAX_BYTES];     /* where cgroup version 2 is mounted, "" if nowhere */
    char own[PATH_MAX_BYTES];       /* our own group's directory below that mount, "" if it cannot be seen there */
    enum host_cgroup_place place;   /* where groups for jobs would go */
    char parent[PATH_MAX_BYTES];    /* the directory in which they would be made; "" for HOST_CGROUP_NONE */
    bool is_alone;                  /* no other process is in our own group: controllers can be enabled below it */
    uint32_t controllers;           /* enum host_controller: what a group made there gets */
    char why[ERROR_TEXT_MAX_BYTES]; /* why there is none, or why it lacks controllers; "" if nothing is missing */
};

struct host_ids {          /* a range of /etc/subuid or /etc/subgid */
    uint32_t first, count; /* count 0: none */
};

struct host_facts {
    char kernel[65]; /* as uname says it */
    unsigned kernel_major, kernel_minor;
    uint32_t landlock_abi;      /* 0: not in the kernel, or switched off at boot */
    bool has_seccomp;           /* filters can be loaded */
    bool has_memfd_noexec;      /* the sysctl vm.memfd_noexec exists (Linux 6.3) */
    bool is_root;               /* effective uid 0 */
    int user_namespace_errno;   /* 0: unshare(CLONE_NEWUSER | CLONE_NEWNS) works; else why not */
    int proc_mount_errno;       /* 0: a fresh procfs can be mounted in the namespaces that we would make */
    char proc_covers[512];      /* what is mounted over parts of /proc, blank separated; "" for nothing */
    struct host_ids uids, gids; /* of our own user; not looked for as root */
    bool has_newuidmap;         /* newuidmap and newgidmap are installed */
    struct host_cgroup cgroup;
};

/* Finds all of it. Cannot fail: what is not found is not there. Forks children that end at once; call it while single-threaded. */
void host_probe(struct host_facts *ret_facts);

/* The part about control groups alone. */
void host_cgroup_probe(bool is_root, struct host_cgroup *ret_cgroup);

/*
 * The pure parts, for tests.
 *
 * host_cgroup_locate: from the text of /proc/self/mountinfo and /proc/self/cgroup to mount and own of ret_cgroup. The
 * mount of the whole hierarchy is preferred to one of a part. Source: cgroups(7), proc(5).
 * host_controllers: from "cpuset cpu io memory pids" to bits.
 * host_ids_find: the first range of the user, by name or number, in the text of /etc/subuid. Source: subuid(5).
 * host_proc_covers: mount points below /proc, blank separated, "..." at the end if not all fit.
 */
void host_cgroup_locate(const char *mountinfo, const char *self_cgroup, struct host_cgroup *ret_cgroup);
uint32_t host_controllers(const char *text);
struct host_ids host_ids_find(const char *text, const char *user, uint32_t uid);
void host_proc_covers(const char *mountinfo, char *text, uint32_t room);
