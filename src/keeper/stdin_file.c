#include "stdin_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define NAME_BYTES 64

static const char *const directories[INPUT_COUNT] = { [INPUT_STDIN] = "stdin", [INPUT_FILES] = "files" };

int stdin_files_prepare(int state_fd, struct error *err)
{
    for (int kind = 0; kind < INPUT_COUNT; kind++)
        if (mkdirat(state_fd, directories[kind], 0700) < 0 && errno != EEXIST)
            return fail(err, errno, "make directory '%s'", directories[kind]);
    return 0;
}

static void stdin_name(enum input_kind kind, const struct job_id *id, char name[NAME_BYTES])
{
    char text[JOB_ID_TEXT_BYTES];
    snprintf(name, NAME_BYTES, "%s/%s", directories[kind], job_id_text(id, text));
}

int stdin_file_make(int state_fd, enum input_kind kind, const struct job_id *id, int *ret_fd, struct error *err)
{
    char name[NAME_BYTES];
    stdin_name(kind, id, name);
    int fd = openat(state_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(err, errno, "make '%s'", name);
    *ret_fd = fd;
    return 0;
}

int stdin_file_extend(int state_fd, const struct job_id *id, uint64_t at, int *ret_fd, struct error *err)
{
    char name[NAME_BYTES];
    struct stat st;
    stdin_name(INPUT_STDIN, id, name);
    auto_fd int fd = openat(state_fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, "open '%s'", name);
    if ((uint64_t)st.st_size < at)
        return fail_plain(err, EBADMSG, "'%s' is shorter than its record says", name);
    if (ftruncate(fd, (off_t)at) < 0 || lseek(fd, (off_t)at, SEEK_SET) < 0)
        return fail(err, errno, "extend '%s'", name);
    *ret_fd = fd_take(&fd);
    return 0;
}

int stdin_files_sync(int state_fd, enum input_kind kind, struct error *err)
{
    auto_fd int fd = openat(state_fd, directories[kind], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return fail(err, errno, "sync directory '%s'", directories[kind]);
    return 0;
}

void stdin_file_remove(int state_fd, const struct job_id *id)
{
    for (int kind = 0; kind < INPUT_COUNT; kind++) {
        char name[NAME_BYTES];
        stdin_name((enum input_kind)kind, id, name);
        unlinkat(state_fd, name, 0);
    }
}

int stdin_file_open(int state_fd, enum input_kind kind, const struct job_id *id, int *ret_fd, uint64_t *ret_bytes,
                    struct error *err)
{
    char name[NAME_BYTES];
    struct stat st;
    stdin_name(kind, id, name);
    auto_fd int fd = openat(state_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, "open '%s'", name);
    *ret_fd = fd_take(&fd);
    *ret_bytes = (uint64_t)st.st_size;
    return 0;
}

static void sweep_directory(int state_fd, const char *name, bool (*is_wanted)(void *arg, const struct job_id *id),
                            void *arg)
{
    int fd = openat(state_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
    if (directory == NULL) {
        fd_close(&fd);
        return;
    }
    const struct dirent *entry;
    while ((entry = readdir(directory)) != NULL) {
        struct job_id id;
        if (entry->d_name[0] != '.' && (!job_id_parse(entry->d_name, &id) || !is_wanted(arg, &id)))
            unlinkat(fd, entry->d_name, 0);
    }
    closedir(directory);
}

void stdin_files_sweep(int state_fd, bool (*is_wanted)(void *arg, const struct job_id *id), void *arg)
{
    for (int kind = 0; kind < INPUT_COUNT; kind++)
        sweep_directory(state_fd, directories[kind], is_wanted, arg);
}
