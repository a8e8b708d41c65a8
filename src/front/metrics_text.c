/* The families of /metrics, in the order of a job: what runs, how it went, where it is kept, who asked. */
#include "metrics.h"

#include <stddef.h>

#include "sallyport/job/job.h"

#include "exposition.h"
#include "front.h"
#include "keeper_metrics.h"

#define MS_US 1000ull

static void write_numbers(const struct metric_keeper *keeper, struct evbuffer *text)
{
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } rows[] = {
        { "sallyport_jobs_running", "gauge", "Jobs that have a slot: starting, running or stopping.", keeper->running },
        { "sallyport_jobs_queued", "gauge", "Jobs that wait for a slot.", keeper->queued },
        { "sallyport_output_bytes_total", "counter", "Bytes of output that were taken from jobs.",
          keeper->output_bytes },
        { "sallyport_schedule_missed_total", "counter",
          "Runs of schedules that were left out, for nobody could start them.", keeper->schedule_missed },
        { "sallyport_callback_backlog", "gauge", "What callbacks have yet to be told.", keeper->callback_backlog },
        { "sallyport_store_bytes", "gauge", "Bytes of output and its index that are kept; what store.budget bounds.",
          keeper->store_bytes },
        { "sallyport_store_free_bytes", "gauge", "Bytes that the file system of the state directory has left.",
          keeper->store_free_bytes },
        { "sallyport_launcher_up", "gauge", "Whether jobs can be started.", keeper->is_launcher_up },
        { "sallyport_config_last_reload_successful", "gauge", "Whether the last reload of the configuration succeeded.",
          keeper->has_reload_succeeded },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        exposition_family(text, rows[i].name, rows[i].type, rows[i].help);
        exposition_number(text, rows[i].name, NULL, rows[i].value);
    }
}

static void write_times(const struct metric_keeper *keeper, struct evbuffer *text)
{
    const struct {
        const char *name, *help;
        uint64_t value_ms;
    } rows[] = {
        { "sallyport_queue_oldest_seconds", "How long the oldest of the waiting jobs has waited; 0 when none waits.",
          keeper->queue_oldest_ms },
        { "sallyport_config_last_reload_success_timestamp_seconds",
          "When a configuration last took effect, in seconds since 1970.", keeper->reload_succeeded_unix_ms },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        exposition_family(text, rows[i].name, "gauge", rows[i].help);
        exposition_seconds(text, rows[i].name, NULL, rows[i].value_ms * MS_US);
    }
}

static bool has_ended(const struct metric_command *command, unsigned source)
{
    uint64_t sum = 0;
    for (unsigned end = 0; end < METRIC_END_COUNT; end++)
        sum += command->ended[source][end];
    return sum > 0;
}

static void write_ends_of(const struct metric_command *command, unsigned source, const char *name,
                          struct evbuffer *text)
{
    for (unsigned end = 0; end < METRIC_END_COUNT; end++)
        exposition_number(text, name,
                          LABELS({ "command", command->command }, { "state", job_state_text(JOB_SUCCEEDED + end) },
                                 { "source", job_source_text(source) }),
                          command->ended[source][end]);
}

/*
 * A way of ending that a command never had is told as 0, so that its first time shows in a rate. Ways of asking other than a
 * caller's are told once they were used.
 */
static void write_ends(const struct keeper_metrics *metrics, struct evbuffer *text)
{
    static const char name[] = "sallyport_jobs_total";
    exposition_family(text, name, "counter", "Jobs that have ended, by how.");
    for (uint32_t i = 0; i < metrics->command_count; i++)
        for (unsigned source = 0; source < JOB_SOURCE_COUNT; source++)
            if (source == JOB_SOURCE_API || has_ended(&metrics->commands[i], source))
                write_ends_of(&metrics->commands[i], source, name, text);
}

/* Where nothing was measured there is no histogram: a thousand commands would be many lines of zeros. */
static void write_histograms(const struct keeper_metrics *metrics, struct evbuffer *text, const char *name,
                             const char *help, size_t offset)
{
    exposition_family(text, name, "histogram", help);
    for (uint32_t i = 0; i < metrics->command_count; i++) {
        const struct metric_command *command = &metrics->commands[i];
        const struct histogram *histogram = (const void *)((const char *)command + offset);
        if (histogram_count(histogram) > 0)
            exposition_histogram(text, name, LABELS({ "command", command->command }), metric_job_bounds_us, histogram);
    }
}

static void write_commands(const struct keeper_metrics *metrics, struct evbuffer *text)
{
    write_ends(metrics, text);
    write_histograms(metrics, text, "sallyport_job_duration_seconds", "How long jobs ran that have ended.",
                     offsetof(struct metric_command, duration));
    write_histograms(metrics, text, "sallyport_job_queue_seconds",
                     "How long jobs waited from acceptance to their start.", offsetof(struct metric_command, queue));
}

