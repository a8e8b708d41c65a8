/*
 * sallyport token rotate and revoke: another secret for a caller, or none. Where `hash: file:PATH` names a file, that is
 * changed; the configuration itself is its owner's, and what to write there is printed. Both take effect with a reload.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/config/config.h"
#include "say.h"
#include "token.h"
#include "token_files.h"

#define FILE_TEXT_BYTES (TOKEN_SECRETS_MAX * (TOKEN_HASH_TEXT_BYTES + 1))

struct rotate_options {
    const char *config, *save;
};

struct revoke_options {
    const char *config;
    bool only_old;
};

static const struct option_row rotate_rows[] = {
    { 'c', OPTION_TEXT, "config", offsetof(struct rotate_options, config), "FILE",
      "the configuration (default " CONFIG_DEFAULT ")", NULL },
    { '\0', OPTION_TEXT, "save", offsetof(struct rotate_options, save), "FILE",
      "write the token to this new file (mode 0600), not to stdout", NULL },
};

static const struct option_row revoke_rows[] = {
    { 'c', OPTION_TEXT, "config", offsetof(struct revoke_options, config), "FILE",
      "the configuration (default " CONFIG_DEFAULT ")", NULL },
    { '\0', OPTION_FLAG, "old", offsetof(struct revoke_options, only_old), NULL,
      "only the secret before the newest one: the end of a rotation", NULL },
};

static const struct config_identity *find(const struct config *config, const char *name)
{
    for (uint32_t i = 0; i < config->identity_count; i++)
        if (config->identities[i].setting.kind == IDENTITY_TOKEN &&
            strcmp(config->identities[i].setting.name, name) == 0)
            return &config->identities[i];
    return NULL;
}

/*
 * The configuration as sallyportd would take it: what is written here follows a path from there, so nobody else may have
 * been able to put it there. Returns an exit code, 0 for found.
 */
static int load(const char *path, const char *name, struct config **ret_config,
                const struct config_identity **ret_token)
{
    struct error err = { .text = "the configuration has faults" };
    if (path == NULL)
        path = CONFIG_DEFAULT;
    if (config_load(path, geteuid() == 0 ? CONFIG_OWNER_ROOT : CONFIG_OWNER_SELF, stderr, ret_config, &err) < 0) {
        say("%s: %s", path, err.text);
        return CODE_BAD_CONFIG;
    }
    *ret_token = find(*ret_config, name);
    if (*ret_token != NULL)
        return 0;
    say("%s has no token '%s'; 'sallyport token ls -c %s' lists those that it has", path, name, path);
    config_free(*ret_config);
    return CODE_TROUBLE;
}

static void hash_text(const struct config_identity *token, uint32_t index, char text[TOKEN_HASH_TEXT_BYTES])
{
    text_hex(token->token_sha256[index], HASH_BYTES, stpcpy(text, "sha256:"));
}

static void print_rotated(const struct cli *cli, const struct config_identity *token, const char *secret,
                          const char *save, const char *hash)
{
    char old[TOKEN_HASH_TEXT_BYTES] = "";
    const char *file = token->hash_file[0] != '\0' ? token->hash_file : NULL;
    if (token->secret_count > 0)
        hash_text(token, 0, old);
    if (cli->format != FORMAT_TABLE && cli->format != FORMAT_WIDE && cli->format != FORMAT_NAME) {
        json_t *object = json_pack("{s:s, s:s*, s:s, s:s*, s:s*}", "name", token->setting.name, "token",
                                   save == NULL ? secret : NULL, "hash", hash, "old_hash", old[0] != '\0' ? old : NULL,
                                   "file", file);
        render_raw(cli, object);
        json_decref(object);
        return;
    }
    if (save == NULL)
        printf("%s\n", secret);
    if (cli->format == FORMAT_NAME || (cli->is_quiet && file != NULL))
        return;
    if (file != NULL)
        say("%s has the new hash%s; it holds from the next reload on (sallyport config reload)", file,
            old[0] != '\0' ? " and the one before it" : "");
    else if (old[0] != '\0')
        printf(
            "\nPut this line in place of the one of tokens.%s and reload:\n\n    hash: [\"%s\",\n           \"%s\"]\n",
            token->setting.name, hash, old);
    else
        printf("\nPut this line in place of the one of tokens.%s and reload:\n\n    hash: \"%s\"\n",
               token->setting.name, hash);
    if (old[0] != '\0')
        say("both secrets are taken until 'sallyport token revoke %s --old' and another reload", token->setting.name);
}

