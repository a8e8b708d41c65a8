#include "ended.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static bool was_stopped(const struct end_evidence *evidence)
{
    return evidence->was_cancelled || evidence->was_timed_out || evidence->was_cpu_limited ||
           evidence->was_output_limited;
}

/*
 * A job that was stopped while its cell was being built did not fail to launch, unless a step failed too. Nor did one whose
 * supervisor ended: that may have been just before it told us that the program runs.
 */
static bool is_launch_failed(const struct end_evidence *evidence)
{
    bool is_explained = was_stopped(evidence) || evidence->is_lost;
    return !evidence->has_started && (evidence->step[0] != '\0' || !is_explained);
}

static bool is_cancelled(const struct end_evidence *evidence)
{
    return evidence->was_cancelled;
}

static bool is_oom(const struct end_evidence *evidence)
{
    return evidence->oom_kills > 0;
}

static bool is_timed_out(const struct end_evidence *evidence)
{
    return evidence->was_timed_out;
}

/* By us, or by the kernel where no group counts: it kills a process that had more than RLIMIT_CPU. */
static bool is_cpu_limited(const struct end_evidence *evidence)
{
    bool was_killed_for_it = evidence->cpu_time_ms != 0 && evidence->has_status && evidence->signal == SIGKILL &&
                             evidence->cpu_us >= (uint64_t)evidence->cpu_time_ms * 1000;
    return evidence->was_cpu_limited || was_killed_for_it;
}

static bool is_output_limited(const struct end_evidence *evidence)
{
    return evidence->was_output_limited;
}

static bool is_lost(const struct end_evidence *evidence)
{
    return evidence->is_lost && !evidence->has_status;
}

static bool is_policy_violation(const struct end_evidence *evidence)
{
    return evidence->has_status && evidence->signal == SIGSYS;
}

/* Init cannot be killed from inside the job: without a status somebody outside did it, and everything died of SIGKILL. */
static bool is_signalled(const struct end_evidence *evidence)
{
    return !evidence->has_status || evidence->signal != 0;
}

static bool is_exited(const struct end_evidence *evidence)
{
    (void)evidence;
    return true;
}

/* DESIGN: the order in which evidence is weighed. `lost` stands where only the unknown end of the program is left. */
static const struct {
    enum job_reason reason;
    bool (*holds)(const struct end_evidence *evidence);
} precedence[] = {
    { JOB_REASON_LAUNCH_FAILED, is_launch_failed },
    { JOB_REASON_CANCELLED, is_cancelled },
    { JOB_REASON_OOM, is_oom },
    { JOB_REASON_TIMED_OUT, is_timed_out },
    { JOB_REASON_CPU_LIMIT, is_cpu_limited },
    { JOB_REASON_OUTPUT_LIMIT, is_output_limited },
    { JOB_REASON_LOST, is_lost },
    { JOB_REASON_POLICY_VIOLATION, is_policy_violation },
    { JOB_REASON_SIGNALLED, is_signalled },
    { JOB_REASON_EXITED, is_exited },
};

enum job_reason ended_reason(const struct end_evidence *evidence)
{
    size_t i = 0;
    while (!precedence[i].holds(evidence))
        i++;
    return precedence[i].reason;
}

/* What to do about a step that failed, where that is known. A code of 0 stands for every code. */
static const struct {
    const char *step;
    uint32_t code;
    const char *hint;
} hints[] = {
    { "exec-changed", 0,
      "the program is not the one that was there when the configuration was loaded; reload if that is right" },
    { "open-program", ENOENT, "the program is not in the job's root; list its directory under `read:`" },
    { "exec", ENOENT, "the program's own interpreter or loader is not in the job's root; list it under `read:`" },
    { "exec", EACCES, "the program may not be executed by the job's user" },
    { "exec", ENOEXEC, "the program is neither an executable for this machine nor a script with a #! line" },
    { "clone", EAGAIN, "a limit on processes of the host or the slot is reached" },
};

static const char *hint_for(const struct end_evidence *evidence)
{
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
        if (strcmp(evidence->step, hints[i].step) == 0 && (hints[i].code == 0 || hints[i].code == evidence->code))
            return hints[i].hint;
    return "";
}

static void explain_launch_failed(const struct end_evidence *evidence, char *text, size_t room)
{
    if (evidence->step[0] == '\0') {
        snprintf(text, room,
                 evidence->oom_kills > 0 ? "the job's memory limit is too small even to set it up"
                                         : "the job was ended from outside while it was being set up");
        return;
    }
    const char *hint = hint_for(evidence);
    snprintf(text, room, "step %s failed: %s%s%s%s%s", evidence->step,
             evidence->code != 0 ? strerrordesc_np((int)evidence->code) ?: "unknown error" : "refused",
             evidence->detail[0] != '\0' ? ": " : "", evidence->detail, hint[0] != '\0' ? ": " : "", hint);
}

