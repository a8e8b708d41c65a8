/*
 * The control group of one job: where its memory and process limits live, and what ends all of it at once.
 * Knows nothing of policies; callers pass plain numbers. Source: Linux cgroup v2
 * (Documentation/admin-guide/cgroup-v2.rst): "cgroup.kill", "memory.max", "pids.max", "cpu.max", "io.max".
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;

struct cgroup {
    int directory;    /* what clone3(CLONE_INTO_CGROUP) takes */
    int kill, events; /* opened when it was made, so that nothing at the end needs a path */
    int cpu_stat, memory_peak, memory_events, pids_events; /* -1 for what is not there */
};

struct cgroup_disk {
    unsigned major, minor;
    uint64_t rates[4]; /* in a second: bytes read, bytes written, reads, writes; 0: no limit */
};

struct cgroup_limits {
    bool has_memory, has_pids; /* the controllers that groups made here have */
    uint64_t memory_max_bytes;
    uint32_t pids_max;
    uint32_t cpu_thousandths; /* of a processor; 0: no limit, and no controller is needed */
    const struct cgroup_disk *disks;
    uint32_t disk_count;
};

struct cgroup_usage {
    uint64_t oom_kills, pids_refused, cpu_throttled;
    bool has_cpu;
    uint64_t user_us, system_us, memory_peak_bytes;
};

/*
 * Makes the group `name` below parent_fd and applies the limits: no swap, and one that is out of memory is killed whole.
 * On failure nothing is left behind, and ret_cgroup can be given to cgroup_close(). EEXIST if the group is there already.
 */
int cgroup_create(int parent_fd, const char *name, const struct cgroup_limits *limits, struct cgroup *ret_cgroup,
                  struct error *err);

/* Ends every process of the group and of groups below it, also those that are being made right now. */
int cgroup_kill(const struct cgroup *cgroup, struct error *err);

/*
 * Takes the limits of disks away: a process that waits for one cannot be killed before its turn comes. For who is killed; who
 * ends by itself leaves what it wrote, and that still goes to the disk as it may.
 */
int cgroup_lift_disks(const struct cgroup *cgroup, struct error *err);

/* True as long as any process is left; also when that cannot be found out. */
bool cgroup_is_populated(const struct cgroup *cgroup);

/* What can be read; zero for what cannot. */
void cgroup_read_usage(const struct cgroup *cgroup, struct cgroup_usage *ret_usage);

/* EBUSY while a process is left. */
int cgroup_remove(int parent_fd, const char *name, struct error *err);

/* Closes the descriptors. Takes one that was zeroed by cgroup_none() or closed before. */
void cgroup_close(struct cgroup *cgroup);
void cgroup_none(struct cgroup *cgroup);

/* What is written to cpu.max, and to io.max for a disk. For tests too. */
#define CGROUP_LINE_BYTES 160
const char *cgroup_cpu_line(uint32_t thousandths, char line[CGROUP_LINE_BYTES]);
const char *cgroup_disk_line(const struct cgroup_disk *disk, char line[CGROUP_LINE_BYTES]);

/* The number behind `key` in text of lines "key number"; 0 if it is not there. For tests too. */
uint64_t cgroup_number(const char *text, const char *key);
