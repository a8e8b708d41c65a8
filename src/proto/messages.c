/*
 * The whole protocol on one page. A new message is a struct in messages.h, a table here, and a row at the
 * end; message_fds.c has how many descriptors come with it.
 */
#include "sallyport/proto/messages.h"

#include "sallyport/base/network.h"
#include "sallyport/job/job.h"
#include "sallyport/schedule/timing.h"

#define WAIT_MAX_S (uint32_t)(RATE_PERIOD_MAX_MS / 1000)

#define EVIDENCE(type)                                                                                                 \
    U8(type, evidence.kind, EVIDENCE_COUNT - 1), BYTES(type, evidence.secret, CLAIMS_MAX_BYTES),                       \
        TEXT(type, evidence.address)

#include "caller_fields.h"
#include "delivery_fields.h"
#include "schedule_fields.h"
#include "session_fields.h"
#include "submit_fields.h"

static const struct field become_fields[] = {
    U32(struct msg_become, uid, UINT32_MAX - 1),
    U32(struct msg_become, gid, UINT32_MAX - 1),
    BOOL(struct msg_become, keeps_ids),
};

static const struct field listener_fields[] = {
    TEXT(struct msg_listener, address),
    BOOL(struct msg_listener, is_unix),
    BOOL(struct msg_listener, is_for_metrics),
    BOOL(struct msg_listener, is_tls),
    U8(struct msg_listener, predecessor, PREDECESSOR_COUNT - 1),
};

static const struct field slot_fields[] = {
    U32(struct msg_slot, slot, SLOT_COUNT_MAX - 1),
    U32(struct msg_slot, account, UINT32_MAX),
    U32(struct msg_slot, uid, UINT32_MAX - 1),
    U32(struct msg_slot, gid, UINT32_MAX - 1),
};

static const struct field slot_root_fields[] = {
    U32(struct msg_slot_root, slot, SLOT_COUNT_MAX - 1),
    U32(struct msg_slot_root, root, ROOT_COUNT_MAX - 1),
    U32(struct msg_slot_root, generation, UINT32_MAX),
};

static const struct field generation_fields[] = {
    U32(struct msg_generation, generation, UINT32_MAX),
};

static const struct field peer_fields[] = {
    U8(struct msg_peer, process, PROCESS_COUNT - 1),
};

static const struct field shutdown_fields[] = {
    U32(struct msg_shutdown, grace_ms, GRACE_MAX_MS),
};

static const struct field reloaded_fields[] = {
    U64(struct msg_reloaded, rings),     U32(struct msg_reloaded, generation, UINT32_MAX),
    BOOL(struct msg_reloaded, is_taken), BOOL(struct msg_reloaded, has_changed),
    TEXT(struct msg_reloaded, why),      BYTES(struct msg_reloaded, lines, RELOAD_LINES_MAX_BYTES),
};

static const struct field empty_fields[] = {
    U8(struct msg_empty, unused, 0),
};

static const struct field whoami_fields[] = {
    EVIDENCE(struct msg_whoami),
};

#include "hook_fields.h"
#include "function_fields.h"

static const struct field list_commands_fields[] = {
    EVIDENCE(struct msg_list_commands),
    TEXT(struct msg_list_commands, command),
};

static const struct field read_job_fields[] = {
    EVIDENCE(struct msg_read_job),
    ID(struct msg_read_job, job_id),
    BOOL(struct msg_read_job, watch),
};

static const struct field list_jobs_fields[] = {
    EVIDENCE(struct msg_list_jobs),
    TEXT(struct msg_list_jobs, command),
    U8(struct msg_list_jobs, state, JOB_STATE_COUNT - 1),
    TEXT(struct msg_list_jobs, actor),
    BYTES(struct msg_list_jobs, label, 512),
    ID(struct msg_list_jobs, parent),
    U64(struct msg_list_jobs, since_unix_ms),
    U64(struct msg_list_jobs, until_unix_ms),
    BOOL(struct msg_list_jobs, is_queue),
    BOOL(struct msg_list_jobs, has_before),
    ID(struct msg_list_jobs, before),
    U32(struct msg_list_jobs, limit, LIST_JOBS_MAX),
};

