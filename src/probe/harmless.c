#include "sallyport/probe/harmless.h"

#include <string.h>

#define SELF  "changes its own process, which ends"
#define READS "reads, and tells the first line at most"
#define FILES "leaves a file named probe-... in /tmp"
#define VSOCK "the kernel may load its module for AF_VSOCK, as for any user's call"
#define TALKS "says a word to a socket that the selftest made for it"

#define CALLS        "ENOSYS EPERM policy_violation"
#define FILTER       "system call filter"
#define CAPABILITIES "no capabilities"

const struct harmless_attack harmless_attacks[] = {
    { "S01", "an inherited descriptor leads to the host", "{canary}", "EBADF", "closed descriptors", READS, NULL },
    { "S02", "reading above the working directory", "{canary}", "EACCES ENOENT", "the root", READS, NULL },
    { "S04", "opening the program of init", "", "EACCES ENOENT", "the slot's user namespace", READS, NULL },
    { "S06a", "truncating what was said before", "", "EINVAL ESPIPE", "pipes", SELF, NULL },
    { "S06b", "reading the other end of standard output", "", "EACCES ENOENT", "the pipe's owner", SELF, "job-uid" },
    { "S09", "taking descriptors of init", "", CALLS, "the slot's user namespace",
      "holds a copy of a descriptor of the first process for a moment", NULL },
    { "S12b", "chroot", "", CALLS, FILTER ", " CAPABILITIES, SELF, NULL },
    { "S15", "entering a namespace", "self", "EACCES ENOENT ENOSYS EPERM policy_violation", FILTER ", " CAPABILITIES,
      SELF, NULL },
    { "S16", "reading the kernel's settings", "", "EACCES ENOENT", "a /proc of processes only", READS, NULL },
    { "S17", "reading what /proc and /sys tell of the host", "", "EACCES ENOENT", "a /proc of processes only", READS,
      NULL },
    { "S24", "opening by handle", "", CALLS, FILTER ", " CAPABILITIES, FILES, NULL },
    { "S32a", "a lease", "", CALLS, FILTER, FILES, NULL },
    { "S32b", "watching a shared directory", "", CALLS, FILTER, SELF, NULL },
    { "S33", "fanotify", "", CALLS, FILTER, SELF, NULL },
    { "S30", "splicing pages", "", CALLS, FILTER, SELF, NULL },
    { "S35", "a 32-bit system call", "", "policy_violation", FILTER, SELF, NULL },
    { "S37", "an x32 system call", "", "policy_violation", FILTER, SELF, NULL },
    { "S38a", "a socket family with bit 32 set", "", CALLS, FILTER, VSOCK, NULL },
    { "S38b", "a file command with bit 32 set", "", CALLS, FILTER, FILES, NULL },
    { "S38d", "a prctl with bit 32 set", "", CALLS, FILTER, SELF, NULL },
    { "S39", "clone3 with a namespace flag", "", "ENOSYS EPERM", FILTER ", " CAPABILITIES, SELF, NULL },
    { "S40", "ptrace", "", CALLS, FILTER, SELF, NULL },
    { "S41", "writing into another process", "", CALLS, FILTER, SELF, NULL },
    { "S43", "io_uring", "", CALLS, FILTER, VSOCK, NULL },
    { "S44b", "perf_event_open", "", CALLS, FILTER, SELF, NULL },
    { "S44c", "userfaultfd", "", CALLS, FILTER, SELF, NULL },
    { "S44d", "memfd_secret", "", CALLS, FILTER, SELF, NULL },
    { "S45", "a seccomp listener of the job's own", "", "EBUSY ENOSYS EPERM policy_violation", FILTER, SELF, NULL },
    { "S48", "opening the terminal", "", "ENOENT ENXIO", "no terminal", SELF, NULL },
    { "S49", "switching address randomisation off", "", CALLS, FILTER, SELF, NULL },
    { "S50a", "memory that is writable and executable", "", "EACCES EPERM policy_violation",
      "no executable data, system call filter", SELF, NULL },
    { "S50b", "making data executable", "", "EACCES EPERM policy_violation", "no executable data, system call filter",
      SELF, NULL },
    { "S50c", "a shared segment that is writable and executable", "", "EACCES ENOSYS EPERM policy_violation",
      "no executable data, system call filter", SELF, NULL },
    { "S51a", "executing a program that the job wrote", "", "EACCES EPERM", "limits and noexec of /tmp, Landlock",
      FILES, NULL },
    { "S51b", "executing memory", "", "EACCES EINVAL ENOSYS EPERM policy_violation", "no executable memory files", SELF,
      NULL },
    { "S53a", "a socket to the hypervisor", "", "EAFNOSUPPORT ENOSYS EPERM policy_violation", FILTER, VSOCK, NULL },
    { "S54", "changing the flags of a file", "", "EACCES ENOSYS ENOTTY EPERM policy_violation", FILTER, FILES, NULL },
    { "S55a", "real-time scheduling", "", CALLS, "the slot's user namespace", SELF, NULL },
    { "S55b", "choosing a CPU", "", CALLS, FILTER, SELF, NULL },
    { "S55c", "locking much memory", "2048", "ENOMEM ENOSYS EPERM policy_violation",
      "resource limits, system call filter", SELF, NULL },
    { "S55d", "going before everybody else", "", "EACCES ENOSYS EPERM policy_violation", "the slot's user namespace",
      SELF, NULL },
    { "S56a", "unlocking the securebits", "", CALLS, FILTER ", " CAPABILITIES, SELF, NULL },
    { "S56b", "raising an ambient capability", "", CALLS, FILTER ", " CAPABILITIES, SELF, NULL },
    { "S56c", "letting everybody trace the job", "", CALLS, FILTER, SELF, NULL },
    { "S57", "a segment of one's own", "", CALLS, FILTER, SELF, NULL },
    { "S58a", "becoming root", "", "EINVAL ENOSYS EPERM policy_violation", CAPABILITIES, SELF, NULL },
    { "S58b", "joining a group", "", CALLS, FILTER ", " CAPABILITIES, SELF, NULL },
    { "S58c", "opening files as root", "", CALLS, CAPABILITIES, SELF, NULL },
    { "S59", "having a capability", "", CALLS, "no capabilities, system call filter", SELF, NULL },
    { "S72", "a host's abstract socket", "{abstract} {nonce}", "ECONNREFUSED EPERM", "network namespace, Landlock",
      TALKS, NULL },
    { "S79", "learning the host's cgroups", "", "ENOENT", "the cgroup namespace", READS, NULL },
    { "S80", "learning the host's name", "{host_name}", "ENOENT", "host name of its own", READS, NULL },
    { "S111", "a service on the host's loopback", "127.0.0.1 {port} {nonce}",
      "EACCES EAFNOSUPPORT ECONNREFUSED ENETUNREACH ENOSYS EPERM policy_violation",
      "system call filter, network namespace, Landlock", TALKS, NULL },
    { "S114", "a host's socket by its path", "{socket_path} {nonce}", "ENOENT EPERM", "the root", TALKS, NULL },
};

const size_t harmless_attack_count = sizeof harmless_attacks / sizeof harmless_attacks[0];

const struct harmless_attack *harmless_attack_find(const char *id)
{
    for (size_t i = 0; i < harmless_attack_count; i++)
        if (strcmp(harmless_attacks[i].id, id) == 0)
            return &harmless_attacks[i];
    return NULL;
}
