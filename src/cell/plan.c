#include "sallyport/cell/plan.h"

static const struct field plan_fields[] = {
    TEXT(struct plan, job_id),
    TEXT(struct plan, hostname),
    BOOL(struct plan, has_host_network),
    U32(struct plan, uid, UINT32_MAX - 1),
    U32(struct plan, gid, UINT32_MAX - 1),
    BOOL(struct plan, has_single_id),
    U64(struct plan, tmp_max_bytes),
    U64(struct plan, tmp_max_inodes),
    U64(struct plan, memory_max_bytes),
    U64(struct plan, file_max_bytes),
    U32(struct plan, pids_max, UINT32_MAX),
    U32(struct plan, cpu_max_s, UINT32_MAX),
    U32(struct plan, landlock_abi, 1000),
    BOOL(struct plan, forbids_writable_code),
    TEXT(struct plan, program),
    U64(struct plan, device),
    U64(struct plan, inode),
    U64(struct plan, size),
    U64(struct plan, changed_ns),
    TEXT(struct plan, script),
    U64(struct plan, script_device),
    U64(struct plan, script_inode),
    U64(struct plan, script_size),
    U64(struct plan, script_changed_ns),
    TEXT(struct plan, workdir),
    U32(struct plan, argument_count, CELL_ARGUMENTS_MAX),
    U32(struct plan, env_count, CELL_ENV_MAX),
    BYTES(struct plan, arguments, ARGV_MAX_BYTES),
    BYTES(struct plan, env, ARGV_MAX_BYTES),
    BYTES(struct plan, readable, BIND_COUNT_MAX *PATH_MAX_BYTES / 4),
    BYTES(struct plan, writable, BIND_COUNT_MAX *PATH_MAX_BYTES / 4),
    BYTES(struct plan, secrets, PARAMS_MAX_BYTES),
    BYTES(struct plan, filter, FILTER_INSTRUCTIONS_MAX * 8),
    U8(struct plan, image, CELL_IMAGE_WRITABLE),
    BOOL(struct plan, has_files),
    TEXT(struct plan, context),
    BYTES(struct plan, artifacts, CELL_GLOBS_MAX_BYTES),
    U64(struct plan, artifacts_max_bytes),
    U32(struct plan, layers_off, UINT32_MAX),
};

static const struct field signal_fields[] = {
    U8(struct cell_signal, signal, 64),
};

static const struct field nothing_fields[] = {
    U8(struct cell_nothing, unused, 0),
};

static const struct field ended_fields[] = {
    BOOL(struct cell_ended, has_started), TEXT(struct cell_ended, step),
    U32(struct cell_ended, code, 4095),   TEXT(struct cell_ended, detail),
    BOOL(struct cell_ended, has_status),  U32(struct cell_ended, exit_code, 255),
    U32(struct cell_ended, signal, 64),   U64(struct cell_ended, user_us),
    U64(struct cell_ended, system_us),    U64(struct cell_ended, memory_peak_bytes),
};

const struct record_def cell_defs[CELL_MESSAGE_COUNT] = {
    [CELL_RUN] = RECORD("run", struct plan, plan_fields),
    [CELL_SIGNAL] = RECORD("signal", struct cell_signal, signal_fields),
    [CELL_KILL] = RECORD("kill", struct cell_nothing, nothing_fields),
    [CELL_READY] = RECORD("ready", struct cell_nothing, nothing_fields),
    [CELL_STARTED] = RECORD("started", struct cell_nothing, nothing_fields),
    [CELL_ENDED] = RECORD("ended", struct cell_ended, ended_fields),
};
