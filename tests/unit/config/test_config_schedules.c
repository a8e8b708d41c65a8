/* Schedules of a configuration: what they become, and what is said of the wrong ones. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/config/config.h"
#include "sallyport/proto/entries.h"
#include "sallyport/schedule/timing.h"

/* Two commands above what differs, so that it begins in line 9. */
#define COMMANDS                                                                                                       \
    "commands:\n"                                                                                                      \
    "  backup:\n"                                                                                                      \
    "    exec: [/bin/true, \"{env}\", \"{level}\", \"{hosts...}\"]\n"                                                  \
    "    params:\n"                                                                                                    \
    "      {env: {type: enum, values: [staging, prod], required: true}, level: {type: int, min: 1, default: 1},\n"     \
    "       hosts: {type: list, of: {type: string, pattern: \"web-[0-9]\"}, max_items: 2, default: []}}\n"             \
    "  sealed: {exec: [/bin/true], params: {pin: {type: secret, required: true}, tip: {type: secret}}}\n"              \
    "  plain: {exec: [/bin/true]}\n"
#define SCHEDULE(keys) COMMANDS "schedules: {s: {" keys "}}\n"
#define PLAIN(keys)    SCHEDULE("command: plain, " keys)
#define BACKUP(params) SCHEDULE("command: backup, every: 1h, params: " params)

static char said[8192];

static int parse(const char *text, struct config **ret_config)
{
    memset(said, 0, sizeof said);
    FILE *report = fmemopen(said, sizeof said, "w");
    struct error err = { 0 };
    *ret_config = NULL;
    int done = config_parse("c.yaml", (const uint8_t *)text, strlen(text), report, ret_config, &err);
    fclose(report);
    return done;
}

static struct config *parse_good(const char *text)
{
    struct config *config;
    cr_assert_eq(parse(text, &config), 0, "%s", said);
    cr_assert_str_eq(said, "", "%s", said);
    return config;
}

Test(config_schedules, become_what_the_keeper_gets)
{
    struct config *config = parse_good(
        "schedules:\n" /* before the commands: the order in the file does not matter */
        "  nightly: {command: backup, cron: \"30 3 * * *\", params: {env: prod, hosts: [web-1, web-2], level: 7},\n"
        "            jitter: 10m, missed: run-once}\n"
        "  often: {command: plain, every: 90s, missed: run-all, enabled: false}\n"
        "  once: {command: plain, at: \"2999-01-31T18:00:00+01:00\"}\n" COMMANDS);
    cr_assert_eq(config->schedule_count, 3);
    cr_assert_eq(config->zone_count, 1);
    cr_expect_str_eq(config->zones[0].name, "UTC");

    const struct setting_schedule *nightly = &config->schedules[0].setting, *often = &config->schedules[1].setting,
                                  *once = &config->schedules[2].setting;
    cr_expect_str_eq(nightly->name, "nightly");
    cr_expect_str_eq(nightly->command, "backup");
    cr_expect_eq(nightly->form, SCHEDULE_CRON);
    cr_expect_str_eq(nightly->text, "30 3 * * *");
    cr_expect_eq(nightly->zone, 0);
    cr_expect_eq(nightly->jitter_ms, 600000);
    cr_expect_eq(nightly->missed, MISSED_RUN_ONCE);
    cr_expect(nightly->is_enabled);
    cr_expect_eq(often->form, SCHEDULE_EVERY);
    cr_expect_str_eq(often->text, "90s");
    cr_expect_eq(often->missed, MISSED_RUN_ALL);
    cr_expect_eq(often->params.size, 0);
    cr_expect_not(often->is_enabled);
    cr_expect_eq(once->form, SCHEDULE_AT);
    cr_expect_eq(once->missed, MISSED_SKIP);
    cr_expect_eq(once->jitter_ms, 0);

    static const struct {
        uint8_t kind;
        const char *name, *value;
    } wanted[] = {
        { ENTRY_STRING, "env", "prod" },
        { ENTRY_LIST, "hosts", "" },
        { ENTRY_ITEM + ENTRY_STRING, "hosts", "web-1" },
        { ENTRY_ITEM + ENTRY_STRING, "hosts", "web-2" },
        { ENTRY_INTEGER, "level", "7" },
    };
    struct reader in = { nightly->params.data, nightly->params.size };
    struct entry entry;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        cr_assert_eq(entries_next(&in, &entry), 1);
        cr_expect_eq(entry.kind, wanted[i].kind, "entry %zu", i);
        cr_expect(span_is(entry.name, wanted[i].name), "entry %zu", i);
        cr_expect(span_is(entry.value, wanted[i].value), "entry %zu", i);
    }
    cr_expect_eq(entries_next(&in, &entry), 0);
    config_free(config);
}

