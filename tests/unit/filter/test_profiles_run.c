/*
 * The shipped profiles as the kernel sees them: real programs must run under them, and what they refuse must be refused.
 * Each child loads the supervisor's filter first and a profile on top, as a job has them, and executes by descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "shipped.h"

#define OUTPUT_MAX_BYTES 4096
#define NOBODY           65534

/* Only plain system calls from here to exec: this is the child of a process with threads. */
static void load_or_die(const struct compiled *compiled)
{
    struct sock_filter program[FILTER_INSTRUCTIONS_MAX];
    memcpy(program, compiled->bytes, compiled->size);
    struct sock_fprog loaded = { (unsigned short)(compiled->size / sizeof program[0]), program };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &loaded) < 0)
        _exit(120);
}

struct outcome {
    int status;                    /* of waitpid() */
    char output[OUTPUT_MAX_BYTES]; /* stdout and stderr */
};

static const char *const job_env[] = { "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C.UTF-8", "HOME=.",
                                       "GIT_CONFIG_NOSYSTEM=1", NULL };

static void exec_filtered(const struct compiled *above, const struct compiled *own, const char *directory,
                          const char *const argv[])
{
    int fd = open(argv[0], O_PATH | O_CLOEXEC);
    if (fd < 0 || chdir(directory) < 0)
        _exit(121);
    /* As a job: no capability, so that what its uid may not do is refused by the kernel itself. */
    if (getuid() == 0 && (syscall(SYS_setgroups, 0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
                          setresuid(NOBODY, NOBODY, NOBODY) < 0))
        _exit(122);
    load_or_die(above);
    load_or_die(own);
    syscall(SYS_execveat, fd, "", argv, job_env, AT_EMPTY_PATH);
    _exit(123);
}

static void collect_output(int fd, char *to)
{
    size_t used = 0;
    ssize_t got;
    char rest[4096];
    while ((got = read(fd, used < OUTPUT_MAX_BYTES - 1 ? to + used : rest,
                       used < OUTPUT_MAX_BYTES - 1 ? OUTPUT_MAX_BYTES - 1 - used : sizeof rest)) > 0)
        if (used < OUTPUT_MAX_BYTES - 1)
            used += (size_t)got;
    to[used] = '\0';
}

static struct outcome run_program(const char *profile, const char *const argv[])
{
    struct outcome outcome = { 0 };
    struct compiled above = compiled_supervisor(), own = compiled_profile(profile);
    char directory[] = "/tmp/filter-XXXXXX";
    int ends[2];
    cr_assert(mkdtemp(directory) != NULL && chmod(directory, 0777) == 0 && pipe2(ends, O_CLOEXEC) == 0);
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDONLY);
        dup2(null, 0);
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        exec_filtered(&above, &own, directory, argv);
    }
    free(above.bytes);
    free(own.bytes);
    close(ends[1]);
    collect_output(ends[0], outcome.output);
    close(ends[0]);
    cr_assert_eq(waitpid(child, &outcome.status, 0), child);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    cr_expect_eq(system(command), 0);
    return outcome;
}

static bool is_installed(const char *program)
{
    if (access(program, X_OK) == 0)
        return true;
    const char *must = getenv("SALLYPORT_TESTS_MUST_RUN");
    cr_expect(must == NULL || strcmp(must, "1") != 0, "%s is not installed", program);
    fprintf(stderr, "SKIPPED: a row of the filter's table, because %s is not installed\n", program);
    return false;
}

struct row {
    const char *program; /* the row is left out where it is missing */
    const char *script;  /* of /bin/sh */
    const char *wanted;  /* all of the output */
};

