/* What the files of `follow` share: one job being followed. */
#pragma once

#include "ansi.h"
#include "cli.h"
#include "client.h"
#include "follow.h"
#include "lines.h"
#include "output_record.h"

struct following {
    struct cli *cli;
    struct client *client;
    const struct follow_options *options;
    struct lines lines;
    struct ansi plain[2]; /* of stdout and stderr, for --plain */
    char id[32];          /* "" until the server told it */
    char step_id[32];     /* "" unless the stream is that of a step of it */
    uint64_t next_offset;
    struct report report;
    uint64_t lost_since_ms; /* monotonic; 0 while connected */
    json_int_t step_count;  /* of the job whose stream it is; 0 for one that is no sequence */
    int wake_fd;
    unsigned interrupts; /* how many signals came */
    int stop_code;       /* nonzero: leave off, with this exit code */
    bool has_offset;     /* next_offset is known: something came already */
    bool has_end;
    bool was_announced, has_told_queue, has_told_loss;
    bool leaves_for_steps; /* there is more to see in the streams of its steps */
};

/* Whose stream it is: the job's, or that of its step. */
static inline const char *follow_streamed_id(const struct following *following)
{
    return following->step_id[0] != '\0' ? following->step_id : following->id;
}

/* Connects, and again, until the stream's end or a reason to stop. 0 or the exit code. submit: NULL once the id is known. */
int follow_connections(struct following *following, const struct request *submit);

/*
 * Waits before the next try, longer each time; tells once that `err` is why. Nonzero when the time is up, which has been
 * said, or a signal came.
 */
int follow_wait_to_retry(struct following *following, unsigned tries, const struct error *err);

/* Whether the same request may succeed after this answer; 0: there was none. */
bool follow_is_passing(long status);

/* Shows the streams of a sequence's steps, one behind the other, until the sequence has ended. 0 or the exit code. */
int follow_steps(struct following *following);

/* One line of the stream; nonzero ends the connection. */
int follow_line(void *arg, char *line, size_t length);

/* Does what the signals that came, or a deadline, ask for; nonzero if that is to leave off. */
int follow_woken(void *arg);

/* Writes all of it, minding signals between the pieces; nonzero to leave off. */
int follow_write(struct following *following, int fd, const char *data, size_t size);
