/* `steps`, `then`, `on_failure` and `always`: other commands that a command has run. */
#pragma once

struct command;
struct matcher;
struct reading;

/* An item of each list; for the table of keys. */
void *step_open(struct reading *reading, const char *name);
void *then_open(struct reading *reading, const char *name);
void *on_failure_open(struct reading *reading, const char *name);
void *always_open(struct reading *reading, const char *name);

/* At the end of a command: its drafts become follows, whose targets are looked up when all commands are known. */
void follows_take(struct reading *reading, struct command *command);

/* What has a program can have no steps, and what has steps no sandbox of its own. */
void follows_check_sequence(struct reading *reading, const struct command *command);

/* When all commands are read: targets and the parameters that they take. */
void follows_resolve(struct reading *reading);

/* When all of it holds together: are the values that are written down good ones? */
void follows_try(struct reading *reading, const struct matcher *matcher);

/* Forgets what is left of a walk. */
void follows_done(struct reading *reading);
