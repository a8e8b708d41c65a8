/* sallyport token create: needs no server. What is made here works once its lines stand in the configuration. */
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/limits.h"
#include "say.h"
#include "token.h"
#include "token_files.h"
#include "when.h"

struct create_options {
    const char *name, *expires, *save, *hash_file;
    struct words allow;
};

static const struct option_row create_rows[] = {
    { '\0', OPTION_TEXT, "name", offsetof(struct create_options, name), "NAME",
      "what logs and reports call its holder (default: my-token)", NULL },
    { '\0', OPTION_TEXTS, "allow", offsetof(struct create_options, allow), "SCOPES",
      "run:GLOB, read:own, read:all, cancel:own, cancel:all,\nmetrics, admin:functions, admin; with commas, or given "
      "again\n(default: "
      "run:*,read:own,cancel:own)",
      NULL },
    { '\0', OPTION_TEXT, "expires", offsetof(struct create_options, expires), "WHEN",
      "a day such as 2027-01-31, or a time from now such as 90d", NULL },
    { '\0', OPTION_TEXT, "save", offsetof(struct create_options, save), "FILE",
      "write the token to this new file (mode 0600), not to stdout", NULL },
    { '\0', OPTION_TEXT, "hash-file", offsetof(struct create_options, hash_file), "FILE",
      "write the hash to this new file, which the lines then name,\nso that 'token rotate' and 'token revoke' can "
      "change it",
      NULL },
};

/* Splits what --allow was given at its commas into scopes, each checked. */
static int read_scopes(const struct words *allow, json_t *scopes, struct error *err)
{
    static const char *const usual[] = { "run:*", "read:own", "cancel:own" };
    for (size_t i = 0; i < allow->count; i++)
        for (const char *at = allow->items[i];;) {
            char scope[NAME_MAX_BYTES + 8];
            size_t length = strcspn(at, ",");
            if (!text_copy_bytes(scope, sizeof scope, at, length) || !token_scope_is_sound(scope))
                return fail_plain(
                    err, EINVAL,
                    "'%.*s' is no scope; --allow takes run:GLOB, read:own, read:all, cancel:own, cancel:all, metrics, "
                    "admin:functions, admin",
                    (int)length, at);
            json_array_append_new(scopes, json_string(scope));
            if (at[length] == '\0')
                break;
            at += length + 1;
        }
    for (size_t i = 0; i < sizeof usual / sizeof usual[0] && allow->count == 0; i++)
        json_array_append_new(scopes, json_string(usual[i]));
    return 0;
}

/* The day on which it ends; of a time from now the day after, so that it is never shorter than asked for. */
static int read_expiry(const char *text, char day[16], struct error *err)
{
    uint64_t ahead_ms, unix_ms;
    char written[CLOCK_TEXT_BYTES];
    day[0] = '\0';
    if (text == NULL)
        return 0;
    if (text_duration_ms(text, &ahead_ms))
        unix_ms = clock_unix_ms() + ahead_ms + 86400000 - 1;
    else if (strlen(text) != 10 || !when_parse_since(text, 0, &unix_ms))
        return fail_plain(err, EINVAL,
                          "--expires takes a day such as 2027-01-31 or a time from now such as 90d, not '%s'", text);
    if (unix_ms <= clock_unix_ms())
        return fail_plain(err, EINVAL, "--expires: %s is over", text);
    snprintf(day, 16, "%.10s", clock_text(unix_ms, written));
    return 0;
}

/* The holder's file, and the one with the hash that the configuration is to name. */
static int save_files(const struct create_options *options, const char *token, struct error *err)
{
    char hash[TOKEN_HASH_TEXT_BYTES];
    token_hash(token, hash);
    if (options->save != NULL && token_file_create(options->save, token, err) < 0)
        return -err->code;
    int done = options->hash_file == NULL ? 0 : token_file_create(options->hash_file, hash, err);
    if (done < 0 && options->save != NULL)
        unlink(options->save);
    return done;
}

