/*
 * A front in a process of its own (without its lockdown, which has tests of its own), with the test as everybody else: the
 * bootstrap, the keeper and the clients. Nothing runs beside the test, so each step is written where it happens:
 * a client sends, the keeper receives and answers, the client reads.
 */
#pragma once

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/job/job.h"
#include "sallyport/proto/channel.h"
#include "sallyport/proto/entries.h"
#include "sallyport/proto/output_log.h"
#include "sallyport/proto/settings.h"

#include "front.h"

/* What is freed shall be gone: tests look at the size of the front. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=0:thread_local_quarantine_size_kb=0:allocator_release_to_os_interval_ms=0";
}

#define PATIENCE_MS 5000
#define TOKEN       "Authorization: Bearer sp_test\r\n"
#define JOB         "01jd8k3v9x5q2m7r4t6w8y0b1c"

struct rig {
    pid_t pid;
    struct channel control, keeper;
    struct message last;      /* what the keeper received */
    unsigned descriptors_max; /* 0: as many as the test has */
    uint16_t port, metrics_port;
    char unix_path[64];
};

static struct rig rig;

static inline int rig_no_lockdown(const struct msg_become *become, struct error *err)
{
    (void)become;
    (void)err;
    return 0;
}

static inline void rig_order(enum msg_type type, const void *body, int fd)
{
    struct error err = { 0 };
    cr_assert_eq(channel_send(&rig.control, type, 0, body, &fd, fd >= 0 ? 1 : 0, &err), 0, "%s", err.text);
}

static inline void rig_settings(uint32_t generation)
{
    static const char *const json[] = {
        "{\"name\":\"greet\",\"title\":\"Greets\",\"group\":\"demo\"}",
        "{\"name\":\"wait\",\"title\":\"Waits\",\"group\":\"demo\"}",
        "{\"name\":\"secret\",\"title\":\"Not for all\",\"group\":\"\"}",
    };
    static const char *const names[] = { "greet", "wait", "secret" };
    struct record_file file = { 0 };
    struct error err = { 0 };
    struct setting_front front = { .max_wait_ms = 2000, .address_connections_max = 1000, .version = "1.2.3" };
    cr_assert_eq(record_file_add(&file, setting_defs, SETTING_COUNT, SETTING_FRONT, &front, &err), 0);
    cr_assert_eq(record_file_add(&file, setting_defs, SETTING_COUNT, SETTING_HOST, &(struct setting_host){ "a" }, &err),
                 0);
    struct setting_origin origin = { "https://dash.example.org" };
    cr_assert_eq(record_file_add(&file, setting_defs, SETTING_COUNT, SETTING_ORIGIN, &origin, &err), 0);
    for (int i = 0; i < 3; i++) {
        struct setting_public_command command = { .json = { (const uint8_t *)json[i], (uint32_t)strlen(json[i]) },
                                                  .mode = i == 1 };
        strcpy(command.name, names[i]);
        cr_assert_eq(record_file_add(&file, setting_defs, SETTING_COUNT, SETTING_PUBLIC_COMMAND, &command, &err), 0);
    }
    auto_fd int fd = -1;
    cr_assert_eq(memfd_sealed("settings", file.data, file.size, false, &fd, &err), 0, "%s", err.text);
    record_file_done(&file);
    rig_order(MSG_SETTINGS, &(struct msg_generation){ generation }, fd);
}

static inline void rig_new_keeper(void)
{
    int pair[2];
    struct error err = { 0 };
    channel_done(&rig.keeper);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    rig_order(MSG_PEER, &(struct msg_peer){ PROCESS_KEEPER }, pair[1]);
    close(pair[1]);
    cr_assert_eq(channel_init(&rig.keeper, NULL, pair[0], &err), 0);
}

