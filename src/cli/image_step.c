#include "image_step.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/confine/confine.h"
#include "sallyport/image/unpack.h"
#include "sallyport/limits.h"

#define STEP_PATIENCE_MS (3600 * 1000)
#define STEP_CPU_S       3600
#define SAID_BYTES       300 /* of what skopeo said, the end */

struct step {
    const struct image_worker *worker;
    int work_fd, layout_fd, said_fd;
    const char *image, *digest;
    bool is_plain;
    bool has_network;
    int (*run)(const struct step *step, struct error *err); /* confines itself first */
};

struct image_worker image_worker_choose(void)
{
    if (geteuid() != 0)
        return (struct image_worker){ geteuid(), getegid(), false };
    const struct passwd *account = getpwnam("sallyport-image");
    if (account != NULL && account->pw_uid != 0)
        return (struct image_worker){ account->pw_uid, account->pw_gid, true };
    return (struct image_worker){ SLOT_FIRST_UID_DEFAULT - 6, SLOT_FIRST_UID_DEFAULT - 6, true };
}

static int limit(int what, rlim_t most, struct error *err)
{
    return setrlimit((__rlimit_resource_t)what, &(struct rlimit){ most, most }) < 0 ? fail(err, errno, "set limits")
                                                                                    : 0;
}

static int give_up(const struct step *step, struct error *err)
{
    int done = limit(RLIMIT_FSIZE, IMAGE_BYTES_MAX, err);
    if (done == 0)
        done = limit(RLIMIT_CPU, STEP_CPU_S, err);
    if (done == 0)
        done = limit(RLIMIT_NOFILE, 1024, err);
    return done < 0 ? done : confine_become(step->worker->uid, step->worker->gid, !step->worker->is_root, err);
}

/* --- fetching ----------------------------------------------------------------------------------------------------- */

/* Everything as it is, but read-only; our directory is /tmp. */
static int fetch_view(int work_fd, struct error *err)
{
    auto_fd int tree = open_tree(work_fd, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID };
    if (tree < 0)
        return fail(err, errno, "copy the mount of the store");
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return fail(err, errno, "make a mount namespace");
    if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &read_only, sizeof read_only) < 0)
        return fail(err, errno, "make the host's tree read-only");
    if (move_mount(tree, "", AT_FDCWD, "/tmp", MOVE_MOUNT_F_EMPTY_PATH) < 0)
        return fail(err, errno, "attach the directory of the pull");
    return 0;
}

static int fetch(const struct step *step, struct error *err)
{
    static const char *const readable[] = { "/etc", "/run/systemd/resolve", "/usr/share", "/var/lib/ca-certificates",
                                            NULL };
    static const char *const runnable[] = { "/usr", "/lib", "/lib64", "/bin", NULL };
    static const char *const environment[] = { "PATH=/usr/bin:/bin", "HOME=/tmp", "TMPDIR=/tmp", "XDG_RUNTIME_DIR=/tmp",
                                               NULL };
    char source[IMAGE_REFERENCE_BYTES + 128];
    uint32_t abi;
    snprintf(source, sizeof source, "docker://%s", step->image);
    int done = fetch_view(step->work_fd, err);
    if (done == 0)
        done = give_up(step, err);
    if (done < 0)
        return done;
    auto_fd int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_fd int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (tmp < 0 || nothing < 0 || dup2(nothing, 0) < 0 || dup2(step->said_fd, 1) < 0 || dup2(step->said_fd, 2) < 0)
        return fail(err, errno, "prepare skopeo");
    if ((done = confine_landlock_program(tmp, readable, runnable, &abi, err)) < 0)
        return done;
    const char *const arguments[] = { "skopeo",
                                      "copy",
                                      "--quiet",
                                      "--multi-arch=index-only",
                                      step->is_plain ? "--src-tls-verify=false" : "--src-tls-verify=true",
                                      source,
                                      "dir:/tmp/fetched",
                                      NULL };
    execve(IMAGE_SKOPEO, (char *const *)(uintptr_t)arguments, (char *const *)(uintptr_t)environment);
    return fail(err, errno, "start " IMAGE_SKOPEO " (apt-get install skopeo)");
}

