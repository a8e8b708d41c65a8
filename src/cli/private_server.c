#include "private_server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupt.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "say.h"

#define STATUS_NONE 71

/* Beside us, as built; or in the sbin beside our bin, as installed. */
static int find_program(char path[PATH_MAX_BYTES], struct error *err)
{
    static const char *const places[] = { "", "/../sbin" };
    char own[PATH_MAX_BYTES];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    if (length < 0)
        return fail(err, errno, "find our own program");
    own[length] = '\0';
    *strrchr(own, '/') = '\0';
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(path, PATH_MAX_BYTES, "%s%s/sallyportd", own, places[i]);
        if (access(path, X_OK) == 0)
            return 0;
    }
    return fail_plain(err, ENOENT, "there is no sallyportd beside this program (%s), nor in ../sbin", own);
}

static int listen_for_word(const char *directory, char path[PATH_MAX_BYTES], int *ret_fd, struct error *err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int length = snprintf(path, PATH_MAX_BYTES, "%s/notify", directory);
    if (length < 0 || (size_t)length >= sizeof address.sun_path)
        return fail_plain(err, ENAMETOOLONG, "'%s' is too long for a socket; set TMPDIR to a shorter one", directory);
    memcpy(address.sun_path, path, (size_t)length);
    auto_fd int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return fail(err, errno, "listen at '%s'", path);
    *ret_fd = fd_take(&fd);
    return 0;
}

/* In the child. Its own session: Ctrl-C at our terminal is for us, who ask it to cancel the job. */
static _Noreturn void become_server(const char *program, const struct private_server *server, const char *config,
                                    int stdin_fd, const char *notify)
{
    char state[PATH_MAX_BYTES + 8], socket_path[PATH_MAX_BYTES + 8];
    snprintf(state, sizeof state, "%s/state", server->directory);
    snprintf(socket_path, sizeof socket_path, "%s/api", server->directory);
    setsid();
    setenv("NOTIFY_SOCKET", notify, 1);
    if (dup2(stdin_fd, STDIN_FILENO) >= 0 && dup2(server->log_fd, STDOUT_FILENO) >= 0 &&
        dup2(server->log_fd, STDERR_FILENO) >= 0)
        execl(program, "sallyportd", "--config", config, "--state", state, "--trial", socket_path, (char *)NULL);
    _exit(STATUS_NONE);
}

/* True when it said that it is ready; false when it has ended, or somebody does not want to wait for it. */
static bool wait_ready(int word_fd, pid_t pid, int wake_fd)
{
    auto_fd int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd fds[] = { { .fd = word_fd, .events = POLLIN },
                            { .fd = pidfd, .events = POLLIN },
                            { .fd = wake_fd, .events = POLLIN } };
    char word[1024];
    while (pidfd >= 0 && (poll(fds, 3, -1) > 0 || errno == EINTR)) {
        if (fds[2].revents != 0)
            return false;
        ssize_t size = (fds[0].revents & POLLIN) != 0 ? recv(word_fd, word, sizeof word - 1, MSG_DONTWAIT) : -1;
        if (size > 0) {
            word[size] = '\0';
            if (strncmp(word, "READY=1\n", 8) == 0)
                return true;
        } else if ((fds[1].revents & POLLIN) != 0)
            return false;
    }
    return false;
}

static void show_log(int log_fd)
{
    char text[4096];
    off_t at = 0;
    for (ssize_t size; (size = pread(log_fd, text, sizeof text, at)) > 0; at += size)
        if (fd_write_all(STDERR_FILENO, text, (size_t)size, NULL) < 0)
            return;
}

static int start_in(const char *config, struct private_server *server, int wake_fd, int *ret_status, struct error *err)
{
    char program[PATH_MAX_BYTES], notify[PATH_MAX_BYTES];
    auto_fd int word_fd = -1;
    int lifeline[2], status = 0;
    if (find_program(program, err) < 0 || listen_for_word(server->directory, notify, &word_fd, err) < 0)
        return -err->code;
    server->log_fd = memfd_create("sallyportd-log", MFD_CLOEXEC);
    if (server->log_fd < 0 || fcntl(server->log_fd, F_SETFL, O_APPEND) < 0 || pipe2(lifeline, O_CLOEXEC) < 0)
        return fail(err, errno, "start sallyportd");
    auto_fd int theirs = lifeline[0];
    server->lifeline_fd = lifeline[1];
    server->pid = fork();
    if (server->pid < 0)
        return fail(err, errno, "fork");
    if (server->pid == 0)
        become_server(program, server, config, theirs, notify);
    bool is_ready = wait_ready(word_fd, server->pid, wake_fd);
    bool is_wanted = interrupt_take() == 0;
    unlink(notify);
    if (is_ready && is_wanted)
        return 0;
    fd_close(&server->lifeline_fd);
    while (waitpid(server->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    server->pid = 0;
    if (!is_wanted)
        return fail_plain(err, EINTR, "interrupted; no job was started");
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_NONE;
    show_log(server->log_fd);
    return fail_plain(err, EIO, "sallyportd could not be started with '%s'; it says why above", config);
}

int private_server_start(const char *config, struct private_server *ret_server, int *ret_status, struct error *err)
{
    struct private_server server = { .lifeline_fd = -1, .log_fd = -1 };
    const char *base = getenv("TMPDIR");
    int wake_fd;
    *ret_status = STATUS_NONE;
    if (interrupt_open(&wake_fd, err) < 0) /* from here on there is something to remove */
        return -err->code;
    int length = snprintf(server.directory, sizeof server.directory, "%s/sallyport-try-XXXXXX",
                          base != NULL && base[0] == '/' ? base : "/tmp");
    if (length < 0 || (size_t)length >= sizeof server.directory - 16 || mkdtemp(server.directory) == NULL) {
        fail(err, errno, "make a directory in '%s'", base != NULL ? base : "/tmp");
        interrupt_close();
        return -err->code;
    }
    snprintf(server.url, sizeof server.url, "unix:%.*s/api", (int)sizeof server.url - 16, server.directory);
    int done = start_in(config, &server, wake_fd, ret_status, err);
    if (done < 0)
        private_server_stop(&server);
    interrupt_close();
    *ret_server = server;
    return done;
}

void private_server_stop(struct private_server *server)
{
    fd_close(&server->lifeline_fd);
    if (server->pid > 0)
        while (waitpid(server->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    server->pid = 0;
    fd_close(&server->log_fd);
    if (rmdir(server->directory) < 0 && errno != ENOENT)
        say("'%s' could not be removed and stays", server->directory);
}