struct mistake {
    const char *text, *report;
};

static void expect_report(const struct mistake *mistake)
{
    struct config *config;
    cr_expect_eq(parse(mistake->text, &config), -EINVAL, "took: %s", mistake->text);
    cr_expect_str_eq(said, mistake->report, "for:\n%s\nsaid:\n%s\nnot:\n%s", mistake->text, said, mistake->report);
    config_free(config);
}

#define EXPECT_REPORTS(mistakes)                                                                                       \
    for (size_t i = 0; i < sizeof(mistakes) / sizeof((mistakes)[0]); i++)                                              \
    expect_report(&(mistakes)[i])

Test(config_schedules, need_a_command_and_one_time)
{
    static const struct mistake mistakes[] = {
        { SCHEDULE("command: plane, every: 1h"),
          "c.yaml:9:26: schedules.s.command: there is no command 'plane'; did you mean 'plain'?\n" },
        { SCHEDULE("command: restore-it, every: 1h"),
          "c.yaml:9:26: schedules.s.command: there is no command 'restore-it'\n" },
        { SCHEDULE("every: 1h"), "c.yaml:9:13: schedules.s: 'command' is missing\n" },
        { SCHEDULE("command: plain"),
          "c.yaml:9:13: schedules.s: has no time; write one of cron: \"30 3 * * *\", every: 15m and at: "
          "2027-01-31T18:00:00+01:00\n" },
        { PLAIN("every: 1h, cron: \"@daily\""),
          "c.yaml:9:13: schedules.s: has both 'cron' and 'every'; a schedule has one of cron, every and at\n" },
        { PLAIN("cron: [a]"), "c.yaml:9:39: schedules.s.cron: must be a single value, not a list\n" },
        { PLAIN("cron: \"0 0 30 2 *\""),
          "c.yaml:9:39: schedules.s.cron: never comes: no month that it names has such a day\n" },
        { PLAIN("cron: 0 24 * * 1-5"),
          "c.yaml:9:39: schedules.s.cron: at character 3: 24 is no hour; write 0 to 23\n" },
        { PLAIN("cron: \"0 3 * *\""),
          "c.yaml:9:39: schedules.s.cron: has 4 fields; a cron entry has five: minute, hour, day of the month, month "
          "and day of the week\n" },
        { COMMANDS "schedules:\n  s:\n    command: plain\n    cron: * * * * *\n",
          "c.yaml:12:12: YAML: did not find expected alphabetic or numeric character, while scanning an alias that "
          "starts in line 12 (does a text with one of : # [ ] { } , & * ! | > ' \" % @ ` need quotes?)\n" },
        { PLAIN("every: 15"), "c.yaml:9:40: schedules.s.every: '15' is no duration; write a whole number and s, m, h "
                              "or d, such as 15m\n" },
        { PLAIN("every: 500ms"), "c.yaml:9:40: schedules.s.every: must be between 1s and 366d\n" },
        { PLAIN("at: 2027-02-29T10:00:00Z"),
          "c.yaml:9:37: schedules.s.at: at character 9: must be a day of two digits that this month has\n" },
        { PLAIN("cron: \"@daily\", jitter: 25h"), "c.yaml:9:57: schedules.s.jitter: must be between 0s and 1d\n" },
        { PLAIN("cron: \"*/5 * * * *\", jitter: 6m"), "c.yaml:9:62: schedules.s.jitter: is more than the 5m that lie "
                                                      "between two runs; they would change places\n" },
        { PLAIN("every: 90s, jitter: 91s"),
          "c.yaml:9:53: schedules.s.jitter: is more than the 90s that lie between two "
          "runs; they would change places\n" },
        { PLAIN("every: 1h, missed: run"),
          "c.yaml:9:52: schedules.s.missed: must be one of skip, run-once, run-all, not "
          "'run'\n" },
        { PLAIN("every: 1h, enabled: off"),
          "c.yaml:9:53: schedules.s.enabled: must be true or false, spelled so and without quotes\n" },
        { PLAIN("every: 1h, zone: UTC"), "c.yaml:9:50: schedules.s.zone: means nothing for 'every'; remove it\n" },
        { PLAIN("at: 2999-01-01T10:00:00Z, zone: UTC"),
          "c.yaml:9:65: schedules.s.zone: means nothing for a time with an offset of its own; remove it\n" },
        { PLAIN("every: 1h, command2: x"),
          "c.yaml:9:44: schedules.s.command2: is no key here; did you mean 'command'?\n" },
        { COMMANDS "schedules: {Nightly: {command: plain, every: 1h}}\n",
          "c.yaml:9:13: schedules.Nightly: 'Nightly' is no name here: lower-case letters, digits and '-', starting "
          "with "
          "a letter, at most 63\n" },
    };
    EXPECT_REPORTS(mistakes);
}

