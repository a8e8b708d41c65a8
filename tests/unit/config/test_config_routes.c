/* Commands as functions: what their routes become, and what is said of those that nobody could call. */
#include <jansson.h>

#include "report.h"
#include "sallyport/policy/policy.h"
#include "sallyport/proto/entries.h"

static struct config *take(const char *text)
{
    char said[8192] = "";
    FILE *report = fmemopen(said, sizeof said, "w");
    struct config *config = NULL;
    struct error err = { 0 };
    int done = config_parse("c.yaml", (const uint8_t *)text, strlen(text), report, &config, &err);
    fclose(report);
    cr_assert_eq(done, 0, "%s\n%s", text, said);
    return config;
}

static unsigned status_of(const struct setting_route *route, unsigned code)
{
    return (unsigned)route->statuses.data[2 * code] << 8 | route->statuses.data[2 * code + 1];
}

Test(config_routes, have_defaults_that_answer_with_bytes_to_a_post)
{
    struct config *config = take("commands:\n"
                                 "  plain: {exec: [/bin/true]}\n"
                                 "  x: {exec: [/bin/true], route: {path: /a/b-1_2.~}}\n");
    cr_assert_eq(config->route_count, 1);
    const struct setting_route *route = &config->routes[0].setting;
    cr_expect_str_eq(route->command, "x");
    cr_expect_str_eq(route->path, "a/b-1_2.~");
    cr_expect_eq(route->methods, ROUTE_POST);
    cr_expect_eq(route->response, RESPONSE_RAW);
    cr_expect_str_eq(route->type, "application/octet-stream");
    cr_expect_eq(route->accept.size, 0);
    cr_expect_not(route->ends_with_caller);
    cr_expect_not(route->takes_body);
    for (unsigned code = 0; code <= ROUTE_ANY_CODE; code++)
        cr_expect_eq(status_of(route, code), 0);
    cr_expect_null(strstr(config->public_commands[0], "route"));
    config_free(config);
}

Test(config_routes, take_all_that_is_said)
{
    struct config *config = take("commands:\n"
                                 "  x:\n"
                                 "    exec: [/bin/cat]\n"
                                 "    stdin: body\n"
                                 "    on_disconnect: cancel\n"
                                 "    route:\n"
                                 "      path: /thumb\n"
                                 "      methods: [GET, PUT]\n"
                                 "      accept: [image/png, \"text/*\"]\n"
                                 "      response: cgi\n"
                                 "      type: \"text/plain; charset=utf-8\"\n"
                                 "      http_status: {0: 201, 3: 404, 255: 299, \"*\": 500}\n"
                                 "  y: {exec: [/bin/true], route: {path: /thumb, methods: [POST], response: json}}\n");
    cr_assert_eq(config->route_count, 2);
    const struct setting_route *x = &config->routes[0].setting, *y = &config->routes[1].setting;
    cr_expect_eq(x->methods, ROUTE_GET | ROUTE_PUT);
    cr_expect_eq(x->response, RESPONSE_CGI);
    cr_expect_str_eq(x->type, "text/plain; charset=utf-8");
    cr_expect(x->ends_with_caller);
    cr_expect(x->takes_body);
    cr_expect_eq(status_of(x, 0), 201);
    cr_expect_eq(status_of(x, 3), 404);
    cr_expect_eq(status_of(x, 255), 299);
    cr_expect_eq(status_of(x, 4), 0);
    cr_expect_eq(status_of(x, ROUTE_ANY_CODE), 500);
    struct reader in = { x->accept.data, x->accept.size };
    struct entry entry;
    cr_expect(entries_next(&in, &entry) == 1 && entry.kind == ENTRY_FIELD && span_is(entry.name, "image/png"));
    cr_expect(entries_next(&in, &entry) == 1 && span_is(entry.name, "text/*"));
    cr_expect_eq(entries_next(&in, &entry), 0);
    cr_expect_str_eq(y->type, "application/json");

    json_t *json = json_loads(config->public_commands[0], 0, NULL), *route = json_object_get(json, "route");
    cr_expect_str_eq(json_string_value(json_object_get(route, "url")), "/r/thumb");
    cr_expect_eq(json_array_size(json_object_get(route, "methods")), 2);
    cr_expect_str_eq(json_string_value(json_object_get(route, "on_disconnect")), "cancel");
    json_decref(json);
    config_free(config);
}

#define ROUTE(keys) "commands: {x: {exec: [/bin/true], route: {" keys "}}}\n"

