/*
 * sallyport.yaml to one validated model. Used by the bootstrap and by the CLI; never by a process that faces strangers.
 *
 * A strict subset of YAML (libyaml's events: no anchors, aliases, tags, merge keys, second documents, duplicate keys)
 * becomes a JSON tree with a position for each node; one validator, driven by one table of keys, makes the model. Each
 * message is "file:line:col: path: text"; an unknown key names the nearest known one; all faults are reported at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "sallyport/base/network.h"
#include "sallyport/limits.h"
#include "sallyport/proto/predecessors.h"
#include "sallyport/proto/settings.h"
#include "sallyport/schedule/zone.h"

#define CONFIG_DEFAULT "/etc/sallyport/sallyport.yaml" /* unless somebody names another one */

struct error;
struct policy;

struct config_listener {
    char address[PATH_MAX_BYTES]; /* "127.0.0.1:8417", "[::1]:8417", "unix:/run/sallyport/api.sock" */
    bool is_unix;
    bool is_for_metrics; /* serves /metrics alone, to whoever asks; loopback */
    bool is_tls;
    uint8_t predecessor;          /* enum predecessor: whose clients alone are served there */
    char path[PATH_MAX_BYTES];    /* unix */
    char host[ADDRESS_MAX_BYTES]; /* TCP: a numeric address */
    uint16_t port;
};

struct config_identity {
    struct setting_identity setting;
    char claim[CLAIM_MAX_BYTES];                 /* of a certificate, whose hash is the only one then; else "" */
    uint8_t token_sha256[TOKEN_SECRETS_MAX][32]; /* what setting.token_sha256 points to */
    uint32_t secret_count;
    char hash_file[PATH_MAX_BYTES]; /* where its hashes are; "": in the configuration itself */
    struct setting_scope scopes[SCOPE_COUNT_MAX];
    uint32_t scope_count;
    uint8_t from[FROM_COUNT_MAX * NETWORK_PACKED_BYTES]; /* what setting.from points to */
    uint32_t from_count;
    struct setting_pin *pins; /* those of one parameter in a row */
    uint32_t pin_count;
};

struct config_schedule {
    struct setting_schedule setting;
    uint8_t *params; /* what setting.params points to */
};

struct config_callback {
    struct setting_callback setting;                                  /* its spans point to what follows */
    uint8_t secrets[CALLBACK_SECRETS_MAX][CALLBACK_SECRET_MAX_BYTES]; /* the newest first */
    uint32_t secret_bytes[CALLBACK_SECRETS_MAX];
    uint8_t networks[CALLBACK_NETWORKS_MAX * NETWORK_PACKED_BYTES];
    uint32_t network_count;
    uint8_t *fields;
    uint32_t fields_bytes;
};

struct config_notice {
    struct setting_notice setting;
    uint32_t index; /* in the list of its event */
};

struct config_route {
    struct setting_route setting; /* its spans point to what follows */
    uint8_t *accept;
    uint32_t accept_bytes;
    uint8_t statuses[ROUTE_STATUS_BYTES];
};

struct config_predecessor {
    struct setting_predecessor setting;
    char listen[PATH_MAX_BYTES]; /* as written; "": no listener of its own */
    struct setting_called *called;
    uint32_t called_count;
};

struct config_hook {
    struct setting_hook setting;                                       /* its spans point to what follows */
    char secrets[CALLBACK_SECRETS_MAX][CALLBACK_SECRET_MAX_BYTES + 1]; /* the newest first; "": none */
    uint8_t *constants;
    struct setting_front_hook front;
    struct setting_hook_rule *rules; /* each value is an allocation of its own */
    uint32_t rule_count;
    struct setting_hook_map *maps;
    uint32_t map_count;
};

struct config_tls {
    struct setting_tls setting; /* its spans point to what follows */
    uint8_t *certificate, *key, *client_ca;
    int64_t until_unix_s; /* when the certificate expires */
};

