/* The rules of the queue: what they become, and what people read when they are wrong. */
#include <criterion/criterion.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/config/config.h"
#include "sallyport/policy/policy.h"

#define DIGITS "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char said[8192];

static struct config *parse(const char *text)
{
    FILE *report = fmemopen(said, sizeof said, "w");
    struct config *config = NULL;
    struct error err = { 0 };
    said[0] = '\0';
    int done = config_parse("c.yaml", (const uint8_t *)text, strlen(text), report, &config, &err);
    fclose(report);
    cr_expect(done == 0 || done == -EINVAL);
    return config;
}

Test(config_queue, reads_what_a_command_says)
{
    struct config *config = parse("commands:\n"
                                  "  x:\n"
                                  "    exec: [/bin/true, \"{env}\", \"{ref}\"]\n"
                                  "    params: {env: {type: enum, values: [a, b], default: a}, ref: {type: string, "
                                  "required: true}}\n"
                                  "    priority: 7\n"
                                  "    concurrency: {limit: 2, key: \"on {env}\", when_full: replace, max_queue: 5, "
                                  "max_wait: 30m}\n"
                                  "    rate: 10/1h\n"
                                  "    dedupe: {key: \"{ref}\", window: 30s}\n");
    cr_assert_not_null(config, "%s", said);
    cr_expect_str_eq(said, "");
    const struct queue_rules *queue = &config->policy->commands[0].queue;
    cr_expect_eq(queue->priority, 7);
    cr_expect_eq(queue->limit, 2);
    cr_assert_eq(queue->key.piece_count, 2);
    cr_expect_str_eq(queue->key.pieces[0].literal, "on ");
    cr_expect_eq(queue->key.pieces[1].param, 0);
    cr_expect_eq(queue->when_full, FULL_REPLACE);
    cr_expect_eq(queue->max_queue, 5);
    cr_expect_eq(queue->max_wait_ms, 30 * 60 * 1000);
    cr_expect(queue->rate.count == 10 && queue->rate.period_ms == 3600000);
    cr_expect_eq(queue->dedupe_key.pieces[0].param, 1);
    cr_expect_eq(queue->dedupe_ms, 30000);
    json_t *shown = json_loads(config->public_commands[0], 0, NULL);
    json_t *wanted = json_loads("{\"priority\":7,\"concurrency\":{\"limit\":2,\"key\":\"on {env}\",\"when_full\":"
                                "\"replace\",\"max_queue\":5,\"max_wait\":1800},\"rate\":{\"count\":10,\"period\":"
                                "3600},\"dedupe\":{\"key\":\"{ref}\",\"window\":30}}",
                                0, NULL);
    const char *key;
    json_t *value;
    json_object_foreach(wanted, key, value)
        cr_expect(json_equal(json_object_get(shown, key), value), "%s: %s", key, config->public_commands[0]);
    json_decref(shown);
    json_decref(wanted);
    config_free(config);
}

Test(config_queue, has_no_limit_that_nobody_wrote)
{
    struct config *config = parse("commands: {x: {exec: [/bin/true]}, y: {exec: [/bin/true], concurrency: {max_wait: "
                                  "1m}}}\ntokens: {ci: {hash: \"sha256:" DIGITS "\", allow: [admin]}}\n");
    cr_assert_not_null(config, "%s", said);
    const struct queue_rules *queue = &config->policy->commands[0].queue;
    cr_expect_eq(queue->priority, PRIORITY_DEFAULT);
    cr_expect(queue->limit == 0 && queue->max_queue == 0 && queue->max_wait_ms == 0 && queue->rate.count == 0);
    cr_expect(queue->when_full == FULL_QUEUE && queue->dedupe_ms == 0 && queue->key.piece_count == 0);
    cr_expect_eq(config->policy->commands[1].queue.max_wait_ms, 60000);
    cr_expect_eq(config->quota.running + config->quota.waiting + config->quota.rate.count, 0);
    cr_expect_eq(config->identities[0].setting.quota.running, 0);
    config_free(config);
}

