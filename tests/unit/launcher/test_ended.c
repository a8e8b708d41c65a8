#include "ended.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

/* Every piece of evidence at once; each row takes away what stands above it. */
static struct end_evidence all(void)
{
    return (struct end_evidence){
        .step = "mount-proc",
        .code = EPERM,
        .detail = "/proc",
        .was_cancelled = true,
        .oom_kills = 1,
        .was_timed_out = true,
        .was_cpu_limited = true,
        .cpu_time_ms = 2000,
        .cpu_us = 2000000,
        .was_output_limited = true,
        .is_lost = true,
        .has_status = false,
        .signal = SIGSYS,
        .exit_code = 3,
        .memory_max_bytes = 64 << 20,
        .timeout_ms = 1500,
        .grace_ms = 200,
    };
}

/* Without a control group it is the kernel that ends a process for its processor time. */
Test(ended, of_a_process_that_the_kernel_killed_for_its_processor_time_is_told_as_that)
{
    struct end_evidence evidence = {
        .has_started = true, .step = "", .has_status = true, .signal = SIGKILL, .cpu_time_ms = 2000, .cpu_us = 2000000
    };
    cr_expect_eq(ended_reason(&evidence), JOB_REASON_CPU_LIMIT);
    evidence.cpu_us = 1999999;
    cr_expect_eq(ended_reason(&evidence), JOB_REASON_SIGNALLED, "somebody else did it");
    evidence.cpu_us = 2000000;
    evidence.cpu_time_ms = 0;
    cr_expect_eq(ended_reason(&evidence), JOB_REASON_SIGNALLED);
}

Test(ended, weighs_evidence_in_the_fixed_order)
{
    struct end_evidence evidence = all();
    cr_expect_eq(ended_reason(&evidence), JOB_REASON_LAUNCH_FAILED);
    evidence.has_started = true;
    cr_expect_eq(ended_reason(&evidence), JOB_REASON_CANCELLED);
    evidence.was_cancelled = false;
    cr_expect_eq(ended_reason(&evidence), JOB_REASON_OOM);
    evidence.oom_kills = 0;
    cr_expect_eq(ended_reason(&evidence), JOB_REASON_TIMED_OUT);
    evidence.was_timed_out = false;
    cr_expect_eq(ended_reason(&evidence), JOB_REASON_CPU_LIMIT);
    evidence.was_cpu_limited = false;
    cr_expect_eq(ended_reason(&evidence), JOB_REASON_OUTPUT_LIMIT);
    evidence.was_output_limited = false;
    cr_expect_eq(ended_reason(&evidence), JOB_REASON_LOST);
    evidence.has_status = true;
    cr_expect_eq(ended_reason(&evidence), JOB_REASON_POLICY_VIOLATION);
    evidence.signal = SIGSEGV;
    cr_expect_eq(ended_reason(&evidence), JOB_REASON_SIGNALLED);
    evidence.signal = 0;
    cr_expect_eq(ended_reason(&evidence), JOB_REASON_EXITED);
}

