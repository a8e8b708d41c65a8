/*
 * Numbers that every part must agree on, each with its unit and its reason. A limit that only one file
 * knows stays in that file.
 */
#pragma once

/* --- requests --------------------------------------------------------------------------------------------- */
#define REQUEST_HEAD_MAX_BYTES (16 * 1024)  /* as common proxies; larger heads are attacks or cookies */
#define REQUEST_JSON_MAX_BYTES (256 * 1024) /* jansson needs up to 79 times this for hostile input */
#define REQUEST_JSON_MAX_DEPTH 32
#define PARAMS_MAX_BYTES       (48 * 1024) /* all parameters of one job: they must fit one message */
#define PARAM_STRING_MAX_BYTES 4096        /* one value, unless the command's max_length says so */
#define PARAM_COUNT_MAX        64          /* parameters of one command */
#define LIST_ITEMS_MAX         1024        /* items in one list parameter */
#define STDIN_MAX_BYTES        (64 * 1024 * 1024)
/* A request as a file: the upload of this name is also request.json in a directory of the job, which leaves its answer there. */
#define CONTEXT_PARAM             "request"
#define CONTEXT_REQUEST           "request.json"
#define CONTEXT_RESPONSE          "response.json"
#define CONTEXT_ARTIFACTS         "*/" CONTEXT_RESPONSE /* the directory's name is that of the job */
#define CONTEXT_PATH_BYTES        48                    /* "/tmp/" and a UUID, with the NUL */
#define UPLOADS_MAX_BYTES         (64 * 1024 * 1024)    /* all uploads of one job */
#define UPLOAD_MAX_DEFAULT_BYTES  (16 * 1024 * 1024)
#define SECRET_MAX_BYTES          256  /* a bearer token as presented */
#define SESSION_SECRET_BYTES      64   /* 256 random bits in hex: the value of a session's cookie */
#define CLAIMS_MAX_BYTES          1024 /* all names of a client's certificate, as lines */
#define CLAIM_COUNT_MAX           16
#define CLAIM_MAX_BYTES           256 /* one of them, and the closing NUL */
#define IDEMPOTENCY_KEY_MAX_BYTES 128
#define LABEL_COUNT_MAX           16
#define LIST_JOBS_MAX             200   /* items of one page */
#define SEARCH_MATCHES_MAX        1000  /* of one search of output */
#define WAIT_MAX_MS_DEFAULT       55000 /* below the 60 s at which common proxies give up */
#define FEED_JOBS_MAX             32    /* jobs that one feed may be narrowed to */
#define STREAM_PING_MS            15000
#define STREAM_IDLE_READER_MS     60000
#define STREAM_CHUNK_BYTES        (256 * 1024) /* what one reader may hold in memory at a time */

/* --- whom the API knows before it asks who calls -------------------------------------------------------------- */
#define API_HOST_COUNT_MAX          64
#define API_ORIGIN_COUNT_MAX        32
#define ADDRESS_CONNECTIONS_DEFAULT 512 /* one address'; behind it may stand a proxy with many users */

/* Parts of multipart/form-data that are no file: the JSON document, and standard input. */
#define PART_JOB   "job"
#define PART_STDIN "stdin"

/* --- names ------------------------------------------------------------------------------------------------ */
#define NAME_MAX_BYTES           64                /* [a-z][a-z0-9-]{0,62}, and the closing NUL */
#define ADDRESS_MAX_BYTES        64                /* a numeric address with its port */
#define FUNCTION_COUNT_MAX       1000              /* that clients of go-serverless made, and routes to them */
#define FUNCTION_LIST_BYTES      (2 * 1024 * 1024) /* of variables, in a list of all of one kind */
#define FUNCTION_VARIABLES_MAX   100
#define FUNCTION_VARIABLES_BYTES (16 * 1024) /* of one, as entries */
#define FUNCTION_PATH_BYTES      512
#define CALLED_MAX_BYTES         129  /* what a client of a predecessor calls a command; the value of a label */
#define PREFIX_MAX_BYTES         128  /* of the paths of one that came before */
#define HOST_NAME_MAX_BYTES      254  /* RFC 1035 section 2.3.4, and the closing NUL */
#define ORIGIN_MAX_BYTES         268  /* "https://", a host and a port */
#define REASON_MAX_BYTES         256  /* a sentence for people */
#define ERROR_TEXT_MAX_BYTES     512  /* what struct error holds */
#define PATH_MAX_BYTES           1024 /* any path that the configuration names */

