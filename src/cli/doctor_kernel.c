/*
 * Settings of the kernel that jobs meet, as files say them: a table of files, what each should say, and what it means if it does
 * not. A file that is not there is a setting that this kernel does not have, and no finding.
 *
 * Left out on purpose is what no job can reach, whatever it says: kernel.kptr_restrict, kernel.dmesg_restrict, unprivileged BPF,
 * io_uring_disabled (the filters' floor refuses the calls), kernel.yama.ptrace_scope (our processes are not dumpable).
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "doctor.h"
#include "sallyport/base/fd.h"

#define TEXT_BYTES 512

/* The first line of a file below root; false if there is none. */
static bool read_line(int root, const char *path, char text[TEXT_BYTES])
{
    auto_fd int fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t size = fd < 0 ? -1 : read(fd, text, TEXT_BYTES - 1);
    if (size <= 0)
        return false;
    text[size] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return true;
}

/* --- the table -------------------------------------------------------------------------------------------------- */

/* Every profile is made of these. */
static bool has_actions(const char *text)
{
    static const char *const needed[] = { "kill_process", "errno", "allow" };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        const char *at = strstr(text, needed[i]);
        size_t length = strlen(needed[i]);
        if (at == NULL || (at != text && at[-1] != ' ') || (at[length] != ' ' && at[length] != '\0'))
            return false;
    }
    return true;
}

static bool is_no_pipe(const char *text)
{
    return text[0] != '|';
}

static bool is_not_0(const char *text)
{
    return strcmp(text, "0") != 0;
}

static bool is_not_1(const char *text)
{
    return strcmp(text, "1") != 0;
}

static bool is_not_2(const char *text)
{
    return strcmp(text, "2") != 0;
}

static const struct setting {
    const char *subject, *path; /* below the root directory */
    bool (*is_good)(const char *text);
    enum verdict otherwise;
    const char *good, *bad, *fix;
} settings[] = {
    { "seccomp actions", "proc/sys/kernel/seccomp/actions_avail", has_actions, DOCTOR_FAIL,
      "what the profiles are made of is there", "every profile needs kill_process, errno and allow; no job can run",
      "use a Linux kernel with CONFIG_SECCOMP_FILTER, as Debian's are, and no emulation of one (gVisor, WSL 1)" },
    { "core files", "proc/sys/kernel/core_pattern", is_no_pipe, DOCTOR_PASS,
      "a job that crashes leaves none: its limit is one byte",
      "a job that crashes does not start the host's handler: its limit of one byte keeps the kernel from it", "" },
    { "out of memory", "proc/sys/vm/panic_on_oom", is_not_2, DOCTOR_FAIL,
      "a job that meets its memory limit ends, and the host goes on",
      "a job that meets its memory limit stops the whole host", "sysctl -w vm.panic_on_oom=0" },
    { "pipes", "proc/sys/fs/pipe-user-pages-soft", is_not_0, DOCTOR_WARN, "what one id may hold in pipes is bounded",
      "what a job may hold in pipes is not bounded, and where the memory controller is missing nothing else does it",
      "sysctl -w fs.pipe-user-pages-soft=16384" },
    { "SELinux", "sys/fs/selinux/enforce", is_not_1, DOCTOR_WARN, "is there, and only watches",
      "is enforced, and no test of sallyport runs under it: what fails with 'Permission denied' may have met it",
      "look with: ausearch -m avc -ts recent; allow what it names (audit2allow), or start sallyportd unconfined" },
};

static void check_settings(int root, struct findings *findings)
{
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        const struct setting *setting = &settings[i];
        char text[TEXT_BYTES];
        if (!read_line(root, setting->path, text))
            continue;
        bool is_good = setting->is_good(text);
        struct finding *finding = finding_add(findings, is_good ? DOCTOR_PASS : setting->otherwise, setting->subject);
        snprintf(finding->text, sizeof finding->text, "%s (/%s: %s)", is_good ? setting->good : setting->bad,
                 setting->path, text);
        if (!is_good)
            snprintf(finding->fix, sizeof finding->fix, "%s", setting->fix);
    }
}

