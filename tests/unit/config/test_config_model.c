/* What a good configuration becomes. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "env_names.h"
#include "words.h"
#include "sallyport/base/error.h"
#include "sallyport/cell/plan.h"
#include "sallyport/config/config.h"
#include "sallyport/job/job.h"
#include "sallyport/policy/policy.h"

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct config *parse(const char *text)
{
    char said[8192] = "";
    FILE *report = fmemopen(said, sizeof said, "w");
    struct config *config = NULL;
    struct error err = { 0 };
    int done = config_parse("c.yaml", (const uint8_t *)text, strlen(text), report, &config, &err);
    fclose(report);
    cr_assert_eq(done, 0, "%s\n%s", err.text, said);
    cr_assert_str_eq(said, "", "%s", said);
    return config;
}

Test(config, has_the_defaults_of_limits_h)
{
    struct config *config = parse("commands: {x: {exec: [/bin/true]}}\n");
    const struct command *x = &config->policy->commands[0];
    cr_expect_eq(config->max_wait_ms, WAIT_MAX_MS_DEFAULT);
    cr_expect_eq(config->shutdown_grace_ms, SHUTDOWN_GRACE_DEFAULT_MS);
    cr_expect_eq(config->slot_count, SLOT_COUNT_DEFAULT);
    cr_expect_eq(config->slots_per_account, SLOT_PER_USER_DEFAULT);
    cr_expect_eq(config->first_uid, SLOT_FIRST_UID_DEFAULT);
    cr_expect(config->syncs_fully);
    cr_expect_eq(config->listener_count, 1);
    cr_expect_str_eq(config->listeners[0].path, "/run/sallyport/api.sock");
    cr_expect_eq(x->timeout_ms, TIMEOUT_DEFAULT_MS);
    cr_expect_eq(x->grace_ms, GRACE_DEFAULT_MS);
    cr_expect_eq(x->memory_max_bytes, MEMORY_DEFAULT_BYTES);
    cr_expect_eq(x->pids_max, PIDS_DEFAULT);
    cr_expect_eq(x->tmp_max_bytes, TMP_DEFAULT_BYTES);
    cr_expect_eq(x->output_max_bytes, OUTPUT_MAX_DEFAULT_BYTES);
    cr_expect_eq(x->output_when_full, OUTPUT_KILL);
    cr_expect_eq(x->landlock_abi_min, 2);
    cr_expect_eq(x->stdin_max_bytes, STDIN_MAX_BYTES);
    cr_expect_eq(x->degrade, 0);
    cr_expect_eq(x->account, ACCOUNT_NONE);
    cr_expect_str_eq(x->workdir, "");
    cr_expect_str_eq(config->policy->filters[x->filter].name, "base");
    config_free(config);
}

Test(config, reads_the_names_it_is_asked_under_and_whose_pages_may_ask)
{
    struct config *config = parse(
        "server: {hosts: [jobs.example.org, a_b-1], origins: [\"https://d.example.org\", \"http://10.0.0.1:8080\"], "
        "connections_per_address: 7}\n");
    cr_assert_eq(config->host_count, 2);
    cr_expect_str_eq(config->hosts[1], "a_b-1");
    cr_assert_eq(config->origin_count, 2);
    cr_expect_str_eq(config->origins[1], "http://10.0.0.1:8080");
    cr_expect_eq(config->address_connections_max, 7);
    config_free(config);
}

Test(config, reads_listeners)
{
    struct config *config = parse("server: {listen: [\"10.0.0.5:8443\", \"[::1]:8417\", unix:/run/a.sock]}\n");
    cr_assert_eq(config->listener_count, 3);
    cr_expect_str_eq(config->listeners[0].host, "10.0.0.5");
    cr_expect_eq(config->listeners[0].port, 8443);
    cr_expect_str_eq(config->listeners[1].host, "::1");
    cr_expect_str_eq(config->listeners[1].address, "[::1]:8417");
    cr_expect(config->listeners[2].is_unix);
    cr_expect_str_eq(config->listeners[2].path, "/run/a.sock");
    config_free(config);
}

Test(config, reads_the_listener_of_metrics_behind_those_of_the_api)
{
    static const char *const loopbacks[] = { "127.0.0.1:9464", "127.9.9.9:9464", "[::1]:9464" };
    for (size_t i = 0; i < sizeof loopbacks / sizeof loopbacks[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "server: {metrics: {listen: \"%s\"}}\n", loopbacks[i]);
        struct config *config = parse(text);
        cr_assert_eq(config->listener_count, 2);
        cr_expect_not(config->listeners[0].is_for_metrics);
        cr_expect(config->listeners[1].is_for_metrics);
        cr_expect_str_eq(config->listeners[1].address, loopbacks[i]);
        cr_expect_eq(config->listeners[1].port, 9464);
        config_free(config);
    }
}

Test(config, gives_commands_the_defaults_that_they_do_not_change)
{
    struct config *config =
        parse("defaults: {timeout: 1m, sandbox: {memory: 1GiB, network: host}, degrade: [landlock]}\n"
              "commands:\n"
              "  a: {exec: [/bin/true]}\n"
              "  b: {exec: [/bin/true], timeout: 2m, sandbox: {network: none}, degrade: []}\n");
    const struct command *commands = config->policy->commands;
    cr_expect_eq(commands[0].timeout_ms, 60000);
    cr_expect(commands[0].has_host_network);
    cr_expect_eq(commands[0].degrade, DEGRADE_LANDLOCK);
    cr_expect_eq(commands[1].timeout_ms, 120000);
    cr_expect_eq(commands[1].memory_max_bytes, 1024ull * 1024 * 1024);
    cr_expect_not(commands[1].has_host_network);
    cr_expect_eq(commands[1].degrade, 0);
    config_free(config);
}

Test(config, takes_types_from_the_key_and_never_from_the_spelling)
{
    struct config *config = parse("commands:\n"
                                  "  x:\n"
                                  "    title: no\n"
                                  "    exec: [/bin/x, 5, 1.20, no, 0700, 12:30, true, 2027-01-31, -0]\n"
                                  "    env: {A: 010, B: yes}\n");
    static const char *const wanted[] = { "/bin/x", "5", "1.20", "no", "0700", "12:30", "true", "2027-01-31", "-0" };
    const struct command *x = &config->policy->commands[0];
    cr_expect_str_eq(x->title, "no");
    cr_assert_eq(x->argument_count, 9);
    for (uint32_t i = 0; i < 9; i++)
        cr_expect_str_eq(x->arguments[i].pieces[0].literal, wanted[i]);
    cr_expect_str_eq(x->env[0].value.pieces[0].literal, "010");
    cr_expect_str_eq(x->env[1].value.pieces[0].literal, "yes");
    config_free(config);
}

Test(config, reads_json_too)
{
    struct config *config = parse("{\"commands\": {\"x\": {\"exec\": [\"/bin/true\", \"\\u00e9\"]}}}");
    cr_expect_str_eq(config->policy->commands[0].arguments[1].pieces[0].literal, "é");
    config_free(config);
}

Test(config, splits_templates_into_pieces)
{
    struct config *config = parse("commands:\n"
                                  "  x:\n"
                                  "    exec: [/bin/x, \"a{b}c{b}\", \"{{b}}\", \"{l...}\", \"\", \"{s}\"]\n"
                                  "    params:\n"
                                  "      b: {type: int, required: true}\n"
                                  "      l: {type: list, of: {type: string}, default: [x, 1]}\n"
                                  "      s: {type: secret, required: true}\n");
    const struct command *x = &config->policy->commands[0];
    cr_assert_eq(x->argument_count, 6);
    cr_assert_eq(x->arguments[1].piece_count, 4);
    cr_expect_str_eq(x->arguments[1].pieces[0].literal, "a");
    cr_expect_null(x->arguments[1].pieces[1].literal);
    cr_expect_eq(x->arguments[1].pieces[1].param, 0);
    cr_expect_str_eq(x->arguments[1].pieces[2].literal, "c");
    cr_expect_str_eq(x->arguments[2].pieces[0].literal, "{b}");
    cr_expect(x->arguments[3].is_spread);
    cr_expect_eq(x->arguments[3].pieces[0].param, 1);
    cr_expect_str_eq(x->arguments[4].pieces[0].literal, "");
    cr_expect_eq(x->arguments[5].pieces[0].param, 2);
    cr_expect_eq(x->params[1].default_count, 2);
    cr_expect_str_eq(x->params[1].default_values[1], "1");
    config_free(config);
}

Test(config, reads_the_rules_of_parameters)
{
    struct config *config =
        parse("commands:\n"
              "  x:\n"
              "    exec: [/bin/x, \"{i}\", \"{n}\", \"{s}\", \"{e}\"]\n"
              "    params:\n"
              "      i: {type: int, min: -5, max: 5, default: 0}\n"
              "      n: {type: number, min: 0.5, default: 1.5}\n"
              "      s: {type: string, pattern: \"a+\", partial: true, allow_dash: true, min_length: 1,"
              " max_length: 8, required: true, help: H, example: -a}\n"
              "      e: {type: enum, values: [a, -b], default: -b}\n"
              "      k: {type: secret, deliver: env:KEY}\n");
    const struct param *params = config->policy->commands[0].params;
    cr_expect(params[0].rule.has_min && params[0].rule.has_max);
    cr_expect_eq(params[0].rule.min, -5);
    cr_expect_eq(params[0].rule.max, 5);
    cr_expect_str_eq(params[0].default_values[0], "0");
    cr_expect_eq(params[1].rule.min_number, 0.5);
    cr_expect_not(params[1].rule.has_max);
    cr_expect_str_eq(params[2].rule.pattern, "a+");
    cr_expect(params[2].rule.is_partial && params[2].rule.allows_dash && params[2].is_required);
    cr_expect_eq(params[2].rule.min_length, 1);
    cr_expect_eq(params[2].rule.max_length, 8);
    cr_expect_str_eq(params[2].help, "H");
    cr_expect_str_eq(params[2].example, "-a");
    cr_expect_eq(params[3].rule.value_count, 2);
    cr_expect_str_eq(params[4].env_name, "KEY");
    config_free(config);
}

Test(config, shares_roots_accounts_and_filters)
{
    struct config *config = parse(
        "commands:\n"
        "  a: {exec: [/bin/true], user: daemon, sandbox: {read: [/srv/b, /srv/a], write: [/srv/a/w]}}\n"
        "  b: {exec: [/bin/true], user: daemon, sandbox: {read: [/srv/a, /srv/b], write: [/srv/a/w], profile: net}}\n"
        "  c: {exec: [/bin/true], sandbox: {read: [/srv/a, /srv/b]}}\n"
        "  d: {exec: [/bin/true], sandbox: {network: host}}\n");
    const struct policy *policy = config->policy;
    const struct command *commands = policy->commands;
    cr_expect_eq(policy->root_count, 3);
    cr_expect_eq(policy->account_count, 1);
    cr_expect_eq(policy->filter_count, 2);
    cr_expect_eq(commands[0].root, commands[1].root);
    cr_expect_neq(commands[0].root, commands[2].root);
    const struct root *root = &policy->roots[commands[0].root];
    cr_assert_eq(root->bind_count, 3);
    cr_expect_str_eq(root->binds[0].path, "/srv/a", "parents come first");
    cr_expect_str_eq(root->binds[1].path, "/srv/a/w");
    cr_expect(root->binds[1].is_writable);
    cr_expect(policy->roots[commands[3].root].has_host_network);
    cr_expect_eq(commands[2].account, ACCOUNT_NONE);
    config_free(config);
}

Test(config, reads_tokens_and_peers)
{
    struct config *config =
        parse("tokens:\n"
              "  ci: {hash: \"sha256:" DIGITS "\", allow: [\"run:dep-*\", read:own], expires: 2999-01-31}\n"
              "peers: {ops: {uid: 0, allow: [cancel:all]}}\n"
              "commands: {dep-a: {exec: [/bin/true]}}\n");
    cr_assert_eq(config->identity_count, 2);
    const struct config_identity *ci = &config->identities[0], *ops = &config->identities[1];
    cr_expect_str_eq(ci->setting.name, "ci");
    cr_expect_eq(ci->setting.kind, IDENTITY_TOKEN);
    cr_expect_eq(ci->setting.token_sha256.size, 32);
    cr_expect_eq(ci->setting.token_sha256.data[1], 0x23);
    cr_expect_eq(ci->scope_count, 2);
    cr_expect_eq(ci->scopes[0].kind, SCOPE_RUN);
    cr_expect_str_eq(ci->scopes[0].glob, "dep-*");
    cr_expect_eq(ci->scopes[1].kind, SCOPE_READ_OWN);
    cr_expect_eq(ops->setting.kind, IDENTITY_PEER);
    cr_expect_eq(ops->setting.uid, 0);
    cr_expect_eq(ops->setting.token_sha256.size, 0);
    cr_expect_eq(ops->scopes[0].kind, SCOPE_CANCEL_ALL);
    config_free(config);
}

Test(config, reads_what_a_token_may_say)
{
    struct config *config =
        parse("tokens: {ci: {hash: \"sha256:" DIGITS "\", allow: [\"run:*\"], params: {env: [staging, \"\"], n: 5}}}\n"
              "commands: {a: {exec: [/bin/true, \"{env}\", \"{n}\"], params: {env: {type: string, required: true}, n: "
              "{type: int, required: true}}}}\n");
    const struct config_identity *ci = &config->identities[0];
    cr_assert_eq(ci->pin_count, 3);
    cr_expect_str_eq(ci->pins[0].param, "env");
    cr_expect_eq(ci->pins[0].value.size, 7);
    cr_expect_str_eq((const char *)ci->pins[0].value.data, "staging");
    cr_expect_str_eq(ci->pins[1].param, "env");
    cr_expect_eq(ci->pins[1].value.size, 0);
    cr_expect_str_eq(ci->pins[2].param, "n");
    cr_expect_str_eq((const char *)ci->pins[2].value.data, "5");
    config_free(config);
}

Test(config, reads_where_tokens_and_proxies_are)
{
    struct config *config = parse("server: {trusted_proxies: {peers: [10.0.0.1, \"fd00::/8\"]}}\n"
                                  "tokens: {ci: {hash: \"sha256:" DIGITS "\", allow: [admin], from: [10.2.0.0/16]}}\n");
    const struct config_identity *ci = &config->identities[0];
    cr_expect_eq(ci->setting.from.size, NETWORK_PACKED_BYTES);
    cr_expect_eq(ci->setting.from.data[12], 10);
    cr_expect_eq(ci->setting.from.data[16], 96 + 16);
    cr_expect_eq(config->proxy_count, 2);
    cr_expect_eq(config->proxies[15], 1);
    cr_expect_eq(config->proxies[NETWORK_PACKED_BYTES], 0xfd);
    config_free(config);
}

Test(config, warns_of_a_pin_that_no_command_asks_for)
{
    static const char text[] =
        "tokens: {a: {hash: \"sha256:" DIGITS "\", allow: [\"run:x\"], params: {env: s}}}\n"
        "commands: {x: {exec: [/bin/true]}, y: {exec: [/bin/true, \"{env}\"], params: {env: {type: "
        "string, required: true}}}}\n";
    char said[1024] = "";
    FILE *report = fmemopen(said, sizeof said, "w");
    struct config *config = NULL;
    struct error err = { 0 };
    cr_expect_eq(config_parse("c.yaml", (const uint8_t *)text, sizeof text - 1, report, &config, &err), 0);
    fclose(report);
    cr_expect_str_eq(said,
                     "c.yaml:1:127: tokens.a.params.env: warning: no command that 'a' may run has such a parameter\n");
    config_free(config);
}

static uint64_t expiry_of(const char *expires)
{
    char text[512];
    snprintf(text, sizeof text, "tokens: {a: {hash: \"sha256:" DIGITS "\", allow: [admin], expires: %s}}\n", expires);
    struct config *config = parse(text);
    uint64_t expires_unix_ms = config->identities[0].setting.expires_unix_ms;
    config_free(config);
    return expires_unix_ms;
}

Test(config, reads_expiries)
{
    cr_expect_eq(expiry_of("2999-01-31"), 32474822399999ull, "a date is its last moment");
    cr_expect_eq(expiry_of("2999-01-31T00:00:00Z"), 32474736000000ull);
    cr_expect_eq(expiry_of("2999-01-31T01:00:00+01:00"), 32474736000000ull);
}

Test(config, warns_of_an_expired_token_and_goes_on)
{
    static const char text[] = "tokens: {a: {hash: \"sha256:" DIGITS "\", allow: [admin], expires: 2020-01-31}}\n";
    char said[1024] = "";
    FILE *report = fmemopen(said, sizeof said, "w");
    struct config *config = NULL;
    struct error err = { 0 };
    cr_expect_eq(config_parse("c.yaml", (const uint8_t *)text, sizeof text - 1, report, &config, &err), 0);
    fclose(report);
    cr_expect_str_eq(said, "c.yaml:1:120: tokens.a.expires: warning: the token has expired and is refused\n");
    config_free(config);
}

Test(config, describes_commands_for_the_api)
{
    struct config *config =
        parse("commands:\n"
              "  x:\n"
              "    title: T\n"
              "    mode: sync\n"
              "    stdin: body\n"
              "    stdin_max: 1MiB\n"
              "    timeout: 1500ms\n"
              "    signals: [HUP]\n"
              "    exec: [/bin/secret-path, \"{i}\", \"{l...}\", \"{s}\"]\n"
              "    params:\n"
              "      i: {type: int, min: 1, default: 2}\n"
              "      l: {type: list, of: {type: enum, values: [a, b]}, default: [a], example: [b]}\n"
              "      s: {type: string, pattern: \"a|b\", required: true}\n");
    json_t *said = json_loads(config->public_commands[0], JSON_REJECT_DUPLICATES, NULL);
    json_t *wanted = json_loads(
        "{\"name\":\"x\",\"url\":\"/v1/commands/"
        "x\",\"title\":\"T\",\"description\":\"\",\"group\":\"\",\"mode\":\"sync\","
        "\"params_schema\":{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
        "\"additionalProperties\":false,\"required\":[\"s\"],\"properties\":{"
        "\"i\":{\"type\":\"integer\",\"minimum\":1,\"default\":2},"
        "\"l\":{\"type\":\"array\",\"items\":{\"type\":\"string\",\"enum\":[\"a\",\"b\"]},\"maxItems\":1024,"
        "\"default\":[\"a\"],\"examples\":[[\"b\"]]},"
        "\"s\":{\"type\":\"string\",\"pattern\":\"^(?:a|b)$\",\"maxLength\":4096}}},"
        "\"timeout\":1.5,\"grace\":10,\"network\":\"none\",\"output_max\":67108864,\"output_when_full\":\"kill\","
        "\"memory_max\":536870912,\"pids_max\":256,\"tmp_max\":268435456,\"stdin\":\"body\",\"stdin_max\":1048576,"
        "\"signals\":[\"HUP\"],\"files_max\":0,\"priority\":5,\"concurrency\":null,\"rate\":null,\"dedupe\":null}",
        0, NULL);
    cr_expect(json_equal(said, wanted), "%s", config->public_commands[0]);
    cr_expect_null(strstr(config->public_commands[0], "secret-path"), "the host's paths are nobody's business");
    cr_expect_eq(config->command_modes[0], 1);
    cr_expect_eq(config->policy->commands[0].signals, 1ull << (SIGHUP - 1));
    json_decref(said);
    json_decref(wanted);
    config_free(config);
}

Test(config, takes_processors_in_thousandths)
{
    struct config *config = parse("defaults: {sandbox: {cpus: 1.5}}\n"
                                  "commands:\n"
                                  "  a: {exec: [/bin/true]}\n"
                                  "  b: {exec: [/bin/true], sandbox: {cpus: 2}}\n"
                                  "  c: {exec: [/bin/true], sandbox: {cpus: \"0.01\"}}\n"
                                  "  d: {exec: [/bin/true], sandbox: {cpus: 0.125}}\n");
    const struct command *commands = config->policy->commands;
    cr_expect_eq(commands[0].cpu_thousandths, 1500);
    cr_expect_eq(commands[1].cpu_thousandths, 2000);
    cr_expect_eq(commands[2].cpu_thousandths, 10);
    cr_expect_eq(commands[3].cpu_thousandths, 125);
    cr_expect_not_null(strstr(config->public_commands[0], "\"cpus\":1.5"), "%s", config->public_commands[0]);
    cr_expect_not_null(strstr(config->public_commands[1], "\"cpus\":2.0"), "%s", config->public_commands[1]);
    config_free(config);
    config = parse("commands: {a: {exec: [/bin/true]}}\n");
    cr_expect_eq(config->policy->commands[0].cpu_thousandths, 0);
    cr_expect_null(strstr(config->public_commands[0], "cpus"));
    config_free(config);
}

Test(config, knows_how_fast_disks_may_be_used)
{
    struct config *config = parse("commands:\n"
                                  "  plain: {exec: [/bin/true]}\n"
                                  "  x:\n"
                                  "    exec: [/bin/true]\n"
                                  "    sandbox: {io: {/srv/data: {read: 20MiB, write: 5MiB}, /dev/disk/by-id/nvme-a.1: "
                                  "{write: 4KiB, read_ops: 100, write_ops: 1}}}\n");
    const struct command *commands = config->policy->commands;
    cr_expect_eq(commands[0].disk_count, 0);
    cr_assert_eq(commands[1].disk_count, 2);
    cr_expect_str_eq(commands[1].disks[0].path, "/srv/data");
    cr_expect_eq(commands[1].disks[0].read_bytes, 20 << 20);
    cr_expect_eq(commands[1].disks[0].write_bytes, 5 << 20);
    cr_expect_eq(commands[1].disks[0].device, 0, "the bootstrap finds it");
    cr_expect_str_eq(commands[1].disks[1].path, "/dev/disk/by-id/nvme-a.1");
    cr_expect_eq(commands[1].disks[1].read_bytes, 0);
    cr_expect_eq(commands[1].disks[1].write_bytes, 4096);
    cr_expect_eq(commands[1].disks[1].reads, 100);
    cr_expect_eq(commands[1].disks[1].writes, 1);
    cr_expect_null(strstr(config->public_commands[1], "/srv/data"), "the host's paths are nobody's business");
    config_free(config);
}

Test(config, knows_what_is_kept_of_a_job)
{
    struct config *config = parse("commands:\n"
                                  "  plain: {exec: [/bin/true]}\n"
                                  "  x: {exec: [/bin/true], workdir: /tmp, artifacts: [\"report/*.xml\", out.bin]}\n"
                                  "  y: {exec: [/bin/true], artifacts: [x], artifacts_max: 1MiB}\n");
    const struct command *commands = config->policy->commands;
    cr_expect_eq(commands[0].artifact_count, 0);
    cr_expect_eq(commands[0].artifacts_max_bytes, 0);
    cr_expect_null(strstr(config->public_commands[0], "artifacts"));
    cr_assert_eq(commands[1].artifact_count, 2);
    cr_expect_str_eq(commands[1].artifacts[0], "report/*.xml");
    cr_expect_str_eq(commands[1].artifacts[1], "out.bin");
    cr_expect_eq(commands[1].artifacts_max_bytes, 64 << 20);
    cr_expect_not_null(strstr(config->public_commands[1], "\"artifacts\":[\"report/*.xml\",\"out.bin\"]"));
    cr_expect_eq(commands[2].artifacts_max_bytes, 1 << 20);
    config_free(config);
}

Test(config, lets_callers_set_what_nobody_obeys)
{
    static const char *const obeyed[] = { "LD_PRELOAD",  "PATH",       "BASH_ENV",
                                          "BASH_FUNC_x", "PYTHONPATH", "GIT_SSH_COMMAND" };
    static const char *const free_ones[] = { "NPM_TOKEN", "NODE_ENV", "GIT_REF", "REGISTRY_TOKEN",
                                             "LANG",      "PATHS",    "OLD_X" };
    for (size_t i = 0; i < sizeof obeyed / sizeof obeyed[0]; i++)
        cr_expect(env_is_obeyed(obeyed[i]), "%s", obeyed[i]);
    for (size_t i = 0; i < sizeof free_ones / sizeof free_ones[0]; i++)
        cr_expect_not(env_is_obeyed(free_ones[i]), "%s", free_ones[i]);
}

Test(config, speaks_the_words_of_those_who_obey)
{
    for (unsigned i = 0; i < DEGRADE_COUNT; i++)
        cr_expect_str_eq(word_degrade(i), job_degrade_text(i));
    cr_expect_null(word_degrade(DEGRADE_COUNT));
    cr_expect_str_eq(word_signal(SIGTERM - 1), "TERM");
#if SALLYPORT_TEST_SWITCHES
    cr_expect_str_eq(word_layer((unsigned)__builtin_ctz(CELL_LAYER_SECCOMP)), "seccomp");
    cr_expect_str_eq(word_layer((unsigned)__builtin_ctz(CELL_LAYER_PROC)), "proc");
    cr_expect_str_eq(word_layer((unsigned)__builtin_ctz(CELL_LAYER_IDENTITY)), "identity");
    cr_expect_null(word_layer((unsigned)__builtin_ctz(CELL_LAYER_COLLECT) + 1));
#endif
}
