/*
 * copyfile: a sample worker. Copies one regular file, from below the directories that the operator listed to below others.
 *
 *     copyfile --from=DIRECTORY... --to=DIRECTORY... [--] SOURCE DESTINATION
 *
 * SOURCE and DESTINATION come from whoever asks, and are believed in nothing: the kernel resolves them below the listed directory
 * alone and through no link (openat2(2)), and what counts is the file that was opened. The copy is a file of its own, never a link;
 * it is written under another name and stands in its place when it is whole.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DIRECTORIES_MAX 16
#define BLOCK_BYTES     (256 * 1024)

struct directories {
    const char *paths[DIRECTORIES_MAX];
    size_t count;
};

/* The copy while it is not whole: a name in the directory of the destination, "" for none. */
static struct {
    int directory_fd;
    char name[32];
} unfinished = { .directory_fd = -1 };

static volatile sig_atomic_t is_cancelled;

static void on_term(int number)
{
    (void)number;
    is_cancelled = 1;
}

/* The one way out but success: what went wrong goes to standard error, and half a copy goes away. */
static _Noreturn void fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
static _Noreturn void fail(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("copyfile: ", stderr);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, code != 0 ? ": %s\n" : "\n", strerror(code));
    va_end(arguments);
    if (unfinished.name[0] != '\0')
        unlinkat(unfinished.directory_fd, unfinished.name, 0);
    exit(EXIT_FAILURE);
}

static void directories_add(struct directories *directories, const char *path)
{
    if (path[0] != '/' || path[1] == '\0' || path[strlen(path) - 1] == '/')
        fail(0, "'%s' is no directory to list: write it from '/' on, without '/' at its end", path);
    if (directories->count == DIRECTORIES_MAX)
        fail(0, "at most %d directories can be listed", DIRECTORIES_MAX);
    directories->paths[directories->count++] = path;
}

/* What follows the listed directory in a path: "b/c" of "/a/b/c" below "/a"; NULL when it is not below. */
static const char *path_below(const char *directory, const char *path)
{
    size_t size = strlen(directory);
    return strncmp(directory, path, size) == 0 && path[size] == '/' && path[size + 1] != '\0' ? path + size + 1 : NULL;
}

static bool has_dots(const char *path)
{
    for (const char *step = path; step != NULL; step = strchr(step, '/')) {
        step += step[0] == '/';
        size_t size = strcspn(step, "/");
        if ((size == 1 && step[0] == '.') || (size == 2 && step[0] == '.' && step[1] == '.'))
            return true;
    }
    return false;
}

/* The first listed directory that the path is below, opened, and the rest of the path. */
static int directories_open(const struct directories *directories, const char *path, const char **ret_rest)
{
    if (has_dots(path))
        fail(0, "'%s' has a step '.' or '..'; write it in its shortest form", path);
    for (size_t i = 0; i < directories->count; i++) {
        const char *rest = path_below(directories->paths[i], path);
        if (rest == NULL)
            continue;
        int fd = open(directories->paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            fail(errno, "open '%s'", directories->paths[i]);
        *ret_rest = rest;
        return fd;
    }
    fail(0, "'%s' is not below a listed directory", path);
}

/* No link is followed, and no mount is left by '..'. */
static int open_beneath(int directory_fd, const char *path, int flags)
{
    struct open_how how = { .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
    return (int)syscall(SYS_openat2, directory_fd, path, &how, sizeof how);
}

/* O_NONBLOCK: a named pipe would have us wait for a writer before we can see that it is one. */
static int open_source(const struct directories *from, const char *path, mode_t *ret_mode)
{
    const char *rest;
    int directory_fd = directories_open(from, path, &rest);
    int fd = open_beneath(directory_fd, rest, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ELOOP)
        fail(0, "a symbolic link is on the way to '%s'", path);
    if (fd < 0)
        fail(errno, "open '%s'", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        fail(errno, "look at '%s'", path);
    if (!S_ISREG(st.st_mode))
        fail(0, "'%s' is no regular file", path);
    close(directory_fd);
    *ret_mode = st.st_mode & 0777;
    return fd;
}

/* The directory that the copy will be in; the name there is the path's last step. */
static int open_parent(const struct directories *to, const char *path, const char **ret_name)
{
    const char *rest;
    int directory_fd = directories_open(to, path, &rest);
    const char *slash = strrchr(rest, '/');
    *ret_name = slash != NULL ? slash + 1 : rest;
    if ((*ret_name)[0] == '\0' || strlen(rest) >= PATH_MAX)
        fail(0, "'%s' is no name for a file", path);
    if (slash == NULL)
        return directory_fd;
    char parent[PATH_MAX];
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - rest), rest);
    int fd = open_beneath(directory_fd, parent, O_PATH | O_DIRECTORY);
    if (fd < 0 && errno == ELOOP)
        fail(0, "a symbolic link is on the way to '%s'", path);
    if (fd < 0)
        fail(errno, "open the directory of '%s'", path);
    close(directory_fd);
    return fd;
}

/* A copy may take a regular file's place, and nothing else's. rename(2) follows no link, should one come there now. */
static void check_place(int parent_fd, const char *name, const char *path)
{
    struct stat st;
    if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISREG(st.st_mode))
            fail(0, "'%s' is there, and is no regular file", path);
    } else if (errno != ENOENT) {
        fail(errno, "look at '%s'", path);
    }
}

