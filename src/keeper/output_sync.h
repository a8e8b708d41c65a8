/*
 * Output of an ended job is on the disk before its end is recorded, where store.sync is `full`: a record that survived a
 * power cut never tells of bytes that did not.
 *
 * The disk is kept busy while the log grows, so that little is left at the end. That little is waited for in short steps,
 * and of all jobs that end together: the first fdatasync() commits the file system's journal for all of them, and the
 * others find nothing left to do. The names of the files are made durable by it too, on ext4, xfs and btrfs.
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <sys/queue.h>

struct error;
struct keeper;
struct output;

struct output_syncs {
    TAILQ_HEAD(, output) list; /* ended, and on their way to the disk */
    struct event *step;
};

int output_syncs_init(struct keeper *keeper, struct error *err);
void output_syncs_done(struct keeper *keeper);

/* The log or its index has grown: lets the disk begin with what has gathered. */
void output_push(struct output *output);

/* True when all is on the disk, or need not be. Else output_synced() is called once it is. */
bool output_sync(struct output *output);

/* Takes it off the list, wherever it is. */
void output_sync_stop(struct output *output);

/* In output.c. */
void output_synced(struct output *output);
