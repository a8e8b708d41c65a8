/*
 * sallyport: the command line. A program with its user's own rights and no others; it talks to the server through the
 * public API alone, and believes nothing that comes back: text from there never reaches the terminal with control
 * characters in it, save a job's own output. audit, backup, doctor and selftest look into a state directory instead, and give up
 * a root's rights for it (state_dir.h).
 *
 * This file is the table of subcommands. Each cmd_*.c holds the rows of its options, its help and one function.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "client.h"
#include "options.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "say.h"

static const struct {
    const char *title;
    const struct subcommand *commands[32];
} groups[] = {
    { "run", { &cmd_run, &cmd_try } },
    { "watch", { &cmd_logs, &cmd_attach, &cmd_wait, &cmd_artifacts } },
    { "manage", { &cmd_ls, &cmd_queue, &cmd_show, &cmd_cancel, &cmd_signal, &cmd_stdin, &cmd_rerun } },
    { "discover", { &cmd_commands, &cmd_describe, &cmd_param_test } },
    { "administer",
      { &cmd_pause,
        &cmd_resume,
        &cmd_token_create,
        &cmd_token_ls,
        &cmd_token_rotate,
        &cmd_token_revoke,
        &cmd_config_check,
        &cmd_config_reload,
        &cmd_config_reference,
        &cmd_import,
        &cmd_drain,
        &cmd_schedule_ls,
        &cmd_callback_ls,
        &cmd_callback_redeliver,
        &cmd_hook_ls,
        &cmd_hook_deliveries,
        &cmd_hook_redeliver,
        &cmd_hook_test,
        &cmd_audit_ls,
        &cmd_audit_verify,
        &cmd_audit_export,
        &cmd_audit_policy,
        &cmd_backup,
        &cmd_doctor,
        &cmd_selftest } },
    { "seccomp profiles",
      { &cmd_policy_show, &cmd_policy_diff, &cmd_policy_explain, &cmd_policy_import, &cmd_policy_test,
        &cmd_policy_learn } },
    { "users", { &cmd_user_hash } },
    { "images", { &cmd_image_pull, &cmd_image_ls, &cmd_image_verify, &cmd_image_gc } },
    { "help", { &cmd_version } },
};
#define GROUP_COUNT (sizeof groups / sizeof groups[0])

struct common {
    struct cli cli;
    bool wants_version;
};

static const char *const formats[] = { "table", "wide", "json", "ndjson", "yaml", "name", NULL };
static const char *const code_kinds[] = { "job", "strict", NULL };

static const struct option_row common_rows[] = {
    { '\0', OPTION_TEXT, "url", offsetof(struct common, cli.url), "URL", "the server: http://, https:// or unix:/path",
      NULL },
    { '\0', OPTION_TEXT, "token-file", offsetof(struct common, cli.token_file), "FILE",
      "holds the token; yours alone (0600)", NULL },
    { '\0', OPTION_FLAG, "insecure-http", offsetof(struct common, cli.allows_insecure_http), NULL,
      "allow http:// to another host", NULL },
    { 'o', OPTION_CHOICE, "output", offsetof(struct common, cli.format), "FORM",
      "table, wide, json, ndjson, yaml or name", formats },
    { 'q', OPTION_FLAG, "quiet", offsetof(struct common, cli.is_quiet), NULL, "no job id, no confirmations", NULL },
    { '\0', OPTION_FLAG, "plain", offsetof(struct common, cli.is_plain), NULL,
      "take terminal sequences out of a job's output", NULL },
    { '\0', OPTION_CHOICE, "exit-codes", offsetof(struct common, cli.exit_codes), "KIND",
      "job, or strict: only 0 and 1 for how a job ended", code_kinds },
    { 'h', OPTION_FLAG, "help", offsetof(struct common, cli.wants_help), NULL, "help for a command", NULL },
    { '\0', OPTION_FLAG, "version", offsetof(struct common, wants_version), NULL, "print the version", NULL },
};
#define COMMON_COUNT (sizeof common_rows / sizeof common_rows[0])

static const char connection_help[] =
    "The server is the first of: --url, SALLYPORT_URL, unix:/run/sallyport/api.sock if it\n"
    "is there, http://127.0.0.1:8417.\n"
    "The token is the first of: --token-file, the file named by SALLYPORT_TOKEN_FILE,\n"
    "SALLYPORT_TOKEN, ~/.config/sallyport/credentials (a token, or lines \"URL TOKEN\").\n"
    "A unix socket may need none: the server can know you by your user id.\n";

static const char code_help[] = "exit codes\n"
                                "  the job's own, if it ended by itself\n"
                                "  128+n  ended by signal n; also out of memory, over its output limit, against its\n"
                                "         profile\n"
                                "  124    timed out\n"
                                "  125    lost or rejected; wrong usage, no connection, refused\n"
                                "  126    could not be launched\n"
                                "  130    cancelled\n";

static void print_help(FILE *to)
{
    fputs("sallyport runs commands that a host's owner has listed, each in a cell of its own.\n\n"
          "usage: sallyport [OPTION]... COMMAND [ARGUMENT]...\n",
          to);
    for (size_t g = 0; g < GROUP_COUNT; g++) {
        fprintf(to, "\n%s\n", groups[g].title);
        for (size_t i = 0;
             i < sizeof groups[g].commands / sizeof groups[g].commands[0] && groups[g].commands[i] != NULL; i++)
            fprintf(to, "  %-19s %s\n", groups[g].commands[i]->name, groups[g].commands[i]->summary);
    }
    fputs("\noptions\n", to);
    options_print(to, common_rows, COMMON_COUNT);
    fprintf(to, "\n%s\n'sallyport COMMAND --help' tells more. All is documented with the project.\n", connection_help);
}

static void print_command_help(const struct subcommand *command)
{
    printf("sallyport %s: %s\n\nusage: sallyport %s %s\n", command->name, command->summary, command->name,
           command->usage);
    if (command->details[0] != '\0')
        printf("\n%s", command->details);
    if (command->option_count > 0) {
        printf("\noptions\n");
        options_print(stdout, command->options, command->option_count);
    }
    printf("\noptions of every command\n");
    options_print(stdout, common_rows, COMMON_COUNT);
    if (command->needs_server)
        printf("\n%s", connection_help);
    if (command->has_job_codes)
        printf("\n%s", code_help);
}

/* How many of argv's first words name this command: 0 if it is another one. */
static int match(const struct subcommand *command, int argc, char **argv)
{
    const char *blank = strchr(command->name, ' ');
    if (blank == NULL)
        return strcmp(command->name, argv[0]) == 0 ? 1 : 0;
    size_t length = (size_t)(blank - command->name);
    bool is_first = strlen(argv[0]) == length && memcmp(argv[0], command->name, length) == 0;
    return is_first && argc > 1 && strcmp(argv[1], blank + 1) == 0 ? 2 : 0;
}

