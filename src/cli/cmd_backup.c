/*
 * sallyport backup: a copy of the state directory while the service works in it. The launcher's start record is copied
 * first, so that the audit trail in the copied database has every head that it noted.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backup.h"
#include "cli.h"
#include "options.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "say.h"
#include "state_dir.h"

struct backup_options {
    const char *state;
};

static const struct option_row rows[] = {
    { '\0', OPTION_TEXT, "state", offsetof(struct backup_options, state), "DIR", STATE_DIR_HELP, NULL },
};

static int check_empty(int directory, const char *path, struct error *err)
{
    int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd >= 0 ? fdopendir(fd) : NULL;
    if (listing == NULL) {
        int done = fail(err, errno, "list '%s'", path);
        fd_close(&fd);
        return done;
    }
    const struct dirent *entry;
    while ((entry = readdir(listing)) != NULL && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0))
        ;
    bool is_empty = entry == NULL;
    closedir(listing);
    return is_empty ? 0 : fail_plain(err, ENOTEMPTY, "'%s' is not empty: name a new directory", path);
}

/* What sallyportd asks of a state directory, it may ask of this one. */
static int open_target(const char *path, int *ret_fd, struct error *err)
{
    struct stat st;
    if (mkdir(path, 0711) < 0 && errno != EEXIST)
        return fail(err, errno, "make directory '%s'", path);
    auto_fd int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, "open directory '%s'", path);
    if (st.st_uid != geteuid() || (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return fail_plain(err, EPERM, "'%s' belongs to somebody else or can be changed by others; name another", path);
    int done = check_empty(fd, path, err);
    if (done == 0)
        *ret_fd = fd_take(&fd);
    return done;
}

static int copy_starts(int target, const struct state_dir *state, struct error *err)
{
    struct stat st;
    if (state->starts_fd < 0)
        return 0;
    if (fstat(state->starts_fd, &st) < 0 || mkdirat(target, "launcher", 0700) < 0)
        return fail(err, errno, "make 'launcher'");
    auto_fd int to = openat(target, "launcher/starts", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0 || fchown(to, st.st_uid, st.st_gid) < 0)
        return fail(err, errno, "make 'launcher/starts'");
    off_t at = 0;
    while ((uint64_t)at < state->starts_bytes) {
        ssize_t copied = sendfile(to, state->starts_fd, &at, state->starts_bytes - (uint64_t)at);
        if (copied <= 0)
            return fail(err, copied < 0 ? errno : EIO, "copy 'launcher/starts'");
    }
    return 0;
}

static int make_keeper(int target, const struct state_dir *state, int *ret_fd, struct error *err)
{
    if (mkdirat(target, "keeper", 0700) < 0)
        return fail(err, errno, "make 'keeper'");
    auto_fd int fd = openat(target, "keeper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchown(fd, state->keeper_uid, state->keeper_gid) < 0)
        return fail(err, errno, "give 'keeper' its owner");
    *ret_fd = fd_take(&fd);
    return 0;
}

static int make_backup(const struct backup_place *place, struct backup *backup, struct error *err)
{
    struct state_dir state;
    auto_fd int target = -1, keeper = -1;
    int done = state_dir_open(place->from_path, &state, err);
    if (done < 0)
        return done;
    done = open_target(place->to_path, &target, err);
    if (done == 0)
        done = copy_starts(target, &state, err);
    if (done == 0)
        done = make_keeper(target, &state, &keeper, err);
    backup->from_fd = state.keeper_fd;
    backup->to_fd = keeper;
    struct backup_place owned = { place->from_path, place->to_path, state.keeper_uid, state.keeper_gid };
    if (done == 0)
        done = backup_enter(backup, &owned, err);
    if (done == 0)
        done = backup_run(backup, err);
    state_dir_close(&state);
    return done;
}

static int run(struct cli *cli, void *values, const struct words *words)
{
    const struct backup_options *options = values;
    struct backup backup = { .from_fd = -1, .to_fd = -1 };
    struct error err;
    const struct backup_place place = {
        .from_path = options->state != NULL ? options->state : state_dir_default(),
        .to_path = words->items[0],
    };
    if (make_backup(&place, &backup, &err) < 0) {
        say("no backup was made: %s", err.text);
        return CODE_TROUBLE;
    }
    if (!cli->is_quiet)
        printf("%s: %llu jobs and the output of %llu (%llu bytes); to restore, start sallyportd with --state %s\n",
               place.to_path, (unsigned long long)backup.jobs, (unsigned long long)backup.outputs,
               (unsigned long long)backup.output_bytes, place.to_path);
    return 0;
}

const struct subcommand cmd_backup = {
    .name = "backup",
    .summary = "copy the state directory while the service runs",
    .usage = "[OPTION]... DIR",
    .details = "DIR is made, or empty. It gets the job records, the output so far, what waiting jobs\n"
               "were given, and the audit trail, all as they were at one moment. It is a state\n"
               "directory itself: to restore, start sallyportd with --state DIR. Jobs that were\n"
               "running then are lost there; jobs that were waiting then run there, also those that\n"
               "have run here since. Needs the rights of the service's owner (root).\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct backup_options),
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
