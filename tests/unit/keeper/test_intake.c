/* Standard input on its way to disk: what is asked meanwhile is answered, and what changes meanwhile counts. */
#include "rig.h"

#include <dirent.h>

TestSuite(intake, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

#define LARGE_BYTES (48u * 1024 * 1024)

static int sealed(uint8_t filler, size_t size)
{
    int memfd = -1;
    uint8_t *bytes = malloc(size);
    memset(bytes, filler, size);
    cr_assert_eq(memfd_sealed("in", bytes, size, false, &memfd, &err), 0);
    free(bytes);
    for (uint32_t i = 0; i < keeper->rules.policy->command_count; i++)
        keeper->rules.policy->commands[i].stdin_max_bytes = STDIN_MAX_BYTES;
    return memfd;
}

/* Says it and closes the descriptor. */
static uint32_t submit_with(struct msg_submit *submit, int memfd)
{
    submit->has_stdin = true;
    cr_assert_eq(channel_send(&front, MSG_SUBMIT, next_request, submit, &memfd, 1, &err), 0);
    close(memfd);
    return next_request++;
}

/* One turn of the loop; rig_turn() goes on until nothing is left to do. */
static void one_turn(void)
{
    event_base_loop(keeper->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static unsigned stored_files(void)
{
    char path[96];
    unsigned count = 0;
    snprintf(path, sizeof path, "%s/stdin", rig_directory);
    DIR *directory = opendir(path);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

Test(intake, of_a_large_input_holds_up_nobody)
{
    keeper->rules.settings.syncs_fully = true;
    struct msg_submit large = rig_submit(CI_TOKEN, "echo");
    uint32_t first = submit_with(&large, sealed('a', LARGE_BYTES));
    struct msg_submit small = rig_submit(CI_TOKEN, "echo");
    uint32_t second = rig_say(&front, MSG_SUBMIT, &small);
    cr_assert(rig_wait(&front, MSG_SUBMITTED));
    cr_expect_eq(got.request_id, second, "the later one is answered first");
    cr_assert(rig_wait(&front, MSG_SUBMITTED));
    cr_expect_eq(got.request_id, first);
    uint64_t longest_ms = 0;
    submit_with(&large, sealed('b', LARGE_BYTES));
    for (int i = 0; i < 150; i++) {
        uint64_t before_ms = clock_monotonic_ms();
        one_turn();
        uint64_t took_ms = clock_monotonic_ms() - before_ms;
        longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
    }
    cr_expect_lt(longest_ms, 500, "one turn took %llu ms", (unsigned long long)longest_ms);
}

Test(intake, hands_large_input_to_the_launcher_whole)
{
    rig_hello(7, 0);
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    rig_expect(submit_with(&submit, sealed('c', 5 * 1024 * 1024 + 17)), MSG_SUBMITTED);
    cr_assert(rig_wait(&launcher, MSG_LAUNCH));
    uint64_t size;
    cr_assert_eq(memfd_check_sealed(got.fds[0], UINT64_MAX, &size, &err), 0, "%s", err.text);
    cr_expect_eq(size, 5 * 1024 * 1024 + 17);
    uint8_t last = 0;
    cr_expect_eq(lseek(got.fds[0], 0, SEEK_CUR), 0);
    cr_expect_eq(pread(got.fds[0], &last, 1, (off_t)size - 1), 1);
    cr_expect_eq(last, 'c');
}

Test(intake, is_for_nothing_when_the_service_is_drained_meanwhile)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    struct msg_drain drain = { .evidence = rig_token(OPS_TOKEN), .is_on = true };
    uint32_t request = submit_with(&submit, sealed('f', LARGE_BYTES));
    rig_expect(rig_say(&front, MSG_DRAIN, &drain), MSG_DRAIN_STATE);
    rig_expect_refusal(request, 503, "draining");
    cr_expect_eq(keeper->jobs.count, 0);
    cr_expect_eq(stored_files(), 0);
}

Test(intake, of_the_same_request_twice_makes_one_job)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    text_copy(submit.idempotency_key, sizeof submit.idempotency_key, "again");
    uint32_t requests[3];
    for (int i = 0; i < 2; i++)
        requests[i] = submit_with(&submit, sealed('d', 3 * 1024 * 1024));
    requests[2] = submit_with(&submit, sealed('e', 3 * 1024 * 1024));
    struct job_id ids[2];
    unsigned replays = 0, refusals = 0, answers = 0;
    while (answers < 3 && rig_next(&front, 5000)) {
        if (got.type == MSG_SUBMITTED) {
            ids[got.request_id == requests[0] ? 0 : 1] = got.body.submitted.job_id;
            replays += got.body.submitted.was_replayed;
        } else if (got.type == MSG_REFUSED) {
            cr_expect_eq(got.request_id, requests[2]);
            cr_expect_str_eq(got.body.refused.code, "idempotency-mismatch");
            refusals++;
        }
        answers += got.type == MSG_SUBMITTED || got.type == MSG_REFUSED;
    }
    cr_expect_eq(answers, 3);
    cr_expect_eq(replays, 1);
    cr_expect_eq(refusals, 1);
    cr_expect(job_id_equal(&ids[0], &ids[1]));
    cr_expect_eq(stored_files(), 1, "what was refused or replayed left no file");
}

Test(intake, asks_again_for_the_right_when_the_rules_changed_meanwhile)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    uint32_t request = submit_with(&submit, sealed('f', LARGE_BYTES));
    one_turn();
    struct rules rules = rig_rules(2);
    rules.policy->commands[0].stdin_max_bytes = STDIN_MAX_BYTES;
    rules.callers[0].scope_count = 0;
    keeper_change_rules(keeper, &rules);
    rig_answer(request);
    cr_assert_eq(got.type, MSG_REFUSED);
    cr_expect_eq(stored_files(), 0);
}

Test(intake, of_a_front_that_is_gone_is_forgotten)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    submit_with(&submit, sealed('g', LARGE_BYTES));
    one_turn();
    cr_expect_eq(stored_files(), 1);
    rig_pair(PROCESS_FRONT, &front);
    rig_run(300);
    cr_expect_eq(stored_files(), 0);
    cr_expect_eq(keeper->jobs.count, 0);
}

Test(intake, that_is_under_way_goes_with_the_keeper)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    submit_with(&submit, sealed('h', LARGE_BYTES));
    one_turn();
    rig_restart();
    cr_expect_eq(stored_files(), 0);
    cr_expect_eq(keeper->jobs.count, 0);
}

Test(intake, of_a_job_that_is_cancelled_while_it_is_read_back_ends)
{
    struct msg_submit submit = rig_submit(CI_TOKEN, "echo");
    uint32_t request = submit_with(&submit, sealed('i', LARGE_BYTES));
    rig_expect(request, MSG_SUBMITTED);
    struct job_id id = got.body.submitted.job_id;
    struct msg_hello hello = { .incarnation = 7, .generation = 1 };
    rig_pair(PROCESS_LAUNCHER, &launcher);
    rig_say(&launcher, MSG_HELLO, &hello);
    struct job *job = job_find(keeper, &id);
    while (job->stdin_copy == NULL)
        one_turn();
    struct msg_cancel cancel = { .evidence = rig_token(OPS_TOKEN), .job_id = id };
    rig_expect(rig_say(&front, MSG_CANCEL, &cancel), MSG_CANCELLED);
    cr_expect(!rig_next(&launcher, 50), "it was never ordered");
    rig_run(50);
    cr_expect_eq(rig_report(&id).state, JOB_CANCELLED);
    cr_expect_eq(keeper->jobs.count, 0);
    cr_expect_eq(stored_files(), 0);
}