/* The closest name for a word that is none; two-word commands are also found by their first word. */
static const char *nearest_name(const char *word)
{
    const char *nearest = NULL;
    unsigned least = 3;
    for (size_t g = 0; g < GROUP_COUNT; g++)
        for (size_t i = 0;
             i < sizeof groups[g].commands / sizeof groups[g].commands[0] && groups[g].commands[i] != NULL; i++) {
            const char *name = groups[g].commands[i]->name;
            size_t first = strcspn(name, " ");
            if (name[first] == ' ' && strlen(word) == first && memcmp(word, name, first) == 0)
                return name;
            if (text_distance(word, name) < least) {
                least = text_distance(word, name);
                nearest = name;
            }
        }
    return nearest;
}

static const struct subcommand *find_command(int argc, char **argv, int *ret_used)
{
    for (size_t g = 0; g < GROUP_COUNT; g++)
        for (size_t i = 0;
             i < sizeof groups[g].commands / sizeof groups[g].commands[0] && groups[g].commands[i] != NULL; i++) {
            int used = match(groups[g].commands[i], argc, argv);
            if (used > 0) {
                *ret_used = used;
                return groups[g].commands[i];
            }
        }
    const char *nearest = nearest_name(argv[0]);
    if (nearest != NULL)
        say("there is no command '%s'; did you mean 'sallyport %s'? 'sallyport --help' lists them", argv[0], nearest);
    else
        say("there is no command '%s'; 'sallyport --help' lists them", argv[0]);
    return NULL;
}

