/* The database of a state directory. A child looks at it, because whoever does gives up rights that later checks need. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/proto/state_files.h"
#include "sallyport/store/store.h"
#include "state_dir.h"

/* 0, or -errno: -EBADMSG for damage. */
static int look(const char *path, struct error *err)
{
    struct state_dir state;
    struct store *store = NULL;
    int done = state_dir_open(path, &state, err);
    if (done < 0)
        return done;
    done = state_dir_enter(&state, err);
    if (done == 0)
        done = store_open_to_read(STATE_FILE_DATABASE, &store, err);
    if (done == 0)
        done = store_check(store, err);
    store_close(store);
    state_dir_close(&state);
    return done;
}

/* The same in a child. */
static int look_from_aside(const char *path, struct error *err)
{
    int ends[2];
    struct error seen = { .code = EIO, .text = "whoever looked at the database died" };
    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    auto_fd int in = ends[0], out = ends[1];
    pid_t child = fork();
    if (child < 0)
        return fail(err, errno, "fork");
    if (child == 0) {
        memset(&seen, 0, sizeof seen);
        look(path, &seen);
        _exit(fd_write_all(out, &seen, sizeof seen, NULL) < 0 ? EXIT_FAILURE : 0);
    }
    fd_close(&out);
    struct error arrived;
    if (fd_read_exact(in, &arrived, sizeof arrived, NULL) == 0)
        seen = arrived;
    waitpid(child, NULL, 0);
    if (seen.code == 0)
        return 0;
    seen.text[sizeof seen.text - 1] = '\0';
    return fail_plain(err, seen.code > 0 ? seen.code : EIO, "%s", seen.text);
}

void doctor_check_state(const char *path, struct findings *findings)
{
    struct error err = { 0 };
    int done = look_from_aside(path, &err);
    struct finding *finding = finding_add(findings,
                                          done == 0          ? DOCTOR_PASS
                                          : done == -EBADMSG ? DOCTOR_FAIL
                                                             : DOCTOR_WARN,
                                          "state");
    if (done == 0) {
        snprintf(finding->text, sizeof finding->text, "the database in '%s' is whole", path);
        return;
    }
    snprintf(finding->text, sizeof finding->text, "%s: %s", path, err.text);
    if (done == -EBADMSG)
        snprintf(finding->fix, sizeof finding->fix,
                 "stop sallyportd, keep this directory for a look, and start it with --state on the newest backup");
    else if (done == -EACCES || done == -EPERM)
        snprintf(finding->fix, sizeof finding->fix, "run it as root");
}
