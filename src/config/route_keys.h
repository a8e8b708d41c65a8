/* The keys of a command that is a function. One use of the table of keys, apart for its length. */
#pragma once

/* clang-format off */
#define ROUTE_KEYS                                                                                                     \
    { "commands.*.route", KEY_GROUP, .hint = "{path: /thumb}",                                                         \
      .help = "The command as a function: a request to `/r` and this path runs it and is answered with what it "       \
              "wrote. [functions.md](functions.md) has examples." },                                                   \
    { "commands.*.route.path", KEY_TEXT, TEXT_AT(struct command_draft, route_path), .least = 1,                        \
      .most = ROUTE_PATH_BYTES - 1, .is_required = true, .hint = "/thumb",                                             \
      .help = "Where, behind `/r`: steps of letters, digits, `-`, `_`, `.` and `~`, compared letter for letter." },    \
    { "commands.*.route.methods", KEY_WORDS, NUMBER_AT(struct command_draft, route_methods), .word = word_method,      \
      .hint = "[GET, POST]",                                                                                           \
      .help = "Which methods, of `GET`, `POST`, `PUT`, `PATCH` and `DELETE`; `[POST]` when absent. `HEAD` goes with "  \
              "`GET`, and runs the command, too." },                                                                   \
    { "commands.*.route.accept", KEY_TEXTS, NODE_AT(struct command_draft, route_accept), .least = 1,                   \
      .most = ROUTE_ACCEPT_MAX, .hint = "[image/jpeg, image/png]",                                                     \
      .help = "The media types that a body may have, `image/*` for all of a kind; any when absent. Needs "             \
              "`stdin: body`." },                                                                                      \
    { "commands.*.route.response", KEY_WORD, NUMBER_AT(struct command_draft, route_response), .word = word_response,   \
      .fallback = "raw",                                                                                               \
      .help = "What its standard output is. `raw`: the body of the answer. `json`: the same, and no answer unless it " \
              "is one JSON document of at most 1 MiB. `cgi`: a head, an empty line, the body." },                      \
    { "commands.*.route.type", KEY_TEXT, TEXT_AT(struct command_draft, route_type), .least = 3,                        \
      .most = MEDIA_TYPE_BYTES - 1,                                                                                    \
      .help = "The media type of what it writes: `application/octet-stream` when absent. With `cgi` for heads that "   \
              "say none; types that browsers run (HTML, SVG, XML, scripts) are taken from a head only when they stand "  \
              "here." },                                                                                               \
    { "commands.*.route.http_status", KEY_ENTRIES, NODE_AT(struct command_draft, route_statuses), .most = 257,         \
      .entries = &status_life, .hint = "{0: 200, 3: 404, \"*\": 500}",                                                 \
      .help = "The status for an exit code; `\"*\"` for all that are not listed. A code without one is 200 for 0, "    \
              "and else 502 `function-failed` without the output." },                                                  \
    { "commands.*.route.http_status.*", KEY_INT, .least = 200, .most = 599,                                            \
      .help = "A status from 200 to 599. 204, 205 and 304 have no body, whatever was written." },                      \
    { "commands.*.on_disconnect", KEY_WORD, NUMBER_AT(struct command_draft, on_disconnect),                            \
      .word = word_on_disconnect, .fallback = "continue",                                                              \
      .help = "What becomes of the job when the caller of its `route`, or of a function with `context`, goes away "     \
              "before the answer: it goes on, or `cancel`." },                                                         \
    { "commands.*.context", KEY_BOOL, BOOL_AT(struct command_draft, has_context), .fallback = "false",                 \
      .help = "The request as a file, as functions of go-serverless have it. The job gets a directory of its own, "    \
              "whose path is `CONTEXT_PATH` and whose name is `REQUEST_ID`, a UUID; `request.json` in it is the "        \
              "parameter `request`, which must be a required `file`. What it leaves as `response.json`, `{}` until "   \
              "then, is kept as an artefact." }
/* clang-format on */
