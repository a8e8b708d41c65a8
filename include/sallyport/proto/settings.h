/*
 * The parts of the configuration that are not policy: each process gets only its own, as a sealed file of these records.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/password.h"
#include "sallyport/base/record.h"
#include "sallyport/hook/scheme.h"
#include "sallyport/job/quota.h"
#include "sallyport/job/retention.h"
#include "sallyport/limits.h"
#include "sallyport/proto/predecessors.h"

enum setting_type {
    SETTING_NONE,
    SETTING_FRONT,          /* front */
    SETTING_PUBLIC_COMMAND, /* front, one for each command in the policy's order */
    SETTING_KEEPER,         /* keeper */
    SETTING_IDENTITY,       /* keeper, one for each token, peer and user */
    SETTING_SCOPE,          /* keeper, behind the identity that it belongs to */
    SETTING_ZONE,           /* keeper, one for each time zone that schedules name */
    SETTING_ZONE_PERIOD,    /* keeper, behind the zone that it belongs to */
    SETTING_SCHEDULE,       /* keeper, behind all zones */
    SETTING_LAUNCHER,       /* launcher */
    SETTING_CALLBACK,       /* keeper, one for each: a secret is in it */
    SETTING_NOTICE,         /* keeper, behind all callbacks: what is told to which */
    SETTING_NOTIFIER,       /* notifier */
    SETTING_HOST,           /* front, one for each name that it may be asked under */
    SETTING_ORIGIN,         /* front, one for each whose pages may ask it */
    SETTING_TLS,            /* front, when it serves TLS: the key is in it */
    SETTING_PIN,            /* keeper, behind the scopes of the token or user that it belongs to */
    SETTING_ROUTE,          /* front and keeper, one for each command that is a function */
    SETTING_PREDECESSOR,    /* front, one for each whose clients are served */
    SETTING_CALLED,         /* front, behind the predecessor that it belongs to; keeper: an image of go-serverless */
    SETTING_FRONT_HOOK,     /* front, one for each; its rules and its maps stand behind it */
    SETTING_HOOK_RULE,      /* front, behind the hook that it belongs to */
    SETTING_HOOK,           /* keeper, one for each: a secret is in it; its maps stand behind it */
    SETTING_HOOK_MAP,       /* front and keeper, behind the hook that it belongs to */
    SETTING_COUNT,
};

struct setting_front {
    uint32_t max_wait_ms;
    uint32_t address_connections_max; /* of one address at once */
    char version[NAME_MAX_BYTES];
    struct span proxies; /* packed networks: whose word on where a request came from is taken */
};

struct setting_host {
    char name[HOST_NAME_MAX_BYTES];
};

struct setting_origin {
    char origin[ORIGIN_MAX_BYTES];
};

struct setting_public_command {
    char name[NAME_MAX_BYTES];
    struct span json; /* the object of GET /v1/commands/{name}, ready to send */
    uint32_t mode;    /* 0 async, 1 sync (API.md "mode") */
};

/* Methods of a function: bits, in the order of their names in the configuration. */
enum route_method { ROUTE_GET = 1, ROUTE_POST = 2, ROUTE_PUT = 4, ROUTE_PATCH = 8, ROUTE_DELETE = 16, ROUTE_ALL = 31 };

enum route_response { RESPONSE_RAW, RESPONSE_JSON, RESPONSE_CGI, RESPONSE_COUNT };

#define ROUTE_ANY_CODE     256 /* the place of "*" among the exit codes */
#define ROUTE_STATUS_BYTES (2 * (ROUTE_ANY_CODE + 1))

struct setting_route {
    char command[NAME_MAX_BYTES];
    char path[ROUTE_PATH_BYTES]; /* without its first slash */
    uint32_t methods;            /* enum route_method */
    uint8_t response;            /* enum route_response */
    bool ends_with_caller;       /* the job is cancelled when the caller goes away */
    bool takes_body;             /* it is standard input; else it is parameters */
    char type[MEDIA_TYPE_BYTES];
    struct span accept;   /* entries of ENTRY_FIELD whose names are media types; none: any */
    struct span statuses; /* for each exit code, and for "*" the last, two bytes, the higher first; 0: none */
};

