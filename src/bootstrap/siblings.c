#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define CELL_MOST_BYTES (16 * 1024 * 1024)

/* The directory of the running program, without a closing slash. */
static int own_directory(char path[PATH_MAX_BYTES], struct error *err)
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX_BYTES - 1);
    if (length < 0)
        return fail(err, errno, "find our own program");
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return fail_plain(err, EINVAL, "our own program has no directory");
    *slash = '\0';
    return 0;
}

static bool has_program(const char *directory, const char *name)
{
    char path[PATH_MAX_BYTES + NAME_MAX_BYTES];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, X_OK) == 0;
}

/*
 * The cell runs from a sealed memory file: what is executed beside jobs cannot be changed through any path, and it is
 * made before memory files lose the right to be executed.
 */
static int load_cell(struct bootstrap *bootstrap, struct error *err)
{
    char path[PATH_MAX_BYTES + NAME_MAX_BYTES];
    snprintf(path, sizeof path, "%s/cell", bootstrap->programs);
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    auto_free uint8_t *data = NULL;
    size_t size;
    if (fd < 0)
        return fail(err, errno, "open '%s'", path);
    int done = fd_read_file(fd, CELL_MOST_BYTES, &data, &size, err);
    if (done < 0)
        return fail_in(err, "read '%s'", path);
    auto_fd int writable = -1;
    done = memfd_sealed("sallyport-cell", data, size, true, &writable, err);
    if (done < 0)
        return done;
    /* Opened again for reading only: a file that somebody holds for writing cannot be executed. */
    char again[64];
    snprintf(again, sizeof again, "/proc/self/fd/%d", writable);
    bootstrap->cell_fd = open(again, O_RDONLY | O_CLOEXEC);
    if (bootstrap->cell_fd < 0)
        return fail(err, errno, "open the sealed cell");
    return 0;
}

int siblings_find(struct bootstrap *bootstrap, struct error *err)
{
    char own[PATH_MAX_BYTES], policies[PATH_MAX_BYTES + 16];
    int done = own_directory(own, err);
    if (done < 0)
        return done;
    bool is_in_place = has_program(own, "cell") && has_program(own, "launcher");
    const char *programs = is_in_place ? own : SALLYPORT_LIBEXECDIR;
    if (!is_in_place && !has_program(programs, "cell"))
        return fail_plain(err, ENOENT,
                          "front, keeper, launcher, notifier and cell are neither beside sallyportd (%s) nor "
                          "in " SALLYPORT_LIBEXECDIR,
                          own);
    snprintf(bootstrap->programs, sizeof bootstrap->programs, "%s", programs);
    snprintf(policies, sizeof policies, is_in_place ? "%s/../policies" : SALLYPORT_POLICYDIR, own);
    bootstrap->policies_fd = open(policies, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (bootstrap->policies_fd < 0)
        return fail(err, errno, "open the seccomp policies '%s'", policies);
    return load_cell(bootstrap, err);
}
