/* Rows of the table of keys (keys.c) about inbound webhooks. Only keys.c takes this, behind the names that they use. */
#pragma once

/* clang-format off */
#define HOOK_SOURCE_KEY(name, help_text)                                                                               \
    { "hooks.*.when.*." #name, KEY_TEXT, TEXT_AT(struct hook_rule_draft, name), .most = HOOK_SOURCE_MAX_BYTES - 1,     \
      .help = help_text }

#define HOOK_KEYS                                                                                                      \
    { "hooks", KEY_ENTRIES, .most = HOOK_COUNT_MAX, .entries = &hook_life,                                             \
      .hint = "{push: {verify: {preset: github, secrets: \"file:/etc/sallyport/push\"}, run: {command: deploy}}}",     \
      .help = "What runs when another service delivers to `POST /hooks/NAME`, with a proof in place of a token. "      \
              "[hooks.md](hooks.md) has examples for each provider." },                                                \
    { "hooks.*", KEY_GROUP,                                                                                            \
      .hint = "{verify: {preset: github, secrets: \"file:/etc/sallyport/push\"}, run: {command: deploy}}",             \
      .help = "The name in the path; in records the caller is `hook:NAME`." },                                         \
    { "hooks.*.verify", KEY_GROUP, .is_required = true,                                                                \
      .hint = "{preset: github, secrets: \"file:/etc/sallyport/push\"}",                                               \
      .help = "What proves that a delivery is genuine. There is no hook without one." },                               \
    { "hooks.*.verify.preset", KEY_WORD, NUMBER_AT(struct hook_draft, preset), .word = word_hook_preset,               \
      .is_required = true, .help = "Who sends, and so what is signed and how. `generic`: as the next seven keys say." },\
    { "hooks.*.verify.secrets", KEY_TEXT_OR_TEXTS, NODE_AT(struct hook_draft, secrets), .least = 1,                    \
      .most = CALLBACK_SECRETS_MAX, .is_required = true, .hint = "\"file:/etc/sallyport/push\"",                       \
      .help = "`file:PATH` of a file with the secret, which its owner alone can read: 16 to 256 bytes, or `whsec_` "   \
              "and base64 as Standard Webhooks has it. While one replaces another a list of both." },                  \
    { "hooks.*.verify.header", KEY_TEXT, TEXT_AT(struct hook_draft, header), .least = 1, .most = HOOK_FIELD_BYTES - 1, \
      .help = "The header with the signature (`generic`)." },                                                          \
    { "hooks.*.verify.algorithm", KEY_WORD, NUMBER_AT(struct hook_draft, algorithm), .word = word_hook_algorithm,      \
      .fallback = "sha256", .help = "What HMAC is made with (`generic`). There is no SHA-1." },                        \
    { "hooks.*.verify.encoding", KEY_WORD, NUMBER_AT(struct hook_draft, encoding), .word = word_hook_encoding,         \
      .fallback = "hex", .help = "How the signature is written (`generic`)." },                                        \
    { "hooks.*.verify.prefix", KEY_TEXT, TEXT_AT(struct hook_draft, prefix), .most = HOOK_TEXT_BYTES - 1,              \
      .hint = "\"sha256=\"", .help = "What stands before it (`generic`)." },                                           \
    { "hooks.*.verify.timestamp_header", KEY_TEXT, TEXT_AT(struct hook_draft, timestamp_header), .least = 1,           \
      .most = HOOK_FIELD_BYTES - 1,                                                                                    \
      .help = "The header with the time, in seconds since 1970; a delivery of more than 300 s ago is refused "         \
              "(`generic`; `template` must sign it)." },                                                               \
    { "hooks.*.verify.delivery_header", KEY_TEXT, TEXT_AT(struct hook_draft, delivery_header), .least = 1,             \
      .most = HOOK_FIELD_BYTES - 1, .help = "The header that names the delivery (`generic`)." },                       \
    { "hooks.*.verify.template", KEY_TEXT, TEXT_AT(struct hook_draft, template), .least = 1, .most = 64,               \
      .hint = "\"{t}.{body}\"",                                                                                        \
      .help = "What is signed (`generic`): `{t}` stands for the time, `{id}` for the delivery, and `{body}`, at its "  \
              "end, for the body. The body alone when absent." },                                                      \
    { "hooks.*.when", KEY_MAPS, .least = 1, .most = HOOK_RULE_COUNT_MAX, .entries = &hook_rule_life,                   \
      .hint = "[{header: X-GitHub-Event, equals: push}]",                                                              \
      .help = "Which deliveries run something: all of these must hold. Others are answered with 200 and `ignored`." }, \
    { "hooks.*.when.*", KEY_GROUP, .hint = "{json: /ref, glob: \"refs/heads/*\"}",                                     \
      .help = "One of `header`, `json`, `query` and `form`, and one of `equals`, `glob`, `regex` and `in`." },         \
    HOOK_SOURCE_KEY(header, "The name of a header field; its case does not matter."),                                  \
    HOOK_SOURCE_KEY(json, "A JSON pointer (RFC 6901) into the body, such as `/repository/name`; of a form, into its "  \
                          "field `payload`."),                                                                         \
    HOOK_SOURCE_KEY(query, "A key of the query."),                                                                     \
    HOOK_SOURCE_KEY(form, "A field of a body that is `application/x-www-form-urlencoded`."),                           \
    { "hooks.*.when.*.equals", KEY_SCALAR, TEXT_AT(struct hook_rule_draft, equals), .help = "It is this." },           \
    { "hooks.*.when.*.glob", KEY_TEXT, TEXT_AT(struct hook_rule_draft, glob), .least = 1, .most = 1000,                \
      .help = "It is like this; `*` stands for any characters." },                                                     \
    { "hooks.*.when.*.regex", KEY_TEXT, TEXT_AT(struct hook_rule_draft, regex), .least = 1, .most = 1000,              \
      .help = "All of it, and it has 4 KiB at most, matches this pattern (PCRE2)." },                                                             \
    { "hooks.*.when.*.in", KEY_TEXTS, NODE_AT(struct hook_rule_draft, in), .least = 1, .most = 64,                     \
      .hint = "[opened, reopened]", .help = "It is one of these." },                                                   \
    { "hooks.*.run", KEY_GROUP, .is_required = true, .hint = "{command: deploy, params: {ref: {json: /ref}}}",         \
      .help = "What is run." },                                                                                        \
    { "hooks.*.run.command", KEY_TEXT, TEXT_AT(struct hook_draft, command), .least = 1, .most = NAME_MAX_BYTES - 1,    \
      .is_required = true, .help = "Which command." },                                                                 \
    { "hooks.*.run.params", KEY_ENTRIES, NODE_AT(struct hook_draft, params), .most = PARAM_COUNT_MAX,                  \
      .entries = &hook_param_life, .hint = "{env: staging, ref: {json: /ref}}", .help = "Its parameters." },           \
    { "hooks.*.run.params.*", KEY_SOURCE,                                                                              \
      .help = "A value, which no delivery can change; or where each delivery has it: `{json: POINTER}`, "              \
              "`{header: NAME}`, `{query: KEY}` or `{form: FIELD}`. What a delivery does not have is left out. "       \
              "Secrets and files cannot come with one." },                                                             \
    { "hooks.*.rate", KEY_RATE, RATE_AT(struct hook_draft, rate), .fallback = "600/1m",                                \
      .help = "Deliveries that are looked at from one address (of IPv6: one /64); more are refused with 429." },       \
    { "hooks.*.concurrency", KEY_INT, NUMBER_AT(struct hook_draft, concurrency), .least = 1,                           \
      .most = HOOK_CONCURRENCY_MAX, .fallback = "4",                                                                   \
      .help = "Deliveries that are looked at at once; more are refused with 429." },                                   \
    LATER("hooks.*.mode"),                                                                                             \
    LATER("hooks.*.dedupe")
/* clang-format on */
