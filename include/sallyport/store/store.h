/*
 * What must not be lost: job records, idempotency keys, and the audit trail. The only folder that knows SQL.
 *
 * Used by the keeper, and by the command line, which reads along. One SQLite database in WAL mode, one connection, one
 * thread. Writes happen between store_begin() and store_commit(): the keeper puts all that arrived in one turn of its
 * loop into one commit, and tells nobody anything before that commit has succeeded. Knows nothing of messages, policies
 * or output files.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/hash.h"
#include "sallyport/base/job_id.h"
#include "sallyport/base/record.h"
#include "sallyport/job/job.h"
#include "sallyport/limits.h"

struct error;
struct store;

/*
 * Opens the database, or makes it, and brings its schema up to date.
 *
 *   syncs_fully  a commit is on the disk when store_commit() returns; otherwise a power cut, but no crash of ours, may
 *                take the last commits with it
 *
 * -EPROTO when the database is not ours or was written by a newer program, -EBADMSG when it is damaged, -ELOOP, -EPERM or
 * -EACCES when a file is a link or not ours to write: another try would find the same, and nothing is changed.
 * -ENOSPC, -EDQUOT and -EROFS may pass.
 */
int store_open(const char *path, bool syncs_fully, struct store **ret_store, struct error *err);

/*
 * For others than the keeper, also while it writes: the database as it is now, and as it stays for this reader until
 * store_close(). Nothing is changed, no upgrade made. Writes fail. -EPROTO when it is not ours, or not of this version.
 */
int store_open_to_read(const char *path, struct store **ret_store, struct error *err);

void store_close(struct store *store);

/*
 * What was found can be used: store_close() moves the write-ahead log into the database, which is then whole without it. So it
 * does after any commit.
 */
void store_settle_at_close(struct store *store);

int store_set_sync(struct store *store, bool syncs_fully, struct error *err);

/*
 * The transaction. store_begin() does nothing when one is open. After a failed write or commit the caller rolls back,
 * and everything since store_begin() is as if it had never been asked for, the audit chain's head included. -EBADMSG when
 * the write met damage; -ENOSPC and its kin when there is no room, and then every later write of the transaction fails too.
 */
int store_begin(struct store *store, struct error *err);
int store_commit(struct store *store, struct error *err);
void store_rollback(struct store *store);
bool store_is_open(const struct store *store);

/* Reads the whole file and compares what it says twice. -EBADMSG with the first fault. */
int store_check(struct store *store, struct error *err);

/*
 * Copies the database to a file of its own, as this reader (store_open_to_read()) sees it; the keeper goes on writing
 * meanwhile. What is at `path` is replaced. It is on the disk afterwards.
 */
int store_backup(struct store *store, const char *path, struct error *err);

/* --- jobs --------------------------------------------------------------------------------------------------- */

/* One job, without what it was given (store_job_input()). */
enum output_fate {
    OUTPUT_NEVER,   /* none, or the job has not ended */
    OUTPUT_KEPT,    /* of an ended job: its files are there */
    OUTPUT_REMOVED, /* by retention, or because the command keeps metadata only */
    OUTPUT_FATE_COUNT
};

