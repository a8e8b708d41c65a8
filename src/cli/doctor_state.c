/* The database of a state directory. A child looks at it, because whoever does gives up rights that later checks need. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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

/* What a look brought; err is -EBADMSG for damage. */
struct sight {
    struct error err;
    bool is_drained;
};

/* The keeper takes the mark away when the service is started anew, so it is of the start that was last. */
static void look_at_marks(struct store *store, struct sight *sight)
{
    uint64_t service = 0;
    sight->is_drained = store_mark_read(store, STORE_MARK_DRAINED, &service, &sight->err) == 0 && service != 0;
}

static void look(const char *path, struct sight *sight)
{
    struct error *err = &sight->err;
    struct state_dir state;
    struct store *store = NULL;
    if (state_dir_open(path, &state, err) < 0)
        return;
    int done = state_dir_enter(&state, err);
    if (done == 0)
        done = store_open_to_read(STATE_FILE_DATABASE, &store, err);
    if (done == 0)
        done = store_check(store, err);
    if (done == 0)
        look_at_marks(store, sight);
    store_close(store);
    state_dir_close(&state);
}

/* The same in a child. */
static int look_from_aside(const char *path, bool *ret_is_drained, struct error *err)
{
    int ends[2];
    struct sight seen = { .err = { .code = EIO, .text = "whoever looked at the database died" } };
    if (pipe2(ends, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    auto_fd int in = ends[0], out = ends[1];
    pid_t child = fork();
    if (child < 0)
        return fail(err, errno, "fork");
    if (child == 0) {
        memset(&seen, 0, sizeof seen); /* with its padding: all of it goes through the pipe */
        look(path, &seen);
        _exit(fd_write_all(out, &seen, sizeof seen, NULL) < 0 ? EXIT_FAILURE : 0);
    }
    fd_close(&out);
    struct sight arrived;
    if (fd_read_exact(in, &arrived, sizeof arrived, NULL) == 0)
        seen = arrived;
    waitpid(child, NULL, 0);
    *ret_is_drained = seen.is_drained;
    if (seen.err.code == 0)
        return 0;
    seen.err.text[sizeof seen.err.text - 1] = '\0';
    return fail_plain(err, seen.err.code > 0 ? seen.err.code : EIO, "%s", seen.err.text);
}

static void add_drain(struct findings *findings)
{
    struct finding *finding = finding_add(findings, DOCTOR_WARN, "drain");
    snprintf(finding->text, sizeof finding->text,
             "the service is drained: it refuses new jobs, and those that wait do not start");
    snprintf(finding->fix, sizeof finding->fix, "sallyport drain --off, or start the service anew");
}

void doctor_check_state(const char *path, struct findings *findings)
{
    struct error err = { 0 };
    bool is_drained = false;
    int done = look_from_aside(path, &is_drained, &err);
    struct finding *finding = finding_add(findings,
                                          done == 0          ? DOCTOR_PASS
                                          : done == -EBADMSG ? DOCTOR_FAIL
                                                             : DOCTOR_WARN,
                                          "state");
    if (done == 0) {
        snprintf(finding->text, sizeof finding->text, "the database in '%s' is whole", path);
        if (is_drained)
            add_drain(findings);
        return;
    }
    snprintf(finding->text, sizeof finding->text, "%s: %s", path, err.text);
    if (done == -EBADMSG)
        snprintf(finding->fix, sizeof finding->fix,
                 "stop sallyportd, keep this directory for a look, and start it with --state on the newest backup");
    else if (done == -EACCES || done == -EPERM)
        snprintf(finding->fix, sizeof finding->fix, "run it as root");
}