static void explain_signalled(const struct end_evidence *evidence, char *text, size_t room)
{
    if (!evidence->has_status && evidence->step[0] != '\0') {
        snprintf(text, room, "its %s could not do its work any more and ended, and the job with it", evidence->step);
        return;
    }
    if (!evidence->has_status) {
        snprintf(text, room, "killed from outside the job, by the host's own memory shortage or an administrator");
        return;
    }
    const char *description = sigdescr_np((int)evidence->signal);
    snprintf(text, room, "ended by signal %u (%s)", evidence->signal,
             description != NULL ? description : "real-time signal");
}

/*
 * The kernel tells nobody which call it was: of a process that seccomp killed only the signal is left. Its answers that are
 * an errno are told to the program alone. So what can be said is who can see it.
 */
static void explain_violation(const struct end_evidence *evidence, char *text, size_t room)
{
    snprintf(
        text, room,
        "killed by SIGSYS: it made a system call that its seccomp profile '%s' answers with death; the kernel does "
        "not tell which, but `sallyport policy learn -p %s -- PROGRAM ARGUMENT...`, run on the host, names it",
        evidence->profile, evidence->profile);
}

/* A shell ends so when a program of its was killed; a program may also mean something else by the number. */
static void explain_exited(const struct end_evidence *evidence, char *text, size_t room)
{
    if (evidence->exit_code == 128 + SIGSYS)
        snprintf(
            text, room,
            "exited with status %u, as a shell does when SIGSYS ended its program: then that made a system call that "
            "the seccomp profile '%s' answers with death, and `sallyport policy learn -p %s -- PROGRAM "
            "ARGUMENT...`, run on the host, names it",
            evidence->exit_code, evidence->profile, evidence->profile);
    else if (evidence->exit_code != 0)
        snprintf(text, room, "exited with status %u", evidence->exit_code);
}

static void explain_stopped(const struct end_evidence *evidence, const char *what, char *text, size_t room)
{
    if (!evidence->has_started)
        snprintf(text, room, "%s before its program ran", what);
    else if (evidence->was_killed)
        snprintf(text, room, "%s; it did not end within its grace of %u ms after SIGTERM and was killed", what,
                 evidence->grace_ms);
    else
        snprintf(text, room, "%s; it ended after SIGTERM", what);
}

void ended_explain(const struct end_evidence *evidence, enum job_reason reason, char text[ERROR_TEXT_MAX_BYTES])
{
    char what[128];
    size_t room = ERROR_TEXT_MAX_BYTES;
    text[0] = '\0';
    switch (reason) {
    case JOB_REASON_LAUNCH_FAILED:
        explain_launch_failed(evidence, text, room);
        break;
    case JOB_REASON_CANCELLED:
        explain_stopped(evidence, "cancelled", text, room);
        break;
    case JOB_REASON_OOM:
        snprintf(text, room, "used more than its memory limit of %llu MiB and was killed by the kernel",
                 (unsigned long long)(evidence->memory_max_bytes >> 20));
        break;
    case JOB_REASON_TIMED_OUT:
        snprintf(what, sizeof what, "ran longer than its timeout of %u ms", evidence->timeout_ms);
        explain_stopped(evidence, what, text, room);
        break;
    case JOB_REASON_CPU_LIMIT:
        snprintf(text, room, "used up its processor time of %u ms and was killed", evidence->cpu_time_ms);
        break;
    case JOB_REASON_OUTPUT_LIMIT:
        explain_stopped(evidence, "wrote more than its output limit", text, room);
        break;
    case JOB_REASON_LOST:
        snprintf(text, room, "the slot's supervisor ended before it could tell %s; everything of it was killed",
                 evidence->has_started ? "how the job ended" : "whether the program ran");
        break;
    case JOB_REASON_POLICY_VIOLATION:
        explain_violation(evidence, text, room);
        break;
    case JOB_REASON_SIGNALLED:
        explain_signalled(evidence, text, room);
        break;
    case JOB_REASON_EXITED:
        explain_exited(evidence, text, room);
        break;
    default:
        assert(!"a reason that ended_reason() gives");
    }
    size_t length = strlen(text);
    if (evidence->is_left && length < room)
        snprintf(text + length, room - length, "%sprocesses of it are left after SIGKILL, and its slot is set aside",
                 length > 0 ? "; " : "");
}