/* --- what is no one file ---------------------------------------------------------------------------------------- */

#define VULNERABILITIES "sys/devices/system/cpu/vulnerabilities"

static bool is_vulnerable(const char *text)
{
    return strncmp(text, "Vulnerable", 10) == 0 || strstr(text, "SMT vulnerable") != NULL;
}

/* Blank-separated names of those that are not mitigated. False if this kernel tells of none. */
static bool list_vulnerabilities(int root, char *names, size_t room)
{
    int fd = openat(root, VULNERABILITIES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL) {
        fd_close(&fd);
        return false;
    }
    names[0] = '\0';
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        char text[TEXT_BYTES];
        size_t used = strlen(names);
        if (entry->d_name[0] != '.' && read_line(dirfd(directory), entry->d_name, text) && is_vulnerable(text))
            snprintf(names + used, room - used, "%s%s", used == 0 ? "" : " ", entry->d_name);
    }
    closedir(directory);
    return true;
}

static void check_processor(int root, struct findings *findings)
{
    char names[TEXT_BYTES], smt[TEXT_BYTES];
    if (!list_vulnerabilities(root, names, sizeof names))
        return;
    bool is_shared = read_line(root, "sys/devices/system/cpu/smt/active", smt) && strcmp(smt, "1") == 0;
    const char *cores =
        is_shared ? "SMT is on: two jobs can share a core, and no core scheduling keeps them apart" : "SMT is off";
    struct finding *finding = finding_add(findings, names[0] == '\0' ? DOCTOR_PASS : DOCTOR_WARN, "processor");
    if (names[0] == '\0')
        snprintf(finding->text, sizeof finding->text, "the kernel mitigates what it knows of; %s", cores);
    else {
        snprintf(finding->text, sizeof finding->text,
                 "not mitigated: %s; a job may learn what other programs hold in memory. %s", names, cores);
        snprintf(finding->fix, sizeof finding->fix,
                 "install the newest microcode (intel-microcode or amd64-microcode) and boot without mitigations=off%s",
                 is_shared ? "; or with mitigations=auto,nosmt" : "");
    }
}

/* Who makes an ordinary user's ranges into maps is a program with privilege, which copies of images often lose. */
static void check_newuidmap(int root, const struct host_facts *facts, struct findings *findings)
{
    static const char *const programs[] = { "usr/bin/newuidmap", "usr/bin/newgidmap" };
    if (facts->is_root || !facts->has_newuidmap)
        return;
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        struct stat st;
        auto_fd int fd = openat(root, programs[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || ((st.st_mode & S_ISUID) != 0 && st.st_uid == 0) ||
            fgetxattr(fd, "security.capability", NULL, 0) > 0)
            continue;
        struct finding *finding = finding_add(findings, DOCTOR_FAIL, "newuidmap");
        snprintf(finding->text, sizeof finding->text,
                 "/%s is neither setuid root nor has capabilities, so this user's subordinate ids cannot be used",
                 programs[i]);
        snprintf(finding->fix, sizeof finding->fix,
                 "as root: apt-get install --reinstall uidmap, or chmod u+s /usr/bin/newuidmap /usr/bin/newgidmap");
        return;
    }
}

/* `sallyport try` and `selftest --attacks` have their configuration believed there, because nobody else can replace it. */
static void check_tmp(int root, struct findings *findings)
{
    struct stat st;
    if (fstatat(root, "tmp", &st, 0) < 0 || (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (st.st_mode & S_ISVTX) != 0)
        return;
    struct finding *finding = finding_add(findings, DOCTOR_WARN, "/tmp");
    snprintf(finding->text, sizeof finding->text,
             "anybody may replace the files of others there (mode %04o), so `try` and `selftest --attacks` refuse it",
             (unsigned)st.st_mode & 07777);
    snprintf(finding->fix, sizeof finding->fix, "chmod 1777 /tmp, or set TMPDIR to a directory of your own");
}

void doctor_check_kernel(int root, const struct host_facts *facts, struct findings *findings)
{
    check_settings(root, findings);
    check_processor(root, findings);
    check_newuidmap(root, facts, findings);
    check_tmp(root, findings);
}
