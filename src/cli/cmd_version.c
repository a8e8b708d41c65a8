/* sallyport version: ours, and the server's if asked for. */
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "cli.h"
#include "client.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "say.h"

struct version_options {
    bool asks_server;
};

static const struct option_row rows[] = {
    { 's', OPTION_FLAG, "server", offsetof(struct version_options, asks_server), NULL,
      "ask the server for its own, too", NULL },
};

static int version(struct cli *cli, void *values, const struct words *words)
{
    const struct version_options *options = values;
    struct error err;
    json_t *answer = NULL;
    (void)words;
    if (!options->asks_server) {
        printf("sallyport %s\n", SALLYPORT_VERSION);
        return 0;
    }
    struct request request = { .method = "GET", .path = "/version" };
    int result = client_new(cli, &cli->client, &err);
    if (result == 0)
        result = client_ask(cli->client, &request, &answer, &err);
    if (result < 0) {
        printf("sallyport %s\n", SALLYPORT_VERSION);
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    json_t *both =
        json_pack("{s:s, s:s, s:O}", "client", SALLYPORT_VERSION, "url", client_address(cli->client), "server", answer);
    if (!render_raw(cli, both))
        printf("sallyport %s\nserver    %s at %s\n", SALLYPORT_VERSION,
               json_string_value(json_object_get(answer, "version")) ?: "unknown", client_address(cli->client));
    json_decref(both);
    json_decref(answer);
    return 0;
}

const struct subcommand cmd_version = {
    .name = "version",
    .summary = "print the version",
    .usage = "[--server]",
    .details = "",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct version_options),
    .run = version,
};