/* The lines to paste: written by hand, in the form that the documentation shows. */
static void print_lines(const char *name, const char *hash, const char *hash_file, const json_t *scopes,
                        const char *day)
{
    printf("tokens:\n  %s:\n    hash: \"%s%s\"\n    allow: [", name, hash_file != NULL ? "file:" : "",
           hash_file != NULL ? hash_file : hash);
    for (size_t i = 0; i < json_array_size(scopes); i++)
        printf("%s\"%s\"", i == 0 ? "" : ", ", json_string_value(json_array_get(scopes, i)));
    printf("]\n");
    if (day[0] != '\0')
        printf("    expires: %s\n", day);
}

static void print_token(const struct cli *cli, const struct create_options *options, const char *name,
                        const char *token, const json_t *scopes, const char *day)
{
    char hash[TOKEN_HASH_TEXT_BYTES];
    token_hash(token, hash);
    if (cli->format == FORMAT_JSON || cli->format == FORMAT_NDJSON) {
        json_t *object =
            json_pack("{s:s, s:s*, s:s, s:O, s:s*}", "name", name, "token", options->save == NULL ? token : NULL,
                      "hash", hash, "allow", scopes, "expires", day[0] == '\0' ? NULL : day);
        render_raw(cli, object);
        json_decref(object);
        return;
    }
    if (options->save == NULL && cli->format != FORMAT_YAML)
        printf("%s\n", token);
    if (cli->format == FORMAT_NAME)
        return;
    if (cli->format != FORMAT_YAML && !cli->is_quiet)
        printf("\n%s Put these lines into sallyport.yaml and reload\n"
               "(systemctl reload sallyport, or SIGHUP to sallyportd):\n\n",
               options->save == NULL ? "The token is shown this once, and kept nowhere." : "The token is in its file.");
    print_lines(name, hash, options->hash_file, scopes, day);
}

static int token_create(struct cli *cli, void *values, const struct words *words)
{
    struct create_options *options = values;
    const char *name = options->name == NULL ? "my-token" : options->name;
    struct error err = { .code = 0 };
    char token[TOKEN_TEXT_BYTES], day[16] = "";
    json_t *scopes = json_array();
    (void)words;
    int result = 0;
    if (options->hash_file != NULL && options->hash_file[0] != '/')
        result = fail_plain(&err, EINVAL, "--hash-file must be an absolute path: it is written into the configuration");
    else if (!text_is_name(name))
        result = fail_plain(&err, EINVAL,
                            "'%s' is no name for a token: lower-case letters, digits and dashes, a letter first", name);
    else if (cli->format == FORMAT_YAML && options->save == NULL)
        result =
            fail_plain(&err, EINVAL, "-o yaml prints the lines to paste alone; say with --save where the token goes");
    else if (read_scopes(&options->allow, scopes, &err) < 0 || read_expiry(options->expires, day, &err) < 0 ||
             token_make(token, &err) < 0 || save_files(options, token, &err) < 0)
        result = -err.code;
    if (result == 0)
        print_token(cli, options, name, token, scopes, day);
    else
        say("%s", err.text);
    explicit_bzero(token, sizeof token);
    json_decref(scopes);
    words_done(&options->allow);
    return result == 0 ? 0 : CODE_TROUBLE;
}

const struct subcommand cmd_token_create = {
    .name = "token create",
    .summary = "make a token and the lines that admit it",
    .usage = "[--name NAME] [--allow SCOPES] [OPTION]...",
    .details = "Works without a server. A token is sp_ and 256 random bits; the configuration\n"
               "keeps only the SHA-256 of exactly this text (\"sha256:\" and 64 hex digits), so\n"
               "whoever reads it there cannot use it. To revoke a token, take its lines out and\n"
               "reload; with --hash-file 'sallyport token revoke' does that.\n"
               "\n"
               "  sallyport token create --name ci-web --allow run:deploy-web,read:own --expires 90d\n",
    .options = create_rows,
    .option_count = sizeof create_rows / sizeof create_rows[0],
    .option_bytes = sizeof(struct create_options),
    .run = token_create,
};
