/* What the keeper counts for /metrics: each start and each end once, when it is stored. */
#include <signal.h>
#include <sys/resource.h>

#include "rig.h"

TestSuite(metrics, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

static struct metric_keeper totals;
static struct metric_command rows[METRICS_COMMANDS_MAX + COMMAND_COUNT_MAX + 1];
static struct metric_token tokens[16];
static unsigned row_count, token_count;

/* As the front gets it. */
static void ask_metrics(void)
{
    struct msg_read_metrics asked = { .evidence = rig_token(OPS_TOKEN) };
    uint8_t *data = NULL;
    size_t size = 0;
    rig_expect(rig_say(&front, MSG_READ_METRICS, &asked), MSG_METRICS);
    cr_assert_eq(got.fd_count, 1);
    cr_assert_eq(memfd_read_sealed(got.fds[0], METRICS_FILE_MAX_BYTES, &data, &size, &err), 0, "%s", err.text);
    struct reader in = { data, size };
    union any_metric metric;
    uint32_t type;
    int next;
    row_count = token_count = 0;
    while ((next = record_file_next(&in, metric_defs, METRIC_COUNT, &type, &metric, sizeof metric, &err)) > 0) {
        if (type == METRIC_KEEPER)
            totals = metric.keeper;
        else if (type == METRIC_COMMAND)
            rows[row_count++] = metric.command;
        else
            tokens[token_count++] = metric.token;
    }
    cr_assert_eq(next, 0, "%s", err.text);
    free(data);
}

static const struct metric_command *row(const char *command)
{
    const struct metric_command *found = NULL;
    for (unsigned i = 0; i < row_count; i++)
        if (strcmp(rows[i].command, command) == 0) {
            cr_assert_null(found, "%s has two rows", command);
            found = &rows[i];
        }
    cr_assert_not_null(found, "%s has no row", command);
    return found;
}

static uint64_t ended(const char *command, enum job_state state)
{
    return row(command)->ended[JOB_SOURCE_API][state - JOB_SUCCEEDED];
}

static uint64_t ends_of(const char *command)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < METRIC_END_COUNT; i++)
        for (unsigned source = 0; source < JOB_SOURCE_COUNT; source++)
            sum += row(command)->ended[source][i];
    return sum;
}

Test(metrics, tell_listed_commands_as_zeros_before_anything_has_run)
{
    ask_metrics();
    cr_expect_eq(row_count, RIG_COMMANDS);
    cr_expect_eq(ends_of("echo"), 0);
    cr_expect_eq(histogram_count(&row("deploy")->duration), 0);
    cr_expect(totals.running == 0 && totals.queued == 0 && totals.queue_oldest_ms == 0 && totals.output_bytes == 0);
    cr_expect_not(totals.is_launcher_up);
    cr_expect(totals.has_reload_succeeded);
    cr_expect_leq(clock_unix_ms() - totals.reload_succeeded_unix_ms, 60000);
    cr_expect_gt(totals.store_free_bytes, 0);
}

Test(metrics, count_each_end_by_its_state_and_each_start_once)
{
    static const struct {
        enum job_reason reason;
        uint32_t code;
        enum job_state state;
    } ends[] = {
        { JOB_REASON_EXITED, 0, JOB_SUCCEEDED },    { JOB_REASON_EXITED, 3, JOB_FAILED },
        { JOB_REASON_OOM, 0, JOB_FAILED },          { JOB_REASON_TIMED_OUT, 0, JOB_TIMED_OUT },
        { JOB_REASON_CANCELLED, 0, JOB_CANCELLED },
    };
    rig_hello(7, 0);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        int fds[2];
        struct job_id id = rig_running("echo", fds);
        cr_assert_eq(write(fds[0], "12345", 5), 5);
        rig_run(5);
        ask_metrics();
        cr_expect_eq(totals.running, 1);
        cr_expect_eq(ends_of("echo"), i);
        cr_expect_eq(histogram_count(&row("echo")->queue), i + 1, "a start shows while the job runs");
        rig_end(&id, fds, ends[i].reason, ends[i].code);
        rig_exited(&id, ends[i].reason, ends[i].code); /* said twice */
        rig_run(5);
    }
    ask_metrics();
    cr_expect_eq(ended("echo", JOB_SUCCEEDED), 1);
    cr_expect_eq(ended("echo", JOB_FAILED), 2);
    cr_expect_eq(ended("echo", JOB_TIMED_OUT), 1);
    cr_expect_eq(ended("echo", JOB_CANCELLED), 1);
    cr_expect_eq(ends_of("echo"), 5);
    cr_expect_eq(ends_of("loud"), 0);
    cr_expect_eq(histogram_count(&row("echo")->duration), 5);
    cr_expect_eq(row("echo")->duration.sum_us, 5 * 42000000ull, "as the launcher measured");
    cr_expect_eq(row("echo")->duration.counts[7], 5, "in the range of a minute");
    cr_expect(totals.output_bytes == 25 && totals.running == 0 && totals.is_launcher_up);
    cr_expect_geq(totals.store_bytes, 25);
}

