/*
 * A submit on its way to its acceptance (submit.c), through checks in the order in which a caller may learn of them: who, may
 * they, is it the same request again, are the values right (submit_check.c); then the rules of the queue (submit_rules.c,
 * submit_rates.c), and last whether there is room. Callers and the keeper's own submits (own_submit.h) go the same way, and so
 * does a dry run (submit_trial.c).
 */
#pragma once

#include "keeper_answer.h"
#include "sallyport/base/file_bundle.h"
#include "sallyport/store/store.h"

#define STORE_RETRY_AFTER_S 30 /* of what is refused because the disk has no room */

struct submit {
    const struct request *request;
    struct request trial; /* the same as a dry run */
    const struct msg_submit *asked;
    uint32_t command_index;
    const struct command *command;
    bool is_ad_hoc;      /* a sequence that the caller put together */
    uint32_t step_count; /* 0: an ordinary job */
    uint64_t stdin_bytes;
    struct bundle files; /* that were handed over; none: count is 0 */
    uint8_t with_files[PARAMS_MAX_BYTES];
    struct span given;                  /* the parameters as they came, and an entry for each file */
    uint8_t redacted[PARAMS_MAX_BYTES]; /* the parameters as a record may keep them */
    struct span params;
    bool has_secrets;
    struct job_label labels[LABEL_COUNT_MAX];
    uint32_t label_count;
    uint8_t digest[HASH_BYTES];
    uint8_t priority;
    char queue_key[REASON_MAX_BYTES], dedupe_key[REASON_MAX_BYTES];
    bool replaces; /* those of its key that wait, when it is accepted */
};

/* Why a job that is there is the answer. */
enum joined { JOINED_NONE, JOINED_COALESCED, JOINED_DEDUPLICATED };

/* Who used which key for which command. */
struct key_scope submit_scope(const struct submit *submit);

/* Says which job it is, to whoever asked. */
void submit_answer(struct keeper *keeper, const struct request *request, const struct msg_submitted *submitted);

/* The same when that is recorded: the submit became part of this job. */
void submit_join(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id, enum joined how);

/*
 * All checks. False when the submit ends there; then the answer is on its way, or the front was dropped.
 */
bool submit_check(struct keeper *keeper, struct submit *submit);

/* A part of them: the uploads (submit_files.c). Fills in `files` and `given`. */
bool submit_check_files(struct keeper *keeper, struct submit *submit);

/* Whether a request to the command can have files; and the entries of those that this one has. */
bool submit_takes_files(const struct submit *submit);
struct span submit_file_entries(const struct submit *submit);

/* A part of them: what the token may say. The second for the steps, when the sequence's own values are right. */
bool submit_check_pins(struct keeper *keeper, const struct submit *submit);
bool submit_check_step_pins(struct keeper *keeper, const struct submit *submit);

/* A part of them: the rules of the queue for parameters that are right. */
bool submit_check_rules(struct keeper *keeper, struct submit *submit);
bool submit_fill_in_keys(struct keeper *keeper, struct submit *submit);
bool submit_check_rates(struct keeper *keeper, const struct submit *submit);

/* Part of the transaction that adds the job. */
int submit_note_rates(struct keeper *keeper, const struct submit *submit, uint64_t now_unix_ms, struct error *err);

/* Whether its standard input or files must be stored before it can be accepted. Then the checks that need it come after that. */
bool submit_needs_intake(const struct submit *submit);

/* The record of the job that it becomes. */
struct job_record submit_record(const struct submit *submit);

/* The answers to a dry run: it would be refused, it would be a new job, it would be this one. */
void trial_refuse(struct keeper *keeper, const struct request *request, const struct refusal *refusal,
                  const char *detail);
void trial_accept(struct keeper *keeper, const struct submit *submit);
void trial_join(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id);

/* A submit whose command and parameters are those of another job (rerun.c). */
void answer_rerun(struct keeper *keeper, const struct request *request, const struct msg_submit *asked);