/* --- messages between processes ----------------------------------------------------------------------------- */
#define MESSAGE_MAX_BYTES      (64 * 1024) /* below the default socket buffer, so it never needs parts */
#define MESSAGE_FDS_MAX        6
#define CHANNEL_QUEUE_MAX      4096        /* messages waiting for a peer that does not read; then it is dropped */
#define RELOAD_LINES_MAX_BYTES (24 * 1024) /* what is said of a configuration, as entries: it must fit one message */
#define PEER_PATIENCE_MS       10000 /* a peer that died is back sooner; after that both live, and one of them let go */

/* --- configuration ------------------------------------------------------------------------------------------ */
#define CONFIG_FILE_MAX_BYTES  (4 * 1024 * 1024)
#define CONFIG_DEPTH_MAX       32
#define CONFIG_NODES_MAX       100000
#define COMMAND_COUNT_MAX      1024
#define TOKEN_COUNT_MAX        4096
#define FROM_COUNT_MAX         64 /* networks from which one token is taken */
#define PROXY_NETWORKS_MAX     64
#define PIN_COUNT_MAX          256 /* values that one token may say, of all its pinned parameters */
#define TOKEN_SECRETS_MAX      2   /* of one token: the new one and, for a while, the one before it */
#define SCOPE_COUNT_MAX        64  /* entries of one `allow:` */
#define ARGUMENT_COUNT_MAX     256 /* elements of one argv template */
#define ENV_COUNT_MAX          128
#define BIND_COUNT_MAX         64 /* read: and write: entries of one command */
#define ROOT_COUNT_MAX         64 /* distinct roots of all commands together */
#define API_LISTENER_COUNT_MAX 16
#define LISTENER_COUNT_MAX     (API_LISTENER_COUNT_MAX + 6) /* that of metrics, and those of predecessors */
#define TLS_FILE_MAX_BYTES     (256 * 1024)                 /* a chain of certificates, a key, a list of authorities */
#define SCHEDULE_COUNT_MAX     1024
#define SCHEDULE_TEXT_BYTES    512 /* a time as it is written, and the NUL; a cron entry that lists everything has 330 */
#define SCHEDULE_NEXT_COUNT    5   /* times to come that a listing tells */
#define SCHEDULE_NEXT_BYTES    (SCHEDULE_NEXT_COUNT * 40)
#define ZONE_COUNT_MAX         64  /* time zones that schedules name, one table for each */
#define ZONE_PERIOD_COUNT_MAX  256 /* of one table: two a year, and some more in a few countries */
#define SLOT_COUNT_MAX         1024
#define CPU_COUNT_MAX          1024 /* processors that a limit may speak of */
#define SLOT_COUNT_DEFAULT     64
#define SLOT_PER_USER_DEFAULT  4
#define SLOT_FIRST_UID_DEFAULT 1879048192u /* 0x70000000: above accounts, subuid ranges and systemd's */

/* --- images: what a registry may send, and what may come out of it ---------------------------------------------- */
#define IMAGE_DIGEST_DIGITS      64
#define IMAGE_REFERENCE_BYTES    512
#define IMAGE_JSON_MAX_BYTES     (1024 * 1024) /* a manifest, or an image's configuration; real ones have some KiB */
#define IMAGE_LAYER_COUNT_MAX    128           /* what overlay file systems take at most, so builders keep to it */
#define IMAGE_BYTES_MAX          (16ull * 1024 * 1024 * 1024) /* of one layer, or of all files: a bomb ends here */
#define IMAGE_ENTRY_COUNT_MAX    1000000                      /* files and directories of all layers */
#define IMAGE_DEPTH_MAX          64                           /* directories in each other */
#define IMAGE_NAME_MAX_BYTES     255                          /* one step of a path */
#define IMAGE_SETTINGS_MAX_BYTES (256 * 1024)
#define IMAGE_STORE_DEFAULT      "/var/lib/sallyport-images"
#define IMAGE_SKOPEO             "/usr/bin/skopeo" /* who speaks with registries */

