/* sallyport config reload: has the service take its configuration again, and says how that ended. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "client.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "say.h"

/* As `config check` prints them; they come from the server, so they are made harmless first. */
static void print_line(const json_t *line)
{
    auto_free char *text = json_is_string(line) ? strdup(json_string_value(line)) : NULL;
    if (text != NULL)
        fprintf(stderr, "%s\n", say_clean(text));
}

static int taken(const struct cli *cli, const json_t *answer)
{
    const json_t *warnings = json_object_get(answer, "warnings");
    for (size_t i = 0; i < json_array_size(warnings); i++)
        print_line(json_array_get(warnings, i));
    if (render_raw(cli, answer) || cli->is_quiet)
        return 0;
    printf("generation %lld is in effect%s\n", (long long)json_integer_value(json_object_get(answer, "generation")),
           json_is_false(json_object_get(answer, "changed")) ? "; it says what the one before said" : "");
    return 0;
}

static int refused(const json_t *problem)
{
    const json_t *faults = json_object_get(problem, "errors");
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    for (size_t i = 0; i < json_array_size(faults); i++)
        print_line(json_object_get(json_array_get(faults, i), "detail"));
    say("not reloaded; %s", detail != NULL ? detail : "the faults are named above");
    return CODE_BAD_CONFIG;
}

static int reload(struct cli *cli, void *values, const struct words *words)
{
    struct request request = { .method = "POST", .path = "/v1/config/reload" };
    struct response response;
    struct error err;
    int code = CODE_TROUBLE;
    (void)values;
    (void)words;
    int done = client_call(cli->client, &request, &response, &err);
    const char *problem = json_string_value(json_object_get(response.json, "code"));
    if (done == 0 && response.status == 200 && json_is_integer(json_object_get(response.json, "generation"))) {
        code = taken(cli, response.json);
    } else if (done == 0 && response.status == 422 && problem != NULL && strcmp(problem, "config-invalid") == 0) {
        code = refused(response.json);
    } else {
        if (done == 0)
            client_refusal(cli->client, &response, &err);
        say("%s", err.text);
    }
    response_done(&response);
    return code;
}

const struct subcommand cmd_config_reload = {
    .name = "config reload",
    .summary = "have the service take its configuration again",
    .usage = "",
    .details = "Needs the scope admin. Returns when the new configuration is in effect, with its\n"
               "generation. When the file is refused the old configuration stays, every fault is\n"
               "named as by 'sallyport config check', and the exit code is 78. What runs is not\n"
               "touched: listeners and the number of slots stay as they were at the start.\n",
    .needs_server = true,
    .run = reload,
};