static const struct field cancel_fields[] = {
    EVIDENCE(struct msg_cancel),        ID(struct msg_cancel, job_id),
    BOOL(struct msg_cancel, has_grace), U32(struct msg_cancel, grace_ms, GRACE_MAX_MS),
    TEXT(struct msg_cancel, reason),
};

static const struct field signal_fields[] = {
    EVIDENCE(struct msg_signal),
    ID(struct msg_signal, job_id),
    U8(struct msg_signal, signal, 64),
};

static const struct field stdin_fields[] = {
    EVIDENCE(struct msg_stdin),   ID(struct msg_stdin, job_id),       BOOL(struct msg_stdin, has_bytes),
    BOOL(struct msg_stdin, ends), BOOL(struct msg_stdin, has_offset), U64(struct msg_stdin, offset),
};

static const struct field read_metrics_fields[] = {
    EVIDENCE(struct msg_read_metrics),
    BOOL(struct msg_read_metrics, is_open),
};

static const struct field follow_fields[] = {
    EVIDENCE(struct msg_follow),
    U8(struct msg_follow, kinds, FEED_ALL),
    BYTES(struct msg_follow, jobs, (FEED_JOBS_MAX * JOB_ID_BYTES)),
    BOOL(struct msg_follow, has_cursor),
    U64(struct msg_follow, life),
    U64(struct msg_follow, sequence),
};

static const struct field drain_fields[] = {
    EVIDENCE(struct msg_drain),
    BOOL(struct msg_drain, is_on),
};

static const struct field pause_fields[] = {
    EVIDENCE(struct msg_pause),      TEXT(struct msg_pause, command), BOOL(struct msg_pause, is_resume),
    BOOL(struct msg_pause, refuses), TEXT(struct msg_pause, reason),
};

static const struct field status_fields[] = {
    BOOL(struct msg_status, is_launcher_up),
    BOOL(struct msg_status, is_stopping),
    BOOL(struct msg_status, is_drained),
    U32(struct msg_status, generation, UINT32_MAX),
};

static const struct field identity_fields[] = {
    TEXT(struct msg_identity, actor),
    U8(struct msg_identity, via, EVIDENCE_COUNT - 1),
    TEXT(struct msg_identity, scopes),
    U64(struct msg_identity, expires_unix_ms),
};

static const struct field commands_fields[] = {
    BYTES(struct msg_commands, visible, COMMAND_COUNT_MAX / 8),
    BYTES(struct msg_commands, runnable, COMMAND_COUNT_MAX / 8),
    BYTES(struct msg_commands, paused, COMMAND_COUNT_MAX / 8),
    U32(struct msg_commands, generation, UINT32_MAX),
    BOOL(struct msg_commands, pause.is_paused),
    BOOL(struct msg_commands, pause.refuses),
    TEXT(struct msg_commands, pause.reason),
    TEXT(struct msg_commands, pause.actor),
    U64(struct msg_commands, pause.since_unix_ms),
};

static const struct field submitted_fields[] = {
    ID(struct msg_submitted, job_id),
    BOOL(struct msg_submitted, was_replayed),
    BOOL(struct msg_submitted, was_coalesced),
    BOOL(struct msg_submitted, was_deduplicated),
};

static const struct field verdict_fields[] = {
    ID(struct msg_verdict, job_id),
    TEXT(struct msg_verdict, code),
    TEXT(struct msg_verdict, detail),
    BYTES(struct msg_verdict, errors, 32 * 1024),
    U32(struct msg_verdict, retry_after_s, WAIT_MAX_S),
    U32(struct msg_verdict, position, QUEUE_MAX),
    U8(struct msg_verdict, wait, JOB_WAIT_COUNT - 1),
    TEXT(struct msg_verdict, queued_reason),
    BOOL(struct msg_verdict, has_argv),
    BYTES(struct msg_verdict, argv, 24 * 1024),
};