/* The copies of other tasks have names of their own: the process id is the same in each sandbox. */
static int create_unfinished(int parent_fd, const char *path)
{
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        fail(errno, "get a random number");
    char name[sizeof unfinished.name];
    snprintf(name, sizeof name, ".copyfile-%016" PRIx64, number);
    int fd = openat(parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        fail(errno, "make a file beside '%s'", path);
    unfinished.directory_fd = parent_fd;
    memcpy(unfinished.name, name, sizeof name);
    return fd;
}

static void write_all(int fd, const char *data, size_t size)
{
    while (size > 0 && !is_cancelled) {
        ssize_t written = write(fd, data, size);
        if (written < 0 && errno != EINTR)
            fail(errno, "write the copy");
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
}

static void copy_bytes(int from_fd, int to_fd)
{
    static char block[BLOCK_BYTES];
    ssize_t size = 1;
    while (size != 0 && !is_cancelled) {
        size = read(from_fd, block, sizeof block);
        if (size < 0 && errno != EINTR)
            fail(errno, "read the source");
        if (size > 0)
            write_all(to_fd, block, (size_t)size);
    }
    if (is_cancelled)
        fail(0, "cancelled; there is no copy");
}

/* The copy may be read by whom the source may be read by; bits that would make its owner run it as somebody else are left out. */
static void finish(int fd, mode_t mode, const char *name, const char *path)
{
    if (fchmod(fd, mode) < 0 || fsync(fd) < 0 || close(fd) < 0)
        fail(errno, "finish the copy");
    if (renameat(unfinished.directory_fd, unfinished.name, unfinished.directory_fd, name) < 0)
        fail(errno, "put the copy to '%s'", path);
    unfinished.name[0] = '\0';
}

int main(int argc, char **argv)
{
    static const struct option options[] = { { "from", required_argument, NULL, 'f' },
                                             { "to", required_argument, NULL, 't' },
                                             { NULL, 0, NULL, 0 } };
    struct directories from = { .count = 0 }, to = { .count = 0 };
    int option;
    while ((option = getopt_long(argc, argv, "+", options, NULL)) >= 0) {
        if (option == '?')
            return EXIT_FAILURE;
        directories_add(option == 'f' ? &from : &to, optarg);
    }
    if (argc - optind != 2)
        fail(0, "takes a source and a destination: copyfile --from=DIRECTORY --to=DIRECTORY SOURCE DESTINATION");

    struct sigaction action = { .sa_handler = on_term }; /* without SA_RESTART: a read that waits ends, too */
    sigaction(SIGTERM, &action, NULL);

    const char *source = argv[optind], *destination = argv[optind + 1], *name;
    mode_t mode;
    int source_fd = open_source(&from, source, &mode);
    int parent_fd = open_parent(&to, destination, &name);
    check_place(parent_fd, name, destination);
    int copy_fd = create_unfinished(parent_fd, destination);
    copy_bytes(source_fd, copy_fd);
    finish(copy_fd, mode, name, destination);
    fputs("Filed copied successfully.", stdout); /* to the letter what clients of the predecessor's worker know */
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
