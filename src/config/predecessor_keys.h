/* Rows of the table of keys (keys.c) about programs that came before. Only keys.c takes this, behind the names that they use. */
#pragma once

/* clang-format off */
#define PREDECESSOR_KEYS                                                                                               \
    { "predecessors", KEY_ENTRIES, .most = PREDECESSOR_COUNT - 1, .entries = &predecessor_life,                        \
      .hint = "{http-runner: {listen: \"127.0.0.1:9000\", commands: {ls: list-files}}}",                               \
      .help = "Programs whose clients are served as before: `gort`, `jobrunner`, `go-serverless`, `http-runner` and "  \
              "`go-tasky`. Jobs go the same way as all others. [migrating.md](migrating.md) tells what they need." },  \
    { "predecessors.*", KEY_GROUP, .hint = "{listen: \"127.0.0.1:9000\", commands: {ls: list-files}}",                 \
      .help = "Its name." },                                                                                           \
    { "predecessors.*.prefix", KEY_TEXT, TEXT_AT(struct predecessor_draft, prefix), .least = 1,                        \
      .most = PREFIX_MAX_BYTES - 1, .hint = "/runner",                                                                 \
      .help = "A path of the API's listeners below which it is served; `/` is the root, where the API's own paths come " \
              "first. Either this, or:" },                                                                             \
    { "predecessors.*.listen", KEY_TEXT, TEXT_AT(struct predecessor_draft, listen), .least = 1,                        \
      .most = PATH_MAX_BYTES - 1, .hint = "\"127.0.0.1:9000\"",                                                        \
      .help = "A listener of its own, as in `server.listen`, that serves nothing else." },                             \
    { "predecessors.*.requests", KEY_INT, NUMBER_AT(struct predecessor_draft, requests_max), .least = 1,               \
      .most = 1000000, .help = "gort: so many requests at once; one more is refused with 503." },                      \
    { "predecessors.*.callback", KEY_TEXT, TEXT_AT(struct predecessor_draft, callback), .least = 1,                    \
      .most = NAME_MAX_BYTES - 1,                                                                                      \
      .help = "http-runner: the callback with `allow_url` that takes the URLs which its clients name as `callback`. "  \
              "Without it such requests are refused." },                                                               \
    { "predecessors.*.commands", KEY_ENTRIES, NODE_AT(struct predecessor_draft, commands), .most = COMMAND_COUNT_MAX,  \
      .entries = &called_life, .hint = "{ls: list-files}",                                                             \
      .help = "What its clients may run, and nothing else: executors, command lines, images, programs or workers." },  \
    { "predecessors.*.commands.*", KEY_TEXT, .least = 1, .most = NAME_MAX_BYTES - 1,                                   \
      .help = "The command that is meant by what a client says." }
/* clang-format on */
