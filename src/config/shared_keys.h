/*
 * Rows of the table of keys (keys.c) that stand in several places of a configuration: each macro gives those below one prefix. Only
 * keys.c takes this, behind the names that they use.
 */
#pragma once

/* Other commands that a command has run. */
/* clang-format off */
#define FOLLOW_KEYS(name, life, text)                                                                                  \
    { "commands.*." name, KEY_MAPS, .least = 1, .most = STEP_COUNT_MAX, .entries = &(life),                            \
      .hint = "[{command: NAME, params: {ref: \"{ref}\"}}]", .help = text },                                           \
    { "commands.*." name ".*", KEY_GROUP, .hint = "{command: NAME}", .help = "One of them." },                         \
    { "commands.*." name ".*.command", KEY_TEXT, TEXT_AT(struct follow_draft, command), .least = 1,                    \
      .most = NAME_MAX_BYTES - 1, .is_required = true, .help = "Which command." },                                     \
    { "commands.*." name ".*.params", KEY_ENTRIES, NODE_AT(struct follow_draft, params), .most = PARAM_COUNT_MAX,      \
      .entries = &pass_life, .hint = "{ref: \"{ref}\"}",                                                               \
      .help = "Its parameters. `{name}` stands for a parameter of this command." },                                    \
    { "commands.*." name ".*.params.*", KEY_VALUE, .help = "A value or a list, with placeholders as in `exec`." }
/* clang-format on */

/* What `defaults:` and each command have in common. A default's fallback is ours, a command's is that of `defaults:`. */
/* clang-format off */
#define LIMIT_KEYS(prefix, draft, IS)                                                                                  \
    { prefix ".timeout", KEY_DURATION, NUMBER_AT(draft, limits.timeout_ms), .least = 100, .most = TIMEOUT_MAX_MS,      \
      .fallback = IS("10m"), .help = "How long a job may run. Then it gets TERM, and KILL after `grace`." },           \
    { prefix ".grace", KEY_DURATION, NUMBER_AT(draft, limits.grace_ms), .most = GRACE_MAX_MS, .fallback = IS("10s"),   \
      .help = "How long a job may take between TERM and KILL." },                                                      \
    { prefix ".sandbox", KEY_GROUP, .hint = "{profile: base, network: none}",                                          \
      .help = "What a job sees of the host, and how much of it." },                                                    \
    { prefix ".sandbox.profile", KEY_WORD, NUMBER_AT(draft, limits.profile), .word = word_profile,                     \
      .fallback = IS("base"), .help = "Which system calls a job may make." },                                          \
    { prefix ".sandbox.network", KEY_WORD, NUMBER_AT(draft, limits.network), .word = word_network,                     \
      .fallback = IS("none"), .help = "`none`: not even loopback is shared. `host`: the host's own network." },        \
    { prefix ".sandbox.memory", KEY_SIZE, NUMBER_AT(draft, limits.memory_bytes), .least = 4 * MIB,                     \
      .most = 16 * 1024 * 1024 * MIB, .fallback = IS("512MiB"), .help = "Memory of all of a job's processes." },       \
    { prefix ".sandbox.pids", KEY_INT, NUMBER_AT(draft, limits.pids), .least = 1, .most = 32768,                       \
      .fallback = IS("256"), .help = "Processes and threads of a job at once." },                                      \
    { prefix ".sandbox.tmp", KEY_SIZE, NUMBER_AT(draft, limits.tmp_bytes), .least = 64 * 1024,                         \
      .most = 1024 * 1024 * MIB, .fallback = IS("256MiB"),                                                             \
      .help = "Size of the job's own /tmp, which is memory and counts as such." },                                     \
    { prefix ".sandbox.landlock_abi", KEY_INT, NUMBER_AT(draft, limits.landlock_abi), .least = 2, .most = 1000,        \
      .fallback = IS("2"), .help = "The least Landlock that the kernel must have; below it jobs are refused." },       \
    { prefix ".output", KEY_GROUP, .hint = "{max: 64MiB, when_full: kill}", .help = "What a job may say." },           \
    { prefix ".output.max", KEY_SIZE, NUMBER_AT(draft, limits.output_bytes), .least = 1, .most = 1024 * 1024 * MIB,    \
      .fallback = IS("64MiB"), .help = "Bytes of output that are kept, both streams together." },                      \
    { prefix ".output.when_full", KEY_WORD, NUMBER_AT(draft, limits.when_full), .word = word_when_full,                \
      .fallback = IS("kill"), .help = "`kill` ends the job; `discard` lets it go on and keeps the head." },            \
    { prefix ".degrade", KEY_WORDS, NUMBER_AT(draft, limits.degrade), .word = word_degrade, .fallback = IS("[]"),      \
      .hint = "[cgroup-memory]",                                                                                       \
      .help = "What the host may lack: weaker means are used instead, and every job report says so. A command's "      \
              "own list replaces that of `defaults`." },                                                               \
    { prefix ".retention", KEY_GROUP, .hint = "{age: 90d, count: 5000}",                                               \
      .help = "How long what ended jobs leave behind is kept. Of each command, the output that is beyond any of "      \
              "`age`, `count` and `bytes` is removed, the oldest first; the job's record stays, and a request for "    \
              "its output is answered with 410 `output-expired`." },                                                   \
    { prefix ".retention.age", KEY_DURATION, NUMBER_AT(draft, limits.retention_age_ms), .least = SECOND_MS,            \
      .most = RETENTION_MAX_MS, .fallback = IS("90d"), .help = "How long after a job's end its output is kept." },     \
    { prefix ".retention.count", KEY_INT, NUMBER_AT(draft, limits.retention_count), .most = 1000000000,                \
      .fallback = IS("5000"), .help = "Of how many ended jobs output is kept: the newest." },                          \
    { prefix ".retention.bytes", KEY_SIZE, NUMBER_AT(draft, limits.retention_bytes), .most = RETENTION_MAX_BYTES,      \
      .fallback = IS("10GiB"),                                                                                         \
      .help = "Bytes of output of ended jobs that are kept, with the index that lies beside them." },                  \
    { prefix ".retention.records", KEY_DURATION, NUMBER_AT(draft, limits.retention_records_ms), .least = SECOND_MS,    \
      .most = RETENTION_MAX_MS, .fallback = IS("400d"),                                                                \
      .help = "How long after a job's end its record is kept; output goes with it at the latest. Then the job is "     \
              "unknown (404). The audit trail is not touched." },                                                      \
    { prefix ".sandbox.cpu_time", KEY_DURATION, NUMBER_AT(draft, limits.cpu_time_ms), .least = 10,                     \
      .most = TIMEOUT_MAX_MS,                                                                                          \
      .help = "Processor time of all of a job's processes together. Who used it up is killed, without a `grace`." },   \
    { prefix ".sandbox.cpus", KEY_DECIMAL, NUMBER_AT(draft, limits.cpu_thousandths), .least = 10,                      \
      .most = CPU_COUNT_MAX * 1000,                                                                                    \
      .help = "So many processors' worth of time in each tenth of a second, all of a job's processes together: `0.5` " \
              "is half of one. Who used it up waits for the next. Needs the cpu controller, or "                       \
              "`degrade: [cgroup-cpu]`. Without it a job may use all." }