struct job_record {
    struct job_id id;
    uint64_t sequence;     /* the order of acceptance, given by store_job_add() */
    uint8_t state, reason; /* enum job_state, enum job_reason; kept by name in the database */
    char command[NAME_MAX_BYTES];
    char actor[NAME_MAX_BYTES];
    uint8_t via; /* how the actor was known: enum evidence_kind */
    char address[ADDRESS_MAX_BYTES];
    uint8_t source;                   /* enum job_source; kept by name in the database */
    char origin[NAME_MAX_BYTES];      /* the schedule that asked; "" for callers */
    struct job_id parent;             /* the job that it follows, or is a step of; all zero: none */
    uint32_t step_index;              /* among the steps of its parent, from 1; 0: no step */
    uint32_t step_count;              /* of a sequence, which has no program and no output; 0: an ordinary job */
    uint32_t parallel;                /* steps of it at once */
    uint8_t priority;                 /* PRIORITY_MAX starts first */
    char queue_key[REASON_MAX_BYTES]; /* `concurrency.key`, filled in when it was accepted */
    char why[REASON_MAX_BYTES];       /* the caller's own words */
    uint64_t created_unix_ms, started_unix_ms, finished_unix_ms; /* 0: not yet */
    uint32_t timeout_ms;
    bool has_stdin, has_files; /* a file of the job's name is part of the record until it has ended */
    bool is_stdin_stream;      /* that of stdin grows while the job runs: */
    bool has_stdin_ended;      /* not any more */
    uint64_t stdin_bytes;      /* what counts of it; anything behind is of a chunk that was never accepted */
    bool has_secrets;          /* some values were given that are never stored */
    bool is_metadata_only;     /* no parameter is stored, and no output is kept beyond the end */
    uint64_t output_max_bytes; /* of the definition with which it was started; 0: not yet */
    uint8_t output_when_full;  /* the same: enum stop_or_discard of the policy */
    uint64_t incarnation;      /* of the launcher that was last ordered to start it; 0: none yet */
    uint32_t exit_code, signal, limits_hit, degraded;
    char step[NAME_MAX_BYTES];
    char message[ERROR_TEXT_MAX_BYTES];
    char stopped_by[NAME_MAX_BYTES];
    uint64_t wall_us, user_us, system_us, memory_peak_bytes;
    uint64_t output_bytes; /* of the closed log; 0 while it is open */
    bool output_truncated;
    char output_sha256[HASH_TEXT_BYTES]; /* hex, once the log is closed */
    uint8_t output_fate;                 /* enum output_fate */
    uint64_t output_stored_bytes;        /* what its files take while they are kept: log and index, and artefacts */
    uint64_t artifacts_stored_bytes;     /* of that, the stream of artefacts and its index; 0: it has none */
    uint64_t version;                    /* counts the changes */
};

struct job_label {
    struct span name, value;
};

/* What a job was given. `params` hold no secret's value; `labels` are the entries, `index` the same for finding them. */
struct job_input {
    struct span params, labels;
    const char *callback; /* the URL that a predecessor's client named, as it wrote it; NULL: none */
    const struct job_label *index;
    uint32_t index_count;
};

/* Writes need an open transaction. record->sequence is filled in. */
int store_job_add(struct store *store, struct job_record *record, const struct job_input *input, struct error *err);
int store_job_update(struct store *store, const struct job_record *record, struct error *err);

/* 1 when found, 0 when there is none. */
int store_job_read(struct store *store, const struct job_id *id, struct job_record *ret_record, struct error *err);

/* The same for what it was given; the spans belong to the store and last until the next call. */
int store_job_input(struct store *store, const struct job_id *id, struct span *ret_params, struct span *ret_labels,
                    struct error *err);

/* The callback of the job that store_job_input() has read last; lent in the same way. */
struct span store_job_input_callback(const struct store *store);

/* Called for each record; false ends the walk. */
typedef bool store_visit(void *arg, const struct job_record *record);

/* Every job that has not ended, in the order of acceptance. */
int store_jobs_active(struct store *store, store_visit *visit, void *arg, struct error *err);

struct job_filter {
    const char *command, *actor;           /* "" for any */
    uint8_t via;                           /* of the actor; 0 for any */
    enum job_state state;                  /* 0 for any */
    struct job_label label;                /* name of size 0 for any */
    const struct job_id *parent;           /* NULL for any */
    uint64_t since_unix_ms, until_unix_ms; /* acceptance; 0 for open */
    const struct job_id *before;           /* older than this one; NULL for the newest */
    uint32_t limit;
};

/* The newest first. Names carry the time of acceptance, so every filter is a walk along one index. */
int store_jobs_list(struct store *store, const struct job_filter *filter, store_visit *visit, void *arg,
                    struct error *err);

/* --- steps of sequences ---------------------------------------------------------------------------------------- */

/* What a sequence is to run. Its state is that of its child, or that it was refused, or that its turn has not come. */
struct job_step {
    uint32_t index; /* from 1 */
    char command[NAME_MAX_BYTES];
    bool continues;                     /* its failure does not stop the sequence */
    struct span params;                 /* entries; only from store_step_read() */
    char refusal[ERROR_TEXT_MAX_BYTES]; /* why there is no child, and will be none; "" */
};

/* Writes need an open transaction. Steps go with the record of their sequence. */
int store_step_add(struct store *store, const struct job_id *parent, const struct job_step *step, struct error *err);
int store_step_refuse(struct store *store, const struct job_id *parent, uint32_t index, const char *why,
                      struct error *err);

