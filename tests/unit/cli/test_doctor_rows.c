/* Each row of doctor is made to say that something is wrong: by a tree of files in place of "/", or by the numbers it judges. */
#include "doctor.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "sallyport/config/config.h"

static char tree[64];

static void make_tree(void)
{
    snprintf(tree, sizeof tree, "/tmp/test-doctor-XXXXXX");
    cr_assert_not_null(mkdtemp(tree));
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(path);
}

static void remove_tree(void)
{
    nftw(tree, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A file of the tree with this text, and the directories above it. */
static void put(const char *path, const char *text)
{
    char full[256];
    snprintf(full, sizeof full, "%s/%s", tree, path);
    for (char *slash = strchr(full + strlen(tree) + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0755);
        *slash = '/';
    }
    FILE *file = fopen(full, "w");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void look(const struct host_facts *facts, struct findings *findings)
{
    int root = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *findings = (struct findings){ .count = 0 };
    doctor_check_kernel(root, facts, findings);
    close(root);
}

static const struct finding *find(const struct findings *findings, const char *subject)
{
    for (uint32_t i = 0; i < findings->count; i++)
        if (strcmp(findings->items[i].subject, subject) == 0)
            return &findings->items[i];
    return NULL;
}

/* There is one of this verdict, whose text has these words, and a fix if it is no pass. */
static void expect(const struct findings *findings, const char *subject, enum verdict verdict, const char *words)
{
    const struct finding *finding = find(findings, subject);
    cr_assert_not_null(finding, "%s", subject);
    cr_expect_eq(finding->verdict, verdict, "%s: %s", subject, finding->text);
    cr_expect_not_null(strstr(finding->text, words), "%s: '%s' has no '%s'", subject, finding->text, words);
    cr_expect_eq(finding->fix[0] == '\0', verdict == DOCTOR_PASS, "%s: fix '%s'", subject, finding->fix);
}

TestSuite(doctor_rows, .init = make_tree, .fini = remove_tree);

Test(doctor_rows, a_setting_that_is_not_there_is_no_finding)
{
    struct host_facts facts = { .is_root = true };
    struct findings findings;
    look(&facts, &findings);
    cr_expect_eq(findings.count, 0);
}

Test(doctor_rows, each_setting_of_the_kernel_is_told_good_and_bad)
{
    static const struct {
        const char *subject, *path, *good, *bad;
        enum verdict otherwise;
    } settings[] = {
        { "seccomp actions", "proc/sys/kernel/seccomp/actions_avail", "kill_process kill_thread errno allow\n",
          "kill_thread errno allow\n", DOCTOR_FAIL },
        { "seccomp actions", "proc/sys/kernel/seccomp/actions_avail", "kill_process errno log allow",
          "kill_process errno_too allow", DOCTOR_FAIL },
        { "out of memory", "proc/sys/vm/panic_on_oom", "1\n", "2\n", DOCTOR_FAIL },
        { "pipes", "proc/sys/fs/pipe-user-pages-soft", "16384\n", "0\n", DOCTOR_WARN },
        { "SELinux", "sys/fs/selinux/enforce", "0", "1", DOCTOR_WARN },
        { "processor", "sys/devices/system/cpu/vulnerabilities/mds", "Mitigation: Clear CPU buffers; SMT disabled\n",
          "Mitigation: Clear CPU buffers; SMT vulnerable\n", DOCTOR_WARN },
        { "processor", "sys/devices/system/cpu/vulnerabilities/spectre_v2", "Not affected\n",
          "Vulnerable: eIBRS with unprivileged eBPF\n", DOCTOR_WARN },
    };
    struct host_facts facts = { .is_root = true };
    struct findings findings;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        put(settings[i].path, settings[i].bad);
        look(&facts, &findings);
        cr_expect_eq(findings.count, 1);
        expect(&findings, settings[i].subject, settings[i].otherwise, "");
        put(settings[i].path, settings[i].good);
        look(&facts, &findings);
        expect(&findings, settings[i].subject, DOCTOR_PASS, "");
        remove_tree();
        mkdir(tree, 0755);
    }
}

Test(doctor_rows, what_a_crash_starts_is_told)
{
    struct host_facts facts = { .is_root = true };
    struct findings findings;
    put("proc/sys/kernel/core_pattern", "|/usr/lib/systemd/systemd-coredump %P\n");
    look(&facts, &findings);
    expect(&findings, "core files", DOCTOR_PASS, "does not start the host's handler");
    expect(&findings, "core files", DOCTOR_PASS, "|/usr/lib/systemd/systemd-coredump %P)");
    put("proc/sys/kernel/core_pattern", "core\n");
    look(&facts, &findings);
    expect(&findings, "core files", DOCTOR_PASS, "leaves none");
}

Test(doctor_rows, processors_that_are_shared_or_not_mitigated_are_told_by_name)
{
    struct host_facts facts = { .is_root = true };
    struct findings findings;
    put("sys/devices/system/cpu/vulnerabilities/meltdown", "Not affected\n");
    put("sys/devices/system/cpu/smt/active", "1\n");
    look(&facts, &findings);
    expect(&findings, "processor", DOCTOR_PASS, "SMT is on: two jobs can share a core");
    put("sys/devices/system/cpu/vulnerabilities/retbleed", "Vulnerable\n");
    look(&facts, &findings);
    expect(&findings, "processor", DOCTOR_WARN, "not mitigated: retbleed;");
    cr_expect_not_null(strstr(find(&findings, "processor")->fix, "nosmt"));
    put("sys/devices/system/cpu/smt/active", "0\n");
    look(&facts, &findings);
    expect(&findings, "processor", DOCTOR_WARN, "SMT is off");
    cr_expect_null(strstr(find(&findings, "processor")->fix, "nosmt"));
}

Test(doctor_rows, a_newuidmap_without_privilege_is_found_by_those_who_need_it)
{
    struct host_facts facts = { .has_newuidmap = true };
    struct findings findings;
    char path[128];
    put("usr/bin/newuidmap", "x");
    put("usr/bin/newgidmap", "x");
    look(&facts, &findings);
    expect(&findings, "newuidmap", DOCTOR_FAIL, "/usr/bin/newuidmap is neither setuid root");
    facts.is_root = true;
    look(&facts, &findings);
    cr_expect_null(find(&findings, "newuidmap"));
    if (geteuid() != 0)
        cr_skip_test("only root can make a program setuid root");
    facts.is_root = false;
    snprintf(path, sizeof path, "%s/usr/bin/newuidmap", tree);
    cr_assert_eq(chmod(path, 04755), 0);
    look(&facts, &findings);
    expect(&findings, "newuidmap", DOCTOR_FAIL, "/usr/bin/newgidmap");
    snprintf(path, sizeof path, "%s/usr/bin/newgidmap", tree);
    cr_assert_eq(chmod(path, 04755), 0);
    look(&facts, &findings);
    cr_expect_null(find(&findings, "newuidmap"));
}

Test(doctor_rows, a_tmp_where_anybody_replaces_files_is_found)
{
    struct host_facts facts = { .is_root = true };
    struct findings findings;
    char path[128];
    snprintf(path, sizeof path, "%s/tmp", tree);
    cr_assert_eq(mkdir(path, 0755), 0);
    cr_assert_eq(chmod(path, 0777), 0);
    look(&facts, &findings);
    expect(&findings, "/tmp", DOCTOR_WARN, "mode 0777");
    cr_assert_eq(chmod(path, 01777), 0);
    look(&facts, &findings);
    cr_expect_eq(findings.count, 0);
}

/* --- the state directory --- */

#define GIB (1024ull * 1024 * 1024)

static struct statfs good_place(void)
{
    return (struct statfs){
        .f_type = EXT4_SUPER_MAGIC, .f_bsize = 4096, .f_bavail = 100 * GIB / 4096, .f_files = 1000000, .f_ffree = 900000
    };
}

static void judge_place(const struct statfs *place, unsigned mode, struct findings *findings)
{
    *findings = (struct findings){ .count = 0 };
    doctor_judge_place("/var/lib/x", place, mode, findings);
}

Test(doctor_rows, a_disk_with_room_is_a_place_for_records)
{
    struct statfs place = good_place();
    struct findings findings;
    judge_place(&place, 0711, &findings);
    expect(&findings, "state directory", DOCTOR_PASS, "/var/lib/x");
    expect(&findings, "disk", DOCTOR_PASS, "102400 MiB");
    cr_expect_null(find(&findings, "inodes"));
    place.f_files = place.f_ffree = 0; /* as btrfs says it */
    judge_place(&place, 0711, &findings);
    cr_expect_null(find(&findings, "inodes"));
}

Test(doctor_rows, each_fault_of_the_place_is_told)
{
    struct statfs place = good_place();
    struct findings findings;
    place.f_bavail = GIB / 4096 - 1;
    judge_place(&place, 0711, &findings);
    expect(&findings, "disk", DOCTOR_WARN, "1023 MiB");
    place = good_place();
    place.f_ffree = 9999;
    judge_place(&place, 0711, &findings);
    expect(&findings, "inodes", DOCTOR_WARN, "9999 more files");
    place = good_place();
    place.f_flags = ST_RDONLY;
    judge_place(&place, 0711, &findings);
    expect(&findings, "state directory", DOCTOR_FAIL, "read-only");
    place = good_place();
    judge_place(&place, 0771, &findings);
    expect(&findings, "state directory", DOCTOR_FAIL, "mode 0771");
}

Test(doctor_rows, file_systems_that_forget_or_are_far_away_are_told)
{
    static const struct {
        long type;
        const char *words;
    } kinds[] = { { TMPFS_MAGIC, "tmpfs: all records are gone" },
                  { OVERLAYFS_SUPER_MAGIC, "overlay: all records are gone" },
                  { NFS_SUPER_MAGIC, "NFS: locks and syncs" },
                  { CIFS_SUPER_MAGIC, "CIFS: locks" },
                  { V9FS_MAGIC, "9p: locks" },
                  { FUSE_SUPER_MAGIC, "FUSE: locks" } };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct statfs place = good_place();
        struct findings findings;
        place.f_type = (__fsword_t)kinds[i].type;
        judge_place(&place, 0711, &findings);
        expect(&findings, "state directory", DOCTOR_WARN, kinds[i].words);
    }
}

/* --- what slots take --- */

static void count_namespaces(uint32_t slots, uint32_t roots, struct findings *findings)
{
    int root = open(tree, O_PATH | O_DIRECTORY | O_CLOEXEC);
    *findings = (struct findings){ .count = 0 };
    doctor_check_namespaces(root, slots, roots, findings);
    close(root);
}

Test(doctor_rows, each_kind_of_namespace_is_counted)
{
    static const char *const kinds[] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup" };
    struct findings findings;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char path[64];
        snprintf(path, sizeof path, "proc/sys/user/max_%s_namespaces", kinds[i]);
        put(path, "1\n");
        count_namespaces(64, 2, &findings);
        cr_expect_eq(findings.count, 1);
        expect(&findings, "namespaces", DOCTOR_FAIL, path + strlen("proc/sys/user/"));
        put(path, "10000\n");
    }
    count_namespaces(64, 2, &findings);
    expect(&findings, "namespaces", DOCTOR_PASS, "64 slots");
}