static const struct field job_fields[] = {
    ID(struct msg_job, job_id),
    TEXT(struct msg_job, command),
    U8(struct msg_job, state, JOB_STATE_COUNT - 1),
    U8(struct msg_job, reason, JOB_REASON_COUNT - 1),
    U8(struct msg_job, wait, JOB_WAIT_COUNT - 1),
    TEXT(struct msg_job, queued_reason),
    U32(struct msg_job, position, QUEUE_MAX),
    BYTES(struct msg_job, params, PARAMS_MAX_BYTES),
    BYTES(struct msg_job, labels, 4096),
    TEXT(struct msg_job, actor),
    U8(struct msg_job, via, EVIDENCE_COUNT - 1),
    TEXT(struct msg_job, address),
    U8(struct msg_job, source, JOB_SOURCE_COUNT - 1),
    TEXT(struct msg_job, origin),
    ID(struct msg_job, parent),
    U32(struct msg_job, step_index, STEP_COUNT_MAX),
    U32(struct msg_job, step_count, STEP_COUNT_MAX),
    U8(struct msg_job, priority, PRIORITY_MAX),
    TEXT(struct msg_job, why),
    U64(struct msg_job, created_unix_ms),
    U64(struct msg_job, started_unix_ms),
    U64(struct msg_job, finished_unix_ms),
    U32(struct msg_job, timeout_ms, TIMEOUT_MAX_MS),
    U32(struct msg_job, exit_code, 255),
    U32(struct msg_job, signal, 64),
    U32(struct msg_job, limits_hit, UINT32_MAX),
    U32(struct msg_job, degraded, DEGRADE_ALL),
    TEXT(struct msg_job, step),
    TEXT(struct msg_job, message),
    TEXT(struct msg_job, stopped_by),
    U64(struct msg_job, wall_us),
    U64(struct msg_job, user_us),
    U64(struct msg_job, system_us),
    U64(struct msg_job, memory_peak_bytes),
    BOOL(struct msg_job, is_stdin_stream),
    BOOL(struct msg_job, has_stdin_ended),
    U64(struct msg_job, stdin_bytes),
    U64(struct msg_job, output_bytes),
    BOOL(struct msg_job, output_truncated),
    BYTES(struct msg_job, output_sha256, 32),
    U64(struct msg_job, version),
    BYTES(struct msg_job, callback, URL_MAX_BYTES),
};

static const struct field output_fields[] = {
    ID(struct msg_output, job_id),
    U64(struct msg_output, bytes),
    U32(struct msg_output, records, UINT32_MAX),
    BOOL(struct msg_output, is_complete),
    BYTES(struct msg_output, sha256, 32),
};

static const struct field grown_fields[] = {
    U64(struct msg_grown, bytes),
    U32(struct msg_grown, records, UINT32_MAX),
    BOOL(struct msg_grown, is_complete),
};

static const struct field stdin_taken_fields[] = {
    U8(struct msg_stdin_taken, verdict, STDIN_VERDICT_COUNT - 1),
    U64(struct msg_stdin_taken, bytes),
    BOOL(struct msg_stdin_taken, has_ended),
};

static const struct field step_fields[] = {
    U32(struct msg_step, index, STEP_COUNT_MAX),
    TEXT(struct msg_step, command),
    BOOL(struct msg_step, continues),
    BOOL(struct msg_step, is_skipped),
    ID(struct msg_step, job_id),
    U8(struct msg_step, state, JOB_STATE_COUNT - 1),
    BYTES(struct msg_step, params, PARAMS_MAX_BYTES),
    TEXT(struct msg_step, message),
};

static const struct field feed_fields[] = {
    U64(struct msg_feed, life),
    U64(struct msg_feed, sequence),
    BOOL(struct msg_feed, has_reset),
    BOOL(struct msg_feed, is_launcher_up),
    U32(struct msg_feed, generation, UINT32_MAX),
    U32(struct msg_feed, waiting, UINT32_MAX),
    U32(struct msg_feed, running, UINT32_MAX),
};

static const struct field change_fields[] = {
    U64(struct msg_change, sequence),
    ID(struct msg_change, job_id),
    TEXT(struct msg_change, command),
    U8(struct msg_change, state, JOB_STATE_COUNT - 1),
    U8(struct msg_change, reason, JOB_REASON_COUNT - 1),
    U64(struct msg_change, version),
    U64(struct msg_change, created_unix_ms),
    U64(struct msg_change, started_unix_ms),
    U64(struct msg_change, finished_unix_ms),
    U32(struct msg_change, exit_code, 255),
    U32(struct msg_change, signal, 64),
    U32(struct msg_change, limits_hit, UINT32_MAX),
    TEXT(struct msg_change, step),
    TEXT(struct msg_change, message),
    TEXT(struct msg_change, stopped_by),
};

