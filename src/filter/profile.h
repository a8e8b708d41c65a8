/*
 * The model of a profile: what the answer to each system call is. Everything else in this folder makes it (filter_json.c),
 * turns it into a program (compile.c) or compares a program with it (verify.c).
 */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

#include "sallyport/filter/filter.h"

#define PROFILE_RULES_MAX 512
#define PROFILE_ARGS      6
#define SYSCALL_NAME_MAX  40
#define FILTER_ALL_BITS   UINT64_MAX

/* (argument & mask) == value; value has no bit outside mask. */
struct comparison {
    uint8_t index;
    uint64_t mask, value;
};

/* All comparisons must hold; none means always. */
struct rule {
    char name[SYSCALL_NAME_MAX];
    uint32_t number;
    uint32_t line;    /* of its entry in the file, for people; 0: of none */
    uint32_t verdict; /* SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, or SECCOMP_RET_ERRNO with its number */
    uint32_t comparison_count;
    struct comparison comparisons[PROFILE_ARGS]; /* of different arguments */
};

struct profile {
    char name[NAME_MAX_BYTES];
    uint32_t default_verdict;
    struct rule *rules; /* by number; the order of one call's rules has no meaning */
    uint32_t rule_count;
};

/* Takes a copy of rule. -EINVAL when it contradicts another one, -E2BIG above PROFILE_RULES_MAX. */
int profile_add(struct profile *profile, const struct rule *rule, struct error *err);

/* What the kernel shall answer: the meaning that every program must agree with. */
uint32_t profile_verdict(const struct profile *profile, const struct seccomp_data *data);

/* An empty profile. */
struct profile *profile_new(const char *name, uint32_t default_verdict);

/* AUDIT_ARCH_* of the machine that this was compiled for. */
uint32_t filter_native_arch(void);
