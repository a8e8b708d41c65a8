#include "stdin_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define NAME_BYTES 64

int stdin_files_prepare(int state_fd, struct error *err)
{
    if (mkdirat(state_fd, "stdin", 0700) < 0 && errno != EEXIST)
        return fail(err, errno, "make directory 'stdin'");
    return 0;
}

static void stdin_name(const struct job_id *id, char name[NAME_BYTES])
{
    char text[JOB_ID_TEXT_BYTES];
    snprintf(name, NAME_BYTES, "stdin/%s", job_id_text(id, text));
}

/* The kernel copies; nothing passes through our memory. */
static int copy_file(int to_fd, int from_fd, uint64_t size, struct error *err)
{
    off_t at = 0;
    while ((uint64_t)at < size) {
        ssize_t copied = sendfile(to_fd, from_fd, &at, size - (uint64_t)at);
        if (copied < 0 && errno == EINTR)
            continue;
        if (copied <= 0)
            return fail(err, copied < 0 ? errno : EIO, "copy standard input");
    }
    return 0;
}

static int sync_directory(int state_fd, const char *path, struct error *err)
{
    auto_fd int fd = openat(state_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return fail(err, errno, "sync directory '%s'", path);
    return 0;
}

int stdin_file_store(int state_fd, const struct job_id *id, int memfd, uint64_t size, bool syncs, struct error *err)
{
    char name[NAME_BYTES];
    stdin_name(id, name);
    auto_fd int fd = openat(state_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail(err, errno, "make '%s'", name);
    int done = copy_file(fd, memfd, size, err);
    if (done == 0 && syncs && fdatasync(fd) < 0)
        done = fail(err, errno, "sync '%s'", name);
    if (done == 0 && syncs)
        done = sync_directory(state_fd, "stdin", err);
    if (done < 0)
        unlinkat(state_fd, name, 0);
    return done;
}

void stdin_file_remove(int state_fd, const struct job_id *id)
{
    char name[NAME_BYTES];
    stdin_name(id, name);
    unlinkat(state_fd, name, 0);
}

int stdin_file_load(int state_fd, const struct job_id *id, int *ret_memfd, struct error *err)
{
    char name[NAME_BYTES];
    struct stat st;
    stdin_name(id, name);
    auto_fd int from_fd = openat(state_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (from_fd < 0 || fstat(from_fd, &st) < 0)
        return fail(err, errno, "open '%s'", name);
    auto_fd int fd = memfd_create("stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || fchmod(fd, 0400) < 0)
        return fail(err, errno, "make a memory file of '%s'", name);
    int done = copy_file(fd, from_fd, (uint64_t)st.st_size, err);
    if (done < 0)
        return done;
    if (lseek(fd, 0, SEEK_SET) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return fail(err, errno, "seal a memory file of '%s'", name);
    *ret_memfd = fd_take(&fd);
    return 0;
}

void stdin_files_sweep(int state_fd, bool (*is_wanted)(void *arg, const struct job_id *id), void *arg)
{
    int fd = openat(state_fd, "stdin", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
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
