/*
 * A state directory, looked at from outside the service, which may be running.
 *
 * What lies in its keeper/ was written by a process that may have been taken over, and is about to be read by large
 * libraries. So a root who looks becomes the keeper's own account first, in a file system that is that directory alone.
 */
#pragma once

#include <stdint.h>

struct error;

struct state_dir {
    int keeper_fd;
    uint32_t keeper_uid, keeper_gid;
    int starts_fd;         /* the launcher's start record, or -1 when there is none */
    uint64_t starts_bytes; /* of whole records, when it was opened: what is newer may tell of what we do not see yet */
};

#define STATE_DIR_HELP "the state directory (default: as sallyportd)"

/* What sallyportd takes when it is not told: /var/lib/sallyport, or the user's own. */
const char *state_dir_default(void);

/* -ENOENT with a sentence when it is none. */
int state_dir_open(const char *path, struct state_dir *ret_state, struct error *err);
void state_dir_close(struct state_dir *state);

/*
 * Gives up what we do not need to read keeper/, for good. Afterwards it is our working directory, and for a root all that
 * there is; what is open stays open. For another user it is only the working directory.
 */
int state_dir_enter(const struct state_dir *state, struct error *err);
