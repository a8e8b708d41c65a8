#include <stddef.h>
#include <sys/resource.h>

#include "cell.h"

#define OPEN_FILES_MAX   1024
#define LOCKED_BYTES_MAX (64 * 1024)
#define QUEUE_BYTES_MAX  819200 /* the kernel's default for POSIX message queues */
#define PENDING_SIGNALS  1024
#define STACK_BYTES_MAX  (8 * 1024 * 1024)

/*
 * Every limit that exists, soft and hard alike, so that nothing is inherited from whoever started the service.
 * RLIMIT_CORE is 1 and not 0: with 0 a piped core pattern still starts the host's helper, with 1 the kernel refuses
 * (core(5)). RLIMIT_NPROC counts the processes of the job's own kernel uid: a second net under pids.max.
 */
void cell_apply_rlimits(const struct plan *plan)
{
    if (!has_layer(plan, CELL_LAYER_RLIMITS))
        return;
    const struct {
        __rlimit_resource_t resource;
        const char *name;
        rlim_t value;
    } limits[] = {
        { RLIMIT_CORE, "core", 1 },
        { RLIMIT_NOFILE, "nofile", OPEN_FILES_MAX },
        { RLIMIT_NPROC, "nproc", plan->pids_max },
        { RLIMIT_DATA, "data", plan->memory_max_bytes > 0 ? plan->memory_max_bytes : RLIM_INFINITY },
        { RLIMIT_FSIZE, "fsize", plan->file_max_bytes > 0 ? plan->file_max_bytes : RLIM_INFINITY },
        { RLIMIT_STACK, "stack", STACK_BYTES_MAX },
        { RLIMIT_MEMLOCK, "memlock", LOCKED_BYTES_MAX },
        { RLIMIT_MSGQUEUE, "msgqueue", QUEUE_BYTES_MAX },
        { RLIMIT_SIGPENDING, "sigpending", PENDING_SIGNALS },
        { RLIMIT_NICE, "nice", 0 },
        { RLIMIT_RTPRIO, "rtprio", 0 },
        { RLIMIT_RTTIME, "rttime", 0 },
        { RLIMIT_LOCKS, "locks", OPEN_FILES_MAX },
        { RLIMIT_CPU, "cpu", plan->cpu_max_s > 0 ? plan->cpu_max_s + 1 : RLIM_INFINITY },
        { RLIMIT_AS, "as", RLIM_INFINITY },
        { RLIMIT_RSS, "rss", RLIM_INFINITY },
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct rlimit limit, wanted = { limits[i].value, limits[i].value };
        if (getrlimit(limits[i].resource, &limit) < 0)
            cell_fail("read-rlimit", limits[i].name);
        /* A limit can only be lowered here: a host that starts us with less keeps it less. */
        if (limit.rlim_max < wanted.rlim_max)
            wanted.rlim_cur = wanted.rlim_max = limit.rlim_max;
        if (setrlimit(limits[i].resource, &wanted) < 0)
            cell_fail("set-rlimit", limits[i].name);
    }
}
