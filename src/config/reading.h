/*
 * One pass of the validator: the tree is walked along the table of keys (validate.c), values land in drafts, and drafts
 * become the model at the end of each entry (commands.c, params.c, identities.c, schedules.c, callbacks.c). It never stops at a fault: all of them
 * are told at once, and the model is thrown away if there was one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "draft.h"
#include "report.h"
#include "tree.h"
#include "sallyport/config/config.h"
#include "sallyport/policy/policy.h"

struct key;

/* A follow whose target is not looked up yet: it may stand further down. */
struct follow_target {
    uint32_t command, follow, index; /* whose, which of them, and where in its list */
    const char *name;
};

struct reading {
    struct tree *tree;
    struct report *report;
    struct config *config; /* the model as far as it is made */
    enum config_owner_check owners;
    bool may_read_files; /* token hashes and secrets in files; never when fuzzing */

    struct tree_path path; /* where the walk stands */
    json_t *texts;         /* keeps alive what was spelled anew: 5 in a list of texts is "5" */

    struct server_draft server;
    struct identity_draft identity; /* of the entry that is being read, as the next five */
    struct callback_draft callback;
    struct predecessor_draft predecessor;
    struct command_draft command_draft;
    struct param_draft param_draft;
    struct schedule_draft schedule;
    struct hook_draft hook;
    struct hook_rule_draft *hook_rules; /* of the hook */
    uint32_t hook_rule_count;
    struct command *command;
    unsigned faults_before; /* the parameter or disk that is being read */
    unsigned faults_before_command;

    bool *params_used;                  /* of the command: by a placeholder */
    struct follow_draft *follow_drafts; /* of the command */
    uint32_t follow_draft_count;
    struct notice_draft *notice_drafts; /* of all commands */
    uint32_t notice_draft_count;
    struct notice_draft notice;    /* whose list is read */
    struct follow_target *targets; /* of all commands */
    uint32_t target_count;
};

/* Walks the whole tree. */
void validate(struct reading *reading);

/* Faults at the value, or at the key, of where the walk stands. */
void fault(struct reading *reading, const char *format, ...) __attribute__((format(printf, 2, 3)));
void fault_at_key(struct reading *reading, const char *format, ...) __attribute__((format(printf, 2, 3)));
void warning(struct reading *reading, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A fault in what stands below: `key`, and item `index` of it unless that is negative. */
void fault_below(struct reading *reading, const char *key, int index, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void warning_below(struct reading *reading, const char *key, int index, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* A fault at the value, with what was probably meant: "512MB", "64k"; "30". */
void fault_size(struct reading *reading, const char *text);
void fault_duration(struct reading *reading, const char *text);

/* Steps down to a key or item and back. */
size_t enter_key(struct reading *reading, const char *key);
size_t enter_index(struct reading *reading, size_t index);
void leave(struct reading *reading, size_t length);

/* A copy that the model owns. NULL, and remembered, when memory is short. */
char *copy_text(struct reading *reading, const char *text);

/*
 * A fresh, zeroed element behind `count` others of an array that grows by doubling; NULL, and remembered, when memory is
 * short. Elements may move.
 */
void *grow(struct reading *reading, void *array_pointer, uint32_t count, size_t element_bytes);

/* The item of a list of texts. */
const char *text_item(const json_t *texts, size_t index);

/* A number, word or text as the text that it was written as, which lives as long as the reading; NULL for a list or map. */
const char *scalar_text(struct reading *reading, const json_t *value);
