/* Output that is not what its record says: it is called damaged or gone, never passed off as whole, and left as it is. */
#include <signal.h>
#include <sys/resource.h>

#include "rig.h"
#include "sallyport/proto/state_files.h"

TestSuite(output_damage, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static char log_path[200], index_path[200];

static void name_files(const struct job_id *id)
{
    struct state_files names;
    state_files_name(id, &names);
    snprintf(log_path, sizeof log_path, "%s/%s", rig_directory, names.log);
    snprintf(index_path, sizeof index_path, "%s/%s", rig_directory, names.index);
}

static uint32_t ask(const struct job_id *id)
{
    struct msg_read_job asked = { .evidence = rig_token(CI_TOKEN), .job_id = *id };
    return rig_say(&front, MSG_READ_OUTPUT, &asked);
}

static off_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : -1;
}

/* Three pieces of ten bytes each. */
static void say_thirty_bytes(const int fds[2])
{
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(write(fds[i % 2], "0123456789", 10), 10);
        rig_run(5);
    }
}

static struct job_id ended_job(void)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    say_thirty_bytes(fds);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    name_files(&id);
    cr_assert_eq(size_of(log_path), 30);
    cr_assert_eq(size_of(index_path), 3 * OUTPUT_RECORD_BYTES);
    return id;
}

Test(output_damage, of_a_log_that_was_cut_is_an_error)
{
    struct job_id id = ended_job();
    cr_assert_eq(truncate(log_path, 12), 0);
    rig_expect_refusal(ask(&id), 500, "internal");
    cr_expect_not_null(strstr(got.body.refused.detail, "damaged"), "%s", got.body.refused.detail);
    cr_assert_eq(truncate(log_path, 0), 0);
    rig_expect_refusal(ask(&id), 500, "internal");
    cr_expect_eq(rig_report(&id).output_bytes, 30, "the record stays");
}

Test(output_damage, of_an_index_that_was_cut_is_an_error)
{
    struct job_id id = ended_job();
    cr_assert_eq(truncate(index_path, 3 * OUTPUT_RECORD_BYTES - 5), 0);
    rig_expect_refusal(ask(&id), 500, "internal");
    cr_assert_eq(truncate(index_path, OUTPUT_RECORD_BYTES), 0);
    rig_expect_refusal(ask(&id), 500, "internal");
    cr_assert_eq(truncate(index_path, 0), 0);
    rig_expect_refusal(ask(&id), 500, "internal");
}

Test(output_damage, of_one_missing_file_is_an_error_and_of_both_is_gone)
{
    struct job_id id = ended_job();
    cr_assert_eq(unlink(index_path), 0);
    rig_expect_refusal(ask(&id), 500, "internal");
    cr_assert_eq(unlink(log_path), 0);
    rig_expect_refusal(ask(&id), 410, "output-expired");
}

Test(output_damage, of_bytes_behind_the_last_record_s_is_an_error)
{
    struct job_id id = ended_job();
    cr_assert_eq(truncate(log_path, 31), 0);
    rig_expect_refusal(ask(&id), 500, "internal");
}

Test(output_damage, found_at_the_end_of_a_job_leaves_its_files)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    say_thirty_bytes(fds);
    name_files(&id);
    rig_restart();
    cr_assert_eq(truncate(index_path, 0), 0);
    rig_hello(8, 0); /* another launcher: the job is lost, and its output is measured */
    rig_run(20);
    cr_expect_eq(rig_report(&id).state, JOB_LOST);
    cr_expect_eq(rig_report(&id).output_bytes, 0, "it says nothing of what it does not know");
    cr_expect_eq(size_of(log_path), 30);
    rig_expect_refusal(ask(&id), 500, "internal");
    fd_close(&fds[0]);
    fd_close(&fds[1]);
}

Test(output_damage, of_a_running_job_is_cut_where_it_is_whole)
{
    int fds[2];
    char log[100];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    say_thirty_bytes(fds);
    name_files(&id);
    rig_stop();
    cr_assert_eq(truncate(log_path, 15), 0);
    cr_assert_eq(truncate(index_path, 3 * OUTPUT_RECORD_BYTES - 1), 0);
    rig_start();
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_hello(7, 1);
    rig_launched(&id, fds);
    cr_assert_eq(write(fds[0], "more", 4), 4);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    struct msg_output output = rig_output(&id, log, sizeof log);
    cr_expect_str_eq(log, "012345678901234more");
    cr_expect_eq(output.bytes, 19);
    cr_expect_eq(rig_report(&id).output_bytes, 19, "the record claims no more than is there");
    cr_expect_eq(got.body.job.output_sha256.size, HASH_BYTES);
}

/* --- a disk that is full ------------------------------------------------------------------------------------------------ */

static struct rlimit limit;

/* No file may grow beyond this size. The job's log has less room than its index needs, so that both can be tried. */
static void room_up_to(rlim_t bytes)
{
    signal(SIGXFSZ, SIG_IGN);
    if (limit.rlim_max == 0)
        cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    struct rlimit tight = { bytes, limit.rlim_max };
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
}

static void room_for_all(void)
{
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

Test(output_damage, does_not_come_of_a_disk_that_fills_while_the_last_bytes_are_taken)
{
    static char said[20000], log[30000];
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    name_files(&id);
    memset(said, 'a', sizeof said);
    cr_assert_eq(write(fds[0], said, sizeof said), (ssize_t)sizeof said);
    rig_run(20);
    room_up_to(sizeof said + 5000); /* a part of what comes now */
    memset(said, 'b', 9000);
    cr_assert_eq(write(fds[0], said, 9000), 9000);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_exited(&id, JOB_REASON_EXITED, 0);
    rig_run(2 * OUTPUT_DRAIN_MS + 500); /* the last drain's time is over, more than once */
    cr_expect_eq(size_of(log_path), (off_t)sizeof said + 5000);
    cr_expect(!job_has_ended(job_find(keeper, &id)->record.state), "its end waits for its last bytes");
    room_for_all();
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    cr_expect_eq(rig_output(&id, log, sizeof log).bytes, sizeof said + 9000);
    cr_expect_eq(log[sizeof said - 1], 'a');
    cr_expect_eq(memcmp(log + sizeof said, said, 9000), 0);
}

/* The timers of the drain and of the next try may come in one turn of the loop, in this order. */
Test(output_damage, does_not_come_of_a_drain_that_ends_right_after_a_try)
{
    char log[100];
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    room_up_to(10);
    cr_assert_eq(write(fds[0], "all of it", 9), 9);
    rig_exited(&id, JOB_REASON_EXITED, 0);
    rig_run(20);
    struct output *output = job_find(keeper, &id)->output;
    cr_assert(output->is_stuck);
    output_on_disk_again(-1, 0, output);
    output_on_deadline(-1, 0, output);
    cr_expect(output->is_stuck);
    cr_expect_geq(output->pipes[0].fd, 0, "what it has written is thrown away");
    room_for_all();
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    rig_output(&id, log, sizeof log);
    cr_expect_str_eq(log, "all of it");
}