/* --- time --------------------------------------------------------------------------------------------------- */
#define TIMEOUT_DEFAULT_MS        (10 * 60 * 1000)
#define TIMEOUT_MAX_MS            (7u * 24 * 3600 * 1000)
#define GRACE_DEFAULT_MS          10000
#define GRACE_MAX_MS              (3600u * 1000)
#define SHUTDOWN_GRACE_DEFAULT_MS 30000
#define KILL_WAIT_MS              1000  /* how long a killed job may take to be gone before its slot is set aside */
#define CELL_START_WAIT_MS        30000 /* from the order to the program's first instruction; milliseconds are usual */
#define RELOAD_WAIT_MS            30000 /* from the ring of the doorbell to the word of the bootstrap; a second is usual */
#define SUPERVISOR_READY_WAIT_MS  5000 /* then the launcher greets the keeper without the missing ones */

/* --- jobs ---------------------------------------------------------------------------------------------------- */
#define OUTPUT_MAX_DEFAULT_BYTES (64LL * 1024 * 1024)
#define ARTIFACTS_MAX_BYTES      (1024LL * 1024 * 1024)
#define ARTIFACTS_WAIT_MS        120000 /* for the collector, of which the keeper hears at the other end of a pipe */
#define MEMORY_DEFAULT_BYTES     (512LL * 1024 * 1024)
#define PIDS_DEFAULT             256
#define TMP_DEFAULT_BYTES        (256LL * 1024 * 1024)
#define TMP_BYTES_PER_INODE      4096        /* a tmpfs of N bytes gets N / this inodes */
#define ARGV_MAX_BYTES           (64 * 1024) /* argv and environment of a job; far below ARG_MAX */
#define FILTER_INSTRUCTIONS_MAX  3500        /* the kernel takes 4096 */
#define QUEUE_MAX                10000       /* jobs waiting at once; above it 503 queue-full */
#define PRIORITY_MAX             9           /* starts before all others of its kind */
#define PRIORITY_DEFAULT         5
#define STEP_COUNT_MAX           256        /* steps of one sequence */
#define SEQUENCE_NAME            "sequence" /* the command of sequences that callers put together */
#define RATE_COUNT_MAX           10000      /* of one rate: so many times are kept */
#define RATE_PERIOD_MAX_MS       (31ull * 24 * 3600 * 1000)
#define QUEUE_TIME_MAX_MS        (7ull * 24 * 3600 * 1000) /* the longest max_wait, and window of a dedupe */

/* --- functions ---------------------------------------------------------------------------------------------------- */
#define ROUTE_PATH_BYTES        256                    /* behind "/r", with the closing NUL */
#define ROUTE_ACCEPT_MAX        16                     /* media types that one takes */
#define MEDIA_TYPE_BYTES        128                    /* with the closing NUL */
#define FUNCTION_JSON_MAX_BYTES REQUEST_JSON_MAX_BYTES /* of an answer that is looked through before it is sent */
#define CGI_HEAD_MAX_BYTES      (8 * 1024)             /* that a program prints before its answer */

