#include "degrade.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/job/job.h"
#include "sallyport/policy/policy.h"
#include "sallyport/proto/settings.h"

#define ALL_CONTROLLERS (CONTROLLER_MEMORY | CONTROLLER_PIDS | CONTROLLER_CPU | CONTROLLER_IO)
#define ALL_GROUPS      (DEGRADE_CGROUP_MEMORY | DEGRADE_CGROUP_PIDS | DEGRADE_CGROUP_CPU | DEGRADE_CGROUP_IO)

Test(degrade, names_exactly_what_a_host_lacks)
{
    static const struct {
        const char *what;
        struct setting_launcher host;
        bool has_host_network;
        uint32_t landlock_abi_min, needed;
        const char *says;
    } rows[] = {
        { "complete", { .has_cgroup = true, .controllers = ALL_CONTROLLERS, .landlock_abi = 7 }, true, 2, 0, "" },
        { "no cpu and io, which no command limits",
          { .has_cgroup = true, .controllers = CONTROLLER_MEMORY | CONTROLLER_PIDS, .landlock_abi = 7 },
          false,
          2,
          0,
          "" },
        { "no memory controller",
          { .has_cgroup = true, .controllers = CONTROLLER_PIDS, .landlock_abi = 7 },
          false,
          2,
          DEGRADE_CGROUP_MEMORY,
          "this host gives no cgroup v2 memory controller: delegate one, or accept RLIMIT_DATA with "
          "`degrade: [cgroup-memory]`" },
        { "no pids controller",
          { .has_cgroup = true, .controllers = CONTROLLER_MEMORY, .landlock_abi = 7 },
          false,
          2,
          DEGRADE_CGROUP_PIDS,
          "`degrade: [cgroup-pids]`" },
        { "no group at all: the controllers' bits mean nothing",
          { .has_cgroup = false, .controllers = ALL_CONTROLLERS, .landlock_abi = 7 },
          false,
          2,
          ALL_GROUPS,
          "cgroup-memory" },
        { "Landlock below the command's floor",
          { .has_cgroup = true, .controllers = ALL_CONTROLLERS, .landlock_abi = 2 },
          false,
          4,
          DEGRADE_LANDLOCK,
          "ABI 2 and the command asks for 4" },
        { "no Landlock",
          { .has_cgroup = true, .controllers = ALL_CONTROLLERS, .landlock_abi = 0 },
          false,
          2,
          DEGRADE_LANDLOCK,
          "`degrade: [landlock]`" },
        { "no scope, own network",
          { .has_cgroup = true, .controllers = ALL_CONTROLLERS, .landlock_abi = 5 },
          false,
          2,
          0,
          "" },
        { "no scope with the host's network",
          { .has_cgroup = true, .controllers = ALL_CONTROLLERS, .landlock_abi = 5 },
          true,
          2,
          DEGRADE_LANDLOCK,
          "abstract sockets" },
        { "one id for all",
          { .has_cgroup = true, .controllers = ALL_CONTROLLERS, .landlock_abi = 7, .has_single_id = true },
          false,
          2,
          DEGRADE_JOB_UID,
          "/etc/subuid" },
        { "groups that stay",
          { .has_cgroup = true, .controllers = ALL_CONTROLLERS, .landlock_abi = 7, .keeps_groups = true },
          false,
          2,
          DEGRADE_JOB_UID,
          "supplementary groups" },
        { "nothing", { .has_single_id = true, .keeps_groups = true }, true, 2, DEGRADE_ALL, "cgroup-memory" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct command command = { .has_host_network = rows[i].has_host_network,
                                   .landlock_abi_min = rows[i].landlock_abi_min };
        uint32_t needed = degrade_needed(&rows[i].host, &command);
        cr_expect_eq(needed, rows[i].needed, "%s: 0x%x", rows[i].what, needed);
        char text[ERROR_TEXT_MAX_BYTES] = "";
        if (needed != 0)
            degrade_explain(&rows[i].host, &command, needed, text, sizeof text);
        cr_expect(strstr(text, rows[i].says) != NULL, "%s: %s", rows[i].what, text);
    }
}

Test(degrade, asks_for_the_cpu_controller_only_where_processors_are_limited)
{
    struct setting_launcher host = { .has_cgroup = true,
                                     .controllers = ALL_CONTROLLERS & ~(uint32_t)CONTROLLER_CPU,
                                     .landlock_abi = 7 };
    struct command command = { .landlock_abi_min = 2, .cpu_thousandths = 500 };
    char text[ERROR_TEXT_MAX_BYTES] = "";
    cr_expect_eq(degrade_needed(&host, &command), DEGRADE_CGROUP_CPU);
    degrade_explain(&host, &command, DEGRADE_CGROUP_CPU, text, sizeof text);
    cr_expect_str_eq(text,
                     "this host gives no cgroup v2 cpu controller: delegate one, or accept jobs without processor "
                     "control with `degrade: [cgroup-cpu]`");
    command.cpu_thousandths = 0;
    cr_expect_eq(degrade_needed(&host, &command), 0);
    host.controllers = ALL_CONTROLLERS;
    command.cpu_thousandths = 500;
    cr_expect_eq(degrade_needed(&host, &command), 0);
}

Test(degrade, asks_for_the_io_controller_only_where_disks_are_limited)
{
    struct setting_launcher host = { .has_cgroup = true,
                                     .controllers = ALL_CONTROLLERS & ~(uint32_t)CONTROLLER_IO,
                                     .landlock_abi = 7 };
    struct disk_limit disk = { .path = "/dev/vda", .write_bytes = 4096 };
    struct command command = { .landlock_abi_min = 2, .disks = &disk, .disk_count = 1 };
    char text[ERROR_TEXT_MAX_BYTES] = "";
    cr_expect_eq(degrade_needed(&host, &command), DEGRADE_CGROUP_IO);
    degrade_explain(&host, &command, DEGRADE_CGROUP_IO, text, sizeof text);
    cr_expect_str_eq(text,
                     "this host gives no cgroup v2 io controller: delegate one, or accept jobs without disk control "
                     "with `degrade: [cgroup-io]`");
    command.disk_count = 0;
    cr_expect_eq(degrade_needed(&host, &command), 0);
    host.controllers = ALL_CONTROLLERS;
    command.disk_count = 1;
    cr_expect_eq(degrade_needed(&host, &command), 0);
}

Test(degrade, explains_the_first_feature_that_is_missing_and_not_accepted)
{
    struct setting_launcher host = { .has_single_id = true };
    struct command command = { .landlock_abi_min = 2 };
    for (unsigned bit = 0; bit < DEGRADE_COUNT; bit++) {
        char text[ERROR_TEXT_MAX_BYTES] = "", name[64];
        degrade_explain(&host, &command, DEGRADE_ALL & ~((1u << bit) - 1), text, sizeof text);
        snprintf(name, sizeof name, "`degrade: [%s]`", job_degrade_text(bit));
        cr_expect(strstr(text, name) != NULL, "%s is not in: %s", name, text);
    }
}
