#include "state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/confine/confine.h"
#include "sallyport/limits.h"
#include "sallyport/proto/start_record.h"

const char *state_dir_default(void)
{
    static char path[PATH_MAX_BYTES];
    const char *base = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (geteuid() == 0)
        return "/var/lib/sallyport";
    if (base != NULL && base[0] == '/')
        snprintf(path, sizeof path, "%s/sallyport", base);
    else
        snprintf(path, sizeof path, "%s/.local/state/sallyport", home != NULL ? home : "");
    return path;
}

static int open_keeper(const char *path, int directory, struct state_dir *state, struct error *err)
{
    struct stat st;
    auto_fd int fd = openat(directory, "keeper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return fail_plain(err, ENOENT, "'%s' is no state directory: there is no keeper/ in it", path);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, "open '%s/keeper'", path);
    state->keeper_uid = st.st_uid;
    state->keeper_gid = st.st_gid;
    state->keeper_fd = fd_take(&fd);
    return 0;
}

static int open_starts(const char *path, int directory, struct state_dir *state, struct error *err)
{
    struct stat st;
    auto_fd int launcher = openat(directory, "launcher", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    auto_fd int fd = launcher < 0 ? -1 : openat(launcher, "starts", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, "open '%s/launcher/starts'", path);
    if (!S_ISREG(st.st_mode))
        return fail_plain(err, EINVAL, "'%s/launcher/starts' is no file", path);
    state->starts_bytes = (uint64_t)st.st_size - (uint64_t)st.st_size % START_RECORD_BYTES;
    state->starts_fd = fd_take(&fd);
    return 0;
}

int state_dir_open(const char *path, struct state_dir *ret_state, struct error *err)
{
    struct state_dir state = { .keeper_fd = -1, .starts_fd = -1 };
    auto_fd int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return fail(err, errno, "open state directory '%s'", path);
    int done = open_keeper(path, directory, &state, err);
    if (done == 0)
        done = open_starts(path, directory, &state, err);
    if (done < 0) {
        state_dir_close(&state);
        return done;
    }
    *ret_state = state;
    return 0;
}

void state_dir_close(struct state_dir *state)
{
    fd_close(&state->keeper_fd);
    fd_close(&state->starts_fd);
}

int state_dir_enter(const struct state_dir *state, struct error *err)
{
    if (geteuid() != 0)
        return fchdir(state->keeper_fd) < 0 ? fail(err, errno, "enter the keeper's directory") : 0;
    int done = confine_root(state->keeper_fd, err);
    if (done == 0)
        done = confine_become(state->keeper_uid, state->keeper_gid, false, err);
    return done < 0 ? fail_in(err, "become the keeper's account") : 0;
}
