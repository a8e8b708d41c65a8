/*
 * The files that a job leaves behind, from the collector's pipe to a file of ours: the stream moves by splice(2) as output
 * does, so a kill at any moment leaves exactly what was taken. It is the stream of a stranger, and is read (and each file in
 * it hashed) in steps beside the work. When it has ended, an index of what is whole in it is written beside it, before the
 * job's end is recorded. Belongs to the job's output: is opened, drained, made durable and removed with it.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/artifact_frames.h"
#include "sallyport/base/record.h"

struct error;
struct hash;
struct output;

struct artifacts {
    struct output *output;
    int pipe_fd; /* -1 after its end */
    int fd, index_fd;
    uint64_t bytes, bytes_max; /* of the stream */
    bool is_too_long;
    struct artifact_scan scan;
    struct hash *hash;        /* of the file under way */
    struct record_file index; /* entries so far; the head is written before them */
    char name[ARTIFACT_NAME_MAX_BYTES];
    uint64_t file_offset, file_bytes;
    uint8_t outcome; /* enum artifact_outcome */
    uint32_t unlisted;
    struct event *readable, *scan_on, *deadline, *disk_again;
    bool is_ending, is_stuck, is_whole;
    bool is_counted;         /* in sweep.live_bytes */
    uint64_t pushed, waited; /* output_sync.c */
};

/* For a job that has a collector's pipe, which is taken over also on failure; -1 when only its file is there. */
int artifacts_open(struct output *output, int pipe_fd, uint64_t bytes_max, struct artifacts **ret_artifacts,
                   struct error *err);
void artifacts_free(struct artifacts *artifacts); /* takes NULL */

/* The job is gone: what the collector still has to say is waited for. */
void artifacts_end(struct artifacts *artifacts);

/* The stream has ended and its index is written; output_artifacts_whole() was called, or need not be. */
bool artifacts_are_whole(const struct artifacts *artifacts);

/* What both files take. */
uint64_t artifacts_stored_bytes(const struct artifacts *artifacts); /* takes NULL */

/* One step of work; the events call them, and so do tests. */
void artifacts_take(struct artifacts *artifacts);
bool artifacts_scan_step(struct artifacts *artifacts);

/* In output.c. */
void output_artifacts_whole(struct output *output);

#define ARTIFACTS_DRAIN_MS (ARTIFACTS_WAIT_MS + 10000) /* more than the collector has */
