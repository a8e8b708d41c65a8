/*
 * A sallyportd of our own for as long as we live: `sallyportd --trial` in a directory of its own, which both of them remove. Its
 * stdin is a pipe of ours, so it ends however we end.
 */
#pragma once

#include <sys/types.h>

#include "sallyport/limits.h"

struct error;

struct private_server {
    pid_t pid;
    int lifeline_fd; /* closing it ends the server */
    int log_fd;      /* what it said */
    char directory[PATH_MAX_BYTES];
    char url[PATH_MAX_BYTES];
};

/*
 * Starts it with this configuration and waits until it serves. -errno with a sentence when it does not; what it said is then on
 * stderr, and *ret_status is its exit status. -EINTR: INT, TERM or HUP came meanwhile, and nothing is left of it.
 */
int private_server_start(const char *config, struct private_server *ret_server, int *ret_status, struct error *err);

/* Waits for its end, in which it ends what still runs. */
void private_server_stop(struct private_server *server);