/* 1 when found, 0 when there is none. The span belongs to the store and lasts until the next call. */
int store_step_read(struct store *store, const struct job_id *parent, uint32_t index, struct job_step *ret_step,
                    struct error *err);

/* Called for each step in its order, without its parameters; false ends the walk. */
typedef bool store_step_visit(void *arg, const struct job_step *step);
int store_steps_list(struct store *store, const struct job_id *parent, store_step_visit *visit, void *arg,
                     struct error *err);

/* Every job whose parent it is, the oldest first: steps, and what a chain had follow. */
int store_children(struct store *store, const struct job_id *parent, store_visit *visit, void *arg, struct error *err);

/* --- retention ------------------------------------------------------------------------------------------------ */

/* What an ended job left behind. */
struct remains {
    struct job_id id;
    uint64_t finished_unix_ms;
    uint64_t stored_bytes;
    bool has_output; /* OUTPUT_KEPT */
};

/* The next command, in the order of their names, that any ended job was of. 1, or 0 at the end. */
int store_command_next(struct store *store, const char *after, char ret_command[NAME_MAX_BYTES], struct error *err);

/* How many outputs are kept, and their bytes; the numbers are kept beside the records and cost no walk. "" for all. */
int store_outputs_total(struct store *store, const char *command, uint64_t *ret_outputs, uint64_t *ret_bytes,
                        struct error *err);

/* The oldest kept outputs, by the end of their jobs; "" for those of any command. Returns how many. */
int store_outputs_oldest(struct store *store, const char *command, struct remains *ret_remains, uint32_t most,
                         struct error *err);

/* Kept outputs of jobs that are to have none: their commands keep metadata only; the oldest first. */
int store_outputs_unwanted(struct store *store, struct remains *ret_remains, uint32_t most, struct error *err);

/* The jobs of a command that ended before this time, the oldest first. Returns how many. */
int store_jobs_oldest(struct store *store, const char *command, uint64_t before_unix_ms, struct remains *ret_remains,
                      uint32_t most, struct error *err);

/* Writes need an open transaction. The files are the caller's. */
int store_output_removed(struct store *store, const struct job_id *id, struct error *err);
int store_job_remove(struct store *store, const struct job_id *id, struct error *err);

/* --- idempotency keys ----------------------------------------------------------------------------------------- */

/* Who used which key where (actor, method and path of the request). */
struct key_scope {
    const char *actor;
    uint8_t via;
    const char *command;
    const char *key;
};

/* 1, the job and the digest of the request that came first; 0 when the key is new, or older than KEY_LIFE_MS and ended. */
int store_key_find(struct store *store, const struct key_scope *scope, uint64_t now_unix_ms, struct job_id *ret_job_id,
                   uint8_t ret_digest[HASH_BYTES], struct error *err);

/* Part of the transaction that adds the job. -EEXIST when somebody was first. */
int store_key_add(struct store *store, const struct key_scope *scope, uint64_t now_unix_ms, const struct job_id *job_id,
                  const uint8_t digest[HASH_BYTES], struct error *err);

/* Removes up to `most` keys that are too old. Returns how many. Needs an open transaction. */
int store_keys_expire(struct store *store, uint64_t now_unix_ms, unsigned most, struct error *err);

#define KEY_LIFE_MS (24ull * 3600 * 1000)

/* --- schedules ---------------------------------------------------------------------------------------------------- */

/* How far a schedule was settled: runs up to this nominal time were started or left out. */
struct schedule_mark {
    uint8_t digest[HASH_BYTES]; /* of what the schedule said then */
    uint64_t seen_unix_ms;
};

/* 1 when found, 0 when there is none. */
int store_schedule_read(struct store *store, const char *name, struct schedule_mark *ret_mark, struct error *err);

/* The next name after `after`, in their order. 1, or 0 at the end. */
int store_schedule_next(struct store *store, const char *after, char ret_name[NAME_MAX_BYTES], struct error *err);

/* Writes need an open transaction. */
int store_schedule_set(struct store *store, const char *name, const struct schedule_mark *mark, struct error *err);
int store_schedule_remove(struct store *store, const char *name, struct error *err);

/* --- marks ------------------------------------------------------------------------------------------------------ */

