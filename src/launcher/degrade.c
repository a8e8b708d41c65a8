#include "degrade.h"

#include <assert.h>
#include <stdio.h>

#include "sallyport/job/job.h"
#include "sallyport/policy/policy.h"
#include "sallyport/proto/settings.h"

#define LANDLOCK_ABI_WITH_SCOPE 6 /* Linux 6.12: abstract unix sockets and signals stay inside */

static bool lacks_memory(const struct setting_launcher *host, const struct command *command)
{
    (void)command;
    return !host->has_cgroup || (host->controllers & CONTROLLER_MEMORY) == 0;
}

static bool lacks_pids(const struct setting_launcher *host, const struct command *command)
{
    (void)command;
    return !host->has_cgroup || (host->controllers & CONTROLLER_PIDS) == 0;
}

/* Processor time is counted without a controller; only who limits more of it than that needs one. */
static bool lacks_cpu(const struct setting_launcher *host, const struct command *command)
{
    return !host->has_cgroup || (command->cpu_thousandths != 0 && (host->controllers & CONTROLLER_CPU) == 0);
}

static bool lacks_io(const struct setting_launcher *host, const struct command *command)
{
    return !host->has_cgroup || (command->disk_count != 0 && (host->controllers & CONTROLLER_IO) == 0);
}

static bool lacks_landlock(const struct setting_launcher *host, const struct command *command)
{
    return host->landlock_abi < command->landlock_abi_min ||
           (command->has_host_network && host->landlock_abi < LANDLOCK_ABI_WITH_SCOPE);
}

static bool lacks_job_uid(const struct setting_launcher *host, const struct command *command)
{
    (void)command;
    return host->has_single_id || host->keeps_groups;
}

static const struct {
    enum degrade bit;
    bool (*is_lacking)(const struct setting_launcher *host, const struct command *command);
    const char *what, *remedy;
} features[] = {
    { DEGRADE_CGROUP_MEMORY, lacks_memory, "this host gives no cgroup v2 memory controller",
      "delegate one, or accept RLIMIT_DATA with `degrade: [cgroup-memory]`" },
    { DEGRADE_CGROUP_PIDS, lacks_pids, "this host gives no cgroup v2 pids controller",
      "delegate one, or accept RLIMIT_NPROC with `degrade: [cgroup-pids]`" },
    { DEGRADE_CGROUP_CPU, lacks_cpu, "this host gives no cgroup v2 cpu controller",
      "delegate one, or accept jobs without processor control with `degrade: [cgroup-cpu]`" },
    { DEGRADE_CGROUP_IO, lacks_io, "this host gives no cgroup v2 io controller",
      "delegate one, or accept jobs without disk control with `degrade: [cgroup-io]`" },
    { DEGRADE_LANDLOCK, lacks_landlock, NULL, NULL },
    { DEGRADE_JOB_UID, lacks_job_uid, NULL, NULL },
};

uint32_t degrade_needed(const struct setting_launcher *host, const struct command *command)
{
    uint32_t needed = 0;
    for (size_t i = 0; i < sizeof features / sizeof features[0]; i++)
        if (features[i].is_lacking(host, command))
            needed |= features[i].bit;
    return needed;
}

static void explain_landlock(const struct setting_launcher *host, const struct command *command, char *text,
                             uint32_t room)
{
    if (host->landlock_abi < command->landlock_abi_min)
        snprintf(text, room,
                 "this kernel has Landlock ABI %u and the command asks for %u: use a newer kernel, or accept "
                 "less with `degrade: [landlock]`",
                 host->landlock_abi, command->landlock_abi_min);
    else
        snprintf(text, room,
                 "with `network: host` only Landlock ABI %d (Linux 6.12) keeps a job from the host's abstract "
                 "sockets, and this kernel has ABI %u: use a newer kernel, or accept that with `degrade: [landlock]`",
                 LANDLOCK_ABI_WITH_SCOPE, host->landlock_abi);
}

static void explain_job_uid(const struct setting_launcher *host, char *text, uint32_t room)
{
    if (host->has_single_id)
        snprintf(text, room,
                 "this user may map only its own id, so jobs would share it with the server: give it a range in "
                 "/etc/subuid and /etc/subgid and install uidmap, or accept that with `degrade: [job-uid]`");
    else
        snprintf(text, room,
                 "the supplementary groups of the server's user cannot be dropped here, so jobs would keep them: "
                 "start as root, or accept that with `degrade: [job-uid]`");
}

void degrade_explain(const struct setting_launcher *host, const struct command *command, uint32_t missing, char *text,
                     uint32_t room)
{
    assert(missing != 0);
    size_t i = 0;
    while ((features[i].bit & missing) == 0)
        i++;
    assert(i < sizeof features / sizeof features[0]);
    if (features[i].bit == DEGRADE_LANDLOCK)
        explain_landlock(host, command, text, room);
    else if (features[i].bit == DEGRADE_JOB_UID)
        explain_job_uid(host, text, room);
    else
        snprintf(text, room, "%s: %s", features[i].what, features[i].remedy);
}