struct config {
    struct config_tls *tls; /* NULL: none */
    struct config_listener
        listeners[LISTENER_COUNT_MAX]; /* that of metrics is behind those of the API, if there is one */
    uint32_t listener_count;
    uint8_t proxies[PROXY_NETWORKS_MAX * NETWORK_PACKED_BYTES]; /* that are believed on where requests come from */
    uint32_t proxy_count;
    uint32_t max_wait_ms, shutdown_grace_ms;
    uint32_t address_connections_max;
    uint64_t session_idle_ms, session_max_ms;
    char hosts[API_HOST_COUNT_MAX][HOST_NAME_MAX_BYTES]; /* names that the API is asked under */
    uint32_t host_count;
    char origins[API_ORIGIN_COUNT_MAX][ORIGIN_MAX_BYTES]; /* whose pages may ask it */
    uint32_t origin_count;
    uint32_t slot_count, slots_per_account, first_uid;
    bool syncs_fully; /* store.sync: full (default) or normal */
    uint64_t store_budget_bytes, store_free_min_bytes;
    struct retention retention;         /* of `defaults`: for jobs of commands that are not listed any more */
    struct quota quota;                 /* of all callers together */
    struct config_identity *identities; /* tokens, peers and users */
    uint32_t identity_count;
    struct zone *zones; /* that schedules name, as the host has them now */
    uint32_t zone_count;
    struct config_schedule *schedules;
    uint32_t schedule_count;
#if SALLYPORT_TEST_SWITCHES
    uint64_t test_clock_unix_ms;
    uint32_t test_clock_speed, test_retry_speed;
    char test_name_server[64]; /* in place of those of /etc/resolv.conf; "" for none */
#endif
    struct config_callback *callbacks;
    uint32_t callback_count;
    struct config_notice *notices;
    struct config_route *routes;
    uint32_t notice_count, route_count;
    struct config_predecessor predecessors[PREDECESSOR_COUNT - 1];
    uint32_t predecessor_count;
    struct config_hook *hooks;
    uint32_t hook_count;
    struct policy *policy;  /* without filters' programs and programs' identities: the bootstrap adds them */
    char **public_commands; /* JSON object of each command for the API, in the policy's order */
    uint8_t *command_modes; /* 0 async, 1 sync */

    char images_dir[PATH_MAX_BYTES]; /* the store of images */
};

enum config_owner_check {
    CONFIG_OWNER_ROOT, /* files of root, not writable by others, in directories of the same kind */
    CONFIG_OWNER_SELF, /* rootless: our own user stands in for root */
    CONFIG_OWNER_ANY,  /* `sallyport config check` of somebody else's draft: what would be refused is a warning */
};

/*
 * Reads the file and the drop-ins of conf.d beside it, and validates them. Faults are written to `report`, one a line, and
 * so are warnings ("...: warning: ..."), which refuse nothing. Returns 0, or -EINVAL when there was a fault (err counts
 * them), or -errno with err when the file itself could not be read or could be changed by others (-EPERM, with the command
 * that mends it; which ownership is asked for stands in src/config/owner.h). Frees with config_free().
 *
 * Accounts are looked up in the user database, and files of token hashes, secrets and time zones are read, here and now; nothing
 * else of the host is asked: whether programs and paths exist is the bootstrap's to find out.
 */
int config_load(const char *path, enum config_owner_check check, FILE *report, struct config **ret_config,
                struct error *err);

/*
 * The same from memory, without ownership and drop-ins: for tests and the fuzzer. `path` only names it in messages. No file
 * is read: `file:PATH` is a fault here, and so is a schedule with a `zone` other than UTC.
 */
int config_parse(const char *path, const uint8_t *data, size_t size, FILE *report, struct config **ret_config,
                 struct error *err);

void config_free(struct config *config);

/* Gives `to`, which has none, what `from` has of TLS. */
int config_copy_tls(const struct config *from, struct config *to, struct error *err);

/* The reference of all keys as Markdown, from the validator's own tables. */
void config_write_reference(FILE *to);
