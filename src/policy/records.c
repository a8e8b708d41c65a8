#include "records.h"

#include "sallyport/base/artifact_frames.h"
#include "sallyport/job/job.h"

static const struct field head_fields[] = {
    U32(struct policy, generation, UINT32_MAX),           U32(struct policy, account_count, ACCOUNT_COUNT_MAX),
    U32(struct policy, root_count, ROOT_COUNT_MAX),       U32(struct policy, filter_count, FILTER_COUNT_MAX),
    U32(struct policy, command_count, COMMAND_COUNT_MAX),
};

static const struct field account_fields[] = {
    TEXT(struct account, name),
    U32(struct account, uid, UINT32_MAX - 1),
    U32(struct account, gid, UINT32_MAX - 1),
};

static const struct field root_fields[] = {
    U32(struct root, bind_count, BIND_COUNT_MAX),
    BOOL(struct root, has_host_network),
    U8(struct root, image_kind, ROOT_IMAGE_WRITABLE),
};

static const struct field bind_fields[] = {
    TEXT(struct bind, path),
    BOOL(struct bind, is_writable),
};

static const struct field filter_fields[] = {
    TEXT(struct filter_record, name),
    BYTES(struct filter_record, program, FILTER_BYTES_MAX),
};

static const struct field command_fields[] = {
    TEXT(struct command, name),
    U32(struct command, param_count, PARAM_COUNT_MAX),
    U32(struct command, argument_count, ARGUMENT_COUNT_MAX),
    U32(struct command, env_count, ENV_COUNT_MAX),
    TEXT(struct command, workdir),
    U32(struct command, account, UINT32_MAX),
    U32(struct command, root, ROOT_COUNT_MAX - 1),
    U32(struct command, filter, FILTER_COUNT_MAX - 1),
    BOOL(struct command, has_host_network),
    U32(struct command, timeout_ms, TIMEOUT_MAX_MS),
    U32(struct command, grace_ms, GRACE_MAX_MS),
    U32(struct command, cpu_time_ms, UINT32_MAX),
    U32(struct command, cpu_thousandths, CPU_COUNT_MAX * 1000),
    U64(struct command, memory_max_bytes),
    U64(struct command, tmp_max_bytes),
    U64(struct command, output_max_bytes),
    U32(struct command, pids_max, UINT32_MAX),
    U8(struct command, output_when_full, OUTPUT_DISCARD),
    U32(struct command, degrade, DEGRADE_ALL),
    U32(struct command, landlock_abi_min, UINT32_MAX),
    U64(struct command, signals),
    U8(struct command, stdin_kind, STDIN_KIND_COUNT - 1),
    U32(struct command, stdin_idle_ms, UINT32_MAX),
    U64(struct command, stdin_max_bytes),
    U64(struct command, files_max_bytes),
    U32(struct command, artifact_count, ARTIFACT_GLOB_COUNT_MAX),
    U32(struct command, disk_count, DISK_COUNT_MAX),
    U64(struct command, artifacts_max_bytes),
    BOOL(struct command, has_context),
    BOOL(struct command, ends_with_caller),
    U64(struct command, retention.age_ms),
    U32(struct command, retention.count, UINT32_MAX),
    U64(struct command, retention.bytes),
    U64(struct command, retention.records_age_ms),
    U8(struct command, queue.priority, PRIORITY_MAX),
    U32(struct command, queue.limit, UINT32_MAX),
    U8(struct command, queue.when_full, FULL_COALESCE),
    U32(struct command, queue.max_queue, UINT32_MAX),
    U64(struct command, queue.max_wait_ms),
    U32(struct command, queue.rate.count, RATE_COUNT_MAX),
    U64(struct command, queue.rate.period_ms),
    U64(struct command, queue.dedupe_ms),
    BOOL(struct command, keeps_metadata_only),
    U32(struct command, follow_count, FOLLOW_COUNT_MAX),
    U32(struct command, step_count, STEP_COUNT_MAX),
    U32(struct command, parallel, STEP_COUNT_MAX),
#if SALLYPORT_TEST_SWITCHES
    U32(struct command, test_layers_off, UINT32_MAX),
#endif
    TEXT(struct command, program),
    U64(struct command, program_identity.device),
    U64(struct command, program_identity.inode),
    U64(struct command, program_identity.size),
    U64(struct command, program_identity.changed_ns),
    TEXT(struct command, interpreter),
    TEXT(struct command, interpreter_argument),
    U64(struct command, interpreter_identity.device),
    U64(struct command, interpreter_identity.inode),
    U64(struct command, interpreter_identity.size),
    U64(struct command, interpreter_identity.changed_ns),
    TEXT(struct command, unavailable),
};

