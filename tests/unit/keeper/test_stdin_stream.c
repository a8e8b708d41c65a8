/* Streams of input: what counts, what is moved, and what a launcher may hand over. */
#include "rig.h"

#include <sys/mman.h>

#include "stdin_stream.h"

static void with_a_stream(struct rules *rules)
{
    struct command *head = &rules->policy->commands[2];
    cr_assert_str_eq(head->name, "head");
    head->stdin_kind = STDIN_STREAM;
    head->stdin_max_bytes = 1 << 20;
}

static void setup(void)
{
    rig_edit = with_a_stream;
    rig_setup();
}

TestSuite(stdin_stream, .init = setup, .fini = rig_teardown, .timeout = 60);

static uint32_t feed(const struct job_id *id, const char *text, bool ends)
{
    struct msg_stdin chunk = {
        .evidence = rig_token(CI_TOKEN), .job_id = *id, .has_bytes = text[0] != '\0', .ends = ends
    };
    int memfd = -1;
    if (chunk.has_bytes)
        cr_assert_eq(memfd_sealed("in", text, strlen(text), false, &memfd, &err), 0);
    cr_assert_eq(channel_send(&front, MSG_STDIN, next_request, &chunk, &memfd, chunk.has_bytes, &err), 0);
    fd_close(&memfd);
    return next_request++;
}

static void feed_taken(const struct job_id *id, const char *text, bool ends, uint64_t bytes)
{
    rig_expect(feed(id, text, ends), MSG_STDIN_TAKEN);
    cr_expect_eq(got.body.stdin_taken.verdict, STDIN_TAKEN);
    cr_expect_eq(got.body.stdin_taken.bytes, bytes);
    cr_expect_eq(got.body.stdin_taken.has_ended, ends);
}

/* The order of the job that comes next; what it hands over is the caller's. */
static int take_order(struct job_id *ret_id)
{
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    cr_assert_eq(got.fd_count, 1);
    *ret_id = got.body.launch.job_id;
    return fd_take(&got.fds[0]);
}

static void tell_launched_with(const struct job_id *id, int file_fd, int pipe_fd)
{
    int out[2], errors[2];
    struct msg_launched launched = { .job_id = *id, .started_unix_ms = 1, .has_stdin_stream = true };
    cr_assert(pipe2(out, O_CLOEXEC) == 0 && pipe2(errors, O_CLOEXEC) == 0);
    const int fds[] = { out[0], errors[0], file_fd, pipe_fd };
    cr_assert_eq(channel_send(&launcher, MSG_LAUNCHED, 0, &launched, fds, 4, &err), 0, "%s", err.text);
    for (int i = 0; i < 2; i++) {
        close(out[i]);
        close(errors[i]);
    }
}

static const char *read_pipe(int fd)
{
    static char text[256];
    rig_run(50);
    ssize_t got_bytes = read(fd, text, sizeof text - 1);
    text[got_bytes > 0 ? got_bytes : 0] = '\0';
    return text;
}

Test(stdin_stream, moves_what_is_stored_and_goes_on_behind_a_crash)
{
    struct job_id id, ordered;
    int pipe_fds[2];
    rig_hello(1, 0);
    id = rig_job("head");
    int file_fd = take_order(&ordered);
    cr_assert(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) == 0);
    tell_launched_with(&id, file_fd, pipe_fds[1]);
    feed_taken(&id, "one ", false, 4);
    cr_expect_str_eq(read_pipe(pipe_fds[0]), "one ");
    cr_expect_eq(lseek(file_fd, 0, SEEK_CUR), 4, "the position is ours as well");

    rig_restart();
    rig_hello(1, 1);
    tell_launched_with(&id, file_fd, pipe_fds[1]);
    feed_taken(&id, "two", true, 7);
    cr_expect_str_eq(read_pipe(pipe_fds[0]), "two");
    cr_assert(rig_wait(&launcher, MSG_STDIN_END), "and its end is told to who holds the other end");
    close(pipe_fds[1]);
    char more;
    cr_expect_eq(read(pipe_fds[0], &more, 1), 0, "the keeper has let go of the pipe");
    close(pipe_fds[0]);
    close(file_fd);
}