static const struct row base_rows[] = {
    { "/bin/sh", "echo one; (echo two | cat) 2>&1; x=$(echo three); echo $x", "one\ntwo\nthree\n" },
    { "/usr/bin/bash",
      "bash -c 'set -o pipefail; cat <<< here | tr a-z A-Z; echo $((6*7)); [ -r /etc/passwd ] && cat <(echo fd)'",
      "HERE\n42\nfd\n" },
    { "/bin/ls", "ls -ld /usr | cut -c1; ls -l / >/dev/null; ls -lR /usr/share/doc | wc -l | grep -c .", "d\n1\n" },
    { "/usr/bin/sort",
      "seq 1 50000 | sort -R | sort -n | uniq | tail -1; seq 5 | sort -r --parallel=2 | head -1; echo a,b | cut -d, "
      "-f2",
      "50000\n5\nb\n" },
    { "/usr/bin/cp",
      "echo x > a; cp -a a b; mv b c; ln c d; ln -s d e; chmod 600 c; touch -d 2001-01-01 a; mkdir -p p/q; rm -r p; "
      "cat e; mkfifo f; stat -c %F f",
      "x\nfifo\n" },
    { "/usr/bin/find", "touch a b c; find . -type f -print0 | xargs -0 -n1 -P2 basename | sort | tr -d '\\n'; echo",
      "abc\n" },
    { "/usr/bin/timeout",
      "timeout 0.2 sleep 5; echo $?; nice -n 5 true; (sleep 0.1 & wait); nohup true; env true; id -u >/dev/null; date "
      "+%s | wc -l; kill -0 $$ && echo alive",
      "124\n1\nalive\n" },
    { "/usr/bin/tar", "mkdir t; echo x > t/y; tar czf t.tgz t; rm -r t; tar xzf t.tgz; cat t/y; tar tf t.tgz | wc -l",
      "x\n2\n" },
    { "/usr/bin/xz", "seq 100000 | xz -T2 | xz -d | tail -1", "100000\n" },
    { "/usr/bin/awk", "echo 1 2 3 | awk '{ \"echo sub\" | getline x; print $2, x }'; echo abc | sed s/b/x/",
      "2 sub\naxc\n" },
    { "/usr/bin/jq", "echo '{\"a\":[1,2]}' | jq -c .a", "[1,2]\n" },
    { "/usr/bin/make", "printf 'all: a b\\na b:\\n\\t@echo $@\\n' > Makefile; make -s -j2 | sort", "a\nb\n" },
    { "/usr/bin/perl",
      "perl -e 'my $p = fork; if (!$p) { exit 3 } waitpid $p, 0; print $? >> 8, \"\\n\"; open my $f, \"-|\", \"echo "
      "piped\"; print <$f>; print `echo ticks`;'",
      "3\npiped\nticks\n" },
    { "/usr/bin/git",
      "git -c init.defaultBranch=main init -q r && cd r && git config user.email a@b && git config user.name n && echo "
      "x > f && git add f && "
      "git commit -q -m m && git gc -q && git clone -q . ../s && cd ../s && git log --format=%s && git fsck",
      "m\n" },
    { "/usr/bin/sqlite3",
      "sqlite3 db 'pragma journal_mode=wal; create table t(a); insert into t values (1),(2); select sum(a) from t;'",
      "wal\n3\n" },
    { "/usr/bin/python3",
      "python3 -c 'import threading\nt=[threading.Thread(target=lambda i=i: None) for i in range(8)]\n[x.start() for x "
      "in t]\n[x.join() for x in t]\nprint(len(t))'",
      "8\n" },
    { "/usr/bin/python3",
      "python3 -c 'import "
      "subprocess,tempfile,shutil,os\nprint(subprocess.check_output([\"echo\",\"hi\"],text=True).strip())\n"
      "d=tempfile.mkdtemp(); open(d+\"/a\",\"w\").write(\"x\"*100000); shutil.copy(d+\"/a\",d+\"/b\"); "
      "print(os.path.getsize(d+\"/b\"))\n"
      "shutil.rmtree(d); print(os.popen(\"echo popen\").read().strip())'",
      "hi\n100000\npopen\n" },
    { "/usr/bin/python3",
      "python3 -c 'import asyncio\nasync def m():\n p=await asyncio.create_subprocess_exec(\"echo\",\"a\",stdout=-1)\n "
      "print((await p.communicate())[0])\nasyncio.run(m())'",
      "b'a\\n'\n" },
    { "/usr/bin/python3",
      "python3 -c 'import multiprocessing as m\nif __name__==\"__main__\":\n with m.Pool(2) as p: "
      "print(p.map(abs,[-1,-2]))'",
      "[1, 2]\n" },
    { "/usr/bin/python3",
      "python3 -c 'import ctypes\nprint(ctypes.CFUNCTYPE(ctypes.c_int,ctypes.c_int)(abs)(-3))'; echo ab | grep -oP "
      "'a(?=b)'",
      "3\na\n" },
    { "/usr/bin/getent",
      "getent passwd root | cut -d: -f1; whoami >/dev/null; hostname >/dev/null; uname -s; df / >/dev/null; du -s . "
      ">/dev/null; nproc >/dev/null; free >/dev/null 2>&1; ps >/dev/null 2>&1; echo ok",
      "root\nLinux\nok\n" },
};

