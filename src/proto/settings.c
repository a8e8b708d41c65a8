#include "sallyport/proto/settings.h"

#include "sallyport/base/network.h"
#include "sallyport/job/callback_event.h"
#include "sallyport/proto/entries.h"
#include "sallyport/schedule/timing.h"
#define QUOTA(type)                                                                                                    \
    U32(type, quota.running, UINT32_MAX), U32(type, quota.waiting, UINT32_MAX),                                        \
        U32(type, quota.rate.count, RATE_COUNT_MAX), U64(type, quota.rate.period_ms)

static const struct field front_fields[] = {
    U32(struct setting_front, max_wait_ms, TIMEOUT_MAX_MS),
    U32(struct setting_front, address_connections_max, UINT32_MAX),
    TEXT(struct setting_front, version),
    BYTES(struct setting_front, proxies, PROXY_NETWORKS_MAX *NETWORK_PACKED_BYTES),
};

static const struct field host_fields[] = {
    TEXT(struct setting_host, name),
};

static const struct field origin_fields[] = {
    TEXT(struct setting_origin, origin),
};

static const struct field predecessor_fields[] = {
    U8(struct setting_predecessor, which, PREDECESSOR_COUNT - 1),
    BOOL(struct setting_predecessor, has_prefix),
    TEXT(struct setting_predecessor, prefix),
    U32(struct setting_predecessor, requests_max, UINT32_MAX),
    TEXT(struct setting_predecessor, callback),
};

static const struct field called_fields[] = {
    TEXT(struct setting_called, called),
    TEXT(struct setting_called, command),
};

static const struct field public_command_fields[] = {
    TEXT(struct setting_public_command, name),
    BYTES(struct setting_public_command, json, CONFIG_FILE_MAX_BYTES),
    U32(struct setting_public_command, mode, 1),
};

static const struct field keeper_fields[] = {
    U64(struct setting_keeper, service),
    U32(struct setting_keeper, slot_count, SLOT_COUNT_MAX),
    U32(struct setting_keeper, slots_per_account, SLOT_COUNT_MAX),
    BOOL(struct setting_keeper, syncs_fully),
    U64(struct setting_keeper, budget_bytes),
    U64(struct setting_keeper, free_min_bytes),
    U64(struct setting_keeper, retention.age_ms),
    U32(struct setting_keeper, retention.count, UINT32_MAX),
    U64(struct setting_keeper, retention.bytes),
    U64(struct setting_keeper, retention.records_age_ms),
    BOOL(struct setting_keeper, has_metrics_listener),
    U64(struct setting_keeper, session_idle_ms),
    U64(struct setting_keeper, session_max_ms),
#if SALLYPORT_TEST_SWITCHES
    U64(struct setting_keeper, test_clock_unix_ms),
    U32(struct setting_keeper, test_clock_speed, TEST_CLOCK_SPEED_MAX),
    U32(struct setting_keeper, test_retry_speed, TEST_CLOCK_SPEED_MAX),
#endif
    QUOTA(struct setting_keeper),
};

static const struct field identity_fields[] = {
    TEXT(struct setting_identity, name),
    U8(struct setting_identity, kind, IDENTITY_LISTENER),
    BYTES(struct setting_identity, token_sha256, TOKEN_SECRETS_MAX * 32),
    U32(struct setting_identity, uid, UINT32_MAX - 1),
    U64(struct setting_identity, expires_unix_ms),
    BYTES(struct setting_identity, from, FROM_COUNT_MAX *NETWORK_PACKED_BYTES),
    QUOTA(struct setting_identity),
    TEXT(struct setting_identity, password),
};

static const struct field scope_fields[] = {
    U8(struct setting_scope, kind, SCOPE_KIND_COUNT - 1),
    TEXT(struct setting_scope, glob),
};

static const struct field pin_fields[] = {
    TEXT(struct setting_pin, param),
    BYTES(struct setting_pin, value, PARAMS_MAX_BYTES),
};

static const struct field zone_fields[] = {
    TEXT(struct setting_zone, name),
};

static const struct field zone_period_fields[] = {
    I64(struct setting_zone_period, from_unix_s),
    I64(struct setting_zone_period, offset_s),
};

