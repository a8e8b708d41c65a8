/* Pipes to logs: exact bytes, the rule of the index, and limits. */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "output_files.h"
#include "rig.h"

TestSuite(output, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

/* Writes all, letting the keeper work whenever the pipe is full. */
static void pour(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, data, size);
        if (put > 0) {
            data += put;
            size -= (size_t)put;
        }
        event_base_loop(keeper->base, EVLOOP_NONBLOCK);
    }
}

static uint8_t *noise(size_t size)
{
    uint8_t *data = malloc(size);
    uint32_t seed = 4711;
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)((seed = seed * 1664525u + 1013904223u) >> 24);
    return data;
}

static void open_files(const struct job_id *id, int fds[2])
{
    cr_assert_eq(output_files_read(keeper->state_fd, id, &fds[0], &fds[1], &err), 0, "%s", err.text);
}

Test(output, is_exact_over_many_megabytes_and_its_hash_too)
{
    size_t size = 24 * 1024 * 1024 + 17;
    auto_free uint8_t *data = noise(size), *back = malloc(size);
    int fds[2], files[2];
    keeper->rules.policy->commands[3].output_max_bytes = 1ull << 30;
    rig_hello(7, 0);
    struct job_id id = rig_running("deploy", fds);
    pour(fds[0], data, size);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    struct msg_job report = rig_report(&id);
    cr_assert_eq(report.output_bytes, size);
    cr_expect(!report.output_truncated);
    uint8_t digest[HASH_BYTES];
    hash_sha256(data, size, digest);
    cr_assert_eq(report.output_sha256.size, HASH_BYTES);
    cr_expect_arr_eq(report.output_sha256.data, digest, HASH_BYTES);
    open_files(&id, files);
    cr_assert_eq(fd_read_exact(files[0], back, size, &err), 0);
    cr_expect_arr_eq(back, data, size);
}

Test(output, can_be_taken_apart_into_its_streams)
{
    int fds[2], files[2];
    char streams[3][4096] = { "", "", "" }, expected[3][4096] = { "", "", "" };
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    for (int i = 0; i < 100; i++) {
        char line[32];
        int which = (i * 7 / 3) % 2;
        snprintf(line, sizeof line, "line %d\n", i);
        strcat(expected[which + 1], line);
        cr_assert_gt(write(fds[which], line, strlen(line)), 0);
        event_base_loop(keeper->base, EVLOOP_NONBLOCK);
    }
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    open_files(&id, files);
    uint64_t bytes;
    uint32_t records;
    cr_assert_eq(output_measure(files[0], files[1], &bytes, &records, &err), 0);
    for (uint32_t i = 0; i < records; i++) {
        uint8_t packed[OUTPUT_RECORD_BYTES];
        struct output_record record, next = { .offset = bytes };
        cr_assert_eq(pread(files[1], packed, sizeof packed, i * OUTPUT_RECORD_BYTES), sizeof packed);
        output_record_unpack(packed, &record);
        if (i + 1 < records) {
            cr_assert_eq(pread(files[1], packed, sizeof packed, (i + 1) * OUTPUT_RECORD_BYTES), sizeof packed);
            output_record_unpack(packed, &next);
        }
        cr_assert_gt(next.offset, record.offset);
        cr_assert_eq(record.stream_offset, strlen(streams[record.stream]));
        size_t length = next.offset - record.offset;
        char piece[4096] = "";
        cr_assert_eq(pread(files[0], piece, length, (off_t)record.offset), length);
        strcat(streams[record.stream], piece);
    }
    cr_expect_str_eq(streams[OUTPUT_STDOUT], expected[OUTPUT_STDOUT]);
    cr_expect_str_eq(streams[OUTPUT_STDERR], expected[OUTPUT_STDERR]);
}

