#include "report.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "cli.h"
#include "sallyport/base/text.h"
#include "when.h"

int signal_number(const char *text)
{
    uint64_t number;
    if (text_u64(text, 64, &number))
        return (int)number;
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    for (int i = 1; i < NSIG; i++)
        if (sigabbrev_np(i) != NULL && strcasecmp(sigabbrev_np(i), name) == 0)
            return i;
    return 0;
}

static void copy_member(const json_t *object, const char *name, char *to, size_t room)
{
    const char *text = json_string_value(json_object_get(object, name));
    snprintf(to, room, "%s", text == NULL ? "" : text);
}

static enum job_reason reason_of(const char *text)
{
    for (enum job_reason reason = JOB_REASON_NONE + 1; reason < JOB_REASON_COUNT; reason++)
        if (strcmp(job_reason_text(reason), text) == 0)
            return reason;
    return JOB_REASON_NONE;
}

static double seconds_of(const json_t *job)
{
    uint64_t started_ms, finished_ms;
    const char *started = json_string_value(json_object_get(job, "started_at"));
    const char *finished = json_string_value(json_object_get(job, "finished_at"));
    if (started == NULL || finished == NULL || !when_parse(started, &started_ms) || !when_parse(finished, &finished_ms))
        return -1;
    return finished_ms > started_ms ? (double)(finished_ms - started_ms) / 1000 : 0;
}

bool report_read(const json_t *job, struct report *ret_report)
{
    struct report report = { .seconds = seconds_of(job) };
    char text[NAME_MAX_BYTES];
    copy_member(job, "id", report.id, sizeof report.id);
    copy_member(job, "command", report.command, sizeof report.command);
    copy_member(job, "state", text, sizeof text);
    if (report.id[0] == '\0' || !job_state_parse(text, &report.state))
        return false;
    /* The end record of a stream is the end itself; a job that has not ended has `"end": null`. */
    const json_t *end = json_object_get(job, "end") == NULL ? job : json_object_get(job, "end");
    copy_member(end, "reason", text, sizeof text);
    report.reason = reason_of(text);
    report.exit_code = (int)json_integer_value(json_object_get(end, "exit_code"));
    const json_t *signal = json_object_get(end, "signal");
    report.signal = json_is_string(signal) ? signal_number(json_string_value(signal)) : (int)json_integer_value(signal);
    copy_member(end, "message", report.message, sizeof report.message);
    copy_member(end, "stopped_by", report.stopped_by, sizeof report.stopped_by);
    *ret_report = report;
    return true;
}

bool report_has_ended(const struct report *report)
{
    return job_has_ended(report->state);
}

static int code_of_failed(const struct report *report)
{
    switch (report->reason) {
    case JOB_REASON_SIGNALLED:
    case JOB_REASON_OOM:
    case JOB_REASON_OUTPUT_LIMIT:
        return 128 + (report->signal > 0 ? report->signal : SIGKILL);
    case JOB_REASON_POLICY_VIOLATION:
        return 128 + (report->signal > 0 ? report->signal : SIGSYS);
    default:
        return report->exit_code > 0 && report->exit_code < 256 ? report->exit_code : 1;
    }
}

int report_code(const struct report *report, bool is_strict)
{
    static const int codes[JOB_STATE_COUNT] = {
        [JOB_TIMED_OUT] = CODE_TIMED_OUT, [JOB_CANCELLED] = CODE_CANCELLED, [JOB_LAUNCH_FAILED] = CODE_LAUNCH_FAILED,
        [JOB_LOST] = CODE_TROUBLE,        [JOB_REJECTED] = CODE_TROUBLE,
    };
    if (report->state == JOB_SUCCEEDED)
        return 0;
    if (!report_has_ended(report))
        return CODE_TROUBLE;
    if (is_strict)
        return 1;
    return report->state == JOB_FAILED ? code_of_failed(report) : codes[report->state];
}

/* Of a sequence the server says which step it was; of a program, no more than its status. */
static bool says_more_than_status(const struct report *report)
{
    char plain[64];
    snprintf(plain, sizeof plain, "exited with status %d", report->exit_code);
    return report->reason == JOB_REASON_EXITED && report->message[0] != '\0' && strcmp(report->message, plain) != 0;
}

/* What happened, in the server's words or, where it has none or they say no more than the state, in ours. */
static const char *words_of(const struct report *report, char text[NAME_MAX_BYTES + 16])
{
    static const char *const words[JOB_REASON_COUNT] = {
        [JOB_REASON_OOM] = "it needed more memory than its limit",
        [JOB_REASON_CPU_LIMIT] = "it used up its CPU time",
        [JOB_REASON_OUTPUT_LIMIT] = "it wrote more than its output limit",
        [JOB_REASON_POLICY_VIOLATION] = "it made a system call that its profile forbids",
        [JOB_REASON_LOST] = "sallyport was stopped under it, and what became of it is not known",
    };
    if (says_more_than_status(report))
        return report->message;
    if (report->reason == JOB_REASON_EXITED)
        snprintf(text, NAME_MAX_BYTES + 16, "exit %d", report->exit_code);
    else if (report->reason == JOB_REASON_SIGNALLED)
        snprintf(text, NAME_MAX_BYTES + 16, "ended by signal %s", sigabbrev_np(report->signal) ?: "unknown");
    else if (report->reason == JOB_REASON_CANCELLED && report->stopped_by[0] != '\0')
        snprintf(text, NAME_MAX_BYTES + 16, "by %s", report->stopped_by);
    else if (report->message[0] != '\0')
        return report->message;
    else
        return words[report->reason] == NULL ? "" : words[report->reason];
    return text;
}

const char *report_sentence(const struct report *report, char text[1024])
{
    static const char *const verdicts[JOB_STATE_COUNT] = {
        [JOB_SUCCEEDED] = "succeeded",
        [JOB_FAILED] = "failed",
        [JOB_TIMED_OUT] = "timed out",
        [JOB_CANCELLED] = "was cancelled",
        [JOB_REJECTED] = "was rejected",
        [JOB_LOST] = "is lost",
        [JOB_LAUNCH_FAILED] = "could not be launched",
    };
    char own[NAME_MAX_BYTES + 16], took[WHEN_TEXT_BYTES + 8] = "", seconds[WHEN_TEXT_BYTES];
    const char *verdict = verdicts[report->state] == NULL ? "has not ended" : verdicts[report->state];
    const char *words = report->state == JOB_SUCCEEDED ? "" : words_of(report, own);
    const char *colon = words[0] == '\0' ? "" : ": ";
    if (report->seconds >= 0)
        snprintf(took, sizeof took, " after %s", when_took(report->seconds, seconds));
    /* Behind two words the time reads well; behind a sentence it would seem to belong to that. */
    bool is_short = words == own;
    snprintf(text, 1024, "%s %s%s%s%s%s (job %s)", report->command, verdict, is_short ? "" : took, colon, words,
             is_short ? took : "", report->id);
    return text;
}
