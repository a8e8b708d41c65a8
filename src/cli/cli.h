/*
 * What every subcommand shares: the options common to all, the exit codes, and the row by which main.c knows it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct client;
struct option_row;
struct words;

#define RECONNECT_DEFAULT_MS (5 * 60 * 1000) /* how long a lost connection is tried again */

enum {
    CODE_TROUBLE = 125, /* our own: usage, network, refused, lost (the convention of container tools) */
    CODE_LAUNCH_FAILED = 126,
    CODE_TIMED_OUT = 124,
    CODE_CANCELLED = 130,
    CODE_BAD_CONFIG = 78, /* EX_CONFIG of sysexits.h, as sallyportd */
};

enum output_format { FORMAT_TABLE, FORMAT_WIDE, FORMAT_JSON, FORMAT_NDJSON, FORMAT_YAML, FORMAT_NAME };

struct cli {
    const char *url, *token_file; /* as given, or NULL */
    bool allows_insecure_http;
    unsigned format; /* enum output_format */
    bool is_quiet, is_plain;
    unsigned exit_codes; /* 0: the job's own; 1: strict, only 0 and 1 */
    bool wants_help;
    struct client *client; /* NULL for what needs no server */
};

struct subcommand {
    const char *name;    /* one word or two: "run", "token create" */
    const char *summary; /* one line */
    const char *usage;   /* what follows the name */
    const char *details; /* prose and examples; lines of at most 80 characters */
    const struct option_row *options;
    size_t option_count;
    size_t option_bytes; /* of the struct that the options fill */
    bool needs_server;
    bool has_job_codes; /* --help explains the exit codes of jobs */
    bool leaves_rest;   /* from the first word on, options are its own to read: they come as words */
    size_t words_min, words_max;
    int (*run)(struct cli *cli, void *options, const struct words *words); /* returns the exit code */
};

extern const struct subcommand cmd_run, cmd_artifacts, cmd_logs, cmd_attach, cmd_wait, cmd_ls, cmd_show, cmd_cancel,
    cmd_signal, cmd_commands, cmd_describe, cmd_token_create, cmd_token_ls, cmd_token_rotate, cmd_token_revoke,
    cmd_config_check, cmd_config_reference, cmd_config_reload, cmd_audit_ls, cmd_audit_verify, cmd_audit_export,
    cmd_backup, cmd_doctor, cmd_drain, cmd_schedule_ls, cmd_callback_ls, cmd_callback_redeliver, cmd_hook_ls,
    cmd_hook_deliveries, cmd_hook_redeliver, cmd_hook_test, cmd_version, cmd_queue, cmd_rerun, cmd_param_test,
    cmd_pause, cmd_resume, cmd_stdin, cmd_policy_show, cmd_policy_diff, cmd_policy_explain, cmd_policy_import,
    cmd_policy_test, cmd_policy_learn, cmd_audit_policy, cmd_selftest, cmd_try, cmd_image_pull, cmd_image_ls,
    cmd_image_verify, cmd_image_gc, cmd_user_hash, cmd_import;
