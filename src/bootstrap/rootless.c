/*
 * An ordinary user's instance: we enter a user namespace of our own first, and are its root from then on. With a range in
 * /etc/subuid (and the setuid helpers newuidmap and newgidmap) every process and every job gets an id of its own, as in the
 * root mode; without, one id is all there is, and `degrade: [job-uid]` must accept that.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define MAPPED_IDS_MOST 65536u

static int write_file(const char *path, const char *text, struct error *err)
{
    auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "open %s", path);
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        return fail(err, errno, "write %s", path);
    return 0;
}

static int map_single_id(uid_t uid, gid_t gid, struct error *err)
{
    char map[64];
    int done = write_file("/proc/self/setgroups", "deny", err);
    if (done < 0)
        return done;
    snprintf(map, sizeof map, "0 %u 1", (unsigned)gid);
    done = write_file("/proc/self/gid_map", map, err);
    if (done < 0)
        return done;
    snprintf(map, sizeof map, "0 %u 1", (unsigned)uid);
    return write_file("/proc/self/uid_map", map, err);
}

/* Runs `newuidmap PID 0 OWN 1 1 FIRST COUNT`. */
static int run_mapper(const char *program, pid_t pid, unsigned own, struct host_ids range)
{
    char texts[4][16];
    snprintf(texts[0], sizeof texts[0], "%d", (int)pid);
    snprintf(texts[1], sizeof texts[1], "%u", own);
    snprintf(texts[2], sizeof texts[2], "%u", range.first);
    snprintf(texts[3], sizeof texts[3], "%u", range.count < MAPPED_IDS_MOST ? range.count : MAPPED_IDS_MOST);
    pid_t child = fork();
    if (child == 0) {
        execlp(program, program, texts[0], "0", texts[1], "1", "1", texts[2], texts[3], (char *)NULL);
        _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return -1;
    return 0;
}

/*
 * The helpers act on a process from outside its namespace, so a child that stayed outside calls them for us.
 * It waits for one byte ("we are inside"), maps, and its exit status is the answer.
 */
static pid_t fork_mapper(const struct host_facts *host, int go_fd)
{
    pid_t parent = getpid(), child = fork();
    if (child != 0)
        return child;
    char byte;
    if (read(go_fd, &byte, 1) != 1)
        _exit(1);
    if (run_mapper("newuidmap", parent, (unsigned)getuid(), host->uids) < 0 ||
        run_mapper("newgidmap", parent, (unsigned)getgid(), host->gids) < 0)
        _exit(1);
    _exit(0);
}

static int enter_with_range(struct bootstrap *bootstrap, struct error *err)
{
    int go[2];
    if (pipe2(go, O_CLOEXEC) < 0)
        return fail(err, errno, "make a pipe");
    auto_fd int go_read = go[0], go_write = go[1];
    pid_t mapper = fork_mapper(&bootstrap->host, go_read);
    if (mapper < 0)
        return fail(err, errno, "fork");
    if (unshare(CLONE_NEWUSER) < 0)
        return fail(err, errno, "make a user namespace");
    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* else the helpers may not open our maps */
    int status;
    if (write(go_write, "g", 1) != 1 || waitpid(mapper, &status, 0) < 0)
        return fail(err, errno, "ask for the id maps");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return fail_plain(err, EPERM, "newuidmap or newgidmap refused the ranges of /etc/subuid and /etc/subgid");
    return 0;
}

int rootless_enter(struct bootstrap *bootstrap, struct error *err)
{
    const struct host_facts *host = &bootstrap->host;
    struct ids *ids = &bootstrap->ids;
    uid_t uid = getuid();
    gid_t gid = getgid();
    bool has_range = host->has_newuidmap && host->uids.count > 16 && host->gids.count > 16;
    int done;

    ids->is_rootless = true;
    ids->own_uid = (uint32_t)uid;
    if (has_range) {
        done = enter_with_range(bootstrap, err);
        uint32_t count = host->uids.count < host->gids.count ? host->uids.count : host->gids.count;
        ids->slot_ids = 1 + (count < MAPPED_IDS_MOST ? count : MAPPED_IDS_MOST);
    } else {
        ids->is_single = ids->keeps_groups = true;
        done = unshare(CLONE_NEWUSER) < 0 ? fail(err, errno, "make a user namespace") : map_single_id(uid, gid, err);
    }
    if (done < 0)
        return fail_in(err, "rootless mode");
    if (has_range && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
        return fail(err, errno, "rootless mode: become root of our namespace");
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return fail(err, errno, "rootless mode: make a mount namespace");
    return 0;
}
