/* What the keeper gives up before it reads its first foreign byte. */
#pragma once

struct error;
struct msg_become;

/*
 * After it "/" is the state directory, and nothing else of the file system exists.
 *
 *   ret_root_fd   that directory, opened anew beneath the new root
 */
int keeper_lockdown(const struct msg_become *become, int state_fd, int *ret_root_fd, struct error *err);
