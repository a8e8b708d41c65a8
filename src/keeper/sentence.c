#include "sentence.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/store/store.h"

/* "120 ms", "4.2 s", "42 s", "10 m", "10 m 5 s", "2 h 5 m" */
static void duration_text(uint64_t us, char *to, size_t room)
{
    unsigned long long ms = us / 1000, s = ms / 1000, m = s / 60;
    if (s == 0)
        snprintf(to, room, "%llu ms", ms);
    else if (s < 10)
        snprintf(to, room, "%llu.%llu s", s, ms % 1000 / 100);
    else if (m == 0)
        snprintf(to, room, "%llu s", s);
    else if (m < 60 && s % 60 == 0)
        snprintf(to, room, "%llu m", m);
    else if (m < 60)
        snprintf(to, room, "%llu m %llu s", m, s % 60);
    else
        snprintf(to, room, "%llu h %llu m", m / 60, m % 60);
}

static const char *signal_text(uint32_t number, char *to, size_t room)
{
    const char *name = sigabbrev_np((int)number);
    if (name != NULL)
        snprintf(to, room, "signal %u (%s)", number, name);
    else
        snprintf(to, room, "signal %u", number);
    return to;
}

static void cancelled_text(const struct job_record *record, const char *after, char *to, size_t room)
{
    bool is_shutdown = strcmp(record->stopped_by, "shutdown") == 0;
    const char *by = record->stopped_by[0] != '\0' ? record->stopped_by : "the service";
    if (record->started_unix_ms == 0)
        snprintf(to, room, "cancelled by %s before it started", by);
    else if (is_shutdown)
        snprintf(to, room, "stopped after %s: the service was shut down", after);
    else
        snprintf(to, room, "cancelled by %s after %s", by, after);
}

void sentence_of_end(const struct job_record *record, char *to, size_t room)
{
    char after[64], signal[32];
    duration_text(record->wall_us, after, sizeof after);
    switch ((enum job_reason)record->reason) {
    case JOB_REASON_EXITED:
        snprintf(to, room, "exit %u after %s", record->exit_code, after);
        break;
    case JOB_REASON_SIGNALLED:
        snprintf(to, room, "ended by %s after %s", signal_text(record->signal, signal, sizeof signal), after);
        break;
    case JOB_REASON_TIMED_OUT:
        snprintf(to, room, "stopped after %s (timeout)", after);
        break;
    case JOB_REASON_CPU_LIMIT:
        snprintf(to, room, "stopped after %s: it used all of its processor time", after);
        break;
    case JOB_REASON_OOM:
        snprintf(to, room, "killed after %s: it needed more memory than its limit", after);
        break;
    case JOB_REASON_OUTPUT_LIMIT:
        snprintf(to, room, "stopped after %s: it wrote more than its output limit", after);
        break;
    case JOB_REASON_POLICY_VIOLATION:
        snprintf(to, room, "killed after %s: it made a system call that its sandbox forbids", after);
        break;
    case JOB_REASON_CANCELLED:
        cancelled_text(record, after, to, room);
        break;
    case JOB_REASON_LAUNCH_FAILED:
        snprintf(to, room, "its sandbox could not be built");
        break;
    case JOB_REASON_LOST:
        snprintf(to, room, "lost: what became of it is not known");
        break;
    default:
        snprintf(to, room, "it was not started");
        break;
    }
}
