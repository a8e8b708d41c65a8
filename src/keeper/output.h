/*
 * Pipes to logs. The bytes of a job's stdout and stderr move into its log by splice(2), which takes them from the pipe
 * and stores them in one step; the record in the index is written before. What is in the log is hashed as it grows.
 *
 * Every event does a bounded amount of work, so that a loud job does not silence the others.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "sallyport/proto/output_log.h"

struct artifacts;
struct error;
struct hash;
struct job;
struct keeper;

struct output_pipe {
    struct output *output;
    int fd; /* -1 after its end */
    enum output_stream stream;
    struct event *readable;
};

struct output {
    struct keeper *keeper;
    struct job *job;
    int log_fd, index_fd;
    uint64_t bytes; /* of the log; what lies behind the last whole splice does not exist */
    uint32_t records;
    uint64_t stream_bytes[OUTPUT_STDERR + 1];
    uint64_t bytes_max; /* of the log; the index may take as much, and a little more */
    bool kills_when_full;
    bool is_truncated;
    struct hash *hash;
    uint64_t hashed;
    struct event *hash_on; /* while the hash is behind */
    struct output_pipe pipes[2];
    struct artifacts *artifacts; /* NULL for a job without */
    bool is_attached, is_ending;
    struct event *deadline;   /* of the last drain */
    struct event *disk_again; /* after a full disk */
    bool is_stuck;
    TAILQ_ENTRY(output) in_syncs;
    uint64_t pushed, index_pushed, waited, index_waited; /* output_sync.c: how far the disk was told, and waited for */
    bool is_syncing, is_synced;
    bool is_counted; /* in sweep.live_bytes */
};

/* Opens or makes the job's files and finds where they end. The limits are those of its record. */
int output_open(struct keeper *keeper, struct job *job, struct output **ret_output, struct error *err);
void output_free(struct output *output);

/*
 * How much of a pair of files is whole: all bytes of the log, and the records of the index that have any.
 */
int output_measure(int log_fd, int index_fd, uint64_t *ret_bytes, uint32_t *ret_records, struct error *err);

/* What both files take; those of artefacts are counted for themselves. */
uint64_t output_stored_bytes(const struct output *output);

/* Takes over both read ends, also when it fails. */
int output_attach(struct output *output, int stdout_fd, int stderr_fd, struct error *err);

/* The collector's pipe is taken over, too, also when it fails. */
int output_attach_artifacts(struct output *output, int pipe_fd, uint64_t bytes_max, struct error *err);

/* The job is gone: takes what is left, at most for OUTPUT_DRAIN_MS, then calls job_output_done(). */
void output_end(struct output *output);

/* Hex of the hash; only when all is hashed. */
void output_sha256(struct output *output, char *ret_text);

/* One step of work; the events call them, and so do tests. */
void output_take(struct output_pipe *pipe);
bool output_hash_step(struct output *output);

/* The chapters of output.c, which output_open.c ties to the loop: */
void output_on_pipe_readable(evutil_socket_t fd, short what, void *arg); /* bytes move to the log, */
void output_on_hash(evutil_socket_t fd, short what, void *arg);          /* the hash follows when it is behind, */
void output_on_disk_again(evutil_socket_t fd, short what, void *arg);    /* a full disk is tried again, */
void output_on_deadline(evutil_socket_t fd, short what, void *arg);      /* and the last drain ends in time */
void output_pipe_close(struct output_pipe *pipe);

/* A descriptor is readable: are there bytes, is it the end, or neither? */
enum pipe_news { PIPE_NOTHING, PIPE_BYTES_THERE, PIPE_END };
enum pipe_news pipe_look(int fd);

#define OUTPUT_PIPE_BYTES                                                                                              \
    (256 * 1024) /* 64 jobs stay below what one user's pipes may hold (pipe(7), pipe-user-pages-soft) */
#define OUTPUT_DRAIN_MS     1000
#define OUTPUT_SPLICE_BYTES (1024 * 1024) /* at most per event */
#define OUTPUT_INDEX_SPARE  (64 * 1024)   /* bytes of index that a job with a tiny output.max may still use */