static const struct field text_fields[] = {
    BOOL(struct text_record, is_present),
    BYTES(struct text_record, text, TEXT_MAX_BYTES),
};

static const struct field param_fields[] = {
    TEXT(struct param, name),
    U32(struct param, min_items, LIST_ITEMS_MAX),
    U32(struct param, max_items, LIST_ITEMS_MAX),
    BOOL(struct param, is_required),
    BOOL(struct param, has_default),
    U32(struct param, default_count, LIST_ITEMS_MAX),
    TEXT(struct param, env_name),
};

static const struct field rule_fields[] = {
    U32(struct rule_record, rule.type, PARAM_TYPE_COUNT - 1),
    BOOL(struct rule_record, rule.is_partial),
    BOOL(struct rule_record, rule.allows_dash),
    U32(struct rule_record, rule.min_length, UINT32_MAX),
    U32(struct rule_record, rule.max_length, UINT32_MAX),
    BOOL(struct rule_record, rule.has_min),
    BOOL(struct rule_record, rule.has_max),
    I64(struct rule_record, rule.min),
    I64(struct rule_record, rule.max),
    U64(struct rule_record, min_number_bits),
    U64(struct rule_record, max_number_bits),
    U32(struct rule_record, rule.value_count, ENUM_VALUE_COUNT_MAX),
    U64(struct rule_record, rule.file_max_bytes),
};

static const struct field template_fields[] = {
    U32(struct template, piece_count, PIECE_COUNT_MAX),
    BOOL(struct template, is_spread),
};

static const struct field piece_fields[] = {
    U32(struct template_piece, param, JOB_FACT_FIRST + JOB_FACT_COUNT - 1),
};

static const struct field env_fields[] = {
    TEXT(struct env_entry, name),
};

static const struct field follow_fields[] = {
    U8(struct follow, when, FOLLOW_WHEN_COUNT - 1),
    U32(struct follow, command, COMMAND_COUNT_MAX - 1),
    BOOL(struct follow, continues),
    U32(struct follow, pass_count, PARAM_COUNT_MAX),
};

static const struct field pass_fields[] = {
    TEXT(struct pass, name),
    U32(struct pass, value_count, LIST_ITEMS_MAX),
    BOOL(struct pass, is_list),
};

static const struct field disk_fields[] = {
    TEXT(struct disk_limit, path),       U64(struct disk_limit, device), U64(struct disk_limit, read_bytes),
    U64(struct disk_limit, write_bytes), U64(struct disk_limit, reads),  U64(struct disk_limit, writes),
};

const struct record_def policy_defs[POLICY_RECORD_COUNT] = {
    [POLICY_HEAD] = RECORD("policy", struct policy, head_fields),
    [POLICY_ACCOUNT] = RECORD("account", struct account, account_fields),
    [POLICY_ROOT] = RECORD("root", struct root, root_fields),
    [POLICY_BIND] = RECORD("bind", struct bind, bind_fields),
    [POLICY_FILTER] = RECORD("filter", struct filter_record, filter_fields),
    [POLICY_COMMAND] = RECORD("command", struct command, command_fields),
    [POLICY_TEXT] = RECORD("text", struct text_record, text_fields),
    [POLICY_PARAM] = RECORD("param", struct param, param_fields),
    [POLICY_RULE] = RECORD("rule", struct rule_record, rule_fields),
    [POLICY_TEMPLATE] = RECORD("template", struct template, template_fields),
    [POLICY_PIECE] = RECORD("piece", struct template_piece, piece_fields),
    [POLICY_ENV] = RECORD("env", struct env_entry, env_fields),
    [POLICY_FOLLOW] = RECORD("follow", struct follow, follow_fields),
    [POLICY_PASS] = RECORD("pass", struct pass, pass_fields),
    [POLICY_DISK] = RECORD("disk", struct disk_limit, disk_fields),
};