/* What was printed must have arrived, or the caller works with half of it. */
static int finish(int code)
{
    if (fflush(stdout) == 0 && ferror(stdout) == 0)
        return code;
    if (errno != EPIPE)
        say("stdout cannot be written: %s", strerrordesc_np(errno));
    return code == 0 ? CODE_TROUBLE : code;
}

static int run_command(const struct subcommand *command, struct cli *cli, void *options, const struct words *words)
{
    struct error err;
    if (words->count < command->words_min || words->count > command->words_max) {
        say("usage: sallyport %s %s", command->name, command->usage);
        return CODE_TROUBLE;
    }
    if (command->needs_server && client_new(cli, &cli->client, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    return command->run(cli, options, words);
}

/* What another reader of options will look at. */
static int add_rest(const struct subcommand *command, int argc, char **argv, struct words *words, struct error *err)
{
    int done = 0;
    for (int i = 0; command->leaves_rest && i < argc && done == 0; i++)
        done = words_add(words, argv[i], err);
    return done;
}

static int start_command(struct common *common, int argc, char **argv)
{
    struct error err;
    struct words words = { 0 };
    int used = 0, name_words = 0;
    const struct subcommand *command = find_command(argc, argv, &name_words);
    if (command == NULL)
        return CODE_TROUBLE;
    auto_free void *options = calloc(1, command->option_bytes + 1);
    const struct option_set sets[] = { { command->options, command->option_count, options },
                                       { common_rows, COMMON_COUNT, common } };
    int code = CODE_TROUBLE;
    if (options == NULL)
        say("out of memory");
    else if (options_parse(argc - name_words, argv + name_words, sets, 2, command->leaves_rest, &words, &used, &err) <
                 0 ||
             add_rest(command, argc - name_words - used, argv + name_words + used, &words, &err) < 0)
        say("%s", err.text);
    else if (common->cli.wants_help) {
        print_command_help(command);
        code = 0;
    } else
        code = run_command(command, &common->cli, options, &words);
    client_free(common->cli.client);
    words_done(&words);
    return code;
}

int main(int argc, char **argv)
{
    struct error err;
    struct common common = { .wants_version = false };
    struct words words = { 0 };
    const struct option_set set = { common_rows, COMMON_COUNT, &common };
    int used = 0;
    if (fd_sanitise_stdio(&err) < 0)
        return CODE_TROUBLE;
    signal(SIGPIPE, SIG_IGN); /* a closed stdout is an error that we explain */
    if (options_parse(argc - 1, argv + 1, &set, 1, true, &words, &used, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    if (common.wants_version) {
        printf("sallyport %s\n", SALLYPORT_VERSION);
        return finish(0);
    }
    if (1 + used >= argc) {
        print_help(common.cli.wants_help ? stdout : stderr);
        return finish(common.cli.wants_help ? 0 : CODE_TROUBLE);
    }
    /* "sallyport help run" is "sallyport run --help". */
    if (strcmp(argv[1 + used], "help") == 0) {
        used++;
        common.cli.wants_help = true;
        if (1 + used >= argc) {
            print_help(stdout);
            return finish(0);
        }
    }
    return finish(start_command(&common, argc - 1 - used, argv + 1 + used));
}