/* What only base says. */
static const struct row base_only_rows[] = {
    { "/usr/bin/python3",
      "python3 -c 'import socket\na,b=socket.socketpair(); a.send(b\"x\"); print(b.recv(1))\ntry: "
      "socket.socket()\nexcept OSError as e: print(e.errno)'",
      "b'x'\n97\n" },
};

static const struct row net_rows[] = {
    { "/usr/bin/python3",
      "python3 -c 'import socket,threading\ns=socket.create_server((\"127.0.0.1\",0))\n"
      "threading.Thread(target=lambda: s.accept()[0].sendall(b\"hello\")).start()\n"
      "c=socket.create_connection(s.getsockname()); "
      "print(c.recv(5))\nu=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); print(u.type.name)\n"
      "print(len(socket.if_nameindex())>0, socket.getaddrinfo(\"localhost\",80)[0][1].name)'",
      "b'hello'\nSOCK_DGRAM\nTrue SOCK_STREAM\n" },
    { "/usr/bin/curl", "curl -s --max-time 5 http://127.0.0.1:1/; echo $?", "7\n" },
    { "/usr/bin/openssl", "echo x | openssl sha256 | wc -l; openssl rand -hex 4 | wc -c", "1\n9\n" },
};

static const struct row build_rows[] = {
    { "/usr/bin/cc",
      "printf '#include <stdio.h>\\nint main(void){puts(\"built\");return 0;}' > a.c && cc -O2 -pipe -o a a.c && ./a",
      "built\n" },
    { "/usr/bin/python3", "python3 -c 'import mmap\nm=mmap.mmap(-1,4096,prot=7)\nprint(len(m))'", "4096\n" },
    { "/usr/bin/git", /* its patterns are compiled to machine code */
      "git init -q r 2>&1 && cd r && echo x > f && git add f && git grep -n x", "f:1:x\n" },
    { "/usr/bin/node", "node -e 'console.log([1,2].map(x=>x*2).join())'", "2,4\n" },
    { "/usr/bin/java", "java -version 2>&1 | grep -c -i version", "1\n" },
};

static void run_rows(const char *profile, const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_installed(rows[i].program))
            continue;
        char script[2048];
        snprintf(script, sizeof script, "%s", rows[i].script);
        const char *const argv[] = { "/bin/sh", "-c", script, NULL };
        struct outcome outcome = run_program(profile, argv);
        cr_expect(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 0, "%s: %s: status %#x: %s", profile,
                  rows[i].script, outcome.status, outcome.output);
        cr_expect_str_eq(outcome.output, rows[i].wanted, "%s: %s: %s", profile, rows[i].script, outcome.output);
    }
}

Test(profiles_run, base_runs_scripts_and_tools)
{
    run_rows("base", base_rows, sizeof base_rows / sizeof base_rows[0]);
    run_rows("base", base_only_rows, sizeof base_only_rows / sizeof base_only_rows[0]);
}

Test(profiles_run, net_runs_what_base_runs_and_clients)
{
    run_rows("net", base_rows, sizeof base_rows / sizeof base_rows[0]);
    run_rows("net", net_rows, sizeof net_rows / sizeof net_rows[0]);
}

Test(profiles_run, build_runs_compilers_and_runtimes)
{
    run_rows("build", base_rows, sizeof base_rows / sizeof base_rows[0]);
    run_rows("build", net_rows, sizeof net_rows / sizeof net_rows[0]);
    run_rows("build", build_rows, sizeof build_rows / sizeof build_rows[0]);
}

Test(profiles_run, strict_runs_single_programs)
{
    static const char *const commands[][5] = {
        { "/usr/bin/true" },
        { "/usr/bin/cat", "/etc/passwd" },
        { "/usr/bin/sha256sum", "/etc/passwd" },
        { "/usr/bin/sort", "-r", "/etc/passwd" },
        { "/usr/bin/awk", "{ print NF }", "/etc/passwd" },
        { "/usr/bin/sed", "s/a/b/", "/etc/passwd" },
        { "/usr/bin/grep", "-c", "root", "/etc/passwd" },
        { "/usr/bin/jq", "-n", "1+1" },
        { "/usr/bin/perl", "-e", "print 6*7" },
        { "/usr/bin/python3", "-Ic", "print(6*7)" },
        { "/usr/bin/ls", "-l", "/" },
        { "/usr/sbin/ldconfig", "-p" }, /* a static program */
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (!is_installed(commands[i][0]))
            continue;
        struct outcome outcome = run_program("strict", commands[i]);
        cr_expect(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 0, "%s: status %#x: %s", commands[i][0],
                  outcome.status, outcome.output);
    }
}