static const struct field jobs_end_fields[] = {
    BOOL(struct msg_jobs_end, has_more),
};

static const struct field cancelled_fields[] = {
    BOOL(struct msg_cancelled, has_changed),
};

static const struct field reload_taken_fields[] = {
    U32(struct msg_reload_taken, generation, UINT32_MAX),
    BOOL(struct msg_reload_taken, has_changed),
    BYTES(struct msg_reload_taken, warnings, RELOAD_LINES_MAX_BYTES),
};

static const struct field drain_state_fields[] = {
    BOOL(struct msg_drain_state, is_on),
    U32(struct msg_drain_state, running, UINT32_MAX),
    U32(struct msg_drain_state, queued, UINT32_MAX),
};

static const struct field refused_fields[] = {
    U32(struct msg_refused, status, 599),
    TEXT(struct msg_refused, code),
    TEXT(struct msg_refused, detail),
    BYTES(struct msg_refused, errors, 32 * 1024),
    U32(struct msg_refused, retry_after_s, WAIT_MAX_S),
    TEXT(struct msg_refused, rate),
    U32(struct msg_refused, rate_count, RATE_COUNT_MAX),
    U32(struct msg_refused, rate_period_s, WAIT_MAX_S),
};

static const struct field launch_fields[] = {
    ID(struct msg_launch, job_id),
    U32(struct msg_launch, generation, UINT32_MAX),
    U32(struct msg_launch, command, COMMAND_COUNT_MAX - 1),
    U32(struct msg_launch, timeout_ms, TIMEOUT_MAX_MS),
    BYTES(struct msg_launch, params, PARAMS_MAX_BYTES),
    TEXT(struct msg_launch, actor),
    U8(struct msg_launch, source, JOB_SOURCE_COUNT - 1),
    BYTES(struct msg_launch, audit_head, 32),
    BOOL(struct msg_launch, has_stdin),
    BOOL(struct msg_launch, has_files),
};

static const struct field stop_fields[] = {
    ID(struct msg_stop, job_id),
    U8(struct msg_stop, reason, JOB_REASON_COUNT - 1),
    BOOL(struct msg_stop, has_grace),
    U32(struct msg_stop, grace_ms, GRACE_MAX_MS),
};

static const struct field signal_job_fields[] = {
    ID(struct msg_signal_job, job_id),
    U8(struct msg_signal_job, signal, 64),
};

static const struct field job_only_fields[] = {
    ID(struct msg_job_only, job_id),
};

static const struct field hello_fields[] = {
    U64(struct msg_hello, incarnation),
    U32(struct msg_hello, generation, UINT32_MAX),
    U32(struct msg_hello, held, SLOT_COUNT_MAX),
};

static const struct field artifacts_fields[] = {
    ID(struct msg_artifacts, job_id),
    U8(struct msg_artifacts, state, ARTIFACTS_STATE_COUNT - 1),
    U64(struct msg_artifacts, bytes),
    U64(struct msg_artifacts, index_bytes),
};

static const struct field launched_fields[] = {
    ID(struct msg_launched, job_id),
    U64(struct msg_launched, started_unix_ms),
    U32(struct msg_launched, degraded, DEGRADE_ALL),
    BOOL(struct msg_launched, has_stdin_stream),
    BOOL(struct msg_launched, has_artifacts),
    U64(struct msg_launched, artifacts_max_bytes),
};

static const struct field not_launched_fields[] = {
    ID(struct msg_not_launched, job_id),
    U8(struct msg_not_launched, why, NOT_LAUNCHED_COUNT - 1),
    TEXT(struct msg_not_launched, detail),
};