/* The holder's file first: a hash whose secret nobody has would be of no use. */
static int change_files(const struct config_identity *token, const char *secret, const char *hash, const char *save,
                        struct error *err)
{
    char text[FILE_TEXT_BYTES], old[TOKEN_HASH_TEXT_BYTES] = "";
    if (save != NULL && token_file_create(save, secret, err) < 0)
        return -err->code;
    if (token->hash_file[0] == '\0')
        return 0;
    if (token->secret_count > 0)
        hash_text(token, 0, old);
    snprintf(text, sizeof text, "%s\n%s%s", hash, old, old[0] != '\0' ? "\n" : "");
    int done = token_file_replace(token->hash_file, text, err);
    if (done < 0 && save != NULL)
        unlink(save);
    return done;
}

static int token_rotate(struct cli *cli, void *values, const struct words *words)
{
    const struct rotate_options *options = values;
    struct config *config = NULL;
    const struct config_identity *token = NULL;
    struct error err = { .code = 0 };
    char secret[TOKEN_TEXT_BYTES], hash[TOKEN_HASH_TEXT_BYTES];
    int code = load(options->config, words->items[0], &config, &token);
    if (code != 0)
        return code;
    if (token_make(secret, &err) == 0) {
        token_hash(secret, hash);
        if (change_files(token, secret, hash, options->save, &err) == 0)
            print_rotated(cli, token, secret, options->save, hash);
    }
    if (err.code != 0) {
        say("%s", err.text);
        code = CODE_TROUBLE;
    }
    explicit_bzero(secret, sizeof secret);
    config_free(config);
    return code;
}

/* What is in the configuration itself is taken out by its owner, and is in effect until then: no success. */
static int say_what_to_write(const struct config_identity *token, bool only_old)
{
    char newest[TOKEN_HASH_TEXT_BYTES];
    const char *name = token->setting.name;
    hash_text(token, 0, newest);
    if (only_old)
        say("the hashes of '%s' stand in the configuration itself, which only you change; write there: hash: \"%s\"",
            name, newest);
    else
        say("the hash of '%s' stands in the configuration itself, which only you change; take tokens.%s out, or name "
            "a file there (hash: file:PATH)",
            name, name);
    say("it is taken until then, and until a reload");
    return CODE_TROUBLE;
}

static int token_revoke(struct cli *cli, void *values, const struct words *words)
{
    const struct revoke_options *options = values;
    struct config *config = NULL;
    const struct config_identity *token = NULL;
    struct error err = { .code = 0 };
    char text[FILE_TEXT_BYTES] = "";
    int code = load(options->config, words->items[0], &config, &token);
    if (code != 0)
        return code;
    if (options->only_old && token->secret_count < TOKEN_SECRETS_MAX) {
        say("'%s' has no second secret", token->setting.name);
        code = CODE_TROUBLE;
    } else if (token->hash_file[0] == '\0') {
        code = say_what_to_write(token, options->only_old);
    } else {
        char newest[TOKEN_HASH_TEXT_BYTES];
        hash_text(token, 0, newest);
        if (options->only_old)
            snprintf(text, sizeof text, "%s\n", newest);
        if (token_file_replace(token->hash_file, text, &err) < 0) {
            say("%s", err.text);
            code = CODE_TROUBLE;
        } else if (!cli->is_quiet) {
            say("%s %s; the service takes %s until a reload (sallyport config reload)", token->hash_file,
                options->only_old ? "has the newest hash alone" : "is empty", options->only_old ? "both" : "the token");
        }
    }
    config_free(config);
    return code;
}

const struct subcommand cmd_token_rotate = {
    .name = "token rotate",
    .summary = "give a caller another secret",
    .usage = "NAME [OPTION]...",
    .details = "Prints the new token this once. The one before it stays good beside it until\n"
               "'sallyport token revoke NAME --old', so that nobody is locked out meanwhile; of two\n"
               "the older one goes. Where the configuration says 'hash: file:PATH', that file is\n"
               "changed; else the line to put into the configuration is printed. Needs no server,\n"
               "but the right to change that file; holds from the next reload on.\n"
               "\n"
               "  sallyport token rotate ci-web --save ci-web.token && sallyport config reload\n",
    .options = rotate_rows,
    .option_count = sizeof rotate_rows / sizeof rotate_rows[0],
    .option_bytes = sizeof(struct rotate_options),
    .words_min = 1,
    .words_max = 1,
    .run = token_rotate,
};

const struct subcommand cmd_token_revoke = {
    .name = "token revoke",
    .summary = "withdraw a caller's secrets, or the older one",
    .usage = "NAME [--old] [-c FILE]",
    .details = "Empties the file that the configuration names with 'hash: file:PATH', or leaves only\n"
               "the newest hash in it (--old). A hash that stands in the configuration itself is for\n"
               "its owner to take out: then this says what to write, and fails. With the reload\n"
               "that follows the token is refused, and streams that it opened are closed.\n"
               "\n"
               "  sallyport token revoke ci-web && sallyport config reload\n",
    .options = revoke_rows,
    .option_count = sizeof revoke_rows / sizeof revoke_rows[0],
    .option_bytes = sizeof(struct revoke_options),
    .words_min = 1,
    .words_max = 1,
    .run = token_revoke,
};
