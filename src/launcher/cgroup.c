#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define FILE_TEXT_MAX_BYTES 4096   /* more than any of these files holds */
#define CPU_PERIOD_US       100000 /* the kernel's own choice */

void cgroup_none(struct cgroup *cgroup)
{
    *cgroup = (struct cgroup){ .directory = -1,
                               .kill = -1,
                               .events = -1,
                               .cpu_stat = -1,
                               .memory_peak = -1,
                               .memory_events = -1,
                               .pids_events = -1 };
}

void cgroup_close(struct cgroup *cgroup)
{
    int *const fds[] = { &cgroup->directory,   &cgroup->kill,          &cgroup->events,     &cgroup->cpu_stat,
                         &cgroup->memory_peak, &cgroup->memory_events, &cgroup->pids_events };
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        fd_close(fds[i]);
}

static int write_file(int directory, const char *name, const char *text, struct error *err)
{
    auto_fd int fd = openat(directory, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail(err, errno, "open %s", name);
    if (write(fd, text, strlen(text)) < 0)
        return fail(err, errno, "write '%s' to %s", text, name);
    return 0;
}

static int write_number(int directory, const char *name, uint64_t number, struct error *err)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return write_file(directory, name, text, err);
}

const char *cgroup_cpu_line(uint32_t thousandths, char line[CGROUP_LINE_BYTES])
{
    unsigned long long quota_us = (unsigned long long)thousandths * CPU_PERIOD_US / 1000;
    snprintf(line, CGROUP_LINE_BYTES, "%llu %d", quota_us, CPU_PERIOD_US);
    return line;
}

const char *cgroup_disk_line(const struct cgroup_disk *disk, char line[CGROUP_LINE_BYTES])
{
    static const char *const names[] = { "rbps", "wbps", "riops", "wiops" };
    int length = snprintf(line, CGROUP_LINE_BYTES, "%u:%u", disk->major, disk->minor);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *end = line + length;
        size_t room = CGROUP_LINE_BYTES - (size_t)length;
        length += disk->rates[i] == 0 ? snprintf(end, room, " %s=max", names[i])
                                      : snprintf(end, room, " %s=%llu", names[i], (unsigned long long)disk->rates[i]);
    }
    return line;
}

static int apply_limits(int directory, const struct cgroup_limits *limits, struct error *err)
{
    int done = 0;
    if (limits->has_memory) {
        done = write_number(directory, "memory.max", limits->memory_max_bytes, err);
        if (done == 0)
            done = write_file(directory, "memory.oom.group", "1", err);
        if (done == 0 && faccessat(directory, "memory.swap.max", F_OK, 0) == 0) /* not there: a kernel without swap */
            done = write_file(directory, "memory.swap.max", "0", err);
    }
    if (done == 0 && limits->has_pids)
        done = write_number(directory, "pids.max", limits->pids_max, err);
    char line[CGROUP_LINE_BYTES];
    if (done == 0 && limits->cpu_thousandths != 0)
        done = write_file(directory, "cpu.max", cgroup_cpu_line(limits->cpu_thousandths, line), err);
    for (uint32_t i = 0; done == 0 && i < limits->disk_count; i++)
        done = write_file(directory, "io.max", cgroup_disk_line(&limits->disks[i], line), err);
    return done;
}

static int open_files(struct cgroup *cgroup, struct error *err)
{
    const struct {
        int *fd;
        const char *name;
        int flags;
        bool is_needed;
    } files[] = {
        { &cgroup->kill, "cgroup.kill", O_WRONLY, true },
        { &cgroup->events, "cgroup.events", O_RDONLY, true },
        { &cgroup->cpu_stat, "cpu.stat", O_RDONLY, false },
        { &cgroup->memory_peak, "memory.peak", O_RDONLY, false },
        { &cgroup->memory_events, "memory.events", O_RDONLY, false },
        { &cgroup->pids_events, "pids.events", O_RDONLY, false },
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        *files[i].fd = openat(cgroup->directory, files[i].name, files[i].flags | O_CLOEXEC | O_NOFOLLOW);
        if (*files[i].fd < 0 && (files[i].is_needed || errno != ENOENT))
            return fail(err, errno, "open %s", files[i].name);
    }
    return 0;
}