Test(metrics, know_the_age_of_the_oldest_that_waits)
{
    struct job_id first = rig_job("echo"), second = rig_job("deploy");
    job_find(keeper, &first)->record.created_unix_ms -= 60000;
    job_find(keeper, &second)->record.created_unix_ms -= 5000;
    ask_metrics();
    cr_expect_eq(totals.queued, 2);
    cr_expect(totals.queue_oldest_ms >= 60000 && totals.queue_oldest_ms < 70000, "%llu",
              (unsigned long long)totals.queue_oldest_ms);
    struct msg_cancel cancel = { .evidence = rig_token(OPS_TOKEN), .job_id = first };
    rig_expect(rig_say(&front, MSG_CANCEL, &cancel), MSG_CANCELLED);
    rig_run(5);
    ask_metrics();
    cr_expect(totals.queued == 1 && totals.queue_oldest_ms >= 5000 && totals.queue_oldest_ms < 15000);
    cr_expect_eq(ended("echo", JOB_CANCELLED), 1);
    cr_expect_eq(histogram_count(&row("echo")->duration), 0, "what never ran took no time");
    cr_expect_eq(histogram_count(&row("echo")->queue), 0);
}

/* The largest size of a file stands in for a full disk: no commit succeeds. */
Test(metrics, count_nothing_before_it_is_stored)
{
    struct rlimit limit;
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    rig_run(5);
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 4096, limit.rlim_max }), 0);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_exited(&id, JOB_REASON_EXITED, 0);
    rig_run(50);
    cr_expect_eq(keeper->metrics.commands[0].ended[JOB_SOURCE_API][0], 0);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_assert(rig_wait(&launcher, MSG_EXITED_SEEN));
    ask_metrics();
    cr_expect_eq(ended("echo", JOB_SUCCEEDED), 1, "and once, however often it was tried");
}

Test(metrics, begin_anew_with_a_keeper_and_count_no_start_of_before)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    rig_run(5);
    fd_close(&fds[0]);
    fd_close(&fds[1]);
    rig_restart();
    ask_metrics();
    cr_expect_eq(totals.running, 1, "found again");
    rig_hello(7, 1);
    rig_launched(&id, fds);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    ask_metrics();
    cr_expect_eq(ended("echo", JOB_SUCCEEDED), 1);
    cr_expect_eq(histogram_count(&row("echo")->queue), 0, "it was counted by the keeper of then");
    cr_expect_eq(histogram_count(&row("echo")->duration), 1);
}

Test(metrics, keep_the_row_of_a_command_that_a_reload_took_away)
{
    int fds[2];
    rig_hello(7, 0);
    struct job_id id = rig_running("echo", fds);
    rig_end(&id, fds, JOB_REASON_EXITED, 0);
    struct rules rules = rig_rules(2);
    text_copy(rules.policy->commands[0].name, NAME_MAX_BYTES, "newer");
    metrics_note_reload(keeper, false);
    ask_metrics();
    cr_expect_not(totals.has_reload_succeeded);
    keeper_change_rules(keeper, &rules);
    ask_metrics();
    cr_expect(totals.has_reload_succeeded);
    cr_expect_eq(ended("echo", JOB_SUCCEEDED), 1);
    cr_expect_eq(ends_of("newer"), 0);
    cr_expect_eq(row_count, RIG_COMMANDS + 1);
}

static void count_end_of(const char *command)
{
    struct job job = { .record.state = JOB_FAILED, .record.started_unix_ms = 2000, .record.created_unix_ms = 1000 };
    text_copy(job.record.command, sizeof job.record.command, command);
    metrics_note_stored(keeper, &job, true);
}