Test(profiles_run, strict_starts_no_other_program_and_writes_no_file)
{
    static const char *const commands[][4] = {
        { "/bin/sh", "-c", "/usr/bin/true; :" },
        { "/bin/sh", "-c", "echo x > file" },
        { "/usr/bin/touch", "file" },
        { "/usr/bin/mkdir", "d" },
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct outcome outcome = run_program("strict", commands[i]);
        cr_expect(outcome.output[0] != '\0', "%s %s", commands[i][0], outcome.output);
    }
}

/* A call and what becomes of it: an errno, 0, or the end by SIGSYS. */
#define KILLED 1000
struct attempt {
    const char *what;
    long number, args[4];
    int wanted;
};

#define HIGH (1L << 32)
static const struct attempt attempts[] = {
    { "getpid", SYS_getpid, { 0 }, 0 },
    { "chroot", SYS_chroot, { 0 }, EPERM }, /* and not the supervisor's ENOSYS */
    { "add_key", SYS_add_key, { 0 }, EPERM },
    { "keyctl", SYS_keyctl, { 0 }, EPERM },
    { "clone3", SYS_clone3, { 0 }, ENOSYS },
    { "io_uring_setup", SYS_io_uring_setup, { 1 }, ENOSYS },
    { "userfaultfd", SYS_userfaultfd, { 0 }, ENOSYS },
    { "seccomp", SYS_seccomp, { 1, 0, 0 }, ENOSYS },
    { "a call of the future", 900, { 0 }, ENOSYS },
    { "number -1", -1, { 0 }, ENOSYS },
    { "clone, new user", SYS_clone, { 0x10000000 | SIGCHLD }, EPERM },
    { "clone, new user, bit 32", SYS_clone, { 0x10000000 | SIGCHLD | HIGH }, EPERM },
    { "mmap, writable and executable", SYS_mmap, { 0, 4096, 7, 0x22 }, EACCES },
    { "AF_INET", SYS_socket, { AF_INET, SOCK_STREAM }, EAFNOSUPPORT },
    { "unshare", SYS_unshare, { 0x10000000 }, KILLED },
    { "setns", SYS_setns, { 0 }, KILLED },
    { "mount", SYS_mount, { 0 }, KILLED },
    { "open_tree_attr", 467, { 0 }, KILLED },
    { "bpf", SYS_bpf, { 0 }, KILLED },
    { "ptrace", SYS_ptrace, { 0 }, KILLED },
    { "TIOCSTI", SYS_ioctl, { 0, TIOCSTI }, KILLED },
    { "TIOCSTI, bit 32", SYS_ioctl, { 0, TIOCSTI | HIGH }, KILLED },
    { "AF_ALG, bit 63", SYS_socket, { 38 | (1L << 63), SOCK_SEQPACKET }, KILLED },
#if defined(__x86_64__)
    { "x32", 0x40000000 | SYS_getpid, { 0 }, KILLED },
#endif
};

static int try_call(const struct compiled *above, const struct compiled *own, const struct attempt *attempt)
{
    pid_t child = fork();
    if (child == 0) {
        load_or_die(above);
        load_or_die(own);
        const long *args = attempt->args;
        long result = syscall(attempt->number, args[0], args[1], args[2], args[3], -1L, 0L);
        _exit(result < 0 ? errno : 0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == SIGSYS ? KILLED : -WTERMSIG(status);
    return WEXITSTATUS(status);
}

Test(profiles_run, base_answers_attacks_as_it_says)
{
    struct compiled above = compiled_supervisor(), own = compiled_profile("base");
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++)
        cr_expect_eq(try_call(&above, &own, &attempts[i]), attempts[i].wanted, "%s", attempts[i].what);
    free(above.bytes);
    free(own.bytes);
}

#if defined(__x86_64__)
Test(profiles_run, base_kills_calls_of_32_bit_programs)
{
    struct compiled own = compiled_profile("base");
    pid_t child = fork();
    if (child == 0) {
        load_or_die(&own);
        long result = 20; /* getpid, there */
        __asm__ volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%#x", status);
    free(own.bytes);
}
#endif
