#include "backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/proto/state_files.h"
#include "sallyport/store/store.h"

#define SNAPSHOTS_MAX 10

/* A walk over the records of the copy. */
struct walk {
    struct backup *backup;
    struct error *err;
    unsigned missing; /* inputs of jobs that wait for them */
    int done;
};

/*
 * A job that waits needs its standard input and files. If one is gone, the job has run since; the next snapshot knows that, and
 * all the inputs that we have copied already count for it too.
 */
static bool copy_input(void *arg, const struct job_record *record)
{
    struct walk *walk = arg;
    bool has_stdin = record->has_stdin && (!record->is_stdin_stream || record->stdin_bytes > 0);
    if (!has_stdin && !record->has_files)
        return true;
    walk->done = backup_input(walk->backup, record, walk->err);
    if (walk->done == 0 && record->state == JOB_QUEUED)
        walk->missing++;
    return walk->done >= 0;
}

static bool copy_output(void *arg, const struct job_record *record)
{
    struct walk *walk = arg;
    walk->backup->jobs++;
    /* It may have run since. In the copy it has not, and will: it must not find an output that it never wrote. */
    if (record->state == JOB_QUEUED)
        return true;
    walk->done = backup_output(walk->backup, record, walk->err);
    return walk->done >= 0;
}

static int copy_database(struct backup *backup, struct error *err)
{
    struct store *store = NULL;
    int done = store_open_to_read(backup->from_db, &store, err);
    if (done < 0)
        return done;
    done = store_backup(store, backup->to_db, err);
    store_close(store);
    return done;
}

/* 1 when the snapshot has all the inputs that its jobs wait for, else 0. */
static int copy_inputs(struct backup *backup, struct store *copy, struct error *err)
{
    struct walk walk = { .backup = backup, .err = err };
    int done = store_jobs_active(copy, copy_input, &walk, err);
    if (done < 0 || walk.done < 0)
        return done < 0 ? done : walk.done;
    return walk.missing == 0;
}

static int take_snapshot(struct backup *backup, struct store **ret_copy, struct error *err)
{
    for (unsigned i = 0; i < SNAPSHOTS_MAX; i++) {
        struct store *copy = NULL;
        int done = copy_database(backup, err);
        if (done == 0)
            done = store_open_to_read(backup->to_db, &copy, err);
        if (done == 0)
            done = copy_inputs(backup, copy, err);
        if (done > 0) {
            *ret_copy = copy;
            return 0;
        }
        store_close(copy);
        if (done < 0)
            return done;
    }
    return fail_plain(err, EAGAIN, "jobs with input came and went faster than they could be copied; try again");
}

static int copy_outputs(struct backup *backup, struct store *copy, struct error *err)
{
    static const struct job_filter all = { .command = "", .actor = "", .limit = UINT32_MAX };
    struct walk walk = { .backup = backup, .err = err };
    int done = store_jobs_list(copy, &all, copy_output, &walk, err);
    return done < 0 ? done : walk.done < 0 ? walk.done : 0;
}

static int make_directory(const struct backup *backup, const char *name, struct error *err)
{
    return mkdirat(backup->to_fd, name, 0700) < 0 ? fail(err, errno, "make directory '%s'", name) : 0;
}

int backup_run(struct backup *backup, struct error *err)
{
    struct store *copy = NULL;
    umask(077);
    int done = make_directory(backup, "output", err);
    if (done == 0)
        done = make_directory(backup, "stdin", err);
    if (done == 0)
        done = make_directory(backup, "files", err);
    if (done == 0)
        done = take_snapshot(backup, &copy, err);
    if (done < 0)
        return done;
    done = copy_outputs(backup, copy, err);
    store_close(copy);
    if (done < 0)
        return done;
    /* Only a whole copy has a database by which a keeper would start. */
    if (syncfs(backup->to_fd) < 0 ||
        renameat(backup->to_fd, STATE_FILE_DATABASE ".part", backup->to_fd, STATE_FILE_DATABASE) < 0 ||
        fsync(backup->to_fd) < 0)
        return fail(err, errno, "finish the copy");
    return 0;
}
