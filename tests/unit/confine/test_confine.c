#include "child.h"

static void everything(void)
{
    confine_all(-1);
}

Test(confine, gives_up_everything_and_verifies_it)
{
    skip_unless_root();
    child_must_succeed(everything);
}

static void root_is_empty(void)
{
    struct error err = { 0 };
    EXPECT(confine_root(-1, &err) == 0, "%s", err.text);
    EXPECT(open("/etc/passwd", O_RDONLY) < 0 && errno == ENOENT, "errno %d", errno);
    EXPECT(open("/../etc", O_RDONLY) < 0 && errno == ENOENT, "errno %d", errno);
    EXPECT(mkdir("/directory", 0700) < 0 && errno == EROFS, "errno %d", errno);
    struct stat st;
    EXPECT(stat("/", &st) == 0 && (st.st_mode & 0777) == 0555, "mode %o", st.st_mode);
}

Test(confine, root_becomes_an_empty_place_that_stays_empty)
{
    skip_unless_root();
    child_must_succeed(root_is_empty);
}

static void root_is_given_directory(void)
{
    struct error err = { 0 };
    EXPECT(confine_root(directory_fd, &err) == 0, "%s", err.text);
    int fd = open("/made-inside", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    EXPECT(fd >= 0, "errno %d", errno);
    EXPECT(write(fd, "#!/nothing\n", 11) == 11, "errno %d", errno);
    close(fd);
    EXPECT(execl("/made-inside", "x", NULL) < 0 && errno == EACCES, "noexec is missing: errno %d", errno);
    EXPECT(open("/../etc/passwd", O_RDONLY) < 0 && errno == ENOENT, "errno %d", errno);
}

Test(confine, root_may_be_a_directory_in_which_nothing_runs)
{
    skip_unless_root();
    char path[] = "/tmp/sallyport-confine-XXXXXX", inside[64];
    cr_assert_not_null(mkdtemp(path));
    directory_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    child_must_succeed(root_is_given_directory);
    snprintf(inside, sizeof inside, "%s/made-inside", path);
    cr_expect_eq(unlink(inside), 0, "the child's file is not in the directory");
    cr_expect_eq(rmdir(path), 0);
    close(directory_fd);
}

static void ids_cannot_come_back(void)
{
    struct error err = { 0 };
    EXPECT(setgroups(2, (gid_t[]){ 1, 2 }) == 0, "errno %d", errno);
    EXPECT(confine_become(TEST_UID, TEST_GID, false, &err) == 0, "%s", err.text);
    EXPECT(getgroups(0, NULL) == 0, "groups are left");
    EXPECT(setresuid(0, 0, 0) < 0 && setuid(0) < 0 && setresgid(0, 0, 0) < 0, "an id came back");
    EXPECT(prctl(PR_SET_SECUREBITS, 0, 0, 0, 0) < 0, "securebits can be changed");
    EXPECT(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0, "KEEP_CAPS is not locked");
    EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0, "no_new_privs can be cleared");
    EXPECT(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0, "dumpable");
    EXPECT(open("/etc/shadow", O_RDONLY) < 0 && errno == EACCES, "errno %d", errno);
    struct rlimit core;
    EXPECT(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_max == 0, "core dumps are allowed");
    EXPECT(umask(0) == 077, "umask");
}

Test(confine, become_cannot_be_undone)
{
    skip_unless_root();
    child_must_succeed(ids_cannot_come_back);
}

static void proc_says_the_same(void)
{
    struct error err = { 0 };
    EXPECT(confine_become(TEST_UID, TEST_GID, false, &err) == 0, "%s", err.text);
    char text[4096];
    int fd = open("/proc/thread-self/status", O_RDONLY);
    EXPECT(fd >= 0, "errno %d", errno);
    ssize_t size = read(fd, text, sizeof text - 1);
    text[size > 0 ? size : 0] = '\0';
    static const char *const lines[] = {
        "\nUid:\t61234\t61234\t61234\t61234\n",
        "\nGid:\t61235\t61235\t61235\t61235\n",
        "\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
        "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        EXPECT(strstr(text, lines[i]) != NULL, "line %zu is missing in:\n%s", i, text);
}

Test(confine, become_shows_in_proc_status)
{
    skip_unless_root();
    child_must_succeed(proc_says_the_same);
}

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    EXPECT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s: errno %d", path, errno);
    close(fd);
}

/* What the bootstrap does in rootless mode with one id, before it starts the others. */
static void single_id(void)
{
    uid_t uid = getuid();
    gid_t gid = getgid();
    char map[32];
    EXPECT(unshare(CLONE_NEWUSER) == 0, "errno %d", errno);
    write_text("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", uid);
    write_text("/proc/self/uid_map", map);
    snprintf(map, sizeof map, "0 %u 1", gid);
    write_text("/proc/self/gid_map", map);

    struct error err = { 0 };
    uint32_t abi = 0;
    const char *const *groups[] = { confine_calls_base };
    EXPECT(confine_root(-1, &err) == 0, "%s", err.text);
    EXPECT(confine_become(0, 0, true, &err) == 0, "%s", err.text);
    EXPECT(confine_landlock(-1, &abi, &err) == 0, "%s", err.text);
    EXPECT(confine_syscalls(groups, 1, &err) == 0, "%s", err.text);
    EXPECT(confine_verify(0, 0, true, &err) == 0, "%s", err.text);
    EXPECT(confine_verify(1, 0, true, &err) == -EPERM, "another id is not noticed");
}