Test(ended, tells_apart_what_looks_alike)
{
    static const struct {
        const char *what;
        struct end_evidence evidence;
        enum job_reason reason;
        const char *says;
    } rows[] = {
        { "a step failed",
          { .step = "exec", .code = EACCES, .detail = "/srv/x" },
          JOB_REASON_LAUNCH_FAILED,
          "exec failed" },
        { "nothing failed, nobody asked, it never ran",
          { .step = "", .detail = "" },
          JOB_REASON_LAUNCH_FAILED,
          "from outside" },
        { "it ran, and its init could not do its work",
          { .has_started = true, .step = "init", .detail = "" },
          JOB_REASON_SIGNALLED,
          "its init could not do its work" },
        { "its memory was too small to build the cell",
          { .step = "", .detail = "", .oom_kills = 1 },
          JOB_REASON_LAUNCH_FAILED,
          "memory limit is too small" },
        { "its supervisor died while building, or just before it told that the program runs",
          { .step = "", .detail = "", .is_lost = true },
          JOB_REASON_LOST,
          "whether the program ran" },
        { "its supervisor died after a step had failed",
          { .step = "exec", .code = EACCES, .detail = "/srv/x", .is_lost = true },
          JOB_REASON_LAUNCH_FAILED,
          "exec failed" },
        { "its supervisor died while it was being cancelled",
          { .step = "", .detail = "", .is_lost = true, .was_cancelled = true },
          JOB_REASON_CANCELLED,
          "before its program ran" },
        { "its supervisor died while the program ran",
          { .step = "", .detail = "", .has_started = true, .is_lost = true },
          JOB_REASON_LOST,
          "how the job ended" },
        { "cancelled while the cell was being built",
          { .step = "", .detail = "", .was_cancelled = true },
          JOB_REASON_CANCELLED,
          "before its program ran" },
        { "a step failed while it was being cancelled",
          { .step = "clone", .code = EAGAIN, .detail = "", .was_cancelled = true },
          JOB_REASON_LAUNCH_FAILED,
          "limit on processes" },
        { "exited with 0 after TERM at the timeout",
          { .step = "",
            .detail = "",
            .has_started = true,
            .has_status = true,
            .was_timed_out = true,
            .timeout_ms = 1500 },
          JOB_REASON_TIMED_OUT,
          "timeout of 1500 ms; it ended after SIGTERM" },
        { "ignored TERM",
          { .step = "", .detail = "", .has_started = true, .was_timed_out = true, .was_killed = true, .grace_ms = 200 },
          JOB_REASON_TIMED_OUT,
          "grace of 200 ms after SIGTERM and was killed" },
        { "the supervisor died after it had reported",
          { .step = "", .detail = "", .has_started = true, .has_status = true, .is_lost = true, .exit_code = 1 },
          JOB_REASON_EXITED,
          "status 1" },
        { "init was killed by somebody outside",
          { .step = "", .detail = "", .has_started = true },
          JOB_REASON_SIGNALLED,
          "from outside the job" },
        { "a signal of its own",
          { .step = "", .detail = "", .has_started = true, .has_status = true, .signal = SIGSEGV },
          JOB_REASON_SIGNALLED,
          "signal 11 (Segmentation fault)" },
        { "its profile ended it",
          { .step = "", .detail = "", .has_started = true, .has_status = true, .signal = SIGSYS, .profile = "net" },
          JOB_REASON_POLICY_VIOLATION,
          "profile 'net' answers with death; the kernel does not tell which, but `sallyport policy learn -p net --" },
        { "a shell whose program was ended by the profile",
          { .step = "", .detail = "", .has_started = true, .has_status = true, .exit_code = 159, .profile = "net" },
          JOB_REASON_EXITED,
          "exited with status 159, as a shell does when SIGSYS ended its program" },
        { "a real-time signal",
          { .step = "", .detail = "", .has_started = true, .has_status = true, .signal = 40 },
          JOB_REASON_SIGNALLED,
          "signal 40 (real-time signal)" },
        { "out of memory",
          { .step = "", .detail = "", .has_started = true, .oom_kills = 2, .memory_max_bytes = 64 << 20 },
          JOB_REASON_OOM,
          "64 MiB" },
        { "processes are left",
          { .step = "", .detail = "", .has_started = true, .was_cancelled = true, .was_killed = true, .is_left = true },
          JOB_REASON_CANCELLED,
          "are left after SIGKILL" },
        { "the program was replaced",
          { .step = "exec-changed", .code = ESTALE, .detail = "/usr/bin/x" },
          JOB_REASON_LAUNCH_FAILED,
          "reload" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[ERROR_TEXT_MAX_BYTES];
        enum job_reason reason = ended_reason(&rows[i].evidence);
        cr_expect_eq(reason, rows[i].reason, "%s: %s", rows[i].what, job_reason_text(reason));
        ended_explain(&rows[i].evidence, reason, text);
        cr_expect(strstr(text, rows[i].says) != NULL, "%s: %s", rows[i].what, text);
    }
}

Test(ended, has_nothing_to_say_about_success)
{
    struct end_evidence evidence = { .step = "", .detail = "", .has_started = true, .has_status = true };
    char text[ERROR_TEXT_MAX_BYTES] = "?";
    ended_explain(&evidence, ended_reason(&evidence), text);
    cr_expect_str_eq(text, "");
}
