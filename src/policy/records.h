/*
 * The record types of a policy file, and their order: the policy, its accounts, roots (each with its binds), filters and
 * commands. Behind a command come its three texts, then parameters, arguments, environment, follows, its two keys, the patterns of its artefacts and its disks. Every list is as long as
 * the count before it says, so a file has one reading.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/record.h"
#include "sallyport/policy/policy.h"

enum policy_record {
    POLICY_NONE,
    POLICY_HEAD,     /* struct policy: generation and counts */
    POLICY_ACCOUNT,  /* struct account */
    POLICY_ROOT,     /* struct root: bind_count */
    POLICY_BIND,     /* struct bind */
    POLICY_FILTER,   /* struct filter_record */
    POLICY_COMMAND,  /* struct command: everything of fixed size */
    POLICY_TEXT,     /* struct text_record: title, description, group, then wherever a text may be long or missing */
    POLICY_PARAM,    /* struct param; then its rule, its item's rule, its defaults, help, example */
    POLICY_RULE,     /* struct rule_record; then its pattern and values */
    POLICY_TEMPLATE, /* struct template: piece_count */
    POLICY_PIECE,    /* struct template_piece; then its literal */
    POLICY_ENV,      /* struct env_entry: the name; then its template */
    POLICY_FOLLOW,   /* struct follow: its count; then its passes */
    POLICY_PASS,     /* struct pass: its count; then its templates */
    POLICY_DISK,     /* struct disk_limit */
    POLICY_RECORD_COUNT,
};

#define TEXT_MAX_BYTES       (64 * 1024) /* a description, a pattern, a default */
#define ENUM_VALUE_COUNT_MAX 4096
#define PIECE_COUNT_MAX      64 /* of one template */
#define FOLLOW_COUNT_MAX     (FOLLOW_WHEN_COUNT * STEP_COUNT_MAX)
#define ACCOUNT_COUNT_MAX    1024
#define FILTER_COUNT_MAX     64
#define FILTER_BYTES_MAX     (FILTER_INSTRUCTIONS_MAX * 8)

struct filter_record {
    char name[NAME_MAX_BYTES];
    struct span program;
};

/* A text that may be missing. */
struct text_record {
    bool is_present;
    struct span text;
};

struct rule_record {
    struct param_rule rule;
    uint64_t min_number_bits, max_number_bits; /* the doubles, as IEEE 754 lays them out */
};

union any_policy_record {
    struct policy policy;
    struct account account;
    struct root root;
    struct bind bind;
    struct filter_record filter;
    struct command command;
    struct text_record text;
    struct param param;
    struct rule_record rule;
    struct template template;
    struct template_piece piece;
    struct env_entry env;
    struct follow follow;
    struct pass pass;
    struct disk_limit disk;
};

extern const struct record_def policy_defs[POLICY_RECORD_COUNT];
