/*
 * What `run` and `rerun` have in common: a request that starts a job, the options that go with it, and being the job's terminal
 * until it ends.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "options.h"

struct cli;
struct error;

struct submit_options {
    struct words labels;
    bool is_detached;
    bool feeds_stdin; /* the job is given our stdin while it runs */
    uint64_t wait_ms, timeout_ms, reconnect_ms;
    const char *reason, *key, *on_interrupt, *priority, *callback;
    const struct form *form; /* no option: what goes with the body, or NULL */
};

/* Their rows, for a struct of options that has them as its member `submit`. */
#define SUBMIT_ROWS(type)                                                                                              \
    { 'd',      OPTION_FLAG,                                                                                           \
      "detach", offsetof(type, submit.is_detached),                                                                    \
      NULL,     "do not follow: print the job's id on stdout, and end",                                                \
      NULL },                                                                                                          \
        { '\0',   OPTION_DURATION_MS,                                                                                  \
          "wait", offsetof(type, submit.wait_ms),                                                                      \
          "TIME", "follow at most so long, then detach with code 125",                                                 \
          NULL },                                                                                                      \
        { '\0',      OPTION_DURATION_MS,                                                                               \
          "timeout", offsetof(type, submit.timeout_ms),                                                                \
          "TIME",    "shorten the job's time; the command's own is the most",                                          \
          NULL },                                                                                                      \
        { '\0',       OPTION_TEXT,                                                                                     \
          "priority", offsetof(type, submit.priority),                                                                 \
          "N",        "0 to 9, which starts first; the command's own is the most",                                     \
          NULL },                                                                                                      \
        { '\0',         OPTION_TEXT,                                                                                   \
          "callback",   offsetof(type, submit.callback),                                                               \
          "NAME[=URL]", "is told of the job's end; the URL for one that has none",                                     \
          NULL },                                                                                                      \
        { '\0', OPTION_TEXT, "reason", offsetof(type, submit.reason), "TEXT", "why; kept with the job", NULL },        \
        { '\0',         OPTION_TEXTS,                                                                                  \
          "label",      offsetof(type, submit.labels),                                                                 \
          "NAME=VALUE", "kept with the job; 'ls --label' finds it",                                                    \
          NULL },                                                                                                      \
        { '\0',                                                                                                        \
          OPTION_TEXT,                                                                                                 \
          "key",                                                                                                       \
          offsetof(type, submit.key),                                                                                  \
          "auto|none|KEY",                                                                                             \
          "the same key never starts a second job (Idempotency-Key);\nauto, the default, is a new one for each run",   \
          NULL },                                                                                                      \
        { '\0',        OPTION_DURATION_MS,                                                                             \
          "reconnect", offsetof(type, submit.reconnect_ms),                                                            \
          "TIME",      "how long to try after a lost connection (default 5m)",                                         \
          NULL },                                                                                                      \
    {                                                                                                                  \
        '\0', OPTION_TEXT, "on-interrupt", offsetof(type, submit.on_interrupt), "WHAT",                                \
            "detach, cancel or signal:NAME; see above", NULL                                                           \
    }

/* Adds the members of the request that these options are. */
int submit_body(const struct submit_options *options, json_t *body, struct error *err);

/* Sends it and follows the job, or not. Returns the exit code. */
int submit_run(struct cli *cli, const struct submit_options *options, const char *path, const json_t *body);

void submit_options_done(struct submit_options *options);