/* 8 slots with 3 roots had 31 mount namespaces at rest and 39 at work, when they were counted. */
Test(doctor_rows, roots_take_mount_namespaces_in_each_slot)
{
    struct findings findings;
    put("proc/sys/user/max_mnt_namespaces", "30\n");
    count_namespaces(8, 3, &findings);
    expect(&findings, "namespaces", DOCTOR_FAIL, "8 slots with 3 roots");
    put("proc/sys/user/max_mnt_namespaces", "38\n");
    count_namespaces(8, 3, &findings);
    expect(&findings, "namespaces", DOCTOR_WARN, "a job for which none is left");
    put("proc/sys/user/max_mnt_namespaces", "70\n");
    count_namespaces(8, 3, &findings);
    expect(&findings, "namespaces", DOCTOR_PASS, "8 slots");
    put("proc/sys/user/max_uts_namespaces", "9\n");
    count_namespaces(8, 3, &findings);
    expect(&findings, "namespaces", DOCTOR_WARN, "max_uts_namespaces is 9");
}

Test(doctor_rows, limits_of_the_shell_that_starts_it_are_judged)
{
    struct findings findings = { .count = 0 };
    doctor_judge_limits(524288, 100, true, 64, 2, &findings);
    cr_expect_eq(findings.count, 1); /* root's processes are not counted against root */
    expect(&findings, "open files", DOCTOR_PASS, "64 slots");
    findings.count = 0;
    doctor_judge_limits(1024, 511, false, 64, 2, &findings);
    expect(&findings, "open files", DOCTOR_WARN, "1024 at most; 64 slots take up to 1920");
    expect(&findings, "processes", DOCTOR_WARN, "511 at once");
}