Test(output, keeps_exactly_the_limit_and_stops_the_job)
{
    int fds[2];
    char log[2000];
    auto_free uint8_t *data = noise(5000);
    rig_hello(7, 0);
    struct job_id id = rig_running("loud", fds);
    pour(fds[0], data, 5000);
    cr_assert(rig_wait(&launcher, MSG_STOP));
    cr_expect_eq(got.body.stop.reason, JOB_REASON_OUTPUT_LIMIT);
    cr_expect_eq(rig_report(&id).state, JOB_STOPPING);
    pour(fds[1], data, 3000);
    int waiting = -1;
    rig_run(10);
    cr_expect(ioctl(fds[0], FIONREAD, &waiting) == 0 && waiting == 0, "it is drained while it dies");
    rig_end(&id, fds, JOB_REASON_OUTPUT_LIMIT, 0);
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.output_bytes, 1000);
    cr_expect(report.output_truncated);
    cr_expect_eq(report.state, JOB_FAILED);
    cr_expect_str_eq(report.stopped_by, "output_limit");
    rig_output(&id, log, sizeof log);
    cr_expect_arr_eq(log, data, 1000);
}

Test(output, of_exactly_the_limit_is_no_offence)
{
    int fds[2];
    auto_free uint8_t *data = noise(1000);
    rig_hello(7, 0);
    struct job_id id = rig_running("loud", fds);
    pour(fds[0], data, 1000);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.output_bytes, 1000);
    cr_expect(!report.output_truncated);
    cr_expect_eq(report.state, JOB_SUCCEEDED);
}

Test(output, that_is_to_be_discarded_lets_the_job_run_on)
{
    int fds[2];
    auto_free uint8_t *data = noise(1000000);
    rig_hello(7, 0);
    struct job_id id = rig_running("head", fds);
    pour(fds[0], data, 1000000);
    cr_expect_eq(rig_report(&id).state, JOB_RUNNING);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    struct msg_job report = rig_report(&id);
    cr_expect_eq(report.output_bytes, 1000);
    cr_expect(report.output_truncated);
    cr_expect_eq(report.state, JOB_SUCCEEDED);
}

Test(output, has_a_limit_for_its_index_too)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("head", fds);
    keeper->rules.policy->commands[2].output_max_bytes = 1000;
    struct job *job = job_find(keeper, &id);
    job->output->bytes_max = 100000;
    for (int i = 0; i < 6000 && !job->output->is_truncated; i++) {
        cr_assert_eq(write(fds[i % 2], "x", 1), 1);
        event_base_loop(keeper->base, EVLOOP_NONBLOCK);
    }
    cr_expect(job->output->is_truncated);
    cr_expect_leq(job->output->records * OUTPUT_RECORD_BYTES, 100000 + OUTPUT_INDEX_SPARE + OUTPUT_RECORD_BYTES);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
}

Test(output, ends_though_somebody_still_holds_a_pipe)
{
    int fds[2];
    char log[100];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    cr_assert_eq(write(fds[0], "all of it", 9), 9);
    uint64_t before_ms = clock_monotonic_ms();
    rig_exited(&id, JOB_REASON_EXITED, 0);
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    cr_expect_lt(clock_monotonic_ms() - before_ms, 2000);
    rig_output(&id, log, sizeof log);
    cr_expect_str_eq(log, "all of it");
    close(fds[0]);
    close(fds[1]);
}

static void write_file(const char *path, const void *data, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    cr_assert_eq(write(fd, data, size), (ssize_t)size);
    close(fd);
}

