#include "output_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/proto/state_files.h"

#define NOTHING_NAME "nothing"
#define NOTHING      "output/" NOTHING_NAME

static int make_directory(int at_fd, const char *path, struct error *err)
{
    if (mkdirat(at_fd, path, 0700) < 0 && errno != EEXIST)
        return fail(err, errno, "make directory '%s'", path);
    return 0;
}

int output_files_prepare(int state_fd, struct error *err)
{
    int done = make_directory(state_fd, "output", err);
    if (done < 0)
        return done;
    auto_fd int fd = openat(state_fd, NOTHING, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    return fd >= 0 ? 0 : fail(err, errno, "make '%s'", NOTHING);
}

/* The directories in which jobs have theirs stay when the files are removed. */
bool output_files_were_made(int state_fd)
{
    int fd = openat(state_fd, "output", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;
    bool were_made = false;
    if (directory == NULL) {
        fd_close(&fd);
        return false;
    }
    while ((entry = readdir(directory)) != NULL && !were_made)
        were_made = entry->d_name[0] != '.' && strcmp(entry->d_name, NOTHING_NAME) != 0;
    closedir(directory);
    return were_made;
}

static int open_pair(int state_fd, const char *log, const char *index, int flags, int *ret_log_fd, int *ret_index_fd,
                     struct error *err)
{
    auto_fd int log_fd = openat(state_fd, log, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (log_fd < 0)
        return fail(err, errno, "open '%s'", log);
    auto_fd int index_fd = openat(state_fd, index, flags | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (index_fd < 0 && errno == ENOENT) /* the log is removed first */
        return fail_plain(err, EBADMSG, "'%s' is there, and '%s' is not", log, index);
    if (index_fd < 0)
        return fail(err, errno, "open '%s'", index);
    *ret_log_fd = fd_take(&log_fd);
    *ret_index_fd = fd_take(&index_fd);
    return 0;
}

int output_files_open(int state_fd, const struct job_id *id, int *ret_log_fd, int *ret_index_fd, struct error *err)
{
    struct state_files names = { .input = "" };
    state_files_name(id, &names);
    int done = make_directory(state_fd, names.output_directory, err);
    if (done < 0)
        return done;
    return open_pair(state_fd, names.log, names.index, O_RDWR | O_CREAT, ret_log_fd, ret_index_fd, err);
}

bool output_files_are_there(int state_fd, const struct job_id *id)
{
    struct state_files names = { .input = "" };
    struct stat st;
    state_files_name(id, &names);
    return fstatat(state_fd, names.log, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int output_files_make(int state_fd, const struct job_id *id, struct error *err)
{
    auto_fd int log_fd = -1, index_fd = -1;
    return output_files_open(state_fd, id, &log_fd, &index_fd, err);
}

int output_files_read(int state_fd, const struct job_id *id, int *ret_log_fd, int *ret_index_fd, struct error *err)
{
    struct state_files names = { .input = "" };
    state_files_name(id, &names);
    return open_pair(state_fd, names.log, names.index, O_RDONLY, ret_log_fd, ret_index_fd, err);
}

static int open_artifacts(int state_fd, const struct job_id *id, int flags, int *ret_fd, int *ret_index_fd,
                          struct error *err)
{
    struct state_files names = { .input = "" };
    state_files_name(id, &names);
    return open_pair(state_fd, names.artifacts, names.artifact_index, flags, ret_fd, ret_index_fd, err);
}

int artifact_files_open(int state_fd, const struct job_id *id, int *ret_fd, int *ret_index_fd, struct error *err)
{
    return open_artifacts(state_fd, id, O_RDWR | O_CREAT, ret_fd, ret_index_fd, err);
}

bool artifact_files_are_there(int state_fd, const struct job_id *id)
{
    struct state_files names = { .input = "" };
    struct stat st;
    state_files_name(id, &names);
    return fstatat(state_fd, names.artifacts, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int artifact_files_read(int state_fd, const struct job_id *id, int *ret_fd, int *ret_index_fd, struct error *err)
{
    return open_artifacts(state_fd, id, O_RDONLY, ret_fd, ret_index_fd, err);
}

int output_files_read_nothing(int state_fd, int *ret_log_fd, int *ret_index_fd, struct error *err)
{
    return open_pair(state_fd, NOTHING, NOTHING, O_RDONLY, ret_log_fd, ret_index_fd, err);
}

int output_files_remove(int state_fd, const struct job_id *id, struct error *err)
{
    struct state_files names = { .input = "" };
    state_files_name(id, &names);
    const char *const paths[] = { names.log, names.index, names.artifacts, names.artifact_index };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        if (unlinkat(state_fd, paths[i], 0) < 0 && errno != ENOENT)
            return fail(err, errno, "remove '%s'", paths[i]);
    return 0;
}
