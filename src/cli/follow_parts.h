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
    bool has_offset;      /* next_offset is known: something came already */
    uint64_t next_offset;
    bool has_end;
    struct report report;
    bool was_announced, has_told_queue;
    uint64_t lost_since_ms; /* monotonic; 0 while connected */
    bool has_told_loss;
    unsigned interrupts; /* how many signals came */
    int stop_code;       /* nonzero: leave off, with this exit code */
};

/* One line of the stream; nonzero ends the connection. */
int follow_line(void *arg, char *line, size_t length);

/* Does what the signals that came, or a deadline, ask for; nonzero if that is to leave off. */
int follow_woken(void *arg);

/* Writes all of it, minding signals between the pieces; nonzero to leave off. */
int follow_write(struct following *following, int fd, const char *data, size_t size);