struct setting_keeper {
    uint64_t service;           /* another number for each start of the service; 0: none */
    uint32_t slot_count;        /* jobs at once with ids of their own */
    uint32_t slots_per_account; /* and for each account */
    bool syncs_fully;           /* fsync before an answer */
    uint64_t budget_bytes;      /* the output of all jobs together */
    uint64_t free_min_bytes;    /* of the file system; below it no new jobs */
    struct retention retention; /* for jobs whose command is not listed any more */
    bool has_metrics_listener;  /* where the front shows metrics to whoever asks */
    uint64_t session_idle_ms;   /* a session that nobody used so long has ended */
    uint64_t session_max_ms;    /* and so has one that began so long ago */
#if SALLYPORT_TEST_SWITCHES
    uint64_t test_clock_unix_ms; /* where the schedules' clock stands at the start; 0: where the real one does */
    uint32_t test_clock_speed;   /* and how much faster it goes */
    uint32_t test_retry_speed;   /* so much shorter are pauses between attempts at a callback */
#endif
    struct quota quota; /* of all callers together */
};

#if SALLYPORT_TEST_SWITCHES
#define TEST_CLOCK_SPEED_MAX 1000000
#endif

enum identity_kind {
    IDENTITY_NONE,
    IDENTITY_TOKEN,
    IDENTITY_PEER,
    IDENTITY_CERTIFICATE,
    IDENTITY_USER,
    IDENTITY_LISTENER, /* whoever calls there without a token */
    IDENTITY_SERVICE,  /* the keeper's own, for a schedule: in no file of settings */
    IDENTITY_HOOK,     /* the same, for a delivery that proved itself */
};

/* What records call a user, and before the name: so users and tokens may have the same names. */
#define USER_PREFIX "user:"

/* "token", "peer", "certificate", "user", "listener", "service". */
const char *identity_kind_text(unsigned kind);

struct setting_identity {
    char name[NAME_MAX_BYTES];
    uint8_t kind;
    /* IDENTITY_TOKEN: 32 bytes for each of its secrets, the newest first; none: revoked. IDENTITY_CERTIFICATE: those of its claim; IDENTITY_LISTENER: of its name. */
    struct span token_sha256;
    uint32_t uid;             /* IDENTITY_PEER */
    uint64_t expires_unix_ms; /* 0: never */
    struct span from;         /* of tokens and users: packed networks (base/network.h); none: from anywhere */
    struct quota quota;
    char password[PASSWORD_LINE_BYTES]; /* IDENTITY_USER: the line that stands in for it; else "" */
};

enum scope_kind {
    SCOPE_NONE,
    SCOPE_RUN,
    SCOPE_READ_OWN,
    SCOPE_READ_ALL,
    SCOPE_CANCEL_OWN,
    SCOPE_CANCEL_ALL,
    SCOPE_ADMIN,
    SCOPE_METRICS,
    SCOPE_FUNCTIONS,
    SCOPE_KIND_COUNT
};

struct setting_scope {
    uint8_t kind;
    char glob[NAME_MAX_BYTES]; /* SCOPE_RUN: which commands; "" for the others */
};

/* One value that a token or user may say for a parameter; for those that have pins, it may say no other. */
struct setting_pin {
    char param[NAME_MAX_BYTES];
    struct span value;
};

struct setting_zone {
    char name[NAME_MAX_BYTES]; /* "Europe/Berlin" */
};

/* From this second on, local time is unix time and this offset; rising, the first holds for all time before it too. */
struct setting_zone_period {
    int64_t from_unix_s;
    int64_t offset_s;
};

struct setting_schedule {
    char name[NAME_MAX_BYTES];
    char command[NAME_MAX_BYTES];   /* of the policy of the same generation */
    struct span params;             /* entries, as a caller would send them (entries.h) */
    uint8_t form;                   /* enum schedule_form */
    char text[SCHEDULE_TEXT_BYTES]; /* what schedule_parse() takes, as it was written */
    uint32_t zone;                  /* index of its SETTING_ZONE */
    uint32_t jitter_ms;
    uint8_t missed; /* enum missed_policy */
    bool is_enabled;
};

/* Controllers of cgroup v2 that jobs' groups really have: bits. */
enum controller { CONTROLLER_MEMORY = 1, CONTROLLER_PIDS = 2, CONTROLLER_CPU = 4, CONTROLLER_IO = 8 };

struct setting_launcher {
    uint64_t incarnation;
    bool has_cgroup;       /* a directory for jobs' groups was handed over */
    uint32_t controllers;  /* enum controller */
    uint32_t landlock_abi; /* of this kernel; 0 without Landlock */
    bool is_rootless;
    bool has_single_id; /* jobs, keeper and launcher share one kernel uid: needs degrade job-uid */
    bool keeps_groups;  /* supplementary groups could not be dropped: needs degrade job-uid too */
};

