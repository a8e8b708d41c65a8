/*
 * What the table of keys writes to: the values of the configuration in our units, before they become the model. A pointer
 * is NULL when the key is absent or was refused (and a fault reported): whoever reads it skips it then.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

/* What `defaults:` gives and a command may change. */
struct limits_draft {
    uint64_t timeout_ms, grace_ms, cpu_time_ms;
    uint64_t cpu_thousandths; /* of a processor; 0 for no limit */
    uint64_t profile;         /* index into profile_names */
    uint64_t network;         /* 0 none, 1 host */
    uint64_t memory_bytes, pids, tmp_bytes, landlock_abi;
    uint64_t output_bytes, when_full;
    uint64_t degrade; /* enum degrade */
    uint64_t retention_age_ms, retention_count, retention_bytes, retention_records_ms;
};

struct rate_draft {
    uint64_t count, period_ms; /* 0: none */
};

struct quota_draft {
    uint64_t running, waiting;
    struct rate_draft rate;
};

struct server_draft {
    const json_t *listen;          /* texts */
    const json_t *hosts, *origins; /* texts */
    const char *metrics_listen;    /* NULL: none */
    uint64_t address_connections_max;
    const char *tls_certificate, *tls_key, *tls_client_ca;
    uint64_t tls_hsts_ms;  /* 0: none */
    const json_t *proxies; /* texts */
    uint64_t max_wait_ms, shutdown_grace_ms;
    uint64_t session_idle_ms, session_max_ms;
    uint64_t sync; /* 0 full, 1 normal */
    uint64_t budget_bytes, free_min_bytes;
    uint64_t slot_count, slots_per_user, first_uid;
    const char *images_dir;
    struct quota_draft quota; /* of all callers together */
    struct limits_draft limits;
#if SALLYPORT_TEST_SWITCHES
    const char *test_clock, *test_name_server;
    uint64_t test_clock_speed, test_retry_speed;
#endif
};

struct identity_draft {
    const json_t *hashes; /* tokens; texts, the newest first */
    const char *expires;
    uint64_t uid;                    /* peers; UINT64_MAX when absent */
    const char *claim, *predecessor; /* peers */
    const json_t *allow;             /* texts */
    const char *password;            /* users: where its line is */
    const json_t *from;              /* tokens and users; texts */
    const json_t *pins;              /* the same; name: a scalar or a list of scalars, as written */
    struct quota_draft quota;
};

struct predecessor_draft {
    const char *prefix, *listen, *callback;
    uint64_t requests_max;
    const json_t *commands; /* what clients say: the name of a command */
};

struct callback_draft {
    const char *url, *allow_url;
    const json_t *secrets;   /* texts: where each is, the newest first */
    const json_t *allow_net; /* texts */
    const json_t *headers;   /* name: text */
    uint64_t timeout_ms, max_attempts;
    bool allows_plain;
};

/* An item of `on`. */
struct notice_draft {
    const char *command; /* "": of `defaults` */
    uint8_t event;       /* enum callback_event */
    uint32_t index;      /* in its list */
    const char *callback;
    uint64_t threshold, cool_down_ms, tail_bytes;
};

struct rule_draft {
    uint64_t type; /* enum param_type; 0 when absent */
    const char *pattern;
    bool is_partial, allows_dash;
    const char *min, *max; /* as text: their kind depends on the type */
    uint64_t min_length, max_length;
    const json_t *values; /* texts */
    const char *values_from;
};

struct param_draft {
    struct rule_draft rule, item;
    uint64_t min_items, max_items;
    bool is_required;
    const json_t *fallback, *example; /* a scalar or a list of scalars, as written */
    const char *help, *deliver;
};

/* An item of `steps`, `then`, `on_failure` or `always`. */
struct follow_draft {
    uint8_t when;   /* enum follow_when */
    uint32_t index; /* in its list */
    const char *command;
    const json_t *params; /* name: a scalar or a list of scalars, as written */
    bool continues;
};

struct queue_draft {
    uint64_t priority;
    uint64_t limit;
    const char *key;
    uint64_t when_full; /* enum when_full */
    uint64_t max_queue, max_wait_ms;
    struct rate_draft rate;
    const char *dedupe_key;
    uint64_t dedupe_ms;
};

struct command_draft {
    const char *title, *description, *group, *workdir, *user, *image;
    const json_t *exec;  /* texts */
    const json_t *env;   /* name: text */
    uint64_t mode;       /* 0 async, 1 sync */
    uint64_t stdin_kind; /* enum stdin_kind */
    uint64_t stdin_idle_ms;
    uint64_t stdin_max_bytes, files_max_bytes;
    const json_t *artifacts; /* texts: patterns */
    uint64_t artifacts_max_bytes;
    bool has_context;
    uint64_t record; /* 0 full, 1 metadata-only */
    uint64_t parallel;
    uint64_t signals; /* bit n-1 for signal n */
    const char *route_path, *route_type;
    uint64_t route_methods;                      /* enum route_method */
    const json_t *route_accept, *route_statuses; /* texts; exit code: status, as written */
    uint64_t route_response;                     /* enum route_response */
    uint64_t on_disconnect;                      /* 0 continue, 1 cancel */
    const json_t *read, *write;                  /* texts: paths */
    struct limits_draft limits;
    struct queue_draft queue;
#if SALLYPORT_TEST_SWITCHES
    uint64_t test_layers_off; /* enum cell_layer */
#endif
};

struct schedule_draft {
    const char *command, *cron, *every, *at, *zone;
    const json_t *params; /* name: a scalar or a list of scalars, as written */
    uint64_t jitter_ms;
    uint64_t missed; /* enum missed_policy */
    bool is_enabled;
};

struct hook_draft {
    uint64_t preset; /* index of hook_scheme_at() */
    const char *header, *prefix, *timestamp_header, *delivery_header, *template;
    uint64_t algorithm, encoding; /* 0 sha256, 1 sha512; 0 hex, 1 base64 */
    const json_t *secrets;        /* texts: where each is, the newest first */
    const char *command;
    const json_t *params; /* name: a scalar, a list of scalars, or {SOURCE: NAME} */
    struct rate_draft rate;
    uint64_t concurrency;
};

/* An item of `when`. */
struct hook_rule_draft {
    const char *header, *json, *query, *form;
    const char *equals, *glob, *regex;
    const json_t *in; /* texts */
};
