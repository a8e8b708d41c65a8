/*
 * Every test forks: what is given up stays given up, and Criterion needs its process afterwards. A child tells what went
 * wrong through a pipe, because after confine_root() it cannot open anything.
 */
#pragma once

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/confine/confine.h"

#define TEST_UID 61234
#define TEST_GID 61235

static int report_fd = -1;
static int directory_fd __attribute__((unused)) = -1; /* a directory of the parent's, for some children */

static inline void __attribute__((format(printf, 1, 2))) expect_failed(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vdprintf(report_fd, format, args);
    va_end(args);
    _exit(1);
}

#define EXPECT(claim, ...)                                                                                             \
    do {                                                                                                               \
        if (!(claim))                                                                                                  \
            expect_failed(#claim ": " __VA_ARGS__);                                                                    \
    } while (0)

/* Runs body in a child and returns its wait status; what it reported stands in text. */
static inline int child_status(void (*body)(void), char text[1024])
{
    int report[2];
    cr_assert_eq(pipe2(report, O_CLOEXEC), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        report_fd = report[1];
        body();
        _exit(0);
    }
    close(report[1]);
    ssize_t size = read(report[0], text, 1023);
    text[size > 0 ? size : 0] = '\0';
    close(report[0]);
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static inline void child_must_succeed(void (*body)(void))
{
    char text[1024];
    int status = child_status(body, text);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status 0x%x: %s", (unsigned)status, text);
}

static inline void skip(const char *why)
{
    cr_assert_null(getenv("SALLYPORT_TESTS_MUST_RUN"), "would be skipped: %s", why);
    fprintf(stderr, "SKIPPED: %s\n", why);
    cr_skip_test("%s", why);
}

static inline void skip_unless_root(void)
{
    if (geteuid() != 0)
        skip("needs root (CAP_SYS_ADMIN, CAP_SETUID, CAP_SETPCAP)");
}

static inline void confine_all(int beneath_fd)
{
    struct error err = { 0 };
    uint32_t abi = 0;
    const char *const *groups[] = { confine_calls_base, confine_calls_loop, confine_calls_listener,
                                    confine_calls_files };
    EXPECT(confine_root(-1, &err) == 0, "%s", err.text);
    EXPECT(confine_become(TEST_UID, TEST_GID, false, &err) == 0, "%s", err.text);
    EXPECT(confine_landlock(beneath_fd, &abi, &err) == 0, "%s", err.text);
    EXPECT(confine_syscalls(groups, 4, &err) == 0, "%s", err.text);
    EXPECT(confine_verify(TEST_UID, TEST_GID, false, &err) == 0, "%s", err.text);
}
