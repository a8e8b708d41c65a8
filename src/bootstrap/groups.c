/*
 * The control groups: one directory of ours, in it `supervisors` (a leaf, for the processes that clone jobs) and `jobs` (where the
 * launcher makes one group a job). CLONE_INTO_CGROUP asks for write permission on the common ancestor's cgroup.procs, so
 * the launcher's uid owns that file, and nothing else in the hierarchy. Source: cgroup-v2.rst, "Delegation Containment".
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bootstrap.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#define REMOVE_WAIT_MS 2000

static const char *const controller_names[] = { "memory", "pids", "cpu", "io" };

static int write_at(int directory_fd, const char *name, const char *text)
{
    auto_fd int fd = openat(directory_fd, name, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -errno;
}

/* Enables what there is; what cannot be enabled is missing, which the jobs that need it will be told. */
static uint32_t enable_controllers(int directory_fd, uint32_t wanted)
{
    uint32_t enabled = 0;
    for (unsigned i = 0; i < sizeof controller_names / sizeof controller_names[0]; i++) {
        char text[16];
        snprintf(text, sizeof text, "+%s", controller_names[i]);
        if ((wanted & 1u << i) != 0 && write_at(directory_fd, "cgroup.subtree_control", text) == 0)
            enabled |= 1u << i;
    }
    return enabled;
}

/* Hands a directory and the files that delegation is about to the launcher's uid. */
static int delegate(const struct bootstrap *bootstrap, int directory_fd, struct error *err)
{
    static const char *const files[] = { ".", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control" };
    for (unsigned i = 0; i < sizeof files / sizeof files[0]; i++)
        if (fchownat(directory_fd, files[i], bootstrap->ids.launcher, bootstrap->ids.launcher, AT_SYMLINK_NOFOLLOW) < 0)
            return fail(err, errno, "delegate the control group: %s", files[i]);
    return 0;
}

static int make_group(int parent_fd, const char *name, int *ret_fd, struct error *err)
{
    if (mkdirat(parent_fd, name, 0755) < 0 && errno != EEXIST)
        return fail(err, errno, "make control group '%s'", name);
    *ret_fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (*ret_fd >= 0)
        return 0;
    fail(err, errno, "open control group '%s'", name);
    unlinkat(parent_fd, name, AT_REMOVEDIR); /* nobody else would know whose it is; one that is in use stays */
    return -err->code;
}

/* Ends everything in a group and below, waits until the kernel says that it is empty, and removes it. */
static void kill_and_remove(int parent_fd, const char *name)
{
    auto_fd int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    write_at(fd, "cgroup.kill", "1");
    int events = openat(fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    uint64_t deadline_ms = clock_monotonic_ms() + REMOVE_WAIT_MS;
    while (events >= 0 && clock_monotonic_ms() < deadline_ms) {
        char text[256] = "";
        ssize_t size = pread(events, text, sizeof text - 1, 0);
        if (size <= 0 || strstr(text, "populated 0") != NULL)
            break;
        struct pollfd wait = { .fd = events, .events = POLLPRI };
        poll(&wait, 1, 100);
    }
    fd_close(&events);

    int copy = dup(fd);
    DIR *directory = copy >= 0 ? fdopendir(copy) : NULL;
    for (const struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            kill_and_remove(fd, entry->d_name);
    if (directory != NULL)
        closedir(directory);
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        log_warn("control group '%s' could not be removed and stays", name);
}

/*
 * Our directory's name holds the state directory's identity: one instance a state directory (it is locked), so what is
 * found under the name was left by a dead one.
 */
static int make_own_group(struct bootstrap *bootstrap, int parent_fd, int *ret_fd, struct error *err)
{
    char name[NAME_MAX_BYTES];
    struct stat st;
    if (fstat(bootstrap->state_fd, &st) < 0)
        return fail(err, errno, "stat the state directory");
    snprintf(name, sizeof name, "sallyport-%llx-%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    kill_and_remove(parent_fd, name);
    int length =
        snprintf(bootstrap->groups.path, sizeof bootstrap->groups.path, "%s/%s", bootstrap->host.cgroup.parent, name);
    if (length < 0 || (size_t)length >= sizeof bootstrap->groups.path)
        return fail(err, ENAMETOOLONG, "control group below '%s'", bootstrap->host.cgroup.parent);
    return make_group(parent_fd, name, ret_fd, err);
}

int groups_make(struct bootstrap *bootstrap, struct error *err)
{
    struct groups *groups = &bootstrap->groups;
    const struct host_cgroup *host = &bootstrap->host.cgroup;
    groups->jobs_fd = groups->supervisors_fd = -1;
    if (host->place == HOST_CGROUP_NONE)
        return 0;
    auto_fd int parent = open(host->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        return fail(err, errno, "open control group '%s'", host->parent);
    if (host->place == HOST_CGROUP_OWN) {
        /* A group with processes in it can enable nothing for its children: we move to a leaf first. */
        auto_fd int leaf = -1;
        int done = make_group(parent, "bootstrap", &leaf, err);
        if (done < 0)
            return done;
        if (host->is_alone && write_at(leaf, "cgroup.procs", "0") == 0)
            enable_controllers(parent, host->controllers);
    }
    auto_fd int own = -1;
    int done = make_own_group(bootstrap, parent, &own, err);
    if (done < 0)
        return done;
    groups->exist = true;
    uint32_t enabled = enable_controllers(own, host->controllers);
    auto_fd int supervisors = -1, jobs = -1;
    if ((done = make_group(own, "supervisors", &supervisors, err)) < 0 ||
        (done = make_group(own, "jobs", &jobs, err)) < 0)
        return done;
    groups->controllers = enable_controllers(jobs, enabled);
    if ((done = delegate(bootstrap, own, err)) < 0 || (done = delegate(bootstrap, jobs, err)) < 0 ||
        (done = delegate(bootstrap, supervisors, err)) < 0)
        return done;
    groups->supervisors_fd = openat(supervisors, "cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (groups->supervisors_fd < 0)
        return fail(err, errno, "open the supervisors' control group");
    groups->jobs_fd = fd_take(&jobs);
    return 0;
}

void groups_sweep_jobs(struct bootstrap *bootstrap)
{
    if (!bootstrap->groups.exist || bootstrap->groups.jobs_fd < 0)
        return;
    int copy = openat(bootstrap->groups.jobs_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = copy >= 0 ? fdopendir(copy) : NULL;
    for (const struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            kill_and_remove(bootstrap->groups.jobs_fd, entry->d_name);
    if (directory != NULL)
        closedir(directory);
}

void groups_remove(struct bootstrap *bootstrap)
{
    struct groups *groups = &bootstrap->groups;
    if (!groups->exist)
        return;
    fd_close(&groups->jobs_fd);
    fd_close(&groups->supervisors_fd);
    auto_fd int parent = open(bootstrap->host.cgroup.parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent >= 0)
        kill_and_remove(parent, strrchr(groups->path, '/') + 1);
    groups->exist = false;
}