Test(config_schedules, are_held_to_the_rules_of_their_command)
{
    static const struct mistake mistakes[] = {
        { BACKUP("{env: test}"), "c.yaml:9:59: schedules.s.params.env: must be one of staging, prod\n" },
        { BACKUP("{}"), "c.yaml:9:45: schedules.s.params.env: is required\n" },
        { SCHEDULE("command: backup, every: 1h"), "c.yaml:9:13: schedules.s.params.env: is required\n" },
        { BACKUP("{env: prod, level: 0}"), "c.yaml:9:72: schedules.s.params.level: must be at least 1\n" },
        { BACKUP("{env: prod, level: high}"),
          "c.yaml:9:72: schedules.s.params.level: must be a whole number of 64 bits in plain decimal digits\n" },
        { BACKUP("{env: prod, hosts: [web-1, db-1]}"),
          "c.yaml:9:80: schedules.s.params.hosts[1]: must match the pattern web-[0-9]\n" },
        { BACKUP("{env: prod, hosts: [web-1, web-2, web-3]}"),
          "c.yaml:9:72: schedules.s.params.hosts: must have at most 2 items\n" },
        { BACKUP("{env: prod, hosts: web-1}"),
          "c.yaml:9:72: schedules.s.params.hosts: must be a list, such as [a, b]\n" },
        { BACKUP("{env: [prod]}"), "c.yaml:9:59: schedules.s.params.env: must be a single value\n" },
        { BACKUP("{env: {a: b}}"), "c.yaml:9:59: schedules.s.params.env: must be a single value, not a map\n" },
        { BACKUP("{env: prod, hosts: [[a]]}"),
          "c.yaml:9:73: schedules.s.params.hosts[0]: must be a single value, not a list\n" },
        { BACKUP("{env: }"), "c.yaml:9:59: schedules.s.params.env: has no value; write one, or remove the line (an "
                             "empty text is written \"\")\n" },
        { BACKUP("{env: prod, levle: 2}"),
          "c.yaml:9:65: schedules.s.params.levle: command 'backup' has no such parameter; did you mean 'level'?\n" },
        { BACKUP("{env: prod, what: 2, level: 0}"), /* all at once */
          "c.yaml:9:65: schedules.s.params.what: command 'backup' has no such parameter\n"
          "c.yaml:9:81: schedules.s.params.level: must be at least 1\n" },
        { SCHEDULE("command: plain, every: 1h, params: [a]"),
          "c.yaml:9:52: schedules.s.params: must be a map of names, not a list; write params: {env: staging}\n" },
        { SCHEDULE("command: sealed, every: 1h"),
          "c.yaml:9:13: schedules.s.params.pin: is a secret that the command requires, and a schedule has nothing to "
          "take it from\n" },
        { SCHEDULE("command: sealed, every: 1h, params: {pin: x, tip: y}"),
          "c.yaml:9:59: schedules.s.params.pin: is a secret, which must not be written down here\n"
          "c.yaml:9:67: schedules.s.params.tip: is a secret, which must not be written down here\n" },
        /* Of a command that is wrong itself, nothing is said twice. */
        { "commands: {x: {exec: [/bin/true], params: {p: {type: string, pattern: \"(\"}}}}\n"
          "schedules: {s: {command: x, every: 1h, params: {p: a}}}\n",
          "c.yaml:1:71: commands.x.params.p.pattern: at byte 1: missing closing parenthesis\n" },
    };
    EXPECT_REPORTS(mistakes);
}

