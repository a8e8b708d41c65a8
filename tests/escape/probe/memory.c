/*
 * Memory that is written and then executed, and memory without end.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

static const unsigned char code_return[] = {
#ifdef __x86_64__
    0xc3,
#else
    0xc0,
    0x03,
    0x5f,
    0xd6,
#endif
};

static int run_code(void *place)
{
    void (*function)(void);
    memcpy(&function, &place, sizeof function);
    function();
    return worked("ran code that was data a moment ago");
}

static int writable_code(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    void *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED)
        return blocked(errno, "map writable code");
    memcpy(place, code_return, sizeof code_return);
    return run_code(place);
}

static int data_to_code(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    void *place = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED)
        return broken("mmap: %s", strerror(errno));
    memcpy(place, code_return, sizeof code_return);
    if (mprotect(place, 4096, PROT_READ | PROT_EXEC) < 0)
        return blocked(errno, "make data executable");
    return run_code(place);
}

static int shared_code(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int id = shmget(IPC_PRIVATE, 4096, 0700 | IPC_CREAT);
    if (id < 0)
        return blocked(errno, "make a System V segment");
    void *place = shmat(id, NULL, SHM_EXEC);
    int code = errno;
    shmctl(id, IPC_RMID, NULL);
    if (place == (void *)-1)
        return blocked(code, "attach it writable and executable");
    memcpy(place, code_return, sizeof code_return);
    return run_code(place);
}

struct program {
    int fd; /* or -1 and a path */
    char *path, *interpreter;
};

static int execute(void *argument)
{
    const struct program *program = argument;
    char *const arguments[] = { program->interpreter ?: program->path,
                                program->interpreter != NULL ? program->path : NULL, NULL };
    char *const none[] = { NULL };
    if (program->fd >= 0)
        syscall(SYS_execveat, program->fd, "", arguments, none, AT_EMPTY_PATH);
    else
        execve(arguments[0], arguments, none);
    return errno;
}

/* The copy, executed without arguments, ends with BROKEN: that is how we know that it ran. */
static int judge_execution(struct program program, int ran, const char *what)
{
    int fate = in_child(execute, &program);
    if (fate == ran)
        return worked("executed %s", what);
    if (fate == 127) /* the loader could not map its program */
        fate = EPERM;
    return blocked(fate >= DIED_BY ? ENOSYS : fate, "execute %s", what);
}

static int new_program(int argc, char **argv)
{
    char path[256];
    snprintf(path, sizeof path, "%s/probe-copy", argc > 0 ? argv[0] : "/tmp");
    if (copy_self(path) < 0)
        return broken("copy to %s: %s", path, strerror(errno));
    return judge_execution((struct program){ -1, path, NULL }, BROKEN, "a program that we just wrote");
}

static int new_program_in_memory(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    int fd = (int)syscall(SYS_memfd_create, "probe", 0x10 /* MFD_EXEC */);
    if (fd < 0 && errno == EINVAL)
        fd = (int)syscall(SYS_memfd_create, "probe", 0);
    if (fd < 0)
        return blocked(errno, "memfd_create");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (copy_self(path) < 0)
        return broken("copy to a memfd: %s", strerror(errno));
    int reading = open(path, O_RDONLY | O_CLOEXEC); /* a file that is open for writing cannot be executed */
    close(fd);
    return judge_execution((struct program){ reading, argv[-1], NULL }, BROKEN, "memory");
}

static int by_loader(int argc, char **argv)
{
    static char copy[256];
    static char *loader;
    loader = argv[0];
    snprintf(copy, sizeof copy, "%s/probe-true", argc > 2 ? argv[2] : "/tmp");
    if (copy_file(argv[1], copy, 0755) < 0)
        return broken("copy %s: %s", argv[1], strerror(errno));
    return judge_execution((struct program){ -1, copy, loader }, 0, "a new file through the loader");
}

static int execute_input(int argc, char **argv)
{
    (void)argc;
    return judge_execution((struct program){ 0, argv[-1], NULL }, 0, "standard input");
}

static int memory_bomb(int argc, char **argv)
{
    (void)argc;
    long wanted = number(argv[0]);
    for (long have = 0; have < wanted; have++) {
        char *place = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (place == MAP_FAILED)
            return blocked(errno, "after %ld MiB", have);
        memset(place, 1, 1 << 20);
    }
    return worked("touched %ld MiB", wanted);
}

static int locked_memory(int argc, char **argv)
{
    (void)argc;
    size_t bytes = (size_t)number(argv[0]) << 10;
    void *place = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (place == MAP_FAILED)
        return blocked(errno, "map it");
    return judge(mlock(place, bytes), "lock memory");
}

static int crash(void *argument)
{
    const char *directory = argument;
    struct rlimit limit;
    if (chdir(directory) < 0)
        return BROKEN;
    getrlimit(RLIMIT_CORE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_CORE, &limit);
    signal(SIGABRT, SIG_DFL);
    abort();
}

static int core_file(int argc, char **argv)
{
    (void)argc;
    struct rlimit limit = { 0 };
    getrlimit(RLIMIT_CORE, &limit);
    in_child(crash, argv[0]);
    char path[256];
    snprintf(path, sizeof path, "%s/core", argv[0]);
    if (access(path, F_OK) < 0)
        return blocked(errno, "a core file (RLIMIT_CORE is %ld)", (long)limit.rlim_max);
    return worked("a crash left a core file");
}

const struct attack memory_attacks[] = {
    { "S50a", "writable-code", writable_code, 0, ": mmap with PROT_WRITE and PROT_EXEC" },
    { "S50b", "data-to-code", data_to_code, 0, ": mprotect PROT_EXEC" },
    { "S50c", "shared-code", shared_code, 0, ": shmat with SHM_EXEC" },
    { "S51a", "new-program", new_program, 0, "[DIRECTORY]: writes a program there and executes it" },
    { "S51b", "memory-program", new_program_in_memory, 0, ": memfd_create and execveat" },
    { "S51c", "loader", by_loader, 2,
      "LOADER PROGRAM [DIRECTORY]: copies PROGRAM and runs the copy through the loader" },
    { "S51d", "execute-input", execute_input, 0, ": execveat of descriptor 0" },
    { "S55c", "locked-memory", locked_memory, 1, "KIB: mlock" },
    { "S67", "memory-bomb", memory_bomb, 1, "MIB: maps and touches memory" },
    { "S82", "core-file", core_file, 1, "DIRECTORY: crashes there and looks for a core file" },
    { 0 },
};