/* Single numbers that outlive the process; one that was never set is 0. Setting needs an open transaction. */
int store_mark_set(struct store *store, const char *name, uint64_t number, struct error *err);
int store_mark_read(struct store *store, const char *name, uint64_t *ret_number, struct error *err);

#define STORE_MARK_DRAINED "drained" /* the number of the start of the service that is drained; else 0 */

/* --- audit ---------------------------------------------------------------------------------------------------- */

enum audit_what {
    AUDIT_NONE,
    AUDIT_SUBMIT,  /* accepted */
    AUDIT_REFUSED, /* any request; detail says which and why */
    AUDIT_START,   /* ordered from the launcher */
    AUDIT_END,
    AUDIT_CANCEL,
    AUDIT_SIGNAL,
    AUDIT_STDIN,  /* of a stream: its beginning, its end, and what came from others than the job's caller */
    AUDIT_CONFIG, /* a generation of the configuration took effect */
    AUDIT_RELOAD, /* of the configuration; asked for by a caller */
    AUDIT_DRAIN,  /* on or off, asked for by a caller; or off because the service was started anew */
    AUDIT_PAUSE,  /* of a command */
    AUDIT_RESUME,
    AUDIT_CALLBACK, /* a receiver said that it is gone, and is left alone */
    AUDIT_LOGIN,    /* of a user, with the right password */
    AUDIT_LOGOUT,   /* asked for by that user */
    AUDIT_FUNCTION, /* of go-serverless, or a route to one, made or deleted */
    AUDIT_DROPPED, /* a process of ours broke a rule of its channel, and is not listened to any more; detail says which and why */
    AUDIT_WHAT_COUNT,
};

struct audit_entry {
    enum audit_what what;
    const struct job_id *job_id;                    /* or NULL */
    const char *actor, *address, *command, *detail; /* or NULL */
    uint32_t count;                                 /* refusals of unknown callers are gathered; else 1 */
};

/*
 * Appends to the chain: each entry holds the head before it, and its own head is the SHA-256 of that and of the entry.
 * Part of the open transaction: if it cannot be stored, neither can the decision that it tells of.
 */
int audit_record(struct store *store, const struct audit_entry *entry, struct error *err);

/* The newest head, committed or not; all zero before the first entry. */
void audit_head(const struct store *store, uint8_t ret_head[HASH_BYTES]);

/* Walks the whole chain. -EBADMSG names the first entry that was changed, removed or moved. */
int audit_verify(struct store *store, uint64_t *ret_entries, struct error *err);

/* Who saw heads of the chain, and noted them in order. */
struct audit_witness {
    int (*next)(void *arg, uint8_t ret_head[HASH_BYTES], struct error *err); /* 1, 0 at the end, or -errno */
    void *arg;
};

/*
 * The same, and what a chain that was rebuilt, or cut at its end, cannot show by itself: -ENOENT when it does not have a
 * head that the witness noted, behind those that it noted before. The witness knows which it gave last.
 */
int audit_verify_against(struct store *store, const struct audit_witness *witness, uint64_t *ret_entries,
                         struct error *err);

/* An entry as it was stored. Text that was too long for its place was cut when it was written. */
struct audit_row {
    uint64_t sequence, unix_ms;
    char what[NAME_MAX_BYTES];
    struct span job_id; /* JOB_ID_BYTES, or nothing */
    char actor[NAME_MAX_BYTES], address[ADDRESS_MAX_BYTES], command[NAME_MAX_BYTES], detail[ERROR_TEXT_MAX_BYTES];
    uint32_t count;
    uint8_t previous[HASH_BYTES], head[HASH_BYTES];
};

enum audit_verdict { AUDIT_ANY, AUDIT_WAS_ACCEPTED, AUDIT_WAS_REFUSED }; /* config, start and end are no answers */

struct audit_filter {
    uint64_t since_unix_ms;
    const char *actor;           /* NULL for any */
    const struct job_id *job_id; /* NULL for any */
    enum audit_verdict verdict;
    uint64_t limit; /* the newest so many; 0 for all */
};

/* Called for each entry; false ends the walk. The row lasts as long as the call. */
typedef bool audit_visit(void *arg, const struct audit_row *row);

/* The oldest first. Verifies nothing. */
int audit_list(struct store *store, const struct audit_filter *filter, audit_visit *visit, void *arg,
               struct error *err);