static inline int rig_listen_tcp(uint16_t *ret_port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(fd, 1024), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

static inline int rig_listen_unix(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    snprintf(rig.unix_path, sizeof rig.unix_path, "/tmp/sallyport-front-%d.sock", (int)getpid());
    unlink(rig.unix_path);
    strcpy(address.sun_path, rig.unix_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert_eq(listen(fd, 1024), 0);
    return fd;
}

/* The program itself, which locks itself down; it needs root. */
static inline void rig_exec(int control_fd)
{
    const char *directory = getenv("SALLYPORT_BIN");
    char path[512];
    snprintf(path, sizeof path, "%s/front", directory != NULL ? directory : "build/dev/bin");
    if (control_fd != 3)
        dup2(control_fd, 3);
    fcntl(3, F_SETFD, 0);
    execle(path, "front", NULL, (char *[]){ NULL });
    _exit(127);
}

static inline void rig_start_as(const struct msg_become *become, bool is_locked)
{
    int pair[2];
    struct error err = { 0 };
    signal(SIGPIPE, SIG_IGN);
    rig.keeper.fd = -1;
    cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    int tcp = rig_listen_tcp(&rig.port), metrics = rig_listen_tcp(&rig.metrics_port), local = rig_listen_unix();
    rig.pid = fork();
    if (rig.pid == 0) {
        close(pair[0]);
        close(tcp);
        close(metrics);
        close(local);
        if (rig.descriptors_max != 0)
            setrlimit(RLIMIT_NOFILE, &(struct rlimit){ rig.descriptors_max, rig.descriptors_max });
        if (is_locked)
            rig_exec(pair[1]);
        _exit(front_run(pair[1], rig_no_lockdown, &err) < 0);
    }
    close(pair[1]);
    cr_assert_eq(channel_init(&rig.control, NULL, pair[0], &err), 0);
    rig_order(MSG_BECOME, become, -1);
    rig_order(MSG_LISTENER, &(struct msg_listener){ .address = "127.0.0.1" }, tcp);
    rig_order(MSG_LISTENER, &(struct msg_listener){ .address = "unix", .is_unix = true }, local);
    rig_order(MSG_LISTENER, &(struct msg_listener){ .address = "127.0.0.1", .is_for_metrics = true }, metrics);
    close(tcp);
    close(metrics);
    close(local);
    rig_settings(7);
    rig_new_keeper();
    rig_order(MSG_BEGIN, &(struct msg_empty){ 0 }, -1);
}

static inline void rig_start(void)
{
    rig_start_as(&(struct msg_become){ 0 }, false);
}

/* The front must end by itself, and well, when the bootstrap does. */
static inline void rig_stop(void)
{
    int status = -1;
    message_done(&rig.last);
    channel_done(&rig.control);
    for (int i = 0; i < PATIENCE_MS / 10 && waitpid(rig.pid, &status, WNOHANG) == 0; i++)
        usleep(10000);
    if (status == -1)
        kill(rig.pid, SIGKILL);
    channel_done(&rig.keeper);
    unlink(rig.unix_path);
    cr_assert_eq(status, 0, "the front ended with status %d", status);
}

static inline void wait_readable(int fd, const char *what)
{
    struct pollfd waiting = { .fd = fd, .events = POLLIN };
    cr_assert_gt(poll(&waiting, 1, PATIENCE_MS), 0, "%s did not come", what);
}

/* --- as the keeper */

static inline struct message *keeper_expect(enum msg_type type)
{
    struct error err = { 0 };
    int done;
    message_done(&rig.last);
    while ((done = channel_receive(&rig.keeper, &rig.last, &err)) == 0)
        wait_readable(rig.keeper.fd, message_defs[type].name);
    cr_assert_eq(done, 1, "%s", err.text);
    cr_assert_eq(rig.last.type, type, "%s came instead of %s", message_defs[rig.last.type].name,
                 message_defs[type].name);
    return &rig.last;
}

static inline void keeper_say(enum msg_type type, uint32_t request_id, const void *body, const int *fds,
                              unsigned fd_count)
{
    struct error err = { 0 };
    cr_assert_eq(channel_send(&rig.keeper, type, request_id, body, fds, fd_count, &err), 0, "%s", err.text);
}

/* An answer to what came last. */
static inline void keeper_answer(enum msg_type type, const void *body)
{
    keeper_say(type, rig.last.request_id, body, NULL, 0);
}

static inline bool keeper_hears_nothing(void)
{
    struct pollfd waiting = { .fd = rig.keeper.fd, .events = POLLIN };
    return poll(&waiting, 1, 100) == 0;
}

static inline void keeper_refuse(unsigned status, const char *code)
{
    struct msg_refused refused = { .status = status };
    strcpy(refused.code, code);
    strcpy(refused.detail, "because");
    keeper_answer(MSG_REFUSED, &refused);
}

static inline struct msg_job a_job(enum job_state state, uint64_t version)
{
    struct msg_job job = {
        .state = (uint8_t)state, .version = version, .via = EVIDENCE_BEARER, .created_unix_ms = 1772359200120
    };
    cr_assert(job_id_parse(JOB, &job.job_id));
    strcpy(job.command, "greet");
    strcpy(job.actor, "tester");
    if (state != JOB_QUEUED)
        job.started_unix_ms = 1772359200160;
    if (job_has_ended(state)) {
        job.reason = JOB_REASON_EXITED;
        job.finished_unix_ms = 1772359201160;
        job.wall_us = 1000000;
    }
    return job;
}

/* --- as the keeper's output log */

struct test_log {
    int bytes_fd, index_fd;
    uint64_t bytes, stream_bytes[3];
    uint32_t records;
    bool has_no_hash;
};

/* What the keeper says of every complete log; the front takes its word. */
#define LOG_SHA256_HEX "6161616161616161616161616161616161616161616161616161616161616161"
static const uint8_t log_sha256[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

static inline struct test_log log_make(void)
{
    return (
        struct test_log){ memfd_create("bytes", MFD_CLOEXEC), memfd_create("index", MFD_CLOEXEC), 0, { 0 }, 0, false };
}

static inline void log_add(struct test_log *log, enum output_stream stream, const void *data, size_t size)
{
    uint8_t packed[OUTPUT_RECORD_BYTES];
    struct output_record record = { log->bytes, log->stream_bytes[stream], 1772359200000000 + log->records * 1000000ull,
                                    stream, 0 };
    output_record_pack(&record, packed);
    cr_assert_eq(pwrite(log->index_fd, packed, sizeof packed, (off_t)log->records * OUTPUT_RECORD_BYTES),
                 OUTPUT_RECORD_BYTES);
    cr_assert_eq(pwrite(log->bytes_fd, data, size, (off_t)log->bytes), (ssize_t)size);
    log->records++;
    log->bytes += size;
    log->stream_bytes[stream] += size;
}

static inline void log_add_text(struct test_log *log, enum output_stream stream, const char *text)
{
    log_add(log, stream, text, strlen(text));
}

static inline void log_hand_over(const struct test_log *log, bool is_complete)
{
    struct span sha256 = { log_sha256, is_complete && !log->has_no_hash ? 32 : 0 };
    struct msg_output output = { rig.last.body.read_job.job_id, log->bytes, log->records, is_complete, sha256 };
    keeper_say(MSG_OUTPUT, rig.last.request_id, &output, (int[]){ log->bytes_fd, log->index_fd }, 2);
}

static inline void log_announce(const struct test_log *log, uint32_t request_id, bool is_complete)
{
    keeper_say(MSG_GROWN, request_id, &(struct msg_grown){ log->bytes, log->records, is_complete }, NULL, 0);
}

static inline void log_done(struct test_log *log)
{
    fd_close(&log->bytes_fd);
    fd_close(&log->index_fd);
}

/* --- as a client */

struct client {
    int fd;
    size_t size;
    char *text; /* all that came, NUL behind it */
    unsigned status;
    const char *body; /* of the last reply, with chunks joined */
};

static inline struct client client_open_at(uint16_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct client client = { .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .text = calloc(1, 1) };
    cr_assert_eq(connect(client.fd, (struct sockaddr *)&address, sizeof address), 0);
    return client;
}

static inline struct client client_open(void)
{
    return client_open_at(rig.port);
}

static inline struct client client_open_unix(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    strcpy(address.sun_path, rig.unix_path);
    struct client client = { .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), .text = calloc(1, 1) };
    cr_assert_eq(connect(client.fd, (struct sockaddr *)&address, sizeof address), 0);
    return client;
}

static inline void client_close(struct client *client)
{
    fd_close(&client->fd);
    free(client->text);
    client->text = NULL;
}

static inline void client_send_bytes(struct client *client, const void *data, size_t size)
{
    struct error err = { 0 };
    cr_assert_eq(fd_write_all(client->fd, data, size, &err), 0, "%s", err.text);
}

static inline void client_send(struct client *client, const char *text)
{
    client_send_bytes(client, text, strlen(text));
}

/* "GET /x" with the token, and extra header lines. */
static inline void client_ask(struct client *client, const char *method_and_target, const char *headers)
{
    char head[8192];
    snprintf(head, sizeof head, "%s HTTP/1.1\r\nHost: localhost\r\n" TOKEN "%s\r\n", method_and_target, headers);
    client_send(client, head);
}

static inline void client_post(struct client *client, const char *target, const char *headers, const char *body)
{
    char head[8192];
    snprintf(head, sizeof head,
             "POST %s HTTP/1.1\r\nHost: localhost\r\n" TOKEN
             "Content-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n",
             target, headers, strlen(body));
    client_send(client, head);
    client_send(client, body);
}

/* False at the end. */
static inline bool client_read(struct client *client)
{
    wait_readable(client->fd, "the front's answer");
    client->text = realloc(client->text, client->size + 65537);
    ssize_t got = read(client->fd, client->text + client->size, 65536);
    if (got <= 0)
        return false;
    client->size += (size_t)got;
    client->text[client->size] = '\0';
    return true;
}

/* Reads on until the text is there. */
static inline void client_until(struct client *client, const char *text)
{
    while (memmem(client->text, client->size, text, strlen(text)) == NULL)
        cr_assert(client_read(client), "the end came before '%s'; there was: %s", text, client->text);
}

static inline void client_until_end(struct client *client)
{
    while (client_read(client))
        ;
}

/* One whole reply with a length (or none); takes it off. */
static inline unsigned client_reply(struct client *client)
{
    client->size = 0;
    client->text[0] = '\0';
    client_until(client, "\r\n\r\n");
    client->status = (unsigned)atoi(client->text + 9);
    const char *length = strcasestr(client->text, "\r\nContent-Length: ");
    size_t head = (size_t)(strstr(client->text, "\r\n\r\n") + 4 - client->text);
    size_t whole = head + (length != NULL && client->status != 304 ? strtoul(length + 18, NULL, 10) : 0);
    while (client->size < whole)
        cr_assert(client_read(client), "the reply is cut short: %s", client->text);
    client->body = client->text + head;
    return client->status;
}

/* The body of a chunked reply whose last chunk has come, joined; the caller frees it. */
static inline uint8_t *client_chunks(const struct client *client, size_t *ret_size)
{
    const char *at = strstr(client->text, "\r\n\r\n") + 4, *end = client->text + client->size;
    uint8_t *body = malloc(client->size);
    *ret_size = 0;
    for (;;) {
        size_t size = strtoul(at, NULL, 16);
        const char *line = memmem(at, (size_t)(end - at), "\r\n", 2);
        cr_assert(line != NULL && size + 4 <= (size_t)(end - line), "the body is cut short");
        if (size == 0)
            return body;
        memcpy(body + *ret_size, line + 2, size);
        *ret_size += size;
        at = line + 2 + size + 2;
    }
}

#define expect_in(client, part)                                                                                        \
    cr_expect(strstr((client)->text, part) != NULL, "'%s' is missing in: %s", part, (client)->text)
