/* Hooks: what is wrong with them, and what front and keeper get. */
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"
#include "sallyport/proto/entries.h"

#define COMMAND                                                                                                        \
    "commands: {x: {exec: [/bin/echo, \"{a}\", \"{n}\"], params: {a: {type: string, required: true}, "                 \
    "n: {type: int, max: 5, default: 1}, s: {type: secret}, f: {type: file}}}}\n"
#define AT "c.yaml:2:"

/* Of a hook whose secret cannot be read here, which is told last. */
static void expect_fault(const char *hook, const char *fault)
{
    char text[2048], said[8192] = "";
    snprintf(text, sizeof text, COMMAND "hooks: {h: %s}\n", hook);
    FILE *report = fmemopen(said, sizeof said, "w");
    struct config *config = NULL;
    struct error err = { 0 };
    cr_expect_eq(config_parse("c.yaml", (const uint8_t *)text, strlen(text), report, &config, &err), -EINVAL, "%s",
                 hook);
    fclose(report);
    cr_expect_not_null(strstr(said, fault), "for %s\nsaid:\n%s\nnot:\n%s", hook, said, fault);
    config_free(config);
}

#define VERIFY "verify: {preset: github, secrets: \"file:/s\"}"

Test(config_hooks, tells_what_is_wrong)
{
    static const struct {
        const char *hook, *fault;
    } rows[] = {
        { "{run: {command: x, params: {a: b}}}", "hooks.h: 'verify' is missing" },
        { "{verify: {preset: github}, run: {command: x, params: {a: b}}}", "'secrets' is missing" },
        { "{verify: {secrets: \"file:/s\"}, run: {command: x, params: {a: b}}}", "'preset' is missing" },
        { "{" VERIFY "}", "'run' is missing" },
        { "{verify: {preset: githib, secrets: \"file:/s\"}, run: {command: x}}", "did you mean 'github'?" },
        { "{verify: {preset: github, secrets: letmein}, run: {command: x}}",
          "hooks.h.verify.secrets: must be file:PATH of a file with the secret" },
        { "{verify: {preset: github, secrets: []}, run: {command: x}}", "must have at least 1 item" },
        { "{verify: {preset: github, secrets: [\"file:/a\", \"file:/b\", \"file:/c\"]}, run: {command: x}}",
          "has 3 items, and may have at most 2" },
        { "{verify: {preset: github, secrets: \"file:/s\", header: X}, run: {command: x}}",
          "hooks.h.verify.header: is of preset 'generic' alone" },
        { "{verify: {preset: generic, secrets: \"file:/s\"}, run: {command: x}}", "needs 'header'" },
        { "{verify: {preset: generic, secrets: \"file:/s\", header: Content-Length}, run: {command: x}}",
          "is no header that a delivery could prove itself with" },
        { "{verify: {preset: generic, secrets: \"file:/s\", header: X, algorithm: sha1}, run: {command: x}}",
          "must be one of sha256, sha512, not 'sha1'" },
        { "{verify: {preset: generic, secrets: \"file:/s\", header: X, template: \"{body}{t}\"}, run: {command: x}}",
          "must end with {body}" },
        { "{verify: {preset: generic, secrets: \"file:/s\", header: X, template: \"{t}{body}\"}, run: {command: x}}",
          "need each other" },
        { "{verify: {preset: generic, secrets: \"file:/s\", header: X, timestamp_header: T}, run: {command: x}}",
          "need each other" },
        { "{verify: {preset: generic, secrets: \"file:/s\", header: X, template: \"{id}.{body}\"}, run: {command: x}}",
          "'delivery_header' does not say where it is" },
        { "{verify: {preset: generic, secrets: \"file:/s\", header: X, delivery_header: D, template: \"{id}{body}\"}, "
          "run: "
          "{command: x}}",
          "needs a character behind {id}" },
        { "{verify: {preset: generic, secrets: \"file:/s\", header: X, template: \"{x}{body}\"}, run: {command: x}}",
          "no other braces" },
        { "{" VERIFY ", run: {command: y}}", "hooks.h.run.command: there is no command 'y'" },
        { "{" VERIFY ", run: {command: x}}", "hooks.h.run.params.a: is required" },
        { "{" VERIFY ", run: {command: x, params: {a: b, n: 7}}}", "hooks.h.run.params.n: must be at most 5" },
        { "{" VERIFY ", run: {command: x, params: {a: b, m: {json: /m}}}}", "command 'x' has no such parameter" },
        { "{" VERIFY ", run: {command: x, params: {a: b, s: {json: /m}}}}", "params.s: is a secret" },
        { "{" VERIFY ", run: {command: x, params: {a: b, f: {json: /m}}}}", "params.f: is a file" },
        { "{" VERIFY ", run: {command: x, params: {a: {json: m}}}}", "params.a.json: is no JSON pointer" },
        { "{" VERIFY ", run: {command: x, params: {a: {json: /m~2}}}}", "is no JSON pointer" },
        { "{" VERIFY ", run: {command: x, params: {a: {header: \"a b\"}}}}", "is no name of a header field" },
        { "{" VERIFY ", run: {command: x, params: {a: {body: /m}}}}", "or exactly one of {json: POINTER}" },
        { "{" VERIFY ", run: {command: x, params: {a: {json: /m, header: x}}}}", "or exactly one of {json: POINTER}" },
        { "{" VERIFY ", run: {command: x, params: {a: {header: x-hub-signature-256}}}}",
          "hooks.h.run.params.a: is the header that has the proof" },
        { "{" VERIFY ", when: [{header: X-Hub-Signature-256, glob: \"*\"}], run: {command: x, params: {a: b}}}",
          "hooks.h.when[0].header: is the header that has the proof" },
        { "{verify: {preset: gitlab-token, secrets: \"file:/s\"}, run: {command: x, params: {a: {header: "
          "X-Gitlab-Token}}}}",
          "hooks.h.run.params.a: is the header that has the proof" },
        { "{" VERIFY ", when: [{json: /m}], run: {command: x, params: {a: b}}}",
          "hooks.h.when[0]: needs exactly one of equals, glob, regex and in" },
        { "{" VERIFY ", when: [{equals: m}], run: {command: x, params: {a: b}}}",
          "needs exactly one of header, json, query and form" },
        { "{" VERIFY ", when: [{json: /m, regex: \"(\"}], run: {command: x, params: {a: b}}}",
          "missing closing parenthesis" },
        { "{" VERIFY ", when: [], run: {command: x, params: {a: b}}}", "must have between 1 and 32" },
        { "{" VERIFY ", mode: sync, run: {command: x, params: {a: b}}}", "is not in this release" },
        { "{" VERIFY ", concurrency: 0, run: {command: x, params: {a: b}}}", "must be between 1 and 64" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        expect_fault(rows[i].hook, rows[i].fault);
}

static char directory[] = "/tmp/sallyport-hooks-XXXXXX";

static void enter(void)
{
    umask(022);
    cr_assert_not_null(mkdtemp(directory));
    cr_assert_eq(chdir(directory), 0);
}

static void leave(void)
{
    (void)unlink("secret");
    (void)unlink("c.yaml");
    (void)rmdir(directory);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
    cr_assert_eq(chmod(path, mode), 0);
}

/* NULL, and what was said, for a configuration with faults. */
static struct config *load(const char *preset, const char *secret, mode_t mode, char said[8192])
{
    char text[2048];
    struct config *config = NULL;
    struct error err = { 0 };
    write_file("secret", secret, mode);
    snprintf(text, sizeof text,
             COMMAND
             "hooks: {h: {verify: {preset: %s, secrets: \"file:%s/secret\"}, rate: 5/1s, when: [{header: X-E, in: "
             "[a, b]}], run: {command: x, params: {a: {json: /a}, n: 3}}}}\n",
             preset, directory);
    write_file("c.yaml", text, 0600);
    memset(said, 0, 8192);
    FILE *report = fmemopen(said, 8192, "w");
    int done = config_load("c.yaml", CONFIG_OWNER_SELF, report, &config, &err);
    fclose(report);
    return done == 0 ? config : NULL;
}

Test(config_hooks, secrets_are_files_of_their_owner_and_long_enough, .init = enter, .fini = leave)
{
    char said[8192];
    cr_expect_null(load("github", "", 0600, said));
    cr_expect_not_null(strstr(said, "too short"), "%s", said);
    cr_expect_null(load("github", "fifteen-letters\n", 0600, said));
    cr_expect_not_null(strstr(said, "too short"), "%s", said);
    cr_expect_null(strstr(said, "fifteen"), "it is not repeated");
    cr_expect_null(load("github", "a secret of some length\n", 0600, said), "blanks make two of it");
    cr_expect_null(load("github", "a-secret-of-some-length\n", 0644, said));
    cr_expect_not_null(strstr(said, "chmod 600"), "%s", said);
    cr_expect_null(load("standard-webhooks", "a-secret-of-some-length\n", 0600, said));
    cr_expect_not_null(strstr(said, "whsec_"), "%s", said);
    cr_expect_null(load("standard-webhooks", "whsec_c2hvcnQ=\n", 0600, said));
    config_free(load("standard-webhooks", "whsec_dHdlbnR5LWZvdXIgYnl0ZXMgb2Yga2V5\n", 0600, said));
    cr_expect_str_eq(said, "");
}

Test(config_hooks, front_and_keeper_get_their_parts, .init = enter, .fini = leave)
{
    char said[8192];
    struct config *config = load("github", "a-secret-of-some-length\n", 0600, said);
    cr_assert_not_null(config, "%s", said);
    const struct config_hook *hook = &config->hooks[0];
    cr_expect_str_eq(hook->setting.name, "h");
    cr_expect_str_eq(hook->setting.command, "x");
    cr_expect(span_is(hook->setting.secret, "a-secret-of-some-length"));
    cr_expect_eq(hook->setting.old_secret.size, 0);
    cr_expect_str_eq(hook->front.scheme.signature, "X-Hub-Signature-256");
    cr_expect_eq(hook->front.rate.count, 5);
    cr_expect_eq(hook->front.concurrency, 4);
    struct reader in = { hook->setting.constants.data, hook->setting.constants.size };
    struct entry entry;
    cr_assert_eq(entries_next(&in, &entry), 1);
    cr_expect(span_is(entry.name, "n") && span_is(entry.value, "3"));
    cr_expect_eq(entries_next(&in, &entry), 0, "what a delivery says is no constant");
    cr_assert_eq(hook->map_count, 1);
    cr_expect_str_eq(hook->maps[0].param, "a");
    cr_expect_str_eq(hook->maps[0].from, "/a");
    cr_assert_eq(hook->rule_count, 1);
    cr_expect_eq(hook->rules[0].value.size, 4);
    config_free(config);
}