Test(stdin_stream, says_the_end_again_to_a_launcher_that_has_not_heard)
{
    struct job_id id, ordered;
    int pipe_fds[2];
    rig_hello(1, 0);
    id = rig_job("head");
    int file_fd = take_order(&ordered);
    cr_assert(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) == 0);
    tell_launched_with(&id, file_fd, pipe_fds[1]);
    feed_taken(&id, "all", true, 3);
    cr_assert(rig_wait(&launcher, MSG_STDIN_END));
    rig_restart();
    rig_hello(1, 1);
    tell_launched_with(&id, file_fd, pipe_fds[1]);
    cr_assert(rig_wait(&launcher, MSG_STDIN_END));
    cr_expect(job_id_equal(&got.body.job_only.job_id, &id));
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(file_fd);
}

Test(stdin_stream, moves_nothing_that_a_full_disk_did_not_take)
{
    struct job_id id, ordered;
    int pipe_fds[2];
    rig_hello(1, 0);
    id = rig_job("head");
    int file_fd = take_order(&ordered);
    cr_assert(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) == 0);
    tell_launched_with(&id, file_fd, pipe_fds[1]);
    feed_taken(&id, "a", false, 1);
    cr_expect_str_eq(read_pipe(pipe_fds[0]), "a");
    rig_disk_is_full();
    rig_expect_refusal(feed(&id, "b", false), 503, "store-full");
    cr_expect_str_eq(read_pipe(pipe_fds[0]), "");
    rig_disk_has_room();
    rig_run(1300); /* the retry of the turn */
    feed_taken(&id, "c", false, 2);
    cr_expect_str_eq(read_pipe(pipe_fds[0]), "c");
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(file_fd);
}

Test(stdin_stream, believes_no_launcher_that_hands_over_something_else)
{
    static const char *const rows[] = { "another file", "a file to write", "the end to read", "no pipe at all",
                                        "a job without a stream" };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct job_id id, ordered;
        char path[128];
        int pipe_fds[2];
        rig_hello(1 + i, 0);
        id = rig_job(i == 4 ? "loud" : "head");
        cr_assert(rig_wait(&launcher, MSG_LAUNCH));
        ordered = got.body.launch.job_id;
        cr_assert(job_id_equal(&ordered, &id), "%s", rows[i]);
        int file_fd = got.fd_count == 1 ? fd_take(&got.fds[0]) : open(rig_database, O_RDONLY | O_CLOEXEC);
        char text[JOB_ID_TEXT_BYTES];
        snprintf(path, sizeof path, "%s/stdin/%s", rig_directory, job_id_text(&id, text));
        cr_assert(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) == 0);
        int wrong = i == 0   ? open(rig_database, O_RDONLY | O_CLOEXEC)
                    : i == 1 ? open(path, O_RDWR | O_CLOEXEC)
                    : i == 3 ? open(rig_database, O_WRONLY | O_CLOEXEC)
                             : -1;
        tell_launched_with(&id, i < 2 ? wrong : file_fd, i == 2 ? pipe_fds[0] : i == 3 ? wrong : pipe_fds[1]);
        cr_expect(rig_is_dropped(&launcher), "%s", rows[i]);
        fd_close(&wrong);
        close(file_fd);
        close(pipe_fds[0]);
        close(pipe_fds[1]);
    }
}

Test(stdin_stream, takes_no_bytes_that_can_still_change)
{
    struct job_id id;
    rig_hello(1, 0);
    id = rig_job("head");
    struct msg_stdin chunk = { .evidence = rig_token(CI_TOKEN), .job_id = id, .has_bytes = true };
    int open_fd = memfd_create("in", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    cr_assert_eq(channel_send(&front, MSG_STDIN, next_request++, &chunk, &open_fd, 1, &err), 0);
    close(open_fd);
    cr_expect(rig_is_dropped(&front));
}
