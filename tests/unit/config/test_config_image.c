/* What an image adds to a command, and what it cannot. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/config/config.h"
#include "sallyport/config/image.h"
#include "sallyport/policy/policy.h"

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define IMAGE  "image: \"example/tool@sha256:" DIGITS "\""

static int parse(const char *text, char *said, size_t room, struct config **ret_config)
{
    FILE *report = fmemopen(said, room, "w");
    struct error err = { 0 };
    said[0] = '\0';
    int done = config_parse("c.yaml", (const uint8_t *)text, strlen(text), report, ret_config, &err);
    fclose(report);
    return done;
}

static struct config *take(const char *text)
{
    char said[8192];
    struct config *config = NULL;
    cr_assert_eq(parse(text, said, sizeof said, &config), 0, "%s\n%s", text, said);
    return config;
}

static const char *env_of(const struct command *command, const char *name)
{
    for (uint32_t i = 0; i < command->env_count; i++)
        if (strcmp(command->env[i].name, name) == 0)
            return command->env[i].value.piece_count > 0 ? command->env[i].value.pieces[0].literal : "";
    return NULL;
}

static const struct image_settings sample = {
    .exec = { "/bin/tool", "--of the image" },
    .exec_count = 2,
    .env = { "PATH=/opt/bin", "A=image", "B=image", "LD_PRELOAD=/evil.so", "PYTHONPATH=/evil", "SALLYPORT_ACTOR=root",
             "bad name=1", "S=image", "EMPTY=" },
    .env_count = 9,
    .workdir = "/app",
    .user = "4711",
};

Test(config_image, is_a_root_that_commands_share)
{
    struct config *config =
        take("commands:\n  a: {" IMAGE "}\n  b: {" IMAGE ", exec: [/bin/b]}\n  c: {exec: [/bin/c]}\n"
             "images: {dir: /srv/images}\n");
    const struct policy *policy = config->policy;
    cr_expect_eq(policy->root_count, 2);
    cr_expect_eq(policy->commands[0].root, policy->commands[1].root);
    cr_expect_neq(policy->commands[0].root, policy->commands[2].root);
    cr_expect_str_eq(policy->roots[policy->commands[0].root].image, DIGITS);
    cr_expect_str_eq(policy->roots[policy->commands[0].root].image_name, "example/tool");
    cr_expect_str_eq(policy->roots[policy->commands[2].root].image, "");
    cr_expect_str_eq(config->images_dir, "/srv/images");
    config_free(config);
}

Test(config_image, is_named_by_a_digest)
{
    static const char *const names[] = { "tool", "tool:1", "tool@sha256:12", "-x@sha256:" DIGITS };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char text[512], said[8192];
        struct config *config = NULL;
        snprintf(text, sizeof text, "commands: {a: {image: \"%s\"}}\n", names[i]);
        cr_expect_eq(parse(text, said, sizeof said, &config), -EINVAL, "%s", names[i]);
        cr_expect_not_null(strstr(said, "commands.a.image: "), "%s", said);
        config_free(config);
    }
}

Test(config_image, gives_what_the_owner_did_not_write)
{
    struct error err = { 0 };
    struct config *config = take("commands: {a: {" IMAGE "}}\n");
    struct command *command = &config->policy->commands[0];
    cr_assert_eq(config_add_image(command, &sample, &err), 0, "%s", err.text);
    cr_expect_eq(command->argument_count, 2);
    cr_expect_str_eq(command->arguments[0].pieces[0].literal, "/bin/tool");
    cr_expect_str_eq(command->arguments[1].pieces[0].literal, "--of the image");
    cr_expect_str_eq(command->workdir, "/app");
    cr_expect_str_eq(env_of(command, "PATH"), "/opt/bin");
    cr_expect_str_eq(env_of(command, "A"), "image");
    cr_expect_str_eq(env_of(command, "EMPTY"), "");
    config_free(config);
}

Test(config_image, never_overrules_the_owner)
{
    struct error err = { 0 };
    struct config *config = take("commands:\n  a:\n    " IMAGE "\n    exec: [/bin/mine]\n    workdir: /mine\n"
                                 "    env: {A: mine, PATH: /mine}\n"
                                 "    params: {s: {type: secret, deliver: \"env:S\"}}\n");
    struct command *command = &config->policy->commands[0];
    cr_assert_eq(config_add_image(command, &sample, &err), 0, "%s", err.text);
    cr_expect_eq(command->argument_count, 1);
    cr_expect_str_eq(command->arguments[0].pieces[0].literal, "/bin/mine");
    cr_expect_str_eq(command->workdir, "/mine");
    cr_expect_str_eq(env_of(command, "A"), "mine");
    cr_expect_str_eq(env_of(command, "PATH"), "/mine");
    cr_expect_str_eq(env_of(command, "B"), "image");
    cr_expect_null(env_of(command, "S"), "a secret's variable is the secret's");
    config_free(config);
}

Test(config_image, sets_no_variable_that_loaders_or_interpreters_obey_or_that_is_ours)
{
    struct error err = { 0 };
    struct config *config = take("commands: {a: {" IMAGE "}}\n");
    struct command *command = &config->policy->commands[0];
    cr_assert_eq(config_add_image(command, &sample, &err), 0);
    static const char *const names[] = { "LD_PRELOAD", "PYTHONPATH", "SALLYPORT_ACTOR", "bad name" };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_expect_null(env_of(command, names[i]), "%s", names[i]);
    config_free(config);
}

Test(config_image, without_a_usable_entrypoint_says_what_to_write)
{
    static const struct image_settings bad[] = {
        { .exec_count = 0 },
        { .exec = { "tool" }, .exec_count = 1 },
        { .exec = { "/bin/../tool" }, .exec_count = 1 },
        { .exec = { "/" }, .exec_count = 1 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err = { 0 };
        struct config *config = take("commands: {a: {" IMAGE "}}\n");
        struct command *command = &config->policy->commands[0];
        cr_expect_eq(config_add_image(command, &bad[i], &err), -ENOEXEC, "%zu", i);
        cr_expect_not_null(strstr(err.text, "write 'exec'"));
        config_free(config);
    }
}

Test(config_image, leaves_the_place_of_artefacts_alone)
{
    struct error err = { 0 };
    struct config *config = take("commands: {a: {" IMAGE ", artifacts: [\"*.txt\"]}}\n");
    struct command *command = &config->policy->commands[0];
    cr_assert_eq(config_add_image(command, &sample, &err), 0);
    cr_expect_str_eq(command->workdir, "");
    config_free(config);
}

Test(config_image, adds_no_more_variables_than_a_command_may_have)
{
    struct error err = { 0 };
    static char texts[ENV_COUNT_MAX + 1][16];
    struct image_settings many = { .env_count = ENV_COUNT_MAX };
    for (unsigned i = 0; i < ENV_COUNT_MAX; i++) {
        snprintf(texts[i], sizeof texts[i], "V%u=1", i);
        many.env[i] = texts[i];
    }
    struct config *config = take("commands: {a: {" IMAGE ", exec: [/bin/a], env: {MINE: 1}}}\n");
    cr_expect_eq(config_add_image(&config->policy->commands[0], &many, &err), -E2BIG);
    config_free(config);
}