static const struct field schedule_fields[] = {
    TEXT(struct setting_schedule, name),
    TEXT(struct setting_schedule, command),
    BYTES(struct setting_schedule, params, PARAMS_MAX_BYTES),
    U8(struct setting_schedule, form, SCHEDULE_FORM_COUNT - 1),
    TEXT(struct setting_schedule, text),
    U32(struct setting_schedule, zone, ZONE_COUNT_MAX - 1),
    U32(struct setting_schedule, jitter_ms, JITTER_MAX_MS),
    U8(struct setting_schedule, missed, MISSED_POLICY_COUNT - 1),
    BOOL(struct setting_schedule, is_enabled),
};

static const struct field launcher_fields[] = {
    U64(struct setting_launcher, incarnation),     BOOL(struct setting_launcher, has_cgroup),
    U32(struct setting_launcher, controllers, 15), U32(struct setting_launcher, landlock_abi, 1000),
    BOOL(struct setting_launcher, is_rootless),    BOOL(struct setting_launcher, has_single_id),
    BOOL(struct setting_launcher, keeps_groups),
};

static const struct field callback_fields[] = {
    TEXT(struct setting_callback, name),
    TEXT(struct setting_callback, url),
    BOOL(struct setting_callback, is_prefix),
    BOOL(struct setting_callback, allows_plain),
    BYTES(struct setting_callback, secret, CALLBACK_SECRET_MAX_BYTES),
    BYTES(struct setting_callback, old_secret, CALLBACK_SECRET_MAX_BYTES),
    BYTES(struct setting_callback, allow_net, CALLBACK_NETWORKS_MAX *NETWORK_PACKED_BYTES),
    BYTES(struct setting_callback, fields, CALLBACK_OWN_FIELDS_MAX_BYTES),
    U32(struct setting_callback, timeout_ms, CALLBACK_TIMEOUT_MAX_MS),
    U32(struct setting_callback, max_attempts, CALLBACK_ATTEMPTS_DEFAULT),
};

static const struct field notice_fields[] = {
    TEXT(struct setting_notice, command),     U8(struct setting_notice, event, CALLBACK_EVENT_COUNT - 1),
    TEXT(struct setting_notice, callback),    U32(struct setting_notice, threshold, NOTICE_THRESHOLD_MAX),
    U64(struct setting_notice, cool_down_ms), U32(struct setting_notice, tail_bytes, CALLBACK_TAIL_MAX_BYTES),
};

static const struct field notifier_fields[] = {
    BYTES(struct setting_notifier, resolv_conf, SYSTEM_FILE_MAX_BYTES),
    BYTES(struct setting_notifier, hosts, SYSTEM_FILE_MAX_BYTES),
    BYTES(struct setting_notifier, certificates, SYSTEM_FILE_MAX_BYTES),
};

static const struct field tls_fields[] = {
    BYTES(struct setting_tls, certificate, TLS_FILE_MAX_BYTES),
    BYTES(struct setting_tls, key, TLS_FILE_MAX_BYTES),
    BYTES(struct setting_tls, client_ca, TLS_FILE_MAX_BYTES),
    U64(struct setting_tls, hsts_s),
};

static const struct field route_fields[] = {
    TEXT(struct setting_route, command),
    TEXT(struct setting_route, path),
    U32(struct setting_route, methods, ROUTE_ALL),
    U8(struct setting_route, response, RESPONSE_COUNT - 1),
    BOOL(struct setting_route, ends_with_caller),
    BOOL(struct setting_route, takes_body),
    TEXT(struct setting_route, type),
    BYTES(struct setting_route, accept, ROUTE_ACCEPT_MAX *(MEDIA_TYPE_BYTES + 16)),
    BYTES(struct setting_route, statuses, ROUTE_STATUS_BYTES),
};

#define SCHEME(type)                                                                                                   \
    TEXT(type, scheme.preset), U8(type, scheme.proof, HOOK_PROOF_COUNT - 1), BOOL(type, scheme.is_sha512),             \
        BOOL(type, scheme.is_base64), TEXT(type, scheme.signature), TEXT(type, scheme.prefix),                         \
        TEXT(type, scheme.timestamp), TEXT(type, scheme.delivery), TEXT(type, scheme.before),                          \
        BOOL(type, scheme.is_time_new), BOOL(type, scheme.wants_text), TEXT(type, scheme.event),                       \
        TEXT(type, scheme.ping)