Test(config_routes, with_mistakes_say_what_to_write)
{
    static const struct mistake mistakes[] = {
        { ROUTE("methods: [GET]"), "c.yaml:1:35: commands.x.route: 'path' is missing; write path: /thumb\n" },
        { ROUTE("path: thumb"), "c.yaml:1:49: commands.x.route.path: must begin with '/'\n" },
        { ROUTE("path: /a/"),
          "c.yaml:1:49: commands.x.route.path: has an empty step: two slashes, or one at its end\n" },
        { ROUTE("path: //a"),
          "c.yaml:1:49: commands.x.route.path: has an empty step: two slashes, or one at its end\n" },
        { ROUTE("path: /"), "c.yaml:1:49: commands.x.route.path: has an empty step: two slashes, or one at its end\n" },
        { ROUTE("path: /a/../b"), "c.yaml:1:49: commands.x.route.path: holds '.' or '..'\n" },
        { ROUTE("path: /a/."), "c.yaml:1:49: commands.x.route.path: holds '.' or '..'\n" },
        { ROUTE("path: /a%41"), "c.yaml:1:49: commands.x.route.path: may hold letters, digits, '-', '_', '.' and '~', "
                                "and '/' between them\n" },
        { ROUTE("path: /1/2/3/4/5/6/7/8/9/10/11"), "c.yaml:1:49: commands.x.route.path: has more than 10 steps\n" },
        { ROUTE("path: /a, methods: [HEAD]"),
          "c.yaml:1:63: commands.x.route.methods[0]: must be one of GET, POST, PUT, "
          "PATCH, DELETE, not 'HEAD'\n" },
        { ROUTE("path: /a, response: xml"),
          "c.yaml:1:63: commands.x.route.response: must be one of raw, json, cgi, not 'xml'\n" },
        { ROUTE("path: /a, type: Text/HTML"),
          "c.yaml:1:59: commands.x.route.type: 'Text/HTML' is no media type in lower "
          "case, such as image/png\n" },
        { ROUTE("path: /a, type: text/plain, response: json"),
          "c.yaml:1:59: commands.x.route.type: is application/json with 'response: json'; leave it out\n" },
        { ROUTE("path: /a, accept: [image/png]"), "c.yaml:1:61: commands.x.route.accept: means something for 'stdin: "
                                                  "body' alone; other bodies are parameters, as JSON or a form\n" },
        { ROUTE("path: /a, http_status: {256: 200}"), "c.yaml:1:67: commands.x.route.http_status.256: '256' is no name "
                                                      "here: an exit code from 0 to 255, or \"*\" for all others\n" },
        { ROUTE("path: /a, http_status: {01: 200}"), "c.yaml:1:67: commands.x.route.http_status.01: '01' is no name "
                                                     "here: an exit code from 0 to 255, or \"*\" for all others\n" },
        { ROUTE("path: /a, http_status: {1: 199}"),
          "c.yaml:1:70: commands.x.route.http_status.1: must be between 200 and 599\n" },
        { "commands: {x: {exec: [/bin/true], on_disconnect: cancel}}\n",
          "c.yaml:1:50: commands.x.on_disconnect: means something for a command with 'route' or 'context' alone\n" },
        { "commands: {x: {exec: [/bin/true], stdin: stream, route: {path: /a}}}\n",
          "c.yaml:1:57: commands.x.route: goes with 'stdin: body' or none; a stream would have nobody to feed it\n" },
        { "commands:\n"
          "  x: {exec: [/bin/true], route: {path: /a, methods: [GET, POST]}}\n"
          "  y: {exec: [/bin/true], route: {path: /a, methods: [POST]}}\n",
          "c.yaml:3:40: commands.y.route.path: with one of these methods, is the function 'x' already\n" },
    };
    EXPECT_REPORTS(mistakes);
}

Test(config_routes, cannot_be_called_when_nothing_can_bring_what_is_required)
{
    static const struct mistake mistakes[] = {
        { "commands: {x: {exec: [/bin/cat, \"{f}\"], params: {f: {type: file, required: true}}, route: {path: /a}}}\n",
          "c.yaml:1:84: commands.x.route: cannot be called: parameter 'f' is required, and a function takes no "
          "files\n" },
        { "commands: {x: {exec: [/bin/cat], params: {s: {type: secret, required: true}}, route: {path: /a, "
          "methods: [GET, DELETE]}}}\n",
          "c.yaml:1:79: commands.x.route: cannot be called: parameter 's' is required, and no body can bring a secret; "
          "a "
          "URL may not, for it is written into logs\n" },
        { "commands: {x: {exec: [/bin/cat], stdin: body, params: {s: {type: secret, required: true}}, route: {path: "
          "/a}}}\n",
          "c.yaml:1:92: commands.x.route: cannot be called: parameter 's' is required, and no body can bring a secret; "
          "a "
          "URL may not, for it is written into logs\n" },
    };
    EXPECT_REPORTS(mistakes);
    config_free(
        take("commands: {x: {exec: [/bin/cat], params: {s: {type: secret, required: true}}, route: {path: /a}}}\n"));
}