/* clang-format on */

/* What narrows callers that show a secret: tokens and users. QUOTA_KEYS stands below. */
/* clang-format off */
#define CALLER_KEYS(prefix)                                                                                            \
    { prefix ".expires", KEY_TEXT, TEXT_AT(struct identity_draft, expires), .least = 1, .most = 64,                    \
      .help = "A date (`2027-01-31`: to the end of that day, UTC) or a time (`2027-01-31T18:00:00Z`); never when "     \
              "absent." },                                                                                             \
    { prefix ".limits", KEY_GROUP, .hint = "{running: 4, rate: 100/1h}", .help = "What this caller may have." },       \
    QUOTA_KEYS(prefix ".limits", struct identity_draft, "this caller"),                                                \
    { prefix ".params", KEY_ENTRIES, NODE_AT(struct identity_draft, pins), .most = PARAM_COUNT_MAX,                    \
      .entries = &pin_life, .hint = "{env: [staging]}",                                                                \
      .help = "What this caller may say for parameters of these names, in whatever command, and in steps and what "    \
              "follows its jobs, too; other values are refused with 403 `param-not-allowed`." },                       \
    { prefix ".params.*", KEY_VALUE,                                                                                   \
      .help = "The values, as they are written; of a list each item is one of them. A default counts as said; a "      \
              "parameter that is left out and has none is refused." },                                                 \
    { prefix ".from", KEY_TEXTS, NODE_AT(struct identity_draft, from), .least = 1, .most = FROM_COUNT_MAX,             \
      .hint = "[10.2.0.0/16]",                                                                                         \
      .help = "Addresses and networks from which this caller is taken, and from nowhere else; not on a unix socket, "  \
              "which has no address. An IPv4 address that came as an IPv6 one is the same. From anywhere when absent." }
/* clang-format on */

/* What a caller, or all together, may have of the service. */
/* clang-format off */
#define QUOTA_KEYS(prefix, draft, whose)                                                                               \
    { prefix ".running", KEY_INT, NUMBER_AT(draft, quota.running), .least = 1, .most = 2 * SLOT_COUNT_MAX,             \
      .help = "Jobs of " whose " that run at once; more wait." },                                                      \
    { prefix ".waiting", KEY_INT, NUMBER_AT(draft, quota.waiting), .least = 1, .most = QUEUE_MAX,                      \
      .help = "Jobs of " whose " that wait; one more is refused with 503 `queue-full`." },                             \
    { prefix ".rate", KEY_RATE, RATE_AT(draft, quota.rate), .hint = "100/1h",                                          \
      .help = "Jobs of " whose " that are accepted in any such period; one more is refused with 429 `rate-limited`." }