static const struct field front_hook_fields[] = {
    TEXT(struct setting_front_hook, name),
    SCHEME(struct setting_front_hook),
    U32(struct setting_front_hook, rate.count, RATE_COUNT_MAX),
    U64(struct setting_front_hook, rate.period_ms),
    U32(struct setting_front_hook, concurrency, HOOK_CONCURRENCY_MAX),
};

static const struct field hook_rule_fields[] = {
    U8(struct setting_hook_rule, source, HOOK_SOURCE_COUNT - 1),
    TEXT(struct setting_hook_rule, from),
    U8(struct setting_hook_rule, test, HOOK_TEST_COUNT - 1),
    BYTES(struct setting_hook_rule, value, HOOK_RULE_MAX_BYTES),
};

static const struct field hook_fields[] = {
    TEXT(struct setting_hook, name),
    TEXT(struct setting_hook, command),
    SCHEME(struct setting_hook),
    BYTES(struct setting_hook, secret, CALLBACK_SECRET_MAX_BYTES),
    BYTES(struct setting_hook, old_secret, CALLBACK_SECRET_MAX_BYTES),
    BYTES(struct setting_hook, constants, PARAMS_MAX_BYTES),
};

static const struct field hook_map_fields[] = {
    TEXT(struct setting_hook_map, param),
    U8(struct setting_hook_map, kind, ENTRY_ITEM - 1),
    U8(struct setting_hook_map, item, ENTRY_ITEM - 1),
    U8(struct setting_hook_map, source, HOOK_SOURCE_COUNT - 1),
    TEXT(struct setting_hook_map, from),
};

const struct record_def setting_defs[SETTING_COUNT] = {
    [SETTING_FRONT] = RECORD("front", struct setting_front, front_fields),
    [SETTING_HOST] = RECORD("host", struct setting_host, host_fields),
    [SETTING_ORIGIN] = RECORD("origin", struct setting_origin, origin_fields),
    [SETTING_PUBLIC_COMMAND] = RECORD("public-command", struct setting_public_command, public_command_fields),
    [SETTING_KEEPER] = RECORD("keeper", struct setting_keeper, keeper_fields),
    [SETTING_IDENTITY] = RECORD("identity", struct setting_identity, identity_fields),
    [SETTING_SCOPE] = RECORD("scope", struct setting_scope, scope_fields),
    [SETTING_ZONE] = RECORD("zone", struct setting_zone, zone_fields),
    [SETTING_ZONE_PERIOD] = RECORD("zone-period", struct setting_zone_period, zone_period_fields),
    [SETTING_SCHEDULE] = RECORD("schedule", struct setting_schedule, schedule_fields),
    [SETTING_LAUNCHER] = RECORD("launcher", struct setting_launcher, launcher_fields),
    [SETTING_CALLBACK] = RECORD("callback", struct setting_callback, callback_fields),
    [SETTING_NOTICE] = RECORD("notice", struct setting_notice, notice_fields),
    [SETTING_PIN] = RECORD("pin", struct setting_pin, pin_fields),
    [SETTING_NOTIFIER] = RECORD("notifier", struct setting_notifier, notifier_fields),
    [SETTING_TLS] = RECORD("tls", struct setting_tls, tls_fields),
    [SETTING_ROUTE] = RECORD("route", struct setting_route, route_fields),
    [SETTING_PREDECESSOR] = RECORD("predecessor", struct setting_predecessor, predecessor_fields),
    [SETTING_CALLED] = RECORD("called", struct setting_called, called_fields),
    [SETTING_FRONT_HOOK] = RECORD("front-hook", struct setting_front_hook, front_hook_fields),
    [SETTING_HOOK_RULE] = RECORD("hook-rule", struct setting_hook_rule, hook_rule_fields),
    [SETTING_HOOK] = RECORD("hook", struct setting_hook, hook_fields),
    [SETTING_HOOK_MAP] = RECORD("hook-map", struct setting_hook_map, hook_map_fields),
};

const char *identity_kind_text(unsigned kind)
{
    static const char *const texts[] = {
        [IDENTITY_NONE] = "none",       [IDENTITY_TOKEN] = "token",
        [IDENTITY_PEER] = "peer",       [IDENTITY_CERTIFICATE] = "certificate",
        [IDENTITY_USER] = "user",       [IDENTITY_LISTENER] = "listener",
        [IDENTITY_SERVICE] = "service",
    };
    return kind < sizeof texts / sizeof texts[0] ? texts[kind] : texts[IDENTITY_NONE];
}