static int occupy(uint16_t *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

Test(doctor_rows, addresses_that_cannot_be_had_are_told)
{
    struct config *config = calloc(1, sizeof *config);
    struct findings findings = { .count = 0 };
    config->listener_count = 3;
    strcpy(config->listeners[0].host, "127.0.0.1");
    int taken = occupy(&config->listeners[0].port);
    strcpy(config->listeners[0].address, "the first");
    strcpy(config->listeners[1].host, "192.0.2.1"); /* for documents alone: RFC 5737 */
    config->listeners[1].port = 8417;
    strcpy(config->listeners[1].address, "the second");
    config->listeners[2].is_unix = true;
    doctor_check_listeners(config, false, &findings);
    cr_assert_eq(findings.count, 2);
    expect(&findings, "listener", DOCTOR_WARN, "the first is taken by another program");
    cr_expect_not_null(strstr(findings.items[1].text, "the second is no address that this host has"));
    cr_expect_neq(findings.items[1].fix[0], '\0');
    findings.count = 0;
    doctor_check_listeners(config, true, &findings); /* by the sallyportd that runs */
    cr_expect_eq(findings.count, 1);
    close(taken);
    findings.count = 0;
    doctor_check_listeners(config, false, &findings);
    cr_expect_eq(findings.count, 1);
    free(config);
}