int cgroup_create(int parent_fd, const char *name, const struct cgroup_limits *limits, struct cgroup *ret_cgroup,
                  struct error *err)
{
    cgroup_none(ret_cgroup);
    if (mkdirat(parent_fd, name, 0700) < 0)
        return fail(err, errno, "make control group '%s'", name);
    int done = 0;
    ret_cgroup->directory = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (ret_cgroup->directory < 0)
        done = fail(err, errno, "open");
    if (done == 0)
        done = apply_limits(ret_cgroup->directory, limits, err);
    if (done == 0)
        done = open_files(ret_cgroup, err);
    if (done < 0) {
        cgroup_close(ret_cgroup);
        unlinkat(parent_fd, name, AT_REMOVEDIR);
        return fail_in(err, "control group '%s'", name);
    }
    return 0;
}

int cgroup_kill(const struct cgroup *cgroup, struct error *err)
{
    if (pwrite(cgroup->kill, "1", 1, 0) < 0 && errno != ENODEV)
        return fail(err, errno, "write cgroup.kill");
    return 0;
}

int cgroup_lift_disks(const struct cgroup *cgroup, struct error *err)
{
    char text[FILE_TEXT_MAX_BYTES], *rest = NULL;
    auto_fd int fd = openat(cgroup->directory, "io.max", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    int done = 0;
    for (char *line = strtok_r(text, "\n", &rest); done == 0 && line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char lifted[CGROUP_LINE_BYTES];
        snprintf(lifted, sizeof lifted, "%.*s rbps=max wbps=max riops=max wiops=max", (int)strcspn(line, " "), line);
        done = write_file(cgroup->directory, "io.max", lifted, err);
    }
    return done;
}

/* The text of one of the group's files from its beginning; empty if it cannot be read. */
static const char *read_text(int fd, char text[FILE_TEXT_MAX_BYTES])
{
    ssize_t size = fd < 0 ? -1 : pread(fd, text, FILE_TEXT_MAX_BYTES - 1, 0);
    text[size > 0 ? size : 0] = '\0';
    return text;
}

uint64_t cgroup_number(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        if (*line == '\n')
            line++;
        if (strncmp(line, key, length) == 0 && line[length] == ' ')
            return strtoull(line + length + 1, NULL, 10);
    }
    return 0;
}

bool cgroup_is_populated(const struct cgroup *cgroup)
{
    char text[FILE_TEXT_MAX_BYTES];
    ssize_t size = pread(cgroup->events, text, sizeof text - 1, 0);
    if (size < 0)
        return errno != ENODEV; /* the group itself is gone, and with it all that was in it */
    text[size] = '\0';
    return strstr(text, "populated 0") == NULL;
}

void cgroup_read_usage(const struct cgroup *cgroup, struct cgroup_usage *ret_usage)
{
    char text[FILE_TEXT_MAX_BYTES];
    *ret_usage = (struct cgroup_usage){ 0 };
    ret_usage->oom_kills = cgroup_number(read_text(cgroup->memory_events, text), "oom_kill");
    ret_usage->pids_refused = cgroup_number(read_text(cgroup->pids_events, text), "max");
    ret_usage->memory_peak_bytes = strtoull(read_text(cgroup->memory_peak, text), NULL, 10);
    read_text(cgroup->cpu_stat, text);
    ret_usage->has_cpu = text[0] != '\0';
    ret_usage->user_us = cgroup_number(text, "user_usec");
    ret_usage->system_us = cgroup_number(text, "system_usec");
    ret_usage->cpu_throttled = cgroup_number(text, "nr_throttled");
}

int cgroup_remove(int parent_fd, const char *name, struct error *err)
{
    if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return fail(err, errno, "remove control group '%s'", name);
    return 0;
}