static void write_auth_failures(const struct metric_keeper *keeper, struct evbuffer *text)
{
    static const char name[] = "sallyport_auth_failures_total";
    static const struct {
        const char *method, *reason;
    } failures[AUTH_FAILURE_COUNT] = {
        [AUTH_NONE_MISSING] = { "none", "missing" },
        [AUTH_BEARER_UNKNOWN] = { "bearer", "unknown" },
        [AUTH_BEARER_EXPIRED] = { "bearer", "expired" },
        [AUTH_PEER_UNKNOWN] = { "peer", "unknown" },
        [AUTH_CERTIFICATE_UNKNOWN] = { "certificate", "unknown" },
        [AUTH_BEARER_ELSEWHERE] = { "bearer", "elsewhere" },
        [AUTH_BEARER_THROTTLED] = { "bearer", "throttled" },
        [AUTH_SESSION_UNKNOWN] = { "session", "unknown" },
        [AUTH_PASSWORD_WRONG] = { "password", "wrong" },
        [AUTH_PASSWORD_THROTTLED] = { "password", "throttled" },
    };
    exposition_family(text, name, "counter", "Requests whose caller was not known, by what it showed.");
    for (unsigned i = 0; i < AUTH_FAILURE_COUNT; i++)
        exposition_number(text, name, LABELS({ "method", failures[i].method }, { "reason", failures[i].reason }),
                          keeper->auth_failures[i]);
}

static void write_tokens(const struct keeper_metrics *metrics, struct evbuffer *text)
{
    static const char name[] = "sallyport_token_expiry_timestamp_seconds";
    exposition_family(text, name, "gauge",
                      "When a token expires, in seconds since 1970; tokens without an end are left out.");
    for (uint32_t i = 0; i < metrics->token_count; i++)
        exposition_seconds(text, name, LABELS({ "token", metrics->tokens[i].token }),
                           metrics->tokens[i].expires_unix_ms * MS_US);
}

static void write_callbacks(const struct keeper_metrics *metrics, struct evbuffer *text)
{
    static const char name[] = "sallyport_callback_attempts_total";
    static const char *const results[CALLBACK_RESULT_COUNT] = { "delivered", "retried", "refused", "gone" };
    exposition_family(text, name, "counter", "Attempts at callbacks, by what became of them.");
    for (uint32_t i = 0; i < metrics->callback_count; i++)
        for (unsigned result = 0; result < CALLBACK_RESULT_COUNT; result++)
            exposition_number(text, name,
                              LABELS({ "target", metrics->callbacks[i].target }, { "result", results[result] }),
                              metrics->callbacks[i].attempts[result]);
    exposition_family(text, "sallyport_callback_overflows_total", "counter",
                      "What callbacks were not to be told any more, for too much waited.");
    for (uint32_t i = 0; i < metrics->callback_count; i++)
        exposition_number(text, "sallyport_callback_overflows_total",
                          LABELS({ "target", metrics->callbacks[i].target }), metrics->callbacks[i].overflows);
}

static void write_hooks(const struct keeper_metrics *metrics, struct evbuffer *text)
{
    static const char name[] = "sallyport_webhook_deliveries_total";
    static const char *const results[HOOK_RESULT_COUNT] = {
        [HOOK_RESULT_ACCEPTED] = "accepted", [HOOK_RESULT_IGNORED] = "ignored",   [HOOK_RESULT_REFUSED] = "refused",
        [HOOK_RESULT_AGAIN] = "again",       [HOOK_RESULT_REPLAYED] = "replayed", [HOOK_RESULT_STALE] = "stale",
        [HOOK_RESULT_FORGED] = "forged",     [HOOK_RESULT_FAILED] = "failed",
    };
    exposition_family(text, name, "counter", "Deliveries of webhooks, by what became of them.");
    for (uint32_t i = 0; i < metrics->hook_count; i++)
        for (unsigned result = 0; result < HOOK_RESULT_COUNT; result++)
            exposition_number(text, name, LABELS({ "hook", metrics->hooks[i].hook }, { "verdict", results[result] }),
                              metrics->hooks[i].results[result]);
}

static void write_build(const struct front *front, struct evbuffer *text)
{
    exposition_family(text, "sallyport_build_info", "gauge", "The version, as a label.");
    exposition_number(text, "sallyport_build_info", LABELS({ "version", front->settings.version }), 1);
}

void metrics_write(const struct front *front, const struct keeper_metrics *metrics, struct evbuffer *text)
{
    write_build(front, text);
    write_numbers(&metrics->keeper, text);
    write_times(&metrics->keeper, text);
    write_commands(metrics, text);
    write_auth_failures(&metrics->keeper, text);
    write_tokens(metrics, text);
    write_callbacks(metrics, text);
    write_hooks(metrics, text);
    http_counts_write(&front->counts, text);
}