Test(config_schedules, with_too_many_parameters_are_refused)
{
    size_t room = 200000, used;
    char *text = malloc(room);
    used = (size_t)snprintf(text, room,
                            "commands: {x: {exec: [/bin/true], params: {p: {type: string, max_length: 49152, "
                            "required: true}}}}\nschedules: {s: {command: x, every: 1h, params: {p: ");
    memset(text + used, 'a', 49152);
    strcpy(text + used + 49152, "}}}\n");
    struct config *config;
    cr_expect_eq(parse(text, &config), -EINVAL);
    cr_expect_not_null(
        strstr(said, "schedules.s.params.p: is too long: all parameters of one job have at most 48 KiB\n"), "%s", said);
    free(text);
}

Test(config_schedules, are_warned_of_when_their_only_time_has_passed)
{
    struct config *config;
    cr_expect_eq(parse(PLAIN("at: 2001-01-01T10:00:00"), &config), 0);
    cr_expect_str_eq(said,
                     "c.yaml:9:37: schedules.s.at: warning: has passed; it runs no more, unless 'missed' makes up for "
                     "it\n",
                     "%s", said);
    config_free(config);
}

Test(config_schedules, are_at_most_1024)
{
    size_t room = 100000, used;
    char *text = malloc(room);
    struct config *config;
    for (unsigned count = SCHEDULE_COUNT_MAX; count <= SCHEDULE_COUNT_MAX + 1; count++) {
        used = (size_t)snprintf(text, room, "commands: {x: {exec: [/bin/true]}}\nschedules:\n");
        for (unsigned i = 0; i < count; i++)
            used += (size_t)snprintf(text + used, room - used, "  s%u: {command: x, every: 1h}\n", i);
        cr_expect_eq(parse(text, &config), count <= SCHEDULE_COUNT_MAX ? 0 : -EINVAL, "%s", said);
        cr_expect(config == NULL || config->schedule_count == count);
        config_free(config);
    }
    cr_expect_not_null(strstr(said, "schedules: has 1025 entries, and may have at most 1024\n"), "%s", said);
    free(text);
}

/* --- zones, which are read from the host's files -------------------------------------------------------------------- */

static char path[] = "/tmp/sallyport-test-XXXXXX/c.yaml";

static int load(const char *text, struct config **ret_config)
{
    struct error err = { 0 };
    char *slash = strrchr(path, '/');
    *slash = '\0';
    if (strstr(path, "XXXXXX") != NULL)
        cr_assert_not_null(mkdtemp(path));
    *slash = '/';
    FILE *file = fopen(path, "we");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
    memset(said, 0, sizeof said);
    FILE *report = fmemopen(said, sizeof said, "w");
    *ret_config = NULL;
    int done = config_load(path, geteuid() == 0 ? CONFIG_OWNER_ROOT : CONFIG_OWNER_SELF, report, ret_config, &err);
    fclose(report);
    return done;
}

static void remove_file(void)
{
    unlink(path);
    *strrchr(path, '/') = '\0';
    rmdir(path);
}

