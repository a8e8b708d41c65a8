/*
 * What a job leaves behind as files, collected when nothing of it is left.
 *
 * The job's /tmp outlives its namespaces, because the supervisor holds the mount. Going through it is left to a fresh
 * process, the collector, which becomes as little as the job was, and less: the job's own ids inside the slot, no
 * capability, Landlock that lets it read below that one directory, a filter of eight calls; it holds that directory and the
 * write end of one pipe. Whatever a job has prepared there can win the job's own rights, to read what the job itself had.
 *
 *   Why not the supervisor: it has all capabilities in the slot, so a mode or an owner would stop it nowhere, and it lives on
 *   to serve the next job. Why not init: it would have to keep what makes and confines a process while the job runs, where
 *   its filter has seven calls today. Why not a process that waits inside the job's pid namespace: the job could end it.
 *
 * The collector is not in the job's control group: that has ended, its end is told already and is not changed by anything that
 * happens here; a group that is full would have the kernel kill the collector and count it as the job's. What it takes is
 * bounded by itself: one buffer, a fixed number of names, no memory for each file.
 */
#pragma once

struct plan;

/* What the walk looks at in all, and how much of a file is read at once. */
#define COLLECT_ENTRIES_MAX 100000

/* Takes as long as the collector does, at most ARTIFACTS_WAIT_MS. Both descriptors stay the caller's. */
void collect(const struct plan *plan, int tmp_fd, int pipe_fd);

/* collect_walk.c, in the collector: goes through the patterns, writes the stream, and ends the process. */
_Noreturn void collect_walk(const struct plan *plan, int directory_fd, int pipe_fd);
