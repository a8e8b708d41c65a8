/*
 * sallyport try: one job of a configuration, without the service. A private sallyportd runs it, so that every step is the
 * service's own: what is refused, degraded or fails here, fails there.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "options.h"
#include "params.h"
#include "private_server.h"
#include "prompt.h"
#include "sallyport/base/error.h"
#include "sallyport/config/config.h"
#include "say.h"
#include "submit.h"

#define JOBS_MOST 200

struct try_options {
    const char *config, *params_file;
    struct words params;
    uint64_t timeout_ms;
};

static const struct option_row rows[] = {
    { 'c', OPTION_TEXT, "config", offsetof(struct try_options, config), "FILE",
      "the configuration (default " CONFIG_DEFAULT ")", NULL },
    { 'p', OPTION_TEXTS, "param", offsetof(struct try_options, params), "NAME=VALUE", "a parameter, as for 'run'",
      NULL },
    { 'f', OPTION_TEXT, "params-file", offsetof(struct try_options, params_file), "FILE",
      "parameters from a JSON object; -p wins over it; - is stdin", NULL },
    { '\0', OPTION_DURATION_MS, "timeout", offsetof(struct try_options, timeout_ms), "TIME",
      "shorten the job's time; the command's own is the most", NULL },
};

/* The job and, of a sequence, its steps: each lacked what the host could not give and `degrade:` accepts. */
static void say_layers(const struct cli *cli)
{
    struct error err;
    json_t *jobs = NULL, *lacked = json_object();
    if (list_ask(cli->client, "/v1/jobs", JOBS_MOST, &jobs, &err) < 0) {
        say("which layers were in effect is not known: %s", err.text);
        json_decref(lacked);
        return;
    }
    const json_t *job, *name;
    size_t index, place;
    bool has_launched = false;
    json_array_foreach(jobs, index, job)
    {
        has_launched = has_launched || json_is_string(json_object_get(job, "started_at"));
        json_array_foreach(json_object_get(job, "degraded"), place, name)
            json_object_set_new(lacked, json_string_value(name), json_true());
    }
    char text[256] = "";
    const char *key;
    json_t *value;
    json_object_foreach(lacked, key, value)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", text[0] == '\0' ? "" : ", ", key);
    if (text[0] != '\0')
        say("the sandbox was weaker, as degrade: accepts: without %s", text);
    else if (has_launched)
        say_dim("every layer and every limit of the sandbox was in effect");
    json_decref(jobs);
    json_decref(lacked);
}

static int gather(const struct try_options *options, const json_t *command, json_t *body, struct error *err)
{
    json_t *params = json_object();
    const json_t *schema = json_object_get(command, "params_schema");
    struct submit_options submit = { .timeout_ms = options->timeout_ms };
    json_object_set_new(body, "params", params);
    int done = params_gather(params, schema, options->params_file, &options->params, err);
    bool has_stdin = options->params_file != NULL && strcmp(options->params_file, "-") == 0;
    if (done == 0 && !has_stdin)
        done = prompt_missing(params, schema, err);
    return done < 0 ? done : submit_body(&submit, body, err);
}

static int run_job(struct cli *cli, const struct try_options *options, const char *name)
{
    struct error err = { .code = 0 };
    json_t *command = NULL, *body = json_object();
    char path[256];
    int code = CODE_TROUBLE;
    if (client_new(cli, &cli->client, &err) < 0 || command_ask(cli->client, name, &command, &err) < 0 ||
        gather(options, command, body, &err) < 0) {
        code = err.code == EINTR ? CODE_CANCELLED : CODE_TROUBLE;
        say("%s", err.text);
    } else {
        struct submit_options submit = { .on_interrupt = "cancel" };
        struct cli quiet = *cli;
        quiet.is_quiet = true; /* nobody can ask for the job's id any more */
        snprintf(path, sizeof path, "/v1/commands/%s/jobs", name);
        code = submit_run(&quiet, &submit, path, body);
        if (!cli->is_quiet)
            say_layers(cli);
    }
    json_decref(command);
    json_decref(body);
    return code;
}

static int try_command(struct cli *cli, void *values, const struct words *words)
{
    struct try_options *options = values;
    struct private_server server;
    struct error err = { .code = 0 };
    const char *config = options->config != NULL ? options->config : CONFIG_DEFAULT;
    int status, code;
    if (private_server_start(config, &server, &status, &err) < 0) {
        say("%s", err.text);
        code = err.code == EINTR ? CODE_CANCELLED : status == CODE_BAD_CONFIG ? CODE_BAD_CONFIG : CODE_TROUBLE;
    } else {
        cli->url = server.url;
        code = run_job(cli, options, words->items[0]);
        private_server_stop(&server);
    }
    words_done(&options->params);
    return code;
}

const struct subcommand cmd_try = {
    .name = "try",
    .summary = "run a command of a configuration here, without the service",
    .usage = "NAME [-p NAME=VALUE]... [OPTION]...",
    .details = "Starts a sallyportd of its own with the commands of the configuration, runs one\n"
               "job in its cell, and ends both. The job's output and exit code are ours. It is a\n"
               "real run: what the command may write or send, it writes and sends.\n"
               "\n"
               "Listeners, tokens, schedules, callbacks and whatever would start after the job are\n"
               "left out, and nothing is recorded. The ids of jobs are others than the service's,\n"
               "which may run meanwhile. Says which layers of the sandbox this host could not give\n"
               "and degrade: accepts; -q keeps quiet about it.\n"
               "\n"
               "  sallyport try deploy-web -p env=staging -c ./sallyport.yaml\n"
               "\n"
               "Works as root, and as an ordinary user with a configuration of its own, as far as\n"
               "sallyportd does. Ctrl-C cancels the job.\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct try_options),
    .has_job_codes = true,
    .words_min = 1,
    .words_max = 1,
    .run = try_command,
};
