/* What so many slots take from the host: namespaces, descriptors, processes, ids; and the addresses that are listened at. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/host_range.h"
#include "sallyport/config/config.h"
#include "sallyport/policy/policy.h"

#define MNT_OF_OURS      8    /* mount namespaces of our own processes */
#define OF_OURS          2    /* namespaces of other kinds, which they mostly share with the host */
#define FILES_OF_OURS    1024 /* readers, listeners, logs */
#define FILES_OF_A_ROOT  2    /* in each slot */
#define FILES_OF_A_JOB   10
#define PROCESSES_OF_ALL 512

#define TELL(finding, ...) snprintf((finding)->text, sizeof(finding)->text, __VA_ARGS__)
#define MEND(finding, ...) snprintf((finding)->fix, sizeof(finding)->fix, __VA_ARGS__)

/* Each slot has a user namespace, and a mount namespace for each root; its job has one of each kind but user. */
void doctor_check_namespaces(int root, uint32_t slots, uint32_t roots, struct findings *findings)
{
    const struct {
        const char *kind;
        unsigned long at_rest, at_work; /* a reload makes all roots anew before the old ones go */
    } kinds[] = {
        { "user", slots, slots },
        { "mnt", MNT_OF_OURS + roots + slots * roots, MNT_OF_OURS + 2ul * (roots + slots * roots) + slots },
        { "pid", OF_OURS, OF_OURS + slots },
        { "net", OF_OURS, OF_OURS + slots },
        { "ipc", OF_OURS, OF_OURS + slots },
        { "uts", OF_OURS, OF_OURS + slots },
        { "cgroup", OF_OURS, OF_OURS + slots },
    };
    unsigned lacking = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char path[64], text[32] = "";
        snprintf(path, sizeof path, "proc/sys/user/max_%s_namespaces", kinds[i].kind);
        auto_fd int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
            continue;
        unsigned long most = strtoul(text, NULL, 10);
        if (most >= kinds[i].at_work)
            continue;
        bool is_fatal = most < kinds[i].at_rest;
        lacking++;
        struct finding *finding = finding_add(findings, is_fatal ? DOCTOR_FAIL : DOCTOR_WARN, "namespaces");
        TELL(finding, "user.max_%s_namespaces is %lu, and %u slots with %u roots take up to %lu; %s", kinds[i].kind,
             most, slots, roots, kinds[i].at_work,
             is_fatal ? "sallyportd does not start, or no job does" : "a job for which none is left does not start");
        MEND(finding, "sysctl -w user.max_%s_namespaces=%lu, or lower slots.count", kinds[i].kind, kinds[i].at_work);
    }
    if (lacking > 0)
        return;
    struct finding *enough = finding_add(findings, DOCTOR_PASS, "namespaces");
    TELL(enough, "each kind may be made often enough for %u slots", slots);
}

void doctor_judge_limits(rlim_t files, rlim_t processes, bool is_root, uint32_t slots, uint32_t roots,
                         struct findings *findings)
{
    unsigned long long needed = FILES_OF_OURS + (FILES_OF_A_ROOT * (unsigned long long)roots + FILES_OF_A_JOB) * slots;
    bool has_files = files >= needed;
    struct finding *finding = finding_add(findings, has_files ? DOCTOR_PASS : DOCTOR_WARN, "open files");
    if (has_files)
        TELL(finding, "as started from here, enough for %u slots", slots);
    else {
        TELL(finding, "as started from here, a process may have %llu at most; %u slots take up to %llu",
             (unsigned long long)files, slots, needed);
        MEND(finding, "LimitNOFILE=524288 in the unit, as ours has it; or 'ulimit -Hn %llu' as root before the start",
             needed);
    }
    if (is_root || processes >= PROCESSES_OF_ALL) /* root's jobs have ids of their own, and these none yet */
        return;
    finding = finding_add(findings, DOCTOR_WARN, "processes");
    TELL(finding, "this user may have %llu at once, jobs and their threads included", (unsigned long long)processes);
    MEND(finding, "a line in /etc/security/limits.d: USER hard nproc 16384");
}

