/* sallyport config: what the bootstrap would say of a configuration, without starting anything. */
#include <stdio.h>

#include "cli.h"
#include "options.h"
#include "sallyport/base/error.h"
#include "sallyport/config/config.h"
#include "sallyport/policy/policy.h"
#include "say.h"

static int check(struct cli *cli, void *values, const struct words *words)
{
    const char *path = words->count > 0 ? words->items[0] : CONFIG_DEFAULT;
    struct config *config = NULL;
    struct error err = { .text = "not usable: the faults are named above" };
    (void)values;
    if (config_load(path, CONFIG_OWNER_ANY, stderr, &config, &err) < 0) {
        say("%s: %s", path, err.text);
        return CODE_BAD_CONFIG;
    }
    uint32_t tokens = 0;
    for (uint32_t i = 0; i < config->identity_count; i++)
        tokens += config->identities[i].setting.kind == IDENTITY_TOKEN;
    if (!cli->is_quiet)
        printf("%s: fine: %u command%s, %u token%s\n", path, config->policy->command_count,
               config->policy->command_count == 1 ? "" : "s", tokens, tokens == 1 ? "" : "s");
    config_free(config);
    return 0;
}

static int reference(struct cli *cli, void *values, const struct words *words)
{
    (void)cli;
    (void)values;
    (void)words;
    config_write_reference(stdout);
    return 0;
}

const struct subcommand cmd_config_check = {
    .name = "config check",
    .summary = "check a configuration before it is used",
    .usage = "[FILE]",
    .details = "FILE is " CONFIG_DEFAULT " by default. Every fault is named at\n"
               "once, as file:line:column: path: text. The exit code is 0, or 78 when sallyportd\n"
               "would refuse it. Owner and mode of a draft are only warned about.\n",
    .words_max = 1,
    .run = check,
};

const struct subcommand cmd_config_reference = {
    .name = "config reference",
    .summary = "print the reference of all keys as Markdown",
    .usage = "",
    .details = "Made from the tables by which configurations are checked.\n",
    .run = reference,
};