Test(confine, works_with_a_single_id_in_a_user_namespace)
{
    pid_t probe = fork();
    if (probe == 0)
        _exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
    int status = -1;
    waitpid(probe, &status, 0);
    if (status != 0)
        skip("this host makes no user namespaces for us");
    child_must_succeed(single_id);
}

static void verify_notices(void)
{
    struct error err = { 0 };
    uint32_t abi = 0;
    EXPECT(confine_verify(0, 0, false, &err) == -EPERM, "root passed as confined");
    EXPECT(confine_become(TEST_UID, TEST_GID, false, &err) == 0, "%s", err.text);
    EXPECT(confine_verify(TEST_UID, TEST_GID, false, &err) == -EPERM && strstr(err.text, "seccomp") != NULL, "%s",
           err.text);
    EXPECT(confine_landlock(-1, &abi, &err) == 0, "%s", err.text);
    const char *const *groups[] = { confine_calls_base };
    EXPECT(confine_syscalls(groups, 1, &err) == 0, "%s", err.text);
    EXPECT(confine_verify(TEST_UID, TEST_GID + 1, false, &err) == -EPERM && strstr(err.text, "group id") != NULL, "%s",
           err.text);
    EXPECT(confine_verify(TEST_UID, TEST_GID, false, &err) == 0, "%s", err.text);
}

Test(confine, verify_names_what_is_missing)
{
    skip_unless_root();
    child_must_succeed(verify_notices);
}

static void landlock_denies_all(void)
{
    struct error err = { 0 };
    uint32_t abi = 0;
    EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "errno %d", errno);
    EXPECT(confine_landlock(-1, &abi, &err) == 0, "%s", err.text);
    EXPECT(abi >= 2, "ABI %u", abi);
    EXPECT(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES, "errno %d", errno);
    EXPECT(openat(directory_fd, "file", O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES, "errno %d", errno);
    EXPECT(mkdirat(directory_fd, "sub", 0700) < 0 && errno == EACCES, "errno %d", errno);
    if (abi >= 6) {
        EXPECT(kill(getppid(), 0) < 0 && errno == EPERM, "signals leave the domain: errno %d", errno);
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "\0sallyport-confine-test" };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 23);
        EXPECT(connect(fd, (struct sockaddr *)&address, size) < 0 && errno == EPERM, "errno %d", errno);
    }
}

Test(confine, landlock_denies_files_signals_and_abstract_sockets)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "\0sallyport-confine-test" };
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 23);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(listen(listener, 1), 0);
    char path[] = "/tmp/sallyport-confine-XXXXXX";
    cr_assert_not_null(mkdtemp(path));
    directory_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    child_must_succeed(landlock_denies_all);
    cr_expect_eq(rmdir(path), 0, "something was made in it");
    close(directory_fd);
    close(listener);
}

static void landlock_allows_beneath(void)
{
    confine_all(directory_fd);
    EXPECT(mkdirat(directory_fd, "sub", 0700) == 0, "errno %d", errno);
    int fd = openat(directory_fd, "sub/file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    EXPECT(fd >= 0, "errno %d", errno);
    EXPECT(renameat(directory_fd, "sub/file", directory_fd, "moved") == 0, "errno %d", errno);
    EXPECT(unlinkat(directory_fd, "moved", 0) == 0, "errno %d", errno);
    EXPECT(unlinkat(directory_fd, "sub", AT_REMOVEDIR) == 0, "errno %d", errno);
    EXPECT(openat(directory_fd, "..", O_RDONLY | O_DIRECTORY) < 0 && errno == EACCES, "errno %d", errno);
}

Test(confine, landlock_leaves_one_directory_usable_after_its_mount_is_detached)
{
    skip_unless_root();
    char path[] = "/tmp/sallyport-confine-XXXXXX";
    cr_assert_not_null(mkdtemp(path));
    cr_assert_eq(chown(path, TEST_UID, TEST_GID), 0);
    directory_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    child_must_succeed(landlock_allows_beneath);
    cr_expect_eq(rmdir(path), 0, "the child left something behind");
    close(directory_fd);
}

static void landlock_lets_connect(void)
{
    struct error err = { 0 };
    uint32_t abi = 0;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in listening;
    socklen_t size = sizeof listening;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT(bind(listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(listener, 1) == 0, "errno %d",
           errno);
    EXPECT(getsockname(listener, (struct sockaddr *)&listening, &size) == 0, "errno %d", errno);
    EXPECT(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "errno %d", errno);
    EXPECT(confine_landlock_but_connect(&abi, &err) == 0, "%s", err.text);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT(connect(fd, (struct sockaddr *)&listening, sizeof listening) == 0, "errno %d", errno);
    EXPECT(open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES, "errno %d", errno);
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (abi >= 4)
        EXPECT(bind(fd, (struct sockaddr *)&address, sizeof address) < 0 && errno == EACCES, "errno %d", errno);
    EXPECT(confine_landlock(-1, &abi, &err) == 0, "%s", err.text);
    if (abi >= 4)
        EXPECT(connect(fd, (struct sockaddr *)&listening, sizeof listening) < 0 && errno == EACCES, "errno %d", errno);
}

Test(confine, landlock_can_leave_connections_and_nothing_else)
{
    child_must_succeed(landlock_lets_connect);
}