Test(config_queue, reads_the_limits_of_callers_and_of_all)
{
    struct config *config =
        parse("limits: {running: 100, waiting: 2000, rate: 1000/1m}\n"
              "tokens: {ci: {hash: \"sha256:" DIGITS "\", allow: [admin], limits: {running: 4, rate: 100/1d}}}\n"
              "peers: {ops: {uid: 0, allow: [admin], limits: {waiting: 9}}}\n"
              "commands: {x: {exec: [/bin/true]}}\n");
    cr_assert_not_null(config, "%s", said);
    cr_expect(config->quota.running == 100 && config->quota.waiting == 2000);
    cr_expect(config->quota.rate.count == 1000 && config->quota.rate.period_ms == 60000);
    const struct quota *ci = &config->identities[0].setting.quota, *ops = &config->identities[1].setting.quota;
    cr_expect(ci->running == 4 && ci->waiting == 0 && ci->rate.count == 100 && ci->rate.period_ms == 86400000);
    cr_expect(ops->running == 0 && ops->waiting == 9 && ops->rate.count == 0);
    config_free(config);
}

/* A command `x` with a parameter of each kind, around what differs. */
#define COMMAND(keys)                                                                                                  \
    "commands:\n  x:\n    exec: [/bin/true, \"{env}\", \"{l...}\"]\n    params: {env: {type: string, default: a}, l: " \
    "{type: "                                                                                                          \
    "list, of: {type: string}, default: []}, pin: {type: secret, required: true}}\n" keys

Test(config_queue, tells_what_is_wrong_with_a_rule)
{
    static const struct {
        const char *text, *report;
    } mistakes[] = {
        { COMMAND("    rate: 10\n"),
          "c.yaml:5:11: commands.x.rate: '10' is no rate; write a number of jobs, a slash and a period, such as "
          "10/1h\n" },
        { COMMAND("    rate: 10/h\n"),
          "c.yaml:5:11: commands.x.rate: '10/h' is no rate; write a number of jobs, a slash and a period, such as "
          "10/1h\n" },
        { COMMAND("    rate: 0/1h\n"),
          "c.yaml:5:11: commands.x.rate: must be from 1 to 10000 jobs in a period from 1s to 31d\n" },
        { COMMAND("    rate: 1/500ms\n"),
          "c.yaml:5:11: commands.x.rate: must be from 1 to 10000 jobs in a period from 1s to 31d\n" },
        { COMMAND("    rate: [1, 2]\n"),
          "c.yaml:5:11: commands.x.rate: must be a single value, not a list; write rate: 10/1h\n" },
        { COMMAND("    priority: 10\n"), "c.yaml:5:15: commands.x.priority: must be between 0 and 9\n" },
        { COMMAND("    concurrency: 1\n"), "c.yaml:5:18: commands.x.concurrency: must be a map of keys, not a single "
                                           "value; write concurrency: {limit: 1, key: \"{env}\"}\n" },
        { COMMAND("    concurrency: {limit: 1, when_full: drop}\n"),
          "c.yaml:5:40: commands.x.concurrency.when_full: must be one of queue, reject, replace, coalesce, not "
          "'drop'\n" },
        { COMMAND("    concurrency: {max_queue: 3}\n"), "c.yaml:5:30: commands.x.concurrency.max_queue: means nothing "
                                                        "without 'limit'; add limit: 1, or remove it\n" },
        { COMMAND("    concurrency: {limit: 1, key: \"{nev}\"}\n"),
          "c.yaml:5:34: commands.x.concurrency.key: {nev} names no parameter; did you mean {env}?\n" },
        { COMMAND("    concurrency: {limit: 1, key: \"{pin}\"}\n"),
          "c.yaml:5:34: commands.x.concurrency.key: {pin} may not stand here: the key is kept with the job, and "
          "shown\n" },
        { COMMAND("    concurrency: {limit: 1, key: \"{l...}\"}\n"),
          "c.yaml:5:34: commands.x.concurrency.key: 'l' is a list, and a variable holds one value\n" },
        { COMMAND("    record: metadata-only\n    concurrency: {limit: 1, key: \"{env}\"}\n"),
          "c.yaml:6:34: commands.x.concurrency.key: {env} may not stand here: the key is kept with the job, and "
          "'record: "
          "metadata-only' keeps no value\n" },
        { COMMAND("    dedupe: {key: \"{env}\"}\n"),
          "c.yaml:5:5: commands.x.dedupe: 'window' is missing; write window: 30s\n" },
        { "limits: {running: 0}\ncommands: {x: {exec: [/bin/true]}}\n",
          "c.yaml:1:19: limits.running: must be between 1 and 2048\n" },
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        struct config *config = parse(mistakes[i].text);
        cr_expect_null(config, "took: %s", mistakes[i].text);
        cr_expect_str_eq(said, mistakes[i].report, "for:\n%s\nsaid:\n%s", mistakes[i].text, said);
        config_free(config);
    }
}
