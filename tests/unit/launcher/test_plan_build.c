#include "plan_build.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "order.h"
#include "sallyport/base/error.h"
#include "sallyport/job/job.h"
#include "sallyport/policy/policy_match.h"
#include "sallyport/proto/settings.h"

static struct policy *policy;
static struct matcher *matcher;
static struct setting_launcher host = { .has_cgroup = true, .landlock_abi = 7 };
static struct plan_room room;
static uint8_t params[8192];

static void begin(void)
{
    policy = order_policy(1);
}

static void end(void)
{
    matcher_free(matcher);
    policy_free(policy);
}

/* Builds the plan of `greet` for the values and returns plan_build()'s answer. */
static int build(const char *name, const char *token, uint32_t degraded)
{
    struct error err = { 0 };
    cr_assert_eq(matcher_new(policy, &matcher, &err), 0, "%s", err.text);
    const struct plan_order order = {
        .policy = policy,
        .matcher = matcher,
        .host = &host,
        .params = order_params(params, sizeof params, name, token),
        .job_id = "01jd0000000000000000000000",
        .actor = "alice",
        .timeout_ms = 60000,
        .now_unix_ms = 1700000000500,
        .degraded = degraded,
        .uid = 1000,
        .gid = 1001,
    };
    cr_assert_eq(matcher_check(matcher, 0, order.params, NULL, &err), 0, "%s", err.text);
    return plan_build(&order, &room, &err);
}

/* The texts of a span, which must be exactly these. */
static void expect_texts(struct span span, uint32_t count, const char *const *wanted)
{
    const char *at = (const char *)span.data, *end_of_span = at + span.size;
    for (uint32_t i = 0; i < count; i++) {
        cr_assert_not_null(wanted[i], "text %u is one too many: %s", i, at);
        cr_assert_lt(at, end_of_span);
        cr_expect_str_eq(at, wanted[i]);
        at += strlen(at) + 1;
    }
    cr_expect_null(wanted[count], "%s is missing", wanted[count]);
    cr_expect_eq(at, end_of_span);
}

Test(plan_build, makes_one_argument_of_one_placeholder, .init = begin, .fini = end)
{
    cr_assert_eq(build("a b; $(reboot)\n*", "s3cret", 0), 0);
    expect_texts(room.plan.arguments, room.plan.argument_count,
                 (const char *const[]){ "/usr/bin/greet", "--name=a b; $(reboot)\n*", "/run/secrets/token", NULL });
}

Test(plan_build, gives_a_job_the_fixed_variables_and_nothing_else, .init = begin, .fini = end)
{
    cr_assert_eq(build("x", NULL, 0), 0);
    expect_texts(room.plan.env, room.plan.env_count,
                 (const char *const[]){ "HOME=/tmp", "USER=job", "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8",
                                        "SALLYPORT_JOB_ID=01jd0000000000000000000000", "SALLYPORT_COMMAND=greet",
                                        "SALLYPORT_ACTOR=alice", "SALLYPORT_SOURCE=api", "SALLYPORT_ATTEMPT=1",
                                        "SALLYPORT_DEADLINE=1700000060", NULL });
}

Test(plan_build, lets_the_commands_own_variables_win, .init = begin, .fini = end)
{
    struct command *command = &policy->commands[0];
    command->account = 0;
    command->env_count = 1;
    strcpy(command->env[0].name, "PATH");
    order_piece(&command->env[0].value, "/opt/bin", 0);
    cr_assert_eq(build("x", NULL, 0), 0);
    const char *env = (const char *)room.plan.env.data;
    cr_expect_str_eq(env, "PATH=/opt/bin");
    cr_expect_eq(room.plan.env_count, 10);
    cr_expect_not_null(memmem(env, room.plan.env.size, "\0USER=deploy", 13));
    cr_expect_null(memmem(env, room.plan.env.size, "/usr/local/bin", 14));
}

Test(plan_build, runs_a_script_through_its_interpreter, .init = begin, .fini = end)
{
    struct command *command = &policy->commands[0];
    strcpy(command->interpreter, "/usr/bin/python3");
    strcpy(command->interpreter_argument, "-I");
    command->interpreter_identity = (struct identity){ 11, 12, 13, 14 };
    cr_assert_eq(build("x", "t", 0), 0);
    cr_expect_str_eq(room.plan.program, "/usr/bin/python3");
    cr_expect_eq(room.plan.inode, 12);
    cr_expect_str_eq(room.plan.script, "/usr/bin/greet");
    cr_expect_eq(room.plan.script_inode, 2);
    expect_texts(
        room.plan.arguments, room.plan.argument_count,
        (const char *const[]){ "/usr/bin/python3", "-I", "/usr/bin/greet", "--name=x", "/run/secrets/token", NULL });
}

Test(plan_build, hands_secrets_and_paths_over_as_texts, .init = begin, .fini = end)
{
    cr_assert_eq(build("x", "s3cret\nline", 0), 0);
    expect_texts(room.plan.secrets, 2, (const char *const[]){ "token", "s3cret\nline", NULL });
    expect_texts(room.plan.readable, 1, (const char *const[]){ "/srv/public", NULL });
    expect_texts(room.plan.writable, 2, (const char *const[]){ "/srv/data", "/srv/logs", NULL });
    cr_expect_eq(room.plan.filter.size, 8);
}

Test(plan_build, limits_data_only_when_no_control_group_does, .init = begin, .fini = end)
{
    cr_assert_eq(build("x", NULL, 0), 0);
    cr_expect_eq(room.plan.memory_max_bytes, 0);
    cr_expect_eq(room.plan.pids_max, 33, "the group refuses first, and counts it");
    cr_expect_eq(room.plan.tmp_max_inodes, 256);
    cr_expect_str_eq(room.plan.workdir, "/tmp");
    cr_expect_eq(room.plan.layers_off, 0);
    matcher_free(matcher);
    cr_assert_eq(build("x", NULL, DEGRADE_CGROUP_MEMORY | DEGRADE_CGROUP_PIDS), 0);
    cr_expect_eq(room.plan.memory_max_bytes, 64 << 20);
    cr_expect_eq(room.plan.pids_max, 32);
}

Test(plan_build, fits_the_supervisors_message, .init = begin, .fini = end)
{
    static uint8_t bytes[CELL_MESSAGE_MAX_BYTES];
    struct writer out = { bytes, sizeof bytes };
    struct error err = { 0 };
    cr_assert_eq(build("x", "t", 0), 0);
    cr_assert_eq(record_encode(&cell_defs[CELL_RUN], &room.plan, &out, &err), 0, "%s", err.text);
    struct plan again;
    cr_assert_eq(record_decode(&cell_defs[CELL_RUN], &(struct reader){ bytes, sizeof bytes - out.left }, &again, &err),
                 0);
    cr_expect_eq(again.argument_count, room.plan.argument_count);
}

Test(plan_build, leaves_nothing_behind_when_wiped, .init = begin, .fini = end)
{
    cr_assert_eq(build("x", "very-secret-value", 0), 0);
    cr_assert_not_null(memmem(&room, sizeof room, "very-secret-value", 17));
    plan_wipe(&room);
    cr_expect_null(memmem(&room, sizeof room, "very-secret-value", 17));
}