/* clang-format on */

/* The rules for one value: of a parameter, and of a list's items. */
/* clang-format off */
#define RULE_KEYS(prefix, member)                                                                                      \
    { prefix ".pattern", KEY_TEXT, TEXT_AT(struct param_draft, member.pattern), .least = 1, .most = 4096,              \
      .for_types = STRINGS,                                                                                            \
      .help = "A regular expression (PCRE2) that the whole value must match. Quote it: `\"v[0-9]+\"`." },              \
    { prefix ".partial", KEY_BOOL, BOOL_AT(struct param_draft, member.is_partial), .for_types = STRINGS,               \
      .fallback = "false", .help = "The pattern may match anywhere in the value." },                                   \
    { prefix ".allow_dash", KEY_BOOL, BOOL_AT(struct param_draft, member.allows_dash),                                 \
      .for_types = TYPE(PARAM_STRING), .fallback = "false",                                                            \
      .help = "The value may start with `-`, and so be taken for an option." },                                        \
    { prefix ".min", KEY_SCALAR, TEXT_AT(struct param_draft, member.min), .for_types = NUMBERS,                        \
      .help = "The smallest value." },                                                                                 \
    { prefix ".max", KEY_SCALAR, TEXT_AT(struct param_draft, member.max), .for_types = NUMBERS | FILES,                \
      .help = "The largest value; of a file its most bytes, such as `16MiB`, which is what a file without `max` has." },                                                                                  \
    { prefix ".min_length", KEY_INT, NUMBER_AT(struct param_draft, member.min_length), .most = PARAMS_MAX_BYTES,       \
      .for_types = STRINGS, .fallback = "0", .help = "The least bytes of UTF-8." },                                    \
    { prefix ".max_length", KEY_INT, NUMBER_AT(struct param_draft, member.max_length), .least = 1,                     \
      .most = PARAMS_MAX_BYTES, .for_types = STRINGS, .fallback = "4096", .help = "The most bytes of UTF-8." },        \
    { prefix ".values", KEY_TEXTS, NODE_AT(struct param_draft, member.values), .least = 1, .most = 1024,               \
      .for_types = TYPE(PARAM_ENUM), .hint = "[staging, prod]", .help = "What an `enum` may be." },                    \
    { prefix ".values_from", KEY_PATH, TEXT_AT(struct param_draft, member.values_from),                                \
      .for_types = TYPE(PARAM_ENUM), .hint = "/srv/scripts",                                                           \
      .help = "In place of `values`: a directory whose files' names they are, as it is when the configuration is "      \
              "read. Only regular files count whose names have no blanks and do not begin with a dot; nobody but "      \
              "root may be able to change the directory." }
/* clang-format on */

/* clang-format off */
#define NOTICE_KEYS(prefix, life, text)                                                                                \
    { prefix ".on", KEY_ENTRIES, .most = 16, .entries = &(life), .hint = "{failed: [{callback: chat}]}",               \
      .help = "Which callbacks are told of which events: `started`, `succeeded`, `failed`, `timed_out`, "              \
              "`cancelled`, `lost`, `launch_failed`, `rejected`, `recovered` (the first success after a failure of "   \
              "the same command and the same `concurrency.key`)." text },                                              \
    { prefix ".on.*", KEY_MAPS, .most = NOTICE_LIST_MAX, .entries = &notice_life, .hint = "[{callback: chat}]",        \
      .help = "Who is told of this event." },                                                                          \
    { prefix ".on.*.*", KEY_GROUP, .hint = "{callback: chat}", .help = "One of them." },                               \
    { prefix ".on.*.*.callback", KEY_TEXT, TEXT_AT(struct notice_draft, callback), .least = 1,                         \
      .most = NAME_MAX_BYTES - 1, .is_required = true, .help = "The name of a callback that has a `url`." },           \
    { prefix ".on.*.*.threshold", KEY_INT, NUMBER_AT(struct notice_draft, threshold), .least = 1,                      \
      .most = NOTICE_THRESHOLD_MAX, .fallback = "1",                                                                   \
      .help = "It is told from the so-manieth such end in a row on." },                                                \
    { prefix ".on.*.*.cool_down", KEY_DURATION, NUMBER_AT(struct notice_draft, cool_down_ms),                          \
      .most = 31 * 24 * 3600 * SECOND_MS, .fallback = "0s",                                                            \
      .help = "After it was told, it is not told again for so long." },                                                \
    { prefix ".on.*.*.output", KEY_SIZE, NUMBER_AT(struct notice_draft, tail_bytes),                                   \
      .most = CALLBACK_TAIL_MAX_BYTES, .fallback = "0B",                                                               \
      .help = "So much of the end of the job's output is told, too, as `data.output.tail`." }
/* clang-format on */