/* --- unpacking ---------------------------------------------------------------------------------------------------- */

static const char *const unpack_calls[] = { "openat2",    "getdents64", "mkdirat",    "unlinkat",   "symlinkat",
                                            "linkat",     "fchmodat",   "fchmod",     "utimensat",  "uname",
                                            "newfstatat", "lseek",      "readlinkat", "faccessat2", NULL };

static int unpack_confined(const struct step *step, struct error *err)
{
    uint32_t abi;
    setlocale(LC_CTYPE, "C.UTF-8"); /* libarchive turns names into the locale's letters, and must lose none */
    int done = confine_root(step->work_fd, err);
    if (done == 0)
        done = give_up(step, err);
    if (done < 0)
        return done;
    auto_fd int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_fd int rootfs = open("/rootfs", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    auto_fd int fetched = step->layout_fd >= 0 ? fcntl(step->layout_fd, F_DUPFD_CLOEXEC, 0)
                                               : open("/fetched", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root < 0 || rootfs < 0 || fetched < 0)
        return fail(err, errno, "open what is to be unpacked");
    const char *const *groups[] = { confine_calls_base, confine_calls_files, unpack_calls };
    if ((done = confine_landlock_reading(root, step->layout_fd, &abi, err)) < 0 ||
        (done = confine_syscalls(groups, sizeof groups / sizeof groups[0], err)) < 0)
        return done;
    if (step->worker->is_root && (done = confine_verify(step->worker->uid, step->worker->gid, false, err)) < 0)
        return done;
    FILE *settings = fopen("/settings", "we");
    if (settings == NULL)
        return fail(err, errno, "make the settings of the image");
    const struct image_source source = { fetched, step->layout_fd >= 0 };
    done = image_unpack(&source, step->digest, image_architecture(), rootfs, settings, err);
    if (fclose(settings) != 0 && done == 0)
        done = fail(err, errno, "write the settings of the image");
    return done;
}

/* --- both ----------------------------------------------------------------------------------------------------------- */

static int write_text(const char *path, const char *text, struct error *err)
{
    auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd < 0 ? fail(err, errno, "open '%s'", path) : fd_write_all(fd, text, strlen(text), err);
}

/* The same directory as our new mount namespace has it: the kernel copies mounts of one's own namespace alone. */
static int open_again(int *fd, struct error *err)
{
    char link[64], path[PATH_MAX_BYTES];
    struct stat before, after;
    snprintf(link, sizeof link, "/proc/self/fd/%d", *fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0 || fstat(*fd, &before) < 0)
        return fail(err, errno, "find the directory of the pull");
    path[length] = '\0';
    int again = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (again < 0)
        return fail(err, errno, "open '%s'", path);
    *fd = again; /* the old one is our parent's, and closes with us */
    if (fstat(again, &after) < 0 || after.st_dev != before.st_dev || after.st_ino != before.st_ino)
        return fail_plain(err, ESTALE, "'%s' is another directory now", path);
    return 0;
}

/* An ordinary user's way to namespaces: one of users, in which only our own id exists. */
static int become_alone(const struct image_worker *worker, struct error *err)
{
    char map[64];
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        return fail(err, errno, "make a user namespace");
    int done = write_text("/proc/self/setgroups", "deny", err);
    snprintf(map, sizeof map, "%u %u 1\n", worker->uid, worker->uid);
    if (done == 0)
        done = write_text("/proc/self/uid_map", map, err);
    snprintf(map, sizeof map, "%u %u 1\n", worker->gid, worker->gid);
    return done < 0 ? done : write_text("/proc/self/gid_map", map, err);
}

/* Runs in the child: makes the namespaces, and waits for the process that is pid 1 of them. */
static int run_in_namespaces(const struct step *step, int answer_fd)
{
    struct error err = { 0 };
    struct step here = *step;
    int status = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    int done = step->worker->is_root ? 0 : become_alone(step->worker, &err);
    if (done == 0 && !step->worker->is_root)
        done = open_again(&here.work_fd, &err);
    if (done == 0 && unshare(CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | (step->has_network ? 0 : CLONE_NEWNET)) < 0)
        done = fail(&err, errno, "make namespaces");
    pid_t pid = done == 0 ? fork() : -1;
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (here.run(&here, &err) < 0)
            fd_write_all(answer_fd, &err, sizeof err, NULL);
        _exit(err.code != 0 ? 1 : 0);
    }
    if (pid < 0) {
        if (done == 0)
            fail(&err, errno, "fork");
        fd_write_all(answer_fd, &err, sizeof err, NULL);
        return 1;
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 70;
}

/* Its error comes first, if it has one; a sentence of a confined process, so it is made printable again. */
static int take_error(int answer_fd, struct error *err)
{
    struct error said;
    if (fd_read_exact(answer_fd, &said, sizeof said, NULL) < 0 || said.code <= 0)
        return 0;
    said.text[sizeof said.text - 1] = '\0';
    char shown[ERROR_TEXT_BYTES];
    text_quote_json(said.text, strlen(said.text), shown, sizeof shown);
    return fail_plain(err, said.code, "%s", shown);
}

static int run_step(struct step *step, struct error *err)
{
    int answer[2], status = 0;
    if (pipe2(answer, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    auto_fd int read_end = answer[0], write_end = answer[1];
    pid_t pid = fork();
    if (pid < 0)
        return fail(err, errno, "fork");
    if (pid == 0)
        _exit(run_in_namespaces(step, write_end));
    fd_close(&write_end);
    auto_fd int child = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd waited = { .fd = child, .events = POLLIN };
    bool is_late = child >= 0 && poll(&waited, 1, STEP_PATIENCE_MS) == 0;
    if (is_late)
        kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (is_late)
        return fail_plain(err, ETIMEDOUT, "no end after %d minutes", STEP_PATIENCE_MS / 60000);
    int done = take_error(read_end, err);
    if (done == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        done = fail_plain(err, EIO, "it ended with status %d", WIFEXITED(status) ? WEXITSTATUS(status) : 128);
    return done;
}

/* The end of what skopeo said, on one line. */
static void add_said(int said_fd, struct error *err)
{
    char said[SAID_BYTES + 1], shown[2 * SAID_BYTES];
    off_t size = lseek(said_fd, 0, SEEK_END);
    ssize_t got = size > 0 ? pread(said_fd, said, SAID_BYTES, size > SAID_BYTES ? size - SAID_BYTES : 0) : 0;
    while (got > 0 && said[got - 1] == '\n')
        got--;
    if (got <= 0)
        return;
    text_quote_json(said, (size_t)got, shown, sizeof shown);
    struct error plain = *err;
    fail_plain(err, plain.code, "%.100s; skopeo said: %.380s", plain.text, shown);
}

int image_step_fetch(const struct image_worker *worker, int work_fd, const char *image, bool is_plain,
                     struct error *err)
{
    auto_fd int said = memfd_create("skopeo", MFD_CLOEXEC);
    if (said < 0)
        return fail(err, errno, "make a memory file");
    struct step step = { .worker = worker,
                         .work_fd = work_fd,
                         .layout_fd = -1,
                         .said_fd = said,
                         .image = image,
                         .is_plain = is_plain,
                         .has_network = true,
                         .run = fetch };
    int done = run_step(&step, err);
    if (done < 0)
        add_said(said, err);
    return done < 0 ? fail_in(err, "fetch the image") : 0;
}

int image_step_unpack(const struct image_worker *worker, int work_fd, int layout_fd, const char *digest,
                      struct error *err)
{
    struct step step = { .worker = worker,
                         .work_fd = work_fd,
                         .layout_fd = layout_fd,
                         .said_fd = -1,
                         .digest = digest,
                         .run = unpack_confined };
    int done = run_step(&step, err);
    return done < 0 ? fail_in(err, "unpack the image") : 0;
}
