/* sallyport pause, sallyport resume: whether a command's jobs start. */
#include <errno.h>
#include <stdio.h>

#include "cli.h"
#include "client.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "say.h"

struct pause_options {
    const char *reason;
    bool refuses;
};

static const struct option_row rows[] = {
    { '\0', OPTION_TEXT, "reason", offsetof(struct pause_options, reason), "TEXT", "why; told to those who wait",
      NULL },
    { '\0', OPTION_FLAG, "refuse", offsetof(struct pause_options, refuses), NULL,
      "refuse new jobs, instead of letting them wait", NULL },
};

static int post(struct cli *cli, const char *name, const char *verb, const json_t *body)
{
    struct error err;
    json_t *answer = NULL;
    char path[256] = "/v1/commands/";
    size_t room = sizeof path - 16;
    if (!client_escape(path, room, name)) {
        say("'%s' is no name of a command; 'sallyport commands' lists them", name);
        return CODE_TROUBLE;
    }
    size_t used = 0;
    while (path[used] != '\0')
        used++;
    snprintf(path + used, sizeof path - used, "/%s", verb);
    struct request request = { .method = "POST", .path = path, .body = body };
    if (client_ask(cli->client, &request, &answer, &err) < 0) {
        say("%s: %s", name, err.text);
        return CODE_TROUBLE;
    }
    if (!render_raw(cli, answer) && !cli->is_quiet)
        printf("%s %s\n", name, json_is_true(json_object_get(answer, "paused")) ? "is paused" : "goes on");
    json_decref(answer);
    return 0;
}

static int pause_command(struct cli *cli, void *values, const struct words *words)
{
    const struct pause_options *options = values;
    json_t *body = json_pack("{s:b}", "queue", !options->refuses);
    int code = CODE_TROUBLE;
    if (options->reason != NULL && json_object_set_new(body, "reason", json_string(options->reason)) < 0)
        say("--reason takes text in UTF-8");
    else
        code = post(cli, words->items[0], "pause", body);
    json_decref(body);
    return code;
}

static int resume_command(struct cli *cli, void *values, const struct words *words)
{
    json_t *body = json_object();
    (void)values;
    int code = post(cli, words->items[0], "resume", body);
    json_decref(body);
    return code;
}

const struct subcommand cmd_pause = {
    .name = "pause",
    .summary = "let no job of a command start",
    .usage = "NAME [OPTION]...",
    .details = "What runs goes on; what comes waits, or is refused with --refuse. It holds over\n"
               "restarts, until 'sallyport resume NAME'. Needs the scope admin.\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct pause_options),
    .needs_server = true,
    .words_min = 1,
    .words_max = 1,
    .run = pause_command,
};

const struct subcommand cmd_resume = {
    .name = "resume",
    .summary = "let a paused command's jobs start again",
    .usage = "NAME",
    .details = "",
    .needs_server = true,
    .words_min = 1,
    .words_max = 1,
    .run = resume_command,
};
