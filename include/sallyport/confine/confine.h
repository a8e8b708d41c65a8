/*
 * How our own processes give up what they do not need. Each process folder has a lockdown.c that calls these steps in its
 * own order; a step that fails ends the process, because half-confined is worse than stopped.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;
struct msg_become;

/*
 * A new mount namespace whose root is an empty, read-only tmpfs, or the directory behind root_fd when that is not -1.
 * Nothing in it can be executed or used as a device. The old root is detached. Needs CAP_SYS_ADMIN, so it comes before
 * confine_become(); root_fd must have been opened in our own mount namespace (a fork of the opener is in it).
 */
int confine_root(int root_fd, struct error *err);

/*
 * Takes the ids, drops supplementary groups, empties all five capability sets, locks the securebits, sets no_new_privs,
 * non-dumpable, umask 077 and RLIMIT_CORE 0. `keeps_ids`: only one id exists, and it is ours already; groups stay too,
 * because the kernel lets nobody change them there. Needs CAP_SETPCAP, and CAP_SETUID and CAP_SETGID unless keeps_ids.
 */
int confine_become(uint32_t uid, uint32_t gid, bool keeps_ids, struct error *err);

/*
 * Denies every file access, TCP bind and connect, and signals and abstract sockets outside, as far as the kernel can.
 * -ENOSYS below ABI 2 (Linux 5.19), which is the floor. What is open already stays open.
 *
 *   beneath_fd    a directory below which reading, writing, making and removing files stays allowed, or -1. Openings
 *                 relative to an open directory count too, so a process that keeps one must name it here.
 *   ret_abi       of this kernel: 4 and above cover TCP, 6 and above abstract sockets and signals
 */
int confine_landlock(int beneath_fd, uint32_t *ret_abi, struct error *err);

/* The same without any directory, for a process that makes connections: connect of TCP stays allowed, bind does not. */
int confine_landlock_but_connect(uint32_t *ret_abi, struct error *err);

/* The same beneath beneath_fd, and reading beneath read_fd (-1: nowhere). */
int confine_landlock_reading(int beneath_fd, int read_fd, uint32_t *ret_abi, struct error *err);

/*
 * For a program of the host's that is about to be executed: it may read `readable` and run what is in `runnable` (lists that
 * end with NULL; what is not there is left out), and has beneath_fd to write in. Connect of TCP stays allowed, bind does not.
 */
int confine_landlock_program(int beneath_fd, const char *const *readable, const char *const *runnable,
                             uint32_t *ret_abi, struct error *err);

/*
 * Allows the named system calls and answers all others with ENOSYS; those that only an attacker uses (exec, ptrace,
 * mount, setns, bpf, changes of ids, ...) end the process, as does a call of another architecture. The last step before
 * confine_verify(). A name is looked up by libseccomp; one that this architecture lacks is skipped.
 *
 * Always there, whatever the groups: mmap and mprotect without PROT_EXEC, tgkill of ourselves (abort), ioctl FIONREAD,
 * prctl questions. Some calls of groups are allowed in some forms only (fcntl, sendto, sendmsg, shutdown, setsockopt): no
 * listener can become a connection out, or be ended for whoever gets it next. A process names confine_calls_base and what it
 * needs beside it; its own short list is one more group.
 */
int confine_syscalls(const char *const *groups[], unsigned group_count, struct error *err);

/*
 * The same, and calls that are allowed with some arguments only. A list of conditions ends at a name that is NULL; each is
 * one combination that is allowed: an argument under its mask must be the value, and a mask of 0 does not look.
 */
#define CONFINE_ARGUMENTS 3
struct confine_condition {
    const char *name;
    struct {
        uint32_t mask, value;
    } arguments[CONFINE_ARGUMENTS];
};
int confine_syscalls_if(const char *const *groups[], unsigned group_count, const struct confine_condition *conditions,
                        struct error *err);

/* Groups for confine_syscalls(), each NULL-terminated. */
extern const char
    *const confine_calls_base[]; /* memory, time, its own signals, exit, reading and writing open descriptors */
extern const char *const confine_calls_loop[];     /* epoll, eventfd, timerfd, sendmsg and recvmsg on sockets it has */
extern const char *const confine_calls_listener[]; /* accept4, getsockname, shutdown of writing, TCP_NODELAY */
extern const char *const confine_calls_files[];    /* openat, stat, rename, unlink, fsync, locks: SQLite's */

/*
 * Reads everything back from the kernel and compares: ids, groups, the five capability sets, securebits, no_new_privs,
 * dumpable, seccomp. Needs no /proc. -EPERM names the first difference.
 */
int confine_verify(uint32_t uid, uint32_t gid, bool keeps_ids, struct error *err);
