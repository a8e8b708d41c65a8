/* sallyport token ls: who may call, as the service has it, or as a configuration says. */
#include <jansson.h>
#include <stdio.h>

#include "cli.h"
#include "client.h"
#include "options.h"
#include "render.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/config/config.h"
#include "say.h"

struct ls_options {
    const char *config;
};

static const struct option_row ls_rows[] = {
    { 'c', OPTION_TEXT, "config", offsetof(struct ls_options, config), "FILE",
      "those of this configuration, without asking a service", NULL },
};

static const struct column columns[] = {
    { .header = "NAME", .path = "name" },
    { .header = "KIND", .path = "kind" },
    { .header = "UID", .path = "uid", .is_wide = true },
    { .header = "ALLOW", .path = "allow", .may_shrink = true },
    { .header = "SECRETS", .path = "secrets", .is_wide = true },
    { .header = "EXPIRES", .path = "expires_at", .kind = COLUMN_TIME },
    { .header = "LAST USED", .path = "last_used_at", .kind = COLUMN_TIME },
};

/* As GET /v1/tokens has them, but for the last use, which only a service knows. */
static json_t *identity_json(const struct config_identity *identity)
{
    static const char *const scopes[SCOPE_KIND_COUNT] = {
        [SCOPE_READ_OWN] = "read:own",         [SCOPE_READ_ALL] = "read:all", [SCOPE_CANCEL_OWN] = "cancel:own",
        [SCOPE_CANCEL_ALL] = "cancel:all",     [SCOPE_ADMIN] = "admin",       [SCOPE_METRICS] = "metrics",
        [SCOPE_FUNCTIONS] = "admin:functions",
    };
    json_t *allow = json_array();
    char text[NAME_MAX_BYTES + 16], when[CLOCK_TEXT_BYTES];
    for (uint32_t i = 0; i < identity->scope_count; i++) {
        const struct setting_scope *scope = &identity->scopes[i];
        snprintf(text, sizeof text, "run:%s", scope->glob);
        json_array_append_new(allow, json_string(scope->kind == SCOPE_RUN ? text : scopes[scope->kind]));
    }
    bool is_user = identity->setting.kind == IDENTITY_USER;
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%s%s", is_user ? USER_PREFIX : "", identity->setting.name);
    bool is_token = identity->setting.kind == IDENTITY_TOKEN, is_peer = identity->setting.kind == IDENTITY_PEER;
    bool has_expiry = identity->setting.expires_unix_ms > 0;
    return json_pack("{s:s, s:s, s:o, s:o, s:b, s:o, s:o}", "name", name, "kind",
                     identity_kind_text(identity->setting.kind), "uid",
                     is_peer ? json_integer(identity->setting.uid) : json_null(), "allow", allow, "narrowed",
                     identity->pin_count > 0 || identity->from_count > 0, "secrets",
                     is_token ? json_integer(identity->secret_count) : json_null(), "expires_at",
                     has_expiry ? json_string(clock_text(identity->setting.expires_unix_ms, when)) : json_null());
}

static int list_file(const struct cli *cli, const char *path)
{
    struct config *config = NULL;
    struct error err = { .text = "the configuration has faults" };
    if (config_load(path, CONFIG_OWNER_ANY, stderr, &config, &err) < 0) {
        say("%s: %s", path, err.text);
        return CODE_BAD_CONFIG;
    }
    json_t *items = json_array();
    for (uint32_t i = 0; i < config->identity_count; i++)
        json_array_append_new(items, identity_json(&config->identities[i]));
    render_list(cli, items, columns, sizeof columns / sizeof columns[0], "name");
    json_decref(items);
    config_free(config);
    return 0;
}

static int token_ls(struct cli *cli, void *values, const struct words *words)
{
    const struct ls_options *options = values;
    struct request request = { .method = "GET", .path = "/v1/tokens" };
    struct error err;
    json_t *answer = NULL;
    (void)words;
    if (options->config != NULL)
        return list_file(cli, options->config);
    if (client_ask(cli->client, &request, &answer, &err) < 0) {
        say("%s", err.text);
        return CODE_TROUBLE;
    }
    render_list(cli, json_object_get(answer, "items"), columns, sizeof columns / sizeof columns[0], "name");
    json_decref(answer);
    return 0;
}

const struct subcommand cmd_token_ls = {
    .name = "token ls",
    .summary = "list who may call, and when each did last",
    .usage = "[-c FILE]",
    .details = "Asks the service, which needs the scope admin: its callers, their rights, when they\n"
               "expire, and the minute of their last request. With -c the callers that a configuration\n"
               "admits, which needs the right to read that file. No hash is shown.\n",
    .options = ls_rows,
    .option_count = sizeof ls_rows / sizeof ls_rows[0],
    .option_bytes = sizeof(struct ls_options),
    .needs_server = true,
    .run = token_ls,
};