/* --- callbacks ------------------------------------------------------------------------------------------------ */
#define URL_MAX_BYTES                 2048 /* with the closing NUL */
#define CALLBACK_COUNT_MAX            256
#define CALLBACK_NETWORKS_MAX         64
#define CALLBACK_FIELDS_MAX           32 /* fields of one request */
#define CALLBACK_OWN_FIELDS_MAX       16
#define CALLBACK_FIELDS_MAX_BYTES     (16 * 1024) /* and all of them together, as entries of a message */
#define CALLBACK_OWN_FIELDS_MAX_BYTES (8 * 1024)  /* of those, what the owner adds */
#define CALLBACK_BODY_MAX_BYTES       (1024 * 1024)
#define CALLBACK_SECRET_MIN_BYTES     24 /* Standard Webhooks: 192 bits */
#define CALLBACK_SECRET_MAX_BYTES     256
#define CALLBACK_SECRETS_MAX          2     /* while one is replaced by another */
#define CALLBACKS_AT_ONCE             64    /* attempts under way; what comes beyond is told so */
#define CALLBACK_CONNECT_DEFAULT_MS   5000  /* until a connection stands, TLS with it */
#define CALLBACK_TIMEOUT_MAX_MS       60000 /* of one attempt, the look-up of its name with it */
#define CALLBACK_ATTEMPTS_DEFAULT     8 /* after 5 s, 30 s, 2 m, 10 m, 1 h, 6 h and 24 h: then the schedule is at its end */
#define SYSTEM_FILE_MAX_BYTES         (4 * 1024 * 1024) /* /etc/hosts and its like */
#define NOTICE_COUNT_MAX              8192              /* of `on:` of all commands together */
#define NOTICE_LIST_MAX               8                 /* for one event of a command */
#define NOTICE_THRESHOLD_MAX          1000
#define CALLBACKS_OF_JOB_MAX          16          /* that requests have named: the first, and those that joined it */
#define CALLBACK_TAIL_MAX_BYTES       (16 * 1024) /* of a job's output in what a callback is told */
#define CALLBACKS_PER_TARGET          8           /* attempts under way: a slow target leaves room for others */
#define CALLBACK_BREAKER_FAILURES     5           /* in a row; then one attempt at a time is made */
#define LIST_CALLBACKS_MAX            100         /* of one page; their attempts come with them */
#define CALLBACK_WAITING_ROWS         10000       /* what may wait for one target, while it is down */
#define CALLBACK_WAITING_BYTES        (64ull * 1024 * 1024)
#define CALLBACKS_WAITING_ROWS        50000 /* and for all together: more is not kept for anybody */
#define CALLBACKS_WAITING_BYTES       (256ull * 1024 * 1024)
#define DELIVERY_LOG_MS               (7ull * 24 * 3600 * 1000)
#define DELIVERY_LOG_ROWS             100000 /* of those that have ended */
#define RETRY_AFTER_MAX_S             86400  /* a receiver that asks for more waits that long */

/* --- inbound webhooks ------------------------------------------------------------------------------------------- */
#define HOOK_COUNT_MAX           256
#define HOOK_UNSIGNED_MAX_BYTES  (48 * 1024)          /* a request's head, and the names that a hook looks for in it */
#define HOOK_NAME_MAX_BYTES      (NAME_MAX_BYTES - 5) /* "hook:" stands before it where actors are named */
#define HOOK_BODY_MAX_BYTES      (2 * 1024 * 1024)
#define HOOK_RULE_COUNT_MAX      32   /* of `when` of one hook */
#define HOOK_SOURCE_MAX_BYTES    240  /* a JSON pointer, or a field's name, and the closing NUL */
#define HOOK_RULE_MAX_BYTES      4096 /* what one rule compares with */
#define HOOK_CONCURRENCY_DEFAULT 4
#define HOOK_CONCURRENCY_MAX     64
#define HOOK_VISITS_MAX          128    /* at once, of all names, whether they are hooks or not */
#define HOOK_TICKETS_MAX         256    /* deliveries that were proven and not yet submitted, of all hooks */
#define HOOK_TICKET_MS           10000  /* from the proof to the submit; the front needs some milliseconds */
#define HOOK_LOG_ROWS            100000 /* of one hook: what could come again is known, or nothing is taken */
#define LIST_HOOK_DELIVERIES_MAX 200    /* of one page */
