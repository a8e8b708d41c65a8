#include "keys.h"

#include "callbacks.h"
#include "commands.h"
#include "disks.h"
#include "env_names.h"
#include "follows.h"
#include "hooks.h"
#include "identities.h"
#include "notices.h"
#include "params.h"
#include "predecessors.h"
#include "routes.h"
#include "schedules.h"
#include "words.h"
#include "sallyport/base/artifact_frames.h"
#include "sallyport/base/text.h"
#include "sallyport/limits.h"
#include "sallyport/policy/policy.h"
#include "sallyport/proto/settings.h"
#include "sallyport/schedule/timing.h"

/* Where a row's value goes; a member of another type than the row's does not compile. */
#define AT(type, member, ctype)                                                                                        \
    .offset = (uint32_t)(offsetof(type, member) + 0 * sizeof(char[_Generic(((type *)0)->member, ctype : 1)]))
#define TEXT_AT(draft, member)   AT(draft, member, const char *)
#define NODE_AT(draft, member)   AT(draft, member, const json_t *)
#define NUMBER_AT(draft, member) AT(draft, member, uint64_t)
#define BOOL_AT(draft, member)   AT(draft, member, bool)
#define RATE_AT(draft, member)   AT(draft, member, struct rate_draft)

#define SECOND_MS           1000ull
#define MIB                 (1024ull * 1024)
#define SESSION_MAX_MS      (31ull * 24 * 3600 * SECOND_MS)
#define RETENTION_MAX_MS    (36500ull * 24 * 3600 * SECOND_MS) /* a hundred years: for ever */
#define RETENTION_MAX_BYTES (1024ull * 1024 * 1024 * MIB)

#define TYPE(type)   (1u << (type))
#define STRINGS      (TYPE(PARAM_STRING) | TYPE(PARAM_SECRET))
#define NUMBERS      (TYPE(PARAM_INT) | TYPE(PARAM_NUMBER))
#define FILES        TYPE(PARAM_FILE)
#define WRITTEN_DOWN (~(TYPE(PARAM_SECRET) | FILES)) /* values that may stand in the configuration */
#define LATER(the_path)                                                                                                \
    {                                                                                                                  \
        .path = (the_path), .is_later = true, .help = ""                                                               \
    }

static const struct entry_life token_life = { text_is_name, NAME_RULE, token_open, token_close };
static const struct entry_life pin_life = { param_is_name, PARAM_NAME_RULE, NULL, NULL };
static const struct entry_life user_life = { text_is_name, NAME_RULE, user_open, user_close };
static const struct entry_life peer_life = { text_is_name, NAME_RULE, peer_open, peer_close };
static const struct entry_life callback_life = { text_is_name, NAME_RULE, callback_open, callback_close };
static const struct entry_life predecessor_life = { predecessor_is_name, PREDECESSOR_RULE, predecessor_open,
                                                    predecessor_close };
static const struct entry_life called_life = { called_is_name, CALLED_RULE, NULL, NULL };
static const struct entry_life field_life = { callback_field_is_name, FIELD_NAME_RULE, NULL, NULL };
static const struct entry_life default_event_life = { notice_event_is_name, NOTICE_EVENT_RULE, notice_default_open,
                                                      NULL };
static const struct entry_life event_life = { notice_event_is_name, NOTICE_EVENT_RULE, notice_command_open, NULL };
static const struct entry_life notice_life = { NULL, NULL, notice_open, NULL };
static const struct entry_life command_life = { text_is_name, NAME_RULE, command_open, command_close };
static const struct entry_life param_life = { param_is_name, PARAM_NAME_RULE, param_open, param_close };
static const struct entry_life pass_life = { param_is_name, PARAM_NAME_RULE, NULL, NULL };
static const struct entry_life step_life = { NULL, NULL, step_open, NULL };
static const struct entry_life then_life = { NULL, NULL, then_open, NULL };
static const struct entry_life on_failure_life = { NULL, NULL, on_failure_open, NULL };
static const struct entry_life always_life = { NULL, NULL, always_open, NULL };
static const struct entry_life schedule_life = { text_is_name, NAME_RULE, schedule_open, schedule_close };
static const struct entry_life schedule_param_life = { param_is_name, PARAM_NAME_RULE, NULL, NULL };
static const struct entry_life disk_life = { disk_is_name, DISK_NAME_RULE, disk_open, disk_close };
static const struct entry_life status_life = { status_is_name, STATUS_NAME_RULE, NULL, NULL };
static const struct entry_life env_life = { env_is_name, ENV_NAME_RULE, NULL, NULL };

#include "route_keys.h"
static const struct entry_life hook_life = { hook_is_name, HOOK_NAME_RULE, hook_open, hook_close };
static const struct entry_life hook_rule_life = { NULL, NULL, hook_rule_open, NULL };
static const struct entry_life hook_param_life = { param_is_name, PARAM_NAME_RULE, NULL, NULL };