struct setting_callback {
    char name[NAME_MAX_BYTES];
    char url[URL_MAX_BYTES]; /* base/url.h takes it */
    bool is_prefix;          /* a request names the URL, which must lie below this one; else it is the URL */
    bool allows_plain;
    struct span secret;     /* the key of the signature, decoded */
    struct span old_secret; /* the one before it, whose signature is sent, too; or empty */
    struct span allow_net;  /* packed networks (base/network.h); none: what is public */
    struct span fields;     /* entries of ENTRY_FIELD that every request has */
    uint32_t timeout_ms, max_attempts;
};

struct setting_notice {
    char command[NAME_MAX_BYTES];  /* "": of each that says nothing of its own about this event */
    uint8_t event;                 /* enum callback_event */
    char callback[NAME_MAX_BYTES]; /* that has a URL of its own */
    uint32_t threshold;            /* so many such ends in a row, at least */
    uint64_t cool_down_ms;         /* after one that was told of */
    uint32_t tail_bytes;           /* of the job's output that are told, too, at most */
};

/* What the system knows of names and certificates: its files as they stand, for who cannot open them. */
struct setting_notifier {
    struct span resolv_conf, hosts;
    struct span certificates; /* of authorities, PEM */
};

/* PEM, as the files have it. */
struct setting_tls {
    struct span certificate; /* the server's own first, then those that vouch for it */
    struct span key;
    struct span client_ca; /* who may vouch for clients; empty: none is asked for a certificate */
    uint64_t hsts_s;       /* for how long browsers shall come by TLS alone; 0: nothing is said */
};

struct setting_predecessor {
    uint8_t which; /* enum predecessor */
    bool has_prefix;
    char prefix[PREFIX_MAX_BYTES]; /* "/runner"; "": the root */
    uint32_t requests_max;         /* at once; 0: as many as there are */
    char callback[NAME_MAX_BYTES]; /* http-runner: that takes the URLs which its clients name; "": none does */
};

/* What its clients say, and the command that they mean. */
struct setting_called {
    char called[CALLED_MAX_BYTES];
    char command[NAME_MAX_BYTES];
};

/* --- inbound webhooks */

struct setting_front_hook {
    char name[NAME_MAX_BYTES];
    struct hook_scheme scheme;
    struct rate rate;     /* deliveries from one address */
    uint32_t concurrency; /* that are looked at at once */
};

/* Where a delivery has what a rule compares, or a parameter gets. */
enum hook_source { HOOK_SOURCE_NONE, HOOK_HEADER, HOOK_JSON, HOOK_QUERY, HOOK_FORM, HOOK_SOURCE_COUNT };
enum hook_test { HOOK_TEST_NONE, HOOK_EQUALS, HOOK_GLOB, HOOK_REGEX, HOOK_IN, HOOK_TEST_COUNT };

/* All of a hook's rules must hold, or the delivery is ignored. */
struct setting_hook_rule {
    uint8_t source; /* enum hook_source */
    char from[HOOK_SOURCE_MAX_BYTES];
    uint8_t test;      /* enum hook_test */
    struct span value; /* of HOOK_IN each with its NUL; else a text without one */
};

struct setting_hook_map {
    char param[NAME_MAX_BYTES];
    uint8_t kind, item; /* enum entry_kind that the parameter wants; item: of a list */
    uint8_t source;     /* enum hook_source */
    char from[HOOK_SOURCE_MAX_BYTES];
};

struct setting_hook {
    char name[NAME_MAX_BYTES];
    char command[NAME_MAX_BYTES]; /* of the policy of the same generation */
    struct hook_scheme scheme;
    struct span secret;     /* as it was given */
    struct span old_secret; /* the one before it, which is taken, too; or empty */
    struct span constants;  /* entries: parameters that no delivery says */
};

union any_setting {
    struct setting_predecessor predecessor;
    struct setting_called called;
    struct setting_front front;
    struct setting_host host;
    struct setting_origin origin;
    struct setting_public_command public_command;
    struct setting_keeper keeper;
    struct setting_identity identity;
    struct setting_scope scope;
    struct setting_pin pin;
    struct setting_zone zone;
    struct setting_zone_period zone_period;
    struct setting_schedule schedule;
    struct setting_launcher launcher;
    struct setting_callback callback;
    struct setting_notice notice;
    struct setting_notifier notifier;
    struct setting_tls tls;
    struct setting_route route;
    struct setting_front_hook front_hook;
    struct setting_hook_rule hook_rule;
    struct setting_hook hook;
    struct setting_hook_map hook_map;
};

extern const struct record_def setting_defs[SETTING_COUNT];