Test(config_schedules, share_the_zones_of_the_host, .fini = remove_file)
{
    struct config *config;
    cr_assert_eq(load(COMMANDS "schedules:\n"
                               "  a: {command: plain, cron: \"@daily\", zone: Europe/Berlin}\n"
                               "  b: {command: plain, every: 1h}\n"
                               "  c: {command: plain, at: 2999-01-01T00:00:00, zone: America/New_York}\n"
                               "  d: {command: plain, cron: \"@weekly\", zone: Europe/Berlin}\n",
                      &config),
                 0, "%s", said);
    cr_assert_eq(config->zone_count, 3);
    cr_expect_str_eq(config->zones[config->schedules[0].setting.zone].name, "Europe/Berlin");
    cr_expect_str_eq(config->zones[config->schedules[1].setting.zone].name, "UTC");
    cr_expect_str_eq(config->zones[config->schedules[2].setting.zone].name, "America/New_York");
    cr_expect_eq(config->schedules[3].setting.zone, config->schedules[0].setting.zone);
    const struct zone *berlin = &config->zones[0];
    int64_t years = (berlin->periods[berlin->period_count - 1].from_unix_s - berlin->periods[0].from_unix_s) / 31557600;
    cr_expect(berlin->period_count == 1 || (years >= 20 && years <= 22), "%ld years", (long)years);
    config_free(config);
}

Test(config_schedules, know_a_zone_or_are_refused, .fini = remove_file)
{
    struct config *config;
    cr_expect_eq(load(PLAIN("cron: \"@daily\", zone: Europe/Berlim"), &config), -EINVAL);
    char *colon = strchr(said, ':');
    cr_assert_not_null(colon);
    cr_expect_str_eq(colon,
                     ":9:55: schedules.s.zone: there is no time zone 'Europe/Berlim' in /usr/share/zoneinfo; write a "
                     "name such as Europe/Berlin\n");
    cr_expect_eq(load(PLAIN("cron: \"@daily\", zone: ../../../etc/passwd"), &config), -EINVAL);
    cr_expect_not_null(strstr(said, "is no name of a time zone"), "%s", said);
    cr_expect_eq(parse(PLAIN("cron: \"@daily\", zone: Europe/Berlin"), &config), -EINVAL);
    cr_expect_str_eq(said, "c.yaml:9:55: schedules.s.zone: files of time zones are not read from here\n");
}

/* posix/ has all zones again, by other names: enough of those that have no jumps. */
static const char *nth_zone(unsigned n, char text[64])
{
    static const char *const others[] = { "Asia/Tokyo",   "Asia/Kolkata", "Asia/Dubai",   "Asia/Seoul",
                                          "Asia/Manila",  "Asia/Bangkok", "Asia/Riyadh",  "Asia/Shanghai",
                                          "Asia/Jakarta", "Asia/Karachi", "Asia/Baghdad", "Asia/Tashkent" };
    if (n >= 54)
        return others[n - 54];
    snprintf(text, 64, "%sEtc/GMT%+d", n < 27 ? "" : "posix/", (int)(n % 27) - 14);
    return text;
}

Test(config_schedules, name_at_most_64_zones, .fini = remove_file)
{
    char text[16384], zone[64];
    for (unsigned count = ZONE_COUNT_MAX; count <= ZONE_COUNT_MAX + 1; count++) {
        size_t used = (size_t)snprintf(text, sizeof text, "%sschedules:\n", COMMANDS);
        for (unsigned i = 0; i < count; i++)
            used += (size_t)snprintf(text + used, sizeof text - used,
                                     "  s%u: {command: plain, cron: \"@daily\", zone: %s}\n", i, nth_zone(i, zone));
        struct config *config;
        cr_expect_eq(load(text, &config), count <= ZONE_COUNT_MAX ? 0 : -EINVAL, "%s", said);
        cr_expect(config == NULL || config->zone_count == count);
        config_free(config);
    }
    cr_expect_not_null(strstr(said, "schedules.s64.zone: all schedules together name more than 64 time zones\n"), "%s",
                       said);
}