#include "callback_keys.h"
#include "hook_keys.h"
#include "predecessor_keys.h"
#include "shared_keys.h"

#define OURS(text)      text
#define INHERITED(text) NULL

/* clang-format off: one row is one thought */
const struct key keys[] = {
    { "server", KEY_GROUP, .hint = "{listen: \"127.0.0.1:8417\"}", .help = "The daemon itself." },
    { "server.listen", KEY_TEXT_OR_TEXTS, NODE_AT(struct server_draft, listen), .least = 1,
      .most = API_LISTENER_COUNT_MAX, .fallback = "unix:/run/sallyport/api.sock",
      .hint = "[\"127.0.0.1:8417\", unix:/run/sallyport/api.sock]",
      .help = "Where the API listens: numeric `\"ADDRESS:PORT\"`, `\"[IPv6]:PORT\"` or `unix:/PATH`; one, or a "
              "list. With `server.tls` the addresses speak TLS, but for those that are written "
              "`\"plain:ADDRESS:PORT\"`, such as one for a proxy on this host; unix sockets never do." },
    { "server.hosts", KEY_TEXTS, NODE_AT(struct server_draft, hosts), .most = API_HOST_COUNT_MAX, .fallback = "[]",
      .hint = "[jobs.example.org]",
      .help =
          "Names that the API is asked under, as clients write them into the Host header; other names get 421, so that "
          "no web page reaches us by a name of its own. Numeric addresses and `localhost` need no entry." },
    { "server.origins", KEY_TEXTS, NODE_AT(struct server_draft, origins), .most = API_ORIGIN_COUNT_MAX,
      .fallback = "[]", .hint = "[\"https://dash.example.org\"]",
      .help = "Sites whose pages may use the API from a browser (CORS). Acting requests of other sites' pages are "
              "refused with "
              "403 `cross-site`." },
    { "server.connections_per_address", KEY_INT, NUMBER_AT(struct server_draft, address_connections_max), .least = 1,
      .most = 65536, .fallback = "512",
      .help = "Connections of one address at once (of IPv6: of one /64); more are closed. Those of "
              "`server.trusted_proxies` and of unix sockets are not counted." },
    { "server.max_wait", KEY_DURATION, NUMBER_AT(struct server_draft, max_wait_ms), .least = SECOND_MS,
      .most = 3600 * SECOND_MS, .fallback = "55s",
      .help = "The longest that one request may wait for a job. Proxies often give up at 60 s." },
    { "server.shutdown_grace", KEY_DURATION, NUMBER_AT(struct server_draft, shutdown_grace_ms),
      .most = 3600 * SECOND_MS, .fallback = "30s",
      .help = "How long an orderly stop waits for running jobs before it cancels them." },
    { "server.metrics", KEY_GROUP, .hint = "{listen: \"127.0.0.1:9464\"}",
      .help = "Where Prometheus may ask. On the API's own listeners `GET /metrics` needs the scope `metrics`." },
    { "server.metrics.listen", KEY_TEXT, TEXT_AT(struct server_draft, metrics_listen), .least = 1, .most = 64,
      .help = "A loopback `\"ADDRESS:PORT\"` that serves `/metrics` and nothing else, to whoever asks there: without a "
              "token. None when absent." },
    { "server.tls", KEY_GROUP, .hint = "{cert: /etc/sallyport/tls/cert.pem, key: \"file:/etc/sallyport/tls/key.pem\"}",
      .help =
          "TLS 1.2 and 1.3 on the API's TCP listeners. A reload takes renewed files; connections that stand keep the "
          "certificate that they began with." },
    { "server.tls.cert", KEY_PATH, TEXT_AT(struct server_draft, tls_certificate), .is_required = true,
      .help = "A PEM file with the server's certificate and, behind it, those that vouch for it. As with the "
              "configuration itself, nobody but root may be able to change it, and no step of the path is a symbolic "
              "link." },
    { "server.tls.key", KEY_TEXT, TEXT_AT(struct server_draft, tls_key), .least = 1, .most = PATH_MAX_BYTES,
      .is_required = true,
      .help = "`file:PATH` of its private key: PEM without a passphrase, which only root can read." },
    { "server.tls.client_ca", KEY_PATH, TEXT_AT(struct server_draft, tls_client_ca),
      .help =
          "A PEM file with the authorities that vouch for callers' certificates (`peers.*.cert`). A caller need not "
          "show one; one that does not verify ends the connection. Lists of revoked certificates are not read." },
    { "server.tls.hsts", KEY_DURATION, NUMBER_AT(struct server_draft, tls_hsts_ms), .least = SECOND_MS,
      .most = RETENTION_MAX_MS,
      .help = "For so long browsers shall reach this host by TLS alone (`Strict-Transport-Security`); said over TLS "
              "only, and not at all when absent. Browsers hold to it for that long, also when TLS is given up." },
    { "server.trusted_proxies", KEY_GROUP, .hint = "{peers: [10.0.0.1]}",
      .help = "Proxies that are believed on where a request came from." },
    { "server.trusted_proxies.peers", KEY_TEXTS, NODE_AT(struct server_draft, proxies), .least = 1,
      .most = PROXY_NETWORKS_MAX, .is_required = true, .hint = "[10.0.0.1]",
      .help = "Their addresses and networks. A request from one of these came from the right-most address of its "
              "`X-Forwarded-For` that is none of them, and over TLS if `X-Forwarded-Proto` is `https`; from anybody "
              "else the "
              "headers mean nothing." },
    { "server.sessions", KEY_GROUP, .hint = "{idle: 30m, max_age: 12h}",
      .help = "How long users stay logged in. What is shortened holds for sessions that are there, too." },
    { "server.sessions.idle", KEY_DURATION, NUMBER_AT(struct server_draft, session_idle_ms), .least = SECOND_MS,
      .most = SESSION_MAX_MS, .fallback = "30m",
      .help = "A session that made no request for so long has ended. An open stream is no request." },
    { "server.sessions.max_age", KEY_DURATION, NUMBER_AT(struct server_draft, session_max_ms), .least = SECOND_MS,
      .most = SESSION_MAX_MS, .fallback = "12h", .help = "A session ends so long after its login, whatever it does." },
    LATER("server.max_body_total"),

#if SALLYPORT_TEST_SWITCHES
    { "server.test_clock", KEY_TEXT, TEXT_AT(struct server_draft, test_clock), .least = 1, .most = 64, .help = NULL },
    { "server.test_clock_speed", KEY_INT, NUMBER_AT(struct server_draft, test_clock_speed), .least = 1,
      .most = TEST_CLOCK_SPEED_MAX, .fallback = "1", .help = NULL },
    { "server.test_retry_speed", KEY_INT, NUMBER_AT(struct server_draft, test_retry_speed), .least = 1,
      .most = TEST_CLOCK_SPEED_MAX, .fallback = "1", .help = NULL },
    { "server.test_name_server", KEY_TEXT, TEXT_AT(struct server_draft, test_name_server), .least = 1, .most = 63,
      .help = NULL },
#endif

    { "store", KEY_GROUP, .hint = "{sync: full}", .help = "Where jobs are recorded." },
    { "store.sync", KEY_WORD, NUMBER_AT(struct server_draft, sync), .word = word_sync, .fallback = "full",
      .help = "`full`: an accepted job survives a power cut. `normal`: it survives a crash of any process; the last "
              "second may be lost with the power." },
    { "store.budget", KEY_SIZE, NUMBER_AT(struct server_draft, budget_bytes), .least = MIB, .most = RETENTION_MAX_BYTES,
      .fallback = "50GiB",
      .help =
          "Bytes that the output of all jobs may take together. Beyond it the oldest output of ended jobs is removed, "
          "whatever its command's `retention` says; new jobs are refused with 503 `store-full` while running ones "
          "alone fill it." },
    { "store.free_min", KEY_SIZE, NUMBER_AT(struct server_draft, free_min_bytes), .most = RETENTION_MAX_BYTES,
      .fallback = "256MiB",
      .help = "Space that the file system of the state directory keeps free. Below it new jobs are refused with 503 "
              "`store-full`, and running ones go on. Nothing is removed for it: what fills the disk may not be ours." },

    { "slots", KEY_GROUP, .hint = "{count: 64}", .help = "How many jobs run at once, and with which ids." },
    { "slots.count", KEY_INT, NUMBER_AT(struct server_draft, slot_count), .least = 1, .most = SLOT_COUNT_MAX,
      .fallback = "64", .help = "Jobs at once with an id of their own." },
    { "slots.per_user", KEY_INT, NUMBER_AT(struct server_draft, slots_per_user), .least = 1, .most = SLOT_COUNT_MAX,
      .fallback = "4", .help = "Jobs at once for each `user` that commands name." },
    { "slots.first_uid", KEY_INT, NUMBER_AT(struct server_draft, first_uid), .least = 65536, .most = UINT32_MAX - 1,
      .fallback = "1879048192", .help = "The first of two ids for each slot. Nobody else may use this range." },

    { "images", KEY_GROUP, .hint = "{dir: /srv/sallyport-images}", .help = "Roots that are images." },
    { "images.dir", KEY_PATH, TEXT_AT(struct server_draft, images_dir), .fallback = IMAGE_STORE_DEFAULT,
      .help =
          "Where `sallyport image pull` puts them: a directory of root's, or of a rootless service's user, alone." },

    { "limits", KEY_GROUP, .hint = "{running: 100, rate: 1000/1h}", .help = "What all callers together may have." },
    QUOTA_KEYS("limits", struct server_draft, "all callers"),

    { "defaults", KEY_GROUP, .hint = "{timeout: 10m}", .help = "What every command has unless it says otherwise." },
    LIMIT_KEYS("defaults", struct server_draft, OURS),
    NOTICE_KEYS("defaults", default_event_life, ""),

    { "tokens", KEY_ENTRIES, .most = TOKEN_COUNT_MAX, .entries = &token_life, .hint = "{ci: {hash: ..., allow: [...]}}",
      .help = "Who may call over the network. Revoke a token by removing its lines and reloading." },
    { "tokens.*", KEY_GROUP, .hint = "{hash: ..., allow: [\"run:*\", read:own]}",
      .help = "The name under which the caller appears in records." },
    { "tokens.*.hash", KEY_TEXT_OR_TEXTS, NODE_AT(struct identity_draft, hashes), .least = 1, .most = TOKEN_SECRETS_MAX,
      .is_required = true,
      .help = "`\"sha256:DIGITS\"` as `sallyport token create` prints it; while one secret replaces another a list of "
              "both, the newest first. Or `file:PATH` of a file that holds such lines, up to two: `sallyport token "
              "rotate` and `revoke` change it. An empty file is a token that was revoked." },
    { "tokens.*.allow", KEY_TEXTS, NODE_AT(struct identity_draft, allow), .least = 1, .most = SCOPE_COUNT_MAX,
      .is_required = true, .hint = "[\"run:deploy-*\", read:own]",
      .help = "Any of `run:COMMAND` (`*` stands for any characters), `read:own`, `read:all`, `cancel:own`, "
              "`cancel:all`, `metrics`, `admin:functions` (to make and delete functions of go-serverless), `admin`." },
    CALLER_KEYS("tokens.*"),

    { "peers", KEY_ENTRIES, .most = TOKEN_COUNT_MAX, .entries = &peer_life, .hint = "{ops: {uid: 0, allow: [admin]}}",
      .help = "Who may call without a token: on a unix socket, known by uid, or over TLS with a certificate. Nobody is "
              "known "
              "by default, root neither." },
    { "peers.*", KEY_GROUP, .hint = "{uid: 0, allow: [admin]}",
      .help = "The name under which the caller appears in records. Tokens and peers share these names." },
    { "peers.*.uid", KEY_INT, NUMBER_AT(struct identity_draft, uid), .most = UINT32_MAX - 1,
      .help = "The caller's uid, or else:" },
    { "peers.*.cert", KEY_TEXT, TEXT_AT(struct identity_draft, claim), .least = 1, .most = CLAIM_MAX_BYTES - 1,
      .help = "A name in the caller's certificate, letter for letter: `dns:NAME`, `email:ADDRESS` or `uri:URI` of its "
              "subjectAltName, or `subject:` and what `openssl x509 -noout -subject -nameopt RFC2253` prints. Needs "
              "`server.tls.client_ca`, whose authorities can make any caller of this kind." },
    { "peers.*.predecessor", KEY_TEXT, TEXT_AT(struct identity_draft, predecessor), .least = 1,
      .most = NAME_MAX_BYTES - 1,
      .help = "Who calls on the listener of that predecessor (`predecessors.*.listen`, which must be of loopback then) "
              "and shows no token: any program of this host. For clients that cannot send one." },
    { "peers.*.allow", KEY_TEXTS, NODE_AT(struct identity_draft, allow), .least = 1, .most = SCOPE_COUNT_MAX,
      .is_required = true, .hint = "[admin]",
      .help =
          "As for tokens. `admin` is for those who are known by `uid`: what else is said of a peer, the process says "
          "that reads what strangers send." },
    { "peers.*.limits", KEY_GROUP, .hint = "{running: 4, rate: 100/1h}", .help = "What this caller may have." },
    QUOTA_KEYS("peers.*.limits", struct identity_draft, "this caller"),

    { "users", KEY_ENTRIES, .most = TOKEN_COUNT_MAX, .entries = &user_life,
      .hint = "{alice: {password: ..., allow: [...]}}",
      .help = "Who may log in with a password, for a session in a browser (docs/users.md). Records call them "
              "`user:NAME`, so that a token may have the same name." },
    { "users.*", KEY_GROUP, .hint = "{password: \"file:/etc/sallyport/users/alice\", allow: [\"run:*\", read:own]}",
      .help = "The name to log in with." },
    { "users.*.password", KEY_TEXT, TEXT_AT(struct identity_draft, password), .least = 1, .most = PATH_MAX_BYTES + 4,
      .is_required = true, .hint = "\"file:/etc/sallyport/users/alice\"",
      .help = "`file:PATH` of a file that its owner alone can read, with the line that `sallyport user hash` prints. "
              "Another line there, and a reload, end the user's sessions. An empty file is nobody's password." },
    { "users.*.allow", KEY_TEXTS, NODE_AT(struct identity_draft, allow), .least = 1, .most = SCOPE_COUNT_MAX,
      .is_required = true, .hint = "[\"run:deploy-*\", read:own]", .help = "As for tokens." },
    CALLER_KEYS("users.*"),

    { "commands", KEY_ENTRIES, .most = COMMAND_COUNT_MAX, .entries = &command_life,
      .hint = "{hello: {exec: [/usr/bin/echo, hello]}}", .help = "What may run. Nothing else does." },
    { "commands.*", KEY_GROUP, .hint = "{exec: [/usr/bin/echo, hello]}", .help = "The name in requests." },
    { "commands.*.title", KEY_TEXT, TEXT_AT(struct command_draft, title), .most = 200,
      .help = "A short line for people." },
    { "commands.*.description", KEY_TEXT, TEXT_AT(struct command_draft, description), .most = 4096,
      .help = "What it does, for people." },
    { "commands.*.group", KEY_TEXT, TEXT_AT(struct command_draft, group), .most = 64,
      .help = "Commands of one group are shown together." },
    { "commands.*.exec", KEY_TEXTS, NODE_AT(struct command_draft, exec), .least = 1, .most = ARGUMENT_COUNT_MAX,
      .hint = "[/usr/bin/echo, \"{text}\"], the program and one element for each argument; there is no shell to split "
              "a text",
      .help = "The program (an absolute path) and its arguments; no shell is involved. `\"{name}\"` is replaced by "
              "the parameter, always within one argument; `\"{name...}\"` alone becomes an argument for each item of "
              "a list; `{{` and `}}` are plain braces." },
    { "commands.*.image", KEY_TEXT, TEXT_AT(struct command_draft, image), .least = 1, .most = IMAGE_REFERENCE_BYTES - 1,
      .hint = "registry.example/team/tool@sha256:DIGITS",
      .help =
          "The job's root is this image, in place of the host's programs: `NAME@sha256:DIGITS`, pulled before with "
          "`sallyport image pull`. What the job writes there is its own, and gone with it. Without `exec` the "
          "image's entrypoint runs; `workdir` and `env` come before the image's. [images.md](images.md) explains it." },
    { "commands.*.params", KEY_ENTRIES, .most = PARAM_COUNT_MAX, .entries = &param_life,
      .hint = "{name: {type: string}}", .help = "What a caller may or must say." },
    { "commands.*.params.*", KEY_GROUP, .hint = "{type: string}", .help = "The name in requests and placeholders." },
    { "commands.*.params.*.type", KEY_WORD, NUMBER_AT(struct param_draft, rule.type), .word = word_param_type,
      .is_required = true, .help = "What kind of value it is." },
    RULE_KEYS("commands.*.params.*", rule),
    { "commands.*.params.*.of", KEY_GROUP, .for_types = TYPE(PARAM_LIST), .hint = "{type: string}",
      .help = "The rules for each item of a `list`." },
    { "commands.*.params.*.of.type", KEY_WORD, NUMBER_AT(struct param_draft, item.type), .word = word_item_type,
      .is_required = true, .help = "What kind of value an item is." },
    RULE_KEYS("commands.*.params.*.of", item),
    { "commands.*.params.*.min_items", KEY_INT, NUMBER_AT(struct param_draft, min_items), .most = LIST_ITEMS_MAX,
      .for_types = TYPE(PARAM_LIST), .fallback = "0", .help = "The least items." },
    { "commands.*.params.*.max_items", KEY_INT, NUMBER_AT(struct param_draft, max_items), .least = 1,
      .most = LIST_ITEMS_MAX, .for_types = TYPE(PARAM_LIST), .fallback = "1024", .help = "The most items." },
    { "commands.*.params.*.required", KEY_BOOL, BOOL_AT(struct param_draft, is_required), .fallback = "false",
      .help = "A request without it is refused." },
    { "commands.*.params.*.default", KEY_VALUE, NODE_AT(struct param_draft, fallback), .for_types = WRITTEN_DOWN,
      .help = "The value when a request has none. What a placeholder uses is required or has a default." },
    { "commands.*.params.*.help", KEY_TEXT, TEXT_AT(struct param_draft, help), .most = 1000, .help = "For people." },
    { "commands.*.params.*.example", KEY_VALUE, NODE_AT(struct param_draft, example), .for_types = WRITTEN_DOWN,
      .help = "A value to show; it must pass the parameter's own rules." },
    { "commands.*.params.*.deliver", KEY_TEXT, TEXT_AT(struct param_draft, deliver), .least = 1, .most = 128,
      .for_types = TYPE(PARAM_SECRET),
      .help = "`env:NAME`: the secret is in this variable. Without it the secret is in a file that the job alone can "
              "read; a placeholder becomes its path." },
    LATER("commands.*.params.*.from"),
    { "commands.*.env", KEY_ENTRIES, NODE_AT(struct command_draft, env), .most = ENV_COUNT_MAX, .entries = &env_life,
      .hint = "{LANG: C.UTF-8}", .help = "Variables beside HOME, USER, PATH and LANG, which a job always has." },
    { "commands.*.env.*", KEY_TEXT, .most = 32768,
      .help = "The value, with placeholders as in `exec`. `SALLYPORT_` names are ours; variables that loaders and "
              "interpreters obey (`LD_PRELOAD`, `PATH`, `BASH_ENV`, ...) may not hold a placeholder." },
    { "commands.*.workdir", KEY_PATH, TEXT_AT(struct command_draft, workdir),
      .help = "Where the job starts; its own /tmp when absent." },
    { "commands.*.user", KEY_TEXT, TEXT_AT(struct command_draft, user), .least = 1, .most = 32,
      .help = "The account whose id the job has; never root. When absent each running job has an id of its own." },
    { "commands.*.mode", KEY_WORD, NUMBER_AT(struct command_draft, mode), .word = word_mode, .fallback = "async",
      .help = "Whether a request that does not say waits for the end." },
    { "commands.*.stdin", KEY_WORD, NUMBER_AT(struct command_draft, stdin_kind), .word = word_stdin, .fallback = "none",
      .help =
          "`body`: a request may send standard input. `stream`: more may be sent while the job runs, until it is said "
          "to end." },
    { "commands.*.stdin_idle", KEY_DURATION, NUMBER_AT(struct command_draft, stdin_idle_ms), .least = 100,
      .most = TIMEOUT_MAX_MS,
      .help = "A stream to a running job ends when nothing came for so long; otherwise the job's timeout ends both." },
    { "commands.*.stdin_max", KEY_SIZE, NUMBER_AT(struct command_draft, stdin_max_bytes), .least = 1,
      .most = STDIN_MAX_BYTES, .fallback = "64MiB", .help = "The most standard input." },
    { "commands.*.files_max", KEY_SIZE, NUMBER_AT(struct command_draft, files_max_bytes), .least = 1,
      .most = UPLOADS_MAX_BYTES, .fallback = "64MiB",
      .help = "The most bytes of all parameters of type `file` together. They lie in /run/files, which is memory and "
              "counts as such." },
    { "commands.*.artifacts", KEY_TEXTS, NODE_AT(struct command_draft, artifacts), .least = 1,
      .most = ARTIFACT_GLOB_COUNT_MAX, .hint = "[\"report/*.xml\", out.bin]",
      .help =
          "Files that are kept after the job's end, as patterns below its own /tmp, where it must work: `*`, `?` and "
          "`[a-z]` within one component, at most 8 components, neither `..` nor `**`; a name that begins with a dot "
          "is matched only by a dot. At most 100 files, each a regular file with one name that the job itself can "
          "read; what else matches is listed with the reason." },
    { "commands.*.artifacts_max", KEY_SIZE, NUMBER_AT(struct command_draft, artifacts_max_bytes), .least = 1,
      .most = ARTIFACTS_MAX_BYTES, .fallback = "64MiB",
      .help = "The most bytes of all `artifacts` of a job together." },
    { "commands.*.record", KEY_WORD, NUMBER_AT(struct command_draft, record), .word = word_record, .fallback = "full",
      .help = "`metadata-only`: who ran it, when, and how it ended, but not what went in and out. Parameters are never "
              "stored, so a job that waits when the service is restarted is `rejected`. Standard input is on disk "
              "until the "
              "job's end; output until ten seconds after it, for those who waited." },
    { "commands.*.signals", KEY_WORDS, NUMBER_AT(struct command_draft, signals), .word = word_signal, .fallback = "[]",
      .hint = "[HUP, USR1]", .help = "Signals that may be sent to a running job." },
    FOLLOW_KEYS("steps", step_life,
                "In place of `exec`: commands that are run one after another, as jobs of their own. "
                "The first that fails ends the sequence, which then ends like it."),
    { "commands.*.steps.*.continue", KEY_BOOL, BOOL_AT(struct follow_draft, continues), .fallback = "false",
      .help = "The sequence goes on although this step failed." },
    { "commands.*.parallel", KEY_INT, NUMBER_AT(struct command_draft, parallel), .least = 1, .most = STEP_COUNT_MAX,
      .fallback = "1", .help = "How many `steps` run at once." },
    FOLLOW_KEYS("then", then_life, "Commands that are run when a job of this one has succeeded."),
    FOLLOW_KEYS("on_failure", on_failure_life,
                "Commands that are run when a job of this one has failed, timed out, was "
                "lost or could not be launched."),
    FOLLOW_KEYS("always", always_life,
                "Commands that are run when a job of this one has ended in any way, also when it "
                "was cancelled."),
    NOTICE_KEYS("commands.*", event_life, " What stands here for an event replaces what `defaults` say of it."),
    LIMIT_KEYS("commands.*", struct command_draft, INHERITED),
    { "commands.*.sandbox.read", KEY_PATHS, NODE_AT(struct command_draft, read), .most = BIND_COUNT_MAX,
      .hint = "[/opt/deploy]", .help = "Files and directories of the host that the job sees, read-only." },
    { "commands.*.sandbox.write", KEY_PATHS, NODE_AT(struct command_draft, write), .most = BIND_COUNT_MAX,
      .hint = "[/opt/deploy/releases]",
      .help = "The same, writable. Needs `user`: an id that others get later must leave nothing behind." },
    { "commands.*.sandbox.io", KEY_ENTRIES, .most = DISK_COUNT_MAX, .entries = &disk_life,
      .hint = "{/srv/data: {read: 20MiB, write: 5MiB}}",
      .help =
          "How fast a job may read from disks and write to them, all of its processes together. Needs the io "
          "controller, or `degrade: [cgroup-io]`. Counted is what goes to the disk and comes from it: nothing of /tmp, "
          "nothing that is read from the page cache, no output (the keeper writes it), and what is written through the "
          "page cache only where the file system tells whose it is (ext4, btrfs, xfs), with the memory controller. See "
          "[SECURITY.md](../SECURITY.md#not-promised)." },
    { "commands.*.sandbox.io.*", KEY_GROUP, .hint = "{read: 20MiB, write: 5MiB}",
      .help = "The path of a disk, or of a file or directory on one without symbolic links. The whole disk is limited, "
              "also when this is a part of it. It is looked up when the configuration is read; a command whose disk "
              "is not found is refused." },
    { "commands.*.sandbox.io.*.read", KEY_SIZE, NUMBER_AT(struct disk_limit, read_bytes), .least = 4096,
      .most = DISK_RATE_MAX_BYTES, .help = "Bytes to read in a second; without it they are not limited." },
    { "commands.*.sandbox.io.*.write", KEY_SIZE, NUMBER_AT(struct disk_limit, write_bytes), .least = 4096,
      .most = DISK_RATE_MAX_BYTES, .help = "Bytes to write in a second; without it they are not limited." },
    { "commands.*.sandbox.io.*.read_ops", KEY_INT, NUMBER_AT(struct disk_limit, reads), .least = 1,
      .most = DISK_OPS_MAX,
      .help = "Operations of reading in a second, however large; without it they are not limited." },
    { "commands.*.sandbox.io.*.write_ops", KEY_INT, NUMBER_AT(struct disk_limit, writes), .least = 1,
      .most = DISK_OPS_MAX, .help = "The same of writing." },
#if SALLYPORT_TEST_SWITCHES
    { "commands.*.test_layers_off", KEY_WORDS, NUMBER_AT(struct command_draft, test_layers_off), .word = word_layer,
      .fallback = "[]", .help = NULL },
#endif
    { "commands.*.priority", KEY_INT, NUMBER_AT(struct command_draft, queue.priority), .most = PRIORITY_MAX,
      .fallback = "5",
      .help =
          "Which of the waiting jobs starts first: 9 before all others. A request may ask for less, never for more." },
    { "commands.*.concurrency", KEY_GROUP, .hint = "{limit: 1, key: \"{env}\"}",
      .help = "How many jobs of this command run at once, and what becomes of the others." },
    { "commands.*.concurrency.limit", KEY_INT, NUMBER_AT(struct command_draft, queue.limit), .least = 1,
      .most = SLOT_COUNT_MAX, .help = "Jobs of one key at once; without it slots alone are the limit." },
    { "commands.*.concurrency.key", KEY_TEXT, TEXT_AT(struct command_draft, queue.key), .least = 1, .most = 1000,
      .help =
          "Jobs with the same key wait for each other: text with placeholders of parameters, but of no secret and no "
          "list. Without it all jobs of the command do. The key is kept with the job, so a command with `record: "
          "metadata-only` has none with placeholders." },
    { "commands.*.concurrency.when_full", KEY_WORD, NUMBER_AT(struct command_draft, queue.when_full),
      .word = word_when_busy, .fallback = "queue",
      .help =
          "When `limit` jobs of the key run or wait: `queue` lets one more wait, in the order of acceptance; "
          "`reject` refuses it with 429 `concurrency-full`; `replace` cancels those of the key that wait, never one "
          "that runs; `coalesce` makes no new job and answers with the one that waits." },
    { "commands.*.concurrency.max_queue", KEY_INT, NUMBER_AT(struct command_draft, queue.max_queue), .least = 1,
      .most = QUEUE_MAX, .help = "Jobs of one key that wait; one more is refused with 503 `queue-full`." },
    { "commands.*.concurrency.max_wait", KEY_DURATION, NUMBER_AT(struct command_draft, queue.max_wait_ms), .least = 100,
      .most = QUEUE_TIME_MAX_MS, .help = "How long a job waits, whatever it waits for. Then it is `rejected`." },
    { "commands.*.rate", KEY_RATE, RATE_AT(struct command_draft, queue.rate), .hint = "10/1h",
      .help =
          "Jobs of the command that are accepted in any such period; one more is refused with 429 `rate-limited`." },
    { "commands.*.dedupe", KEY_GROUP, .hint = "{key: \"{env}\", window: 30s}",
      .help = "A request that comes soon after another is the same: it is answered with the job of the first." },
    { "commands.*.dedupe.key", KEY_TEXT, TEXT_AT(struct command_draft, queue.dedupe_key), .least = 1, .most = 1000,
      .help = "Which requests are the same; as `concurrency.key`." },
    { "commands.*.dedupe.window", KEY_DURATION, NUMBER_AT(struct command_draft, queue.dedupe_ms), .least = 100,
      .most = QUEUE_TIME_MAX_MS, .is_required = true, .hint = "30s",
      .help = "For how long after the first was accepted." },
    LATER("commands.*.approval"),
    LATER("commands.*.allow"),
    ROUTE_KEYS,
    LATER("commands.*.files"),
    LATER("commands.*.rerun"),
    LATER("commands.*.confirm"),
    LATER("commands.*.danger"),

    { "schedules", KEY_ENTRIES, .most = SCHEDULE_COUNT_MAX, .entries = &schedule_life,
      .hint = "{nightly: {command: hello, cron: \"30 3 * * *\"}}",
      .help = "What runs by the clock, without a caller. A schedule has one of `cron`, `every` and `at`. "
              "[schedules.md](schedules.md) explains zones, jumps of the clock and missed runs." },
    { "schedules.*", KEY_GROUP, .hint = "{command: hello, cron: \"30 3 * * *\"}", .help = "The name in records." },
    { "schedules.*.command", KEY_TEXT, TEXT_AT(struct schedule_draft, command), .least = 1, .most = NAME_MAX_BYTES - 1,
      .is_required = true, .help = "Which command runs." },
    { "schedules.*.params", KEY_ENTRIES, NODE_AT(struct schedule_draft, params), .most = PARAM_COUNT_MAX,
      .entries = &schedule_param_life, .hint = "{env: staging}", .help = "What a caller would say." },
    { "schedules.*.params.*", KEY_VALUE,
      .help = "The parameter's value. The command's own rules judge it when the configuration is read. A secret cannot "
              "be given here." },
    { "schedules.*.cron", KEY_TEXT, TEXT_AT(struct schedule_draft, cron), .least = 1, .most = SCHEDULE_TEXT_BYTES - 1,
      .help =
          "A cron entry: minute, hour, day of the month, month, day of the week; or `@hourly`, `@daily`, `@weekly`, "
          "`@monthly`, `@yearly`. Quote it." },
    { "schedules.*.every", KEY_TEXT, TEXT_AT(struct schedule_draft, every), .least = 1, .most = SCHEDULE_TEXT_BYTES - 1,
      .help = "A duration, 1s to 366d: at all multiples of it since 1970-01-01T00:00:00Z." },
    { "schedules.*.at", KEY_TEXT, TEXT_AT(struct schedule_draft, at), .least = 1, .most = SCHEDULE_TEXT_BYTES - 1,
      .help =
          "Once: `2027-01-31T18:00:00+01:00`, `2027-01-31T17:00:00Z`, or without an offset a local time of `zone`." },
    { "schedules.*.zone", KEY_TEXT, TEXT_AT(struct schedule_draft, zone), .least = 1, .most = NAME_MAX_BYTES - 1,
      .fallback = "UTC",
      .help = "The time zone of `cron` and `at`, such as `Europe/Berlin`: a name of /usr/share/zoneinfo." },
    { "schedules.*.jitter", KEY_DURATION, NUMBER_AT(struct schedule_draft, jitter_ms), .most = JITTER_MAX_MS,
      .fallback = "0s",
      .help = "A run starts up to this much later, so that not all start at once. How much depends on the schedule's "
              "name and the time: it is the same after a restart." },
    { "schedules.*.missed", KEY_WORD, NUMBER_AT(struct schedule_draft, missed), .word = word_missed, .fallback = "skip",
      .help =
          "What becomes of runs that fell into a time in which the service was stopped: `skip` leaves them out, "
          "`run-once` starts the latest, `run-all` starts all, at most the latest 100. A run that is not more than a "
          "minute late is started in any case." },
    { "schedules.*.enabled", KEY_BOOL, BOOL_AT(struct schedule_draft, is_enabled), .fallback = "true",
      .help = "`false`: it is checked and does not run." },

    CALLBACK_KEYS,
    PREDECESSOR_KEYS,
    HOOK_KEYS,
    LATER("groups"),
    LATER("nodes"),
};
/* clang-format on */

const size_t key_count = sizeof keys / sizeof keys[0];