Test(metrics, have_no_more_rows_than_their_bound_however_often_commands_change)
{
    for (unsigned i = 0; i < METRICS_COMMANDS_MAX + 100; i++) {
        char name[32];
        snprintf(name, sizeof name, "gone-%u", i);
        count_end_of(name);
    }
    ask_metrics();
    cr_expect_eq(row_count, METRICS_COMMANDS_MAX + RIG_COMMANDS + 1);
    cr_expect_eq(ended("gone-0", JOB_FAILED), 1);
    cr_expect_eq(ended(METRICS_OTHER, JOB_FAILED), 100, "the rest is counted together");
    cr_expect_eq(histogram_count(&row(METRICS_OTHER)->queue), 100);
    cr_expect_eq(ends_of("echo"), 0);
}

Test(metrics, name_tokens_that_expire_and_no_others)
{
    keeper->rules.callers[0].expires_unix_ms = 1800000000000;
    ask_metrics();
    cr_assert_eq(token_count, 2);
    cr_expect_str_eq(tokens[0].token, "ci");
    cr_expect_eq(tokens[0].expires_unix_ms, 1800000000000);
    cr_expect_str_eq(tokens[1].token, "old");
}

Test(metrics, count_callers_that_nobody_knows_by_what_they_showed)
{
    struct msg_whoami asked = { .evidence.kind = EVIDENCE_NONE };
    rig_expect_refusal(rig_say(&front, MSG_WHOAMI, &asked), 401, "unauthenticated");
    static const char *const wrong[] = { "sp_wrong", "sp_wrong", OLD_TOKEN };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        asked.evidence = rig_token(wrong[i]);
        rig_expect_refusal(rig_say(&front, MSG_WHOAMI, &asked), 401, "unauthenticated");
    }
    ask_metrics();
    cr_expect_eq(totals.auth_failures[AUTH_NONE_MISSING], 1);
    cr_expect_eq(totals.auth_failures[AUTH_BEARER_UNKNOWN], 2);
    cr_expect_eq(totals.auth_failures[AUTH_BEARER_EXPIRED], 1);
    cr_expect_eq(totals.auth_failures[AUTH_PEER_UNKNOWN], 0);
}

Test(metrics, are_told_to_the_scope_metrics_and_to_no_other)
{
    struct msg_read_metrics asked = { .evidence = rig_token(GUEST_TOKEN) };
    rig_expect_refusal(rig_say(&front, MSG_READ_METRICS, &asked), 403, "forbidden");
    asked.evidence = rig_token(CI_TOKEN);
    rig_expect_refusal(rig_say(&front, MSG_READ_METRICS, &asked), 403, "forbidden");
    keeper->rules.callers[2].scopes[0].kind = SCOPE_METRICS;
    asked.evidence = rig_token(GUEST_TOKEN);
    rig_expect(rig_say(&front, MSG_READ_METRICS, &asked), MSG_METRICS);
    struct msg_list_jobs list = { .evidence = rig_token(GUEST_TOKEN) };
    rig_expect(rig_say(&front, MSG_LIST_JOBS, &list), MSG_JOBS_END);
    asked.evidence = rig_token("sp_wrong");
    rig_expect_refusal(rig_say(&front, MSG_READ_METRICS, &asked), 401, "unauthenticated");
}

/* The front's word that it came over the open listener counts only where the owner opened one. */
Test(metrics, are_told_without_a_caller_only_where_the_owner_wants_that)
{
    struct msg_read_metrics asked = { .evidence.kind = EVIDENCE_NONE, .is_open = true };
    rig_expect_refusal(rig_say(&front, MSG_READ_METRICS, &asked), 401, "unauthenticated");
    keeper->rules.settings.has_metrics_listener = true;
    rig_expect(rig_say(&front, MSG_READ_METRICS, &asked), MSG_METRICS);
    asked.is_open = false;
    rig_expect_refusal(rig_say(&front, MSG_READ_METRICS, &asked), 401, "unauthenticated");
    struct msg_whoami other = { .evidence.kind = EVIDENCE_NONE };
    rig_expect_refusal(rig_say(&front, MSG_WHOAMI, &other), 401, "unauthenticated");
}
