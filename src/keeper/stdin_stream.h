/*
 * Standard input that comes while its job runs (`stdin: stream`). What was accepted is in the job's file, and a pipe takes it
 * from there to the job as fast as that reads.
 *
 * The file is open twice. One description writes, each time for one chunk (stdin_chunk.h). The other only reads, and the
 * launcher has it, too: its position is how much the pipe was given. splice(2) moves position and bytes in one step, and
 * the position outlives us in the launcher, so a keeper that is killed at any moment is followed by one that goes on at exactly the
 * next byte. The launcher has the pipe's write end, too, so our death is no end of the job's input.
 *
 * What is not stored is not moved: a byte that a job has read was acknowledged, or will be when the same chunk comes again.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

struct error;
struct job;
struct keeper;

struct stdin_stream {
    struct keeper *keeper;
    struct job *job;
    int file_fd; /* to read; shared with the launcher, with its position */
    int pipe_fd; /* the write end, while the job runs and reads; or -1 */
    struct event *writable, *idle;
    bool is_closed; /* nothing more goes to the job: it was given its end, or closed its own */
};

/* Makes what a launch hands over; the file, too, if nothing came yet. Does nothing if it is there. */
int stdin_stream_open(struct keeper *keeper, struct job *job, struct error *err);

/*
 * The job runs: what the launcher handed over. Takes what it keeps of the two. -EPROTO for what is no stream of this job's,
 * -ENOMEM.
 */
int stdin_stream_attach(struct keeper *keeper, struct job *job, int *file_fd, int *pipe_fd, struct error *err);

/* The job's record is stored: what it says of the stream may be moved. For any job. */
void stdin_stream_stored(struct keeper *keeper, struct job *job);

/* A launcher was heard that may have missed the end of the stream. For any job. */
void stdin_stream_tell_again(struct job *job);

/* Bytes were accepted: the wait for the next begins. */
void stdin_stream_touch(struct job *job);

void stdin_stream_free(struct job *job); /* for any job */
