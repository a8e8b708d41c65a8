/* Rows of the table of keys (keys.c) about callbacks. Only keys.c takes this, behind the names that they use. */
#pragma once

/* clang-format off */
#define CALLBACK_KEYS                                                                                                  \
    { "callbacks", KEY_ENTRIES, .most = CALLBACK_COUNT_MAX, .entries = &callback_life,                                 \
      .hint = "{chat: {url: \"https://chat.example/hooks/ops\", secret: \"file:/etc/sallyport/chat\"}}",               \
      .help = "Where word may be sent of what became of jobs. Each attempt is a POST with a signature of Standard "    \
              "Webhooks." },                                                                                           \
    { "callbacks.*", KEY_GROUP,                                                                                        \
      .hint = "{url: \"https://chat.example/hooks/ops\", secret: \"file:/etc/sallyport/chat\"}",                       \
      .help = "The name by which commands mean it." },                                                                 \
    { "callbacks.*.url", KEY_TEXT, TEXT_AT(struct callback_draft, url), .least = 1, .most = URL_MAX_BYTES - 1,         \
      .help = "Where to send: `https://HOST[:PORT][/PATH][?QUERY]`. Redirects are not followed. Either this or "       \
              "`allow_url`." },                                                                                        \
    { "callbacks.*.allow_url", KEY_TEXT, TEXT_AT(struct callback_draft, allow_url), .least = 1,                        \
      .most = URL_MAX_BYTES - 1,                                                                                       \
      .help = "For URLs that come with a request: they must have this scheme, host and port, and this path or one that " \
              "goes on behind it." },                                                                                  \
    { "callbacks.*.secret", KEY_TEXT_OR_TEXTS, NODE_AT(struct callback_draft, secrets), .least = 1,                    \
      .most = CALLBACK_SECRETS_MAX, .is_required = true, .hint = "\"file:/etc/sallyport/chat\"",                       \
      .help =                                                                                                          \
          "`file:PATH` of a file with the key of the signature, which its owner alone can read: `whsec_` and "         \
          "base64, or the key itself; 24 to 256 bytes. While one replaces another a list of both, the newest first: "  \
          "each request is then signed with both." },                                                                  \
    { "callbacks.*.allow_net", KEY_TEXTS, NODE_AT(struct callback_draft, allow_net), .least = 1,                       \
      .most = CALLBACK_NETWORKS_MAX, .hint = "[10.0.0.0/8]",                                                           \
      .help = "The networks that its host's addresses must be in, and the only ones; each connection is checked. When " \
              "absent any public address will do, and no other: not this host, no private network." },                 \
    { "callbacks.*.timeout", KEY_DURATION, NUMBER_AT(struct callback_draft, timeout_ms), .least = SECOND_MS,           \
      .most = CALLBACK_TIMEOUT_MAX_MS, .fallback = "10s",                                                              \
      .help = "How long one attempt may take, the look-up of the name included." },                                    \
    { "callbacks.*.max_attempts", KEY_INT, NUMBER_AT(struct callback_draft, max_attempts), .least = 1,                 \
      .most = CALLBACK_ATTEMPTS_DEFAULT, .fallback = "8",                                                              \
      .help = "How often it is tried. The pauses between are 5 s, 30 s, 2 m, 10 m, 1 h, 6 h and 24 h." },              \
    { "callbacks.*.headers", KEY_ENTRIES, NODE_AT(struct callback_draft, headers), .most = CALLBACK_OWN_FIELDS_MAX,    \
      .entries = &field_life, .hint = "{X-Source: sallyport}",                                                         \
      .help = "Fields that each request has beside ours. No secrets: what would be one (`Authorization`, `Cookie`) is " \
              "refused." },                                                                                            \
    { "callbacks.*.headers.*", KEY_TEXT, .least = 1, .most = 1024, .help = "The value: printable ASCII." },            \
    { "callbacks.*.allow_plain", KEY_BOOL, BOOL_AT(struct callback_draft, allows_plain), .fallback = "false",          \
      .help = "The URL may begin with `http://`: what is sent can be read and changed on the way." }
/* clang-format on */