static const struct field exited_fields[] = {
    ID(struct msg_exited, job_id),
    U8(struct msg_exited, reason, JOB_REASON_COUNT - 1),
    U32(struct msg_exited, exit_code, 255),
    U32(struct msg_exited, signal, 64),
    U32(struct msg_exited, limits_hit, UINT32_MAX),
    U32(struct msg_exited, degraded, DEGRADE_ALL),
    TEXT(struct msg_exited, step),
    TEXT(struct msg_exited, message),
    U64(struct msg_exited, finished_unix_ms),
    U64(struct msg_exited, wall_us),
    U64(struct msg_exited, user_us),
    U64(struct msg_exited, system_us),
    U64(struct msg_exited, memory_peak_bytes),
};

const struct record_def message_defs[MSG_COUNT] = {
    [MSG_BECOME] = RECORD("become", struct msg_become, become_fields),
    [MSG_STATE_DIR] = RECORD("state-dir", struct msg_empty, empty_fields),
    [MSG_DOORBELL] = RECORD("doorbell", struct msg_empty, empty_fields),
    [MSG_LISTENER] = RECORD("listener", struct msg_listener, listener_fields),
    [MSG_CGROUP] = RECORD("cgroup", struct msg_empty, empty_fields),
    [MSG_START_RECORD] = RECORD("start-record", struct msg_empty, empty_fields),
    [MSG_SLOT] = RECORD("slot", struct msg_slot, slot_fields),
    [MSG_SLOT_ROOT] = RECORD("slot-root", struct msg_slot_root, slot_root_fields),
    [MSG_SETTINGS] = RECORD("settings", struct msg_generation, generation_fields),
    [MSG_POLICY] = RECORD("policy", struct msg_generation, generation_fields),
    [MSG_PEER] = RECORD("peer", struct msg_peer, peer_fields),
    [MSG_BEGIN] = RECORD("begin", struct msg_empty, empty_fields),
    [MSG_SHUTDOWN] = RECORD("shutdown", struct msg_shutdown, shutdown_fields),
    [MSG_RELOADED] = RECORD("reloaded", struct msg_reloaded, reloaded_fields),
    [MSG_WHOAMI] = RECORD("whoami", struct msg_whoami, whoami_fields),
    [MSG_LIST_COMMANDS] = RECORD("list-commands", struct msg_list_commands, list_commands_fields),
    [MSG_SUBMIT] = RECORD("submit", struct msg_submit, submit_fields),
    [MSG_CALL] = RECORD("call", struct msg_submit, submit_fields),
    [MSG_READ_JOB] = RECORD("read-job", struct msg_read_job, read_job_fields),
    [MSG_READ_OUTPUT] = RECORD("read-output", struct msg_read_job, read_job_fields),
    [MSG_READ_ARTIFACTS] = RECORD("read-artifacts", struct msg_read_job, read_job_fields),
    [MSG_UNWATCH] = RECORD("unwatch", struct msg_empty, empty_fields),
    [MSG_LIST_JOBS] = RECORD("list-jobs", struct msg_list_jobs, list_jobs_fields),
    [MSG_LIST_STEPS] = RECORD("list-steps", struct msg_read_job, read_job_fields),
    [MSG_CANCEL] = RECORD("cancel", struct msg_cancel, cancel_fields),
    [MSG_SIGNAL] = RECORD("signal", struct msg_signal, signal_fields),
    [MSG_STDIN] = RECORD("stdin", struct msg_stdin, stdin_fields),
    [MSG_FOLLOW] = RECORD("follow", struct msg_follow, follow_fields),
    [MSG_READ_METRICS] = RECORD("read-metrics", struct msg_read_metrics, read_metrics_fields),
    [MSG_RELOAD] = RECORD("reload", struct msg_whoami, whoami_fields),
    [MSG_DRAIN] = RECORD("drain", struct msg_drain, drain_fields),
    [MSG_READ_DRAIN] = RECORD("read-drain", struct msg_whoami, whoami_fields),
    [MSG_PAUSE] = RECORD("pause", struct msg_pause, pause_fields),
    [MSG_REDELIVER] = RECORD("redeliver", struct msg_redeliver, redeliver_fields),
    [MSG_STATUS] = RECORD("status", struct msg_status, status_fields),
    [MSG_IDENTITY] = RECORD("identity", struct msg_identity, identity_fields),
    [MSG_COMMANDS] = RECORD("commands", struct msg_commands, commands_fields),
    [MSG_SUBMITTED] = RECORD("submitted", struct msg_submitted, submitted_fields),
    [MSG_VERDICT] = RECORD("verdict", struct msg_verdict, verdict_fields),
    [MSG_JOB] = RECORD("job", struct msg_job, job_fields),
    [MSG_ARTIFACTS] = RECORD("artifacts", struct msg_artifacts, artifacts_fields),
    [MSG_OUTPUT] = RECORD("output", struct msg_output, output_fields),
    [MSG_GROWN] = RECORD("grown", struct msg_grown, grown_fields),
    [MSG_LIST_SCHEDULES] = RECORD("list-schedules", struct msg_whoami, whoami_fields),
    [MSG_LIST_CALLERS] = RECORD("list-callers", struct msg_list_callers, list_callers_fields),
    [MSG_CALLER] = RECORD("caller", struct msg_caller, caller_fields),
    [MSG_SCHEDULE] = RECORD("schedule", struct msg_schedule, schedule_fields),
    [MSG_STEP] = RECORD("step", struct msg_step, step_fields),
    [MSG_JOBS_END] = RECORD("jobs-end", struct msg_jobs_end, jobs_end_fields),
    [MSG_CANCELLED] = RECORD("cancelled", struct msg_cancelled, cancelled_fields),
    [MSG_STDIN_TAKEN] = RECORD("stdin-taken", struct msg_stdin_taken, stdin_taken_fields),
    [MSG_SIGNALLED] = RECORD("signalled", struct msg_empty, empty_fields),
    [MSG_FEED] = RECORD("feed", struct msg_feed, feed_fields),
    [MSG_CHANGE] = RECORD("change", struct msg_change, change_fields),
    [MSG_METRICS] = RECORD("metrics", struct msg_empty, empty_fields),
    [MSG_RELOAD_TAKEN] = RECORD("reload-taken", struct msg_reload_taken, reload_taken_fields),
    [MSG_DRAIN_STATE] = RECORD("drain-state", struct msg_drain_state, drain_state_fields),
    [MSG_REFUSED] = RECORD("refused", struct msg_refused, refused_fields),
    [MSG_LAUNCH] = RECORD("launch", struct msg_launch, launch_fields),
    [MSG_STOP] = RECORD("stop", struct msg_stop, stop_fields),
    [MSG_SIGNAL_JOB] = RECORD("signal-job", struct msg_signal_job, signal_job_fields),
    [MSG_STDIN_END] = RECORD("stdin-end", struct msg_job_only, job_only_fields),
    [MSG_EXITED_SEEN] = RECORD("exited-seen", struct msg_job_only, job_only_fields),
    [MSG_HELLO] = RECORD("hello", struct msg_hello, hello_fields),
    [MSG_LAUNCHED] = RECORD("launched", struct msg_launched, launched_fields),
    [MSG_NOT_LAUNCHED] = RECORD("not-launched", struct msg_not_launched, not_launched_fields),
    [MSG_EXITED] = RECORD("exited", struct msg_exited, exited_fields),
    [MSG_LIST_CALLBACKS] = RECORD("list-callbacks", struct msg_list_callbacks, list_callbacks_fields),
    [MSG_CALLBACK] = RECORD("callback", struct msg_callback, callback_fields),
    [MSG_ATTEMPT] = RECORD("attempt", struct msg_attempt, attempt_fields),
    [MSG_DELIVER] = RECORD("deliver", struct msg_deliver, deliver_fields),
    [MSG_LOGIN] = RECORD("login", struct msg_login, login_fields),
    [MSG_READ_SESSION] = RECORD("read-session", struct msg_whoami, whoami_fields),
    [MSG_LOGOUT] = RECORD("logout", struct msg_whoami, whoami_fields),
    [MSG_SESSION] = RECORD("session", struct msg_session, session_fields),
    [MSG_LOGGED_OUT] = RECORD("logged-out", struct msg_empty, empty_fields),
    [MSG_DELIVERED] = RECORD("delivered", struct msg_delivered, delivered_fields),
    HOOK_MESSAGES,
    FUNCTION_MESSAGES,
};
