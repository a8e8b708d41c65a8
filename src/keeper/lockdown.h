/* What the keeper gives up before it reads its first foreign byte. */
#pragma once

struct error;
struct msg_become;
struct workers;

/*
 * After it "/" is the state directory, and nothing else of the file system exists.
 *
 *   state_fd      that directory, as the bootstrap handed it over; closed, for ".." leads out of the root by it
 *   ret_root_fd   the same, opened anew beneath the new root, and locked as the other was
 *   ret_workers   the other two threads, confined as we are and to fewer calls
 */
int keeper_lockdown(const struct msg_become *become, int *state_fd, int *ret_root_fd, struct workers *ret_workers,
                    struct error *err);