Test(output, leaves_out_records_that_lost_their_bytes)
{
    static const struct {
        uint64_t offsets[4];
        uint32_t count, whole;
        uint64_t bytes;
    } cases[] = {
        { { 0, 4, 8 }, 3, 3, 10 }, { { 0, 4, 10 }, 3, 2, 10 },  { { 0, 10, 10, 10 }, 4, 1, 10 },
        { { 0 }, 1, 0, 0 },        { { 0, 12, 14 }, 3, 1, 10 },
    };
    char log[100], index[100];
    snprintf(log, sizeof log, "%s/case.log", rig_directory);
    snprintf(index, sizeof index, "%s/case.idx", rig_directory);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t packed[4 * OUTPUT_RECORD_BYTES + 5] = { 0 };
        for (uint32_t j = 0; j < cases[i].count; j++)
            output_record_pack(&(struct output_record){ .offset = cases[i].offsets[j], .stream = 1 },
                               packed + j * OUTPUT_RECORD_BYTES);
        write_file(log, "0123456789", cases[i].bytes);
        write_file(index, packed, cases[i].count * OUTPUT_RECORD_BYTES + 5); /* and a record that was cut */
        auto_fd int log_fd = open(log, O_RDONLY), index_fd = open(index, O_RDONLY);
        uint64_t bytes = 99;
        uint32_t records = 99;
        cr_expect_eq(output_measure(log_fd, index_fd, &bytes, &records, &err), 0);
        cr_expect_eq(records, cases[i].whole, "case %zu: %u", i, records);
        cr_expect_eq(bytes, cases[i].bytes);
    }
}

Test(output, waits_for_room_on_the_disk_and_loses_nothing)
{
    int fds[2];
    char log[100];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    cr_assert_eq(write(fds[0], "before ", 7), 7);
    rig_run(10);
    /* The largest size of a file stands in for a full disk. The database is larger already; the log is not. */
    struct rlimit limit, tight;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    tight = (struct rlimit){ 10, limit.rlim_max };
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
    cr_assert_eq(write(fds[0], "after", 5), 5);
    event_base_loop(keeper->base, EVLOOP_NONBLOCK);
    cr_expect(job_find(keeper, &id)->output->is_stuck);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    rig_run(1200);
    cr_expect(!job_find(keeper, &id)->output->is_stuck);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    rig_output(&id, log, sizeof log);
    cr_expect_str_eq(log, "before after");
}

Test(output, gives_readers_descriptors_that_cannot_write)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    struct msg_read_job asked = { .evidence = rig_token(CI_TOKEN), .job_id = id };
    uint32_t request = rig_say(&front, MSG_READ_OUTPUT, &asked);
    rig_expect(request, MSG_OUTPUT);
    for (int i = 0; i < 2; i++) {
        cr_expect_eq(fcntl(got.fds[i], F_GETFL) & O_ACCMODE, O_RDONLY);
        cr_expect_lt(write(got.fds[i], "x", 1), 0);
    }
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
}

Test(output, of_a_job_that_never_ran_is_empty_and_complete)
{
    char log[10];
    rig_hello(7, 0);
    struct job_id id = rig_job("echo");
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    rig_exited(&id, JOB_REASON_LAUNCH_FAILED, 0);
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    struct msg_output output = rig_output(&id, log, sizeof log);
    cr_expect(output.is_complete && output.bytes == 0 && output.records == 0);
}

Test(output, is_handed_over_with_its_hash_once_it_is_complete)
{
    char log[64];
    uint8_t digest[HASH_BYTES];
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    cr_assert_eq(write(fds[0], "said", 4), 4);
    cr_assert_eq(rig_output(&id, log, sizeof log).sha256.size, 0);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    struct msg_output output = rig_output(&id, log, sizeof log);
    hash_sha256("said", 4, digest);
    cr_assert_eq(output.sha256.size, HASH_BYTES);
    cr_expect_arr_eq(output.sha256.data, digest, HASH_BYTES);
}

Test(output, that_was_removed_is_410)
{
    int fds[2];
    char command[120];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    cr_assert_eq(write(fds[0], "gone", 4), 4);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    snprintf(command, sizeof command, "rm -rf %s/output/??", rig_directory);
    cr_assert_eq(system(command), 0);
    struct msg_read_job asked = { .evidence = rig_token(CI_TOKEN), .job_id = id };
    uint32_t request = rig_say(&front, MSG_READ_OUTPUT, &asked);
    rig_expect_refusal(request, 410, "output-expired");
}