static void check_limits(const struct host_facts *facts, uint32_t slots, uint32_t roots, struct findings *findings)
{
    struct rlimit files, processes;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && getrlimit(RLIMIT_NPROC, &processes) == 0)
        doctor_judge_limits(files.rlim_max, processes.rlim_max, facts->is_root, slots, roots, findings);
}

static uint32_t slots_of(const struct config *config)
{
    return config->slot_count + config->slots_per_account * config->policy->account_count;
}

/* sallyportd looks for the same, and does not start. */
static void check_range(const struct config *config, struct findings *findings)
{
    struct error err = { .code = 0 };
    uint32_t first = config->first_uid - HOST_SERVICE_IDS, count = 2 * slots_of(config) + HOST_SERVICE_IDS;
    int done = host_range_check(first, count, &err);
    struct finding *finding = finding_add(findings, done < 0 ? DOCTOR_FAIL : DOCTOR_PASS, "ids of slots");
    if (done == 0) {
        TELL(finding, "%u to %u belong to no account", first, first + count - 1);
        return;
    }
    TELL(finding, "%s", err.text);
    MEND(finding, "in the configuration, slots: {first_uid: %u}, or another range of %u ids that is nobody's",
         SLOT_FIRST_UID_DEFAULT, count);
}

/* The errno of binding to it for a moment; 0 when it can be had, and also when nobody can tell. */
static int try_address(const struct config_listener *listener)
{
    const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char port[8];
    int code = 0, one = 1;
    snprintf(port, sizeof port, "%u", listener->port);
    if (listener->is_unix || listener->port == 0 || getaddrinfo(listener->host, port, &hints, &found) != 0)
        return 0;
    auto_fd int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        bind(fd, found->ai_addr, found->ai_addrlen) < 0)
        code = errno;
    freeaddrinfo(found);
    return code;
}

void doctor_check_listeners(const struct config *config, bool is_running, struct findings *findings)
{
    static const struct {
        int code;
        enum verdict verdict;
        const char *meaning, *fix;
    } answers[] = {
        { EADDRINUSE, DOCTOR_WARN, "is taken by another program, so sallyportd could not start",
          "ss -ltnp says by which; stop that, or listen at another address (server.listen)" },
        { EADDRNOTAVAIL, DOCTOR_WARN, "is no address that this host has now, so sallyportd could not start",
          "ip address lists those that there are; set server.listen to one of them" },
        { EACCES, DOCTOR_FAIL, "needs CAP_NET_BIND_SERVICE, as every port below 1024",
          "listen above 1024 (server.listen), or start it as root" },
    };
    for (uint32_t i = 0; i < config->listener_count; i++) {
        int code = try_address(&config->listeners[i]);
        for (size_t j = 0; j < sizeof answers / sizeof answers[0]; j++) {
            if (answers[j].code != code || (code == EADDRINUSE && is_running)) /* by itself */
                continue;
            struct finding *finding = finding_add(findings, answers[j].verdict, "listener");
            TELL(finding, "%s %s", config->listeners[i].address, answers[j].meaning);
            MEND(finding, "%s", answers[j].fix);
        }
    }
}

void doctor_check_room(const struct host_facts *facts, const struct config *config, bool is_running,
                       struct findings *findings)
{
    uint32_t slots = config == NULL ? SLOT_COUNT_DEFAULT : slots_of(config);
    uint32_t roots = config == NULL ? 1 : config->policy->root_count;
    auto_fd int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    doctor_check_namespaces(root, slots, roots, findings);
    check_limits(facts, slots, roots, findings);
    if (config != NULL && facts->is_root)
        check_range(config, findings);
    if (config != NULL)
        doctor_check_listeners(config, is_running, findings);
}
