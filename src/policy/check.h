/*
 * Whether a command makes sense by itself: what matching and expanding rely on. Asked once, when a policy is read or a
 * matcher made, so that nothing later meets an index that does not fit or a list in a place for one value.
 */
#pragma once

struct command;
struct error;

/* 0, or -EINVAL naming the command and what is wrong with it. */
int command_check(const struct command *command, struct error *err);
