/*
 * sallyport run: submit a job, then be its terminal until it ends. The command's description comes first, for its schema gives
 * -p its types.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "client.h"
#include "commands.h"
#include "form.h"
#include "options.h"
#include "params.h"
#include "prompt.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/limits.h"
#include "say.h"
#include "submit.h"

struct run_options {
    struct submit_options submit;
    struct words params, files;
    struct form form;
    const char *params_file;
    bool takes_stdin;
};

static const struct option_row rows[] = {
    { 'p', OPTION_TEXTS, "param", offsetof(struct run_options, params), "NAME=VALUE",
      "a parameter; again for further items of a list;\nNAME:=JSON for a value written as JSON", NULL },
    { 'f', OPTION_TEXT, "params-file", offsetof(struct run_options, params_file), "FILE",
      "parameters from a JSON object; -p wins over it; - is stdin", NULL },
    { '\0', OPTION_TEXTS, "file", offsetof(struct run_options, files), "NAME=PATH",
      "the bytes of a parameter that is a file; again for others", NULL },
    { '\0', OPTION_FLAG, "stdin", offsetof(struct run_options, takes_stdin), NULL,
      "the job gets our stdin: read to its end before it\nstarts, or as it comes, as its command says", NULL },
    SUBMIT_ROWS(struct run_options),
};

static int gather_params(const struct run_options *options, const json_t *schema, json_t *params, struct error *err)
{
    int result = params_gather(params, schema, options->params_file, &options->params, err);
    bool has_stdin = options->takes_stdin || (options->params_file != NULL && strcmp(options->params_file, "-") == 0);
    return result == 0 && !has_stdin ? prompt_missing(params, schema, err) : result;
}

/* Without files the API carries stdin as JSON text, which has no NUL and no byte that is not UTF-8. */
static int gather_stdin(json_t *body, struct error *err)
{
    uint8_t *data;
    size_t size;
    if (fd_read_file(STDIN_FILENO, STDIN_MAX_BYTES, &data, &size, err) < 0)
        return fail_in(err, "--stdin");
    json_t *text = memchr(data, '\0', size) == NULL ? json_stringn((const char *)data, size) : NULL;
    free(data);
    if (text == NULL)
        return fail_plain(
            err, EINVAL,
            "--stdin: only UTF-8 text without NUL can be sent; encode other data, for example with base64");
    return json_object_set_new(body, "stdin", text);
}

static int gather_files(struct run_options *options, const json_t *schema, struct error *err)
{
    for (size_t i = 0; i < options->files.count; i++)
        if (form_add_file(&options->form, schema, options->files.items[i], err) < 0)
            return -err->code;
    options->submit.form = &options->form;
    return form_check(&options->form, schema, err);
}

static bool is_stream(const json_t *command)
{
    const char *kind = json_string_value(json_object_get(command, "stdin"));
    return kind != NULL && strcmp(kind, "stream") == 0;
}

static int gather_body(struct run_options *options, const json_t *command, json_t *body, struct error *err)
{
    options->submit.feeds_stdin = options->takes_stdin && is_stream(command);
    json_t *params = json_object();
    json_object_set_new(body, "params", params);
    const json_t *schema = json_object_get(command, "params_schema");
    if (gather_params(options, schema, params, err) < 0 || gather_files(options, schema, err) < 0 ||
        submit_body(&options->submit, body, err) < 0)
        return -err->code;
    if (!options->takes_stdin || options->submit.feeds_stdin)
        return 0;
    return options->form.count > 0 ? form_take_stdin(&options->form, err) : gather_stdin(body, err);
}

static int run(struct cli *cli, void *values, const struct words *words)
{
    struct run_options *options = values;
    struct error err = { .code = 0 };
    json_t *command = NULL, *body = json_object();
    char path[256];
    int code;
    if (options->takes_stdin && options->params_file != NULL && strcmp(options->params_file, "-") == 0)
        fail_plain(&err, EINVAL, "--stdin and -f - exclude each other: stdin can be read once");
    if (err.code != 0 || command_ask(cli->client, words->items[0], &command, &err) < 0 ||
        gather_body(options, command, body, &err) < 0) {
        code = err.code == EINTR ? CODE_CANCELLED : CODE_TROUBLE;
        say("%s", err.text);
    } else {
        snprintf(path, sizeof path, "/v1/commands/%s/jobs",
                 words->items[0]); /* a name the server knows: nothing to escape */
        code = submit_run(cli, &options->submit, path, body);
    }
    json_decref(command);
    json_decref(body);
    words_done(&options->params);
    words_done(&options->files);
    form_done(&options->form);
    submit_options_done(&options->submit);
    return code;
}

const struct subcommand cmd_run = {
    .name = "run",
    .summary = "run a command and be its terminal",
    .usage = "NAME [-p NAME=VALUE]... [OPTION]...",
    .details = "Submits a job and follows it: its stdout and stderr come out on ours, byte for\n"
               "byte, and its exit code is ours. 'sallyport describe NAME' tells the parameters;\n"
               "on a terminal, required ones that are missing are asked for.\n"
               "\n"
               "  sallyport run deploy-web -p env=staging -p ref=v1.8.2\n"
               "  sallyport run resize --stdin < list.txt > result.txt\n"
               "  sallyport run compile --file source=main.c > a.out\n"
               "  id=$(sallyport run -d nightly-report) && sallyport attach $id\n"
               "  tail -f access.log | sallyport run count-visits --stdin\n"
               "\n"
               "Ctrl-C asks the server to cancel the job, which is followed to its real end; the\n"
               "second Ctrl-C detaches: the job goes on, 'sallyport attach ID' finds it again.\n"
               "SIGTERM and SIGHUP detach at once, for a dying terminal must not stop the job.\n"
               "--on-interrupt=detach lets the first Ctrl-C detach, =cancel lets TERM and HUP\n"
               "cancel too, =signal:INT sends the job a signal instead of cancelling it.\n"
               "\n"
               "After a lost connection the job is followed from the next byte on.\n"
               "\n"
               "Of a sequence the output of its steps is shown, in the order of their numbers,\n"
               "with a line on stderr where each begins (not with -q). Steps that run at once are\n"
               "shown one after another, each whole: what a later one wrote meanwhile comes when\n"
               "those before it have ended.\n",
    .options = rows,
    .option_count = sizeof rows / sizeof rows[0],
    .option_bytes = sizeof(struct run_options),
    .needs_server = true,
    .has_job_codes = true,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
