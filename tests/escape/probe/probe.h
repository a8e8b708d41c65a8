/*
 * escape-probe: one static program with one subcommand for each attack of the escape corpus (tests/escape/corpus.py).
 *
 * An attack tries one way out, says how it went in one line ("S40 ptrace: blocked EPERM") and returns the exit status
 * below. It never decides whether that was right: the same attack must fail in the full sandbox and succeed when the
 * layers that stop it are switched off. A process that dies by SIGSYS was stopped by the policy.
 *
 * The probe is executed inside sandboxes that may lack everything, so it needs no file, no /proc and no library.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum verdict {
    WORKED = 0,
    BLOCKED = 10,
    CANNOT = 77, /* this kernel cannot even be asked */
    BROKEN = 99, /* wrong use, or the probe's own preparation failed */
};

struct attack {
    const char *id, *name;
    int (*run)(int argc, char **argv); /* argv[0] is the first argument behind the id */
    int argument_count;                /* the least it needs */
    const char *help;                  /* arguments, and what is tried */
};

/* One table for each file; each ends with a row without id. */
extern const struct attack descriptor_attacks[];
extern const struct attack file_attacks[];
extern const struct attack ipc_attacks[];
extern const struct attack identity_attacks[];
extern const struct attack kernel_attacks[];
extern const struct attack memory_attacks[];
extern const struct attack mount_attacks[];
extern const struct attack process_attacks[];
extern const struct attack socket_attacks[];
extern const struct attack observer_tools[];

/* argv[0] is the first argument behind the id. Returns the exit status: BROKEN for an unknown id, or too few arguments. */
int attack_run(const char *id, int argc, char **argv);
void attack_list(void);

/* Each prints the one verdict line and returns the exit status, so that an attack ends with `return worked(...)`. */
int worked(const char *format, ...) __attribute__((format(printf, 1, 2)));
int blocked(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cannot(const char *format, ...) __attribute__((format(printf, 1, 2)));
int broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* worked() when result is not negative, else blocked(errno). */
int judge(long result, const char *what);

/* worked() with the first line behind the descriptor: only who got there knows the nonce that a canary holds. */
int judge_canary(int fd, const char *where);

/* Appends to a text of so many bytes, as far as there is room. */
void add_text(char *text, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Numbers of the command line; the probe ends as BROKEN when it is not one. */
long number(const char *text);

/*
 * Runs `work` in a child that dies with its parent. Returns its exit status, or 1000 + the signal that ended it, or -1.
 * The way to make a call that may be answered by SIGSYS and to go on.
 */
int in_child(int (*work)(void *argument), void *argument);
#define DIED_BY 1000

/* A child that sleeps until its parent ends; -1 with errno. */
pid_t sleeping_child(void);

/* Copies the running program to path, executable by all. 0 or -1 with errno. */
int copy_self(const char *path);
int copy_file(const char *from, const char *to, mode_t mode);
