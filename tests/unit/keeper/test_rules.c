/* What the keeper takes of its settings, and what it refuses although it comes from the bootstrap. */
#include "rules.h"

#include "rig.h"

/* A zone with a jump, and a schedule of each form; each test changes one thing. */
static struct setting_zone berlin, utc;
static struct setting_zone_period periods[3];
static struct setting_schedule nightly, often, once;
static uint8_t params_room[256];

static void prepare(void)
{
    struct writer out = { params_room, sizeof params_room };
    cr_assert(entries_add_text(&out, ENTRY_STRING, "text", "hello", ""));
    berlin = (struct setting_zone){ "Europe/Berlin" };
    utc = (struct setting_zone){ "UTC" };
    periods[0] = (struct setting_zone_period){ 1704067200, 3600 };
    periods[1] = (struct setting_zone_period){ 1711846800, 7200 };
    periods[2] = (struct setting_zone_period){ 0, 0 };
    nightly = (struct setting_schedule){ .name = "nightly",
                                         .command = "echo",
                                         .params = { params_room, (uint32_t)(sizeof params_room - out.left) },
                                         .form = SCHEDULE_CRON,
                                         .text = "30 3 * * *",
                                         .jitter_ms = 600000,
                                         .missed = MISSED_RUN_ONCE,
                                         .is_enabled = true };
    often = (struct setting_schedule){
        .name = "often", .command = "loud", .form = SCHEDULE_EVERY, .text = "90s", .zone = 1
    };
    once = (struct setting_schedule){
        .name = "once", .command = "deploy", .form = SCHEDULE_AT, .text = "2027-01-31T18:00:00", .zone = 0
    };
}

TestSuite(rules, .init = prepare);

static struct record_file file;

static void put(enum setting_type type, const void *record)
{
    cr_assert_eq(record_file_add(&file, setting_defs, SETTING_COUNT, type, record, &err), 0, "%s", err.text);
}

/* The settings that are prepared, in the order in which the bootstrap writes them. */
static void put_all(void)
{
    struct setting_keeper head = { .slot_count = 2, .slots_per_account = 1 };
    put(SETTING_KEEPER, &head);
    put(SETTING_ZONE, &berlin);
    put(SETTING_ZONE_PERIOD, &periods[0]);
    put(SETTING_ZONE_PERIOD, &periods[1]);
    put(SETTING_ZONE, &utc);
    put(SETTING_ZONE_PERIOD, &periods[2]);
    put(SETTING_SCHEDULE, &nightly);
    put(SETTING_SCHEDULE, &often);
    put(SETTING_SCHEDULE, &once);
}

/* Reads the records put so far, and forgets them. */
static int read_settings(struct rules *rules)
{
    int fd = -1;
    *rules = (struct rules){ .generation = 1, .policy = rig_policy() };
    cr_assert_eq(matcher_new(rules->policy, &rules->matcher, &err), 0, "%s", err.text);
    cr_assert_eq(memfd_sealed("test", file.data, file.size, false, &fd, &err), 0, "%s", err.text);
    record_file_done(&file);
    err = (struct error){ 0 };
    int done = rules_read_settings(rules, fd, 1, &err);
    close(fd);
    return done;
}

static void expect_refusal(const char *part)
{
    struct rules rules;
    cr_expect_eq(read_settings(&rules), -EBADMSG, "not refused: %s", part);
    cr_expect_not_null(strstr(err.text, part), "not '%s': %s", part, err.text);
    rules_free(&rules);
}

Test(rules, have_schedules_with_their_zones)
{
    struct rules rules;
    put_all();
    cr_assert_eq(read_settings(&rules), 0, "%s", err.text);
    cr_assert_eq(rules.schedules.count, 3);
    cr_assert_eq(rules.schedules.zone_count, 2);
    const struct rule_schedule *list = rules.schedules.list;
    cr_expect_str_eq(list[0].name, "nightly");
    cr_expect_str_eq(list[0].text, "30 3 * * *");
    cr_expect_str_eq(rules.policy->commands[list[0].command].name, "echo");
    cr_expect_eq(list[0].params_bytes, nightly.params.size);
    cr_expect_eq(memcmp(list[0].params, params_room, nightly.params.size), 0);
    cr_expect(list[0].is_enabled);
    cr_expect_not(list[1].is_enabled);
    cr_expect_eq(list[0].timing.name, list[0].name);
    cr_expect_eq(list[0].timing.jitter_ms, 600000);
    cr_expect_eq(list[0].timing.missed, MISSED_RUN_ONCE);
    cr_expect_str_eq(list[1].timing.zone->name, "UTC");
    cr_expect_str_eq(list[2].timing.zone->name, "Europe/Berlin");

    uint64_t next;
    cr_assert(schedule_next(&list[0].timing.schedule, list[0].timing.zone, 1711846800000, &next));
    cr_expect_eq(next, 1711848600000, "half past three, in summer time");
    cr_assert(schedule_next(&list[2].timing.schedule, list[2].timing.zone, 0, &next));
    cr_expect_eq(next, 1801411200000);
    rules_free(&rules);
    cr_expect_eq(rules.schedules.count, 0);
}

Test(rules, need_no_schedules)
{
    struct rules rules;
    put(SETTING_KEEPER, &(struct setting_keeper){ .slot_count = 2 });
    cr_assert_eq(read_settings(&rules), 0, "%s", err.text);
    cr_expect_eq(rules.schedules.count, 0);
    rules_free(&rules);
}

#define EXPECT_REFUSAL(change, part)                                                                                   \
    do {                                                                                                               \
        prepare();                                                                                                     \
        change;                                                                                                        \
        put_all();                                                                                                     \
        expect_refusal(part);                                                                                          \
    } while (0)

Test(rules, refuse_schedules_that_do_not_fit)
{
    EXPECT_REFUSAL(strcpy(nightly.name, ""), "schedule '': has no name of its own");
    EXPECT_REFUSAL(strcpy(nightly.name, "../x"), "schedule '../x': has no name of its own");
    EXPECT_REFUSAL(strcpy(often.name, "nightly"), "schedule 'nightly': has no name of its own");
    EXPECT_REFUSAL(strcpy(often.command, "quiet"), "schedule 'often': there is no command 'quiet'");
    EXPECT_REFUSAL(often.form = SCHEDULE_NONE, "schedule 'often': has no form that is known");
    EXPECT_REFUSAL(strcpy(nightly.text, "30 3 * *"), "schedule 'nightly': has 4 fields");
    EXPECT_REFUSAL(strcpy(nightly.text, "0 0 30 2 *"), "schedule 'nightly': never comes");
    EXPECT_REFUSAL(strcpy(often.text, "10ms"), "schedule 'often': must be between 1s and 366d");
    EXPECT_REFUSAL(strcpy(once.text, "tomorrow"), "schedule 'once': at character 1");
    EXPECT_REFUSAL(often.jitter_ms = 90001, "schedule 'often': its jitter is larger than the time between two runs");
    EXPECT_REFUSAL(often.zone = 2, "schedule 'often': there is no zone 2");
    EXPECT_REFUSAL(nightly.params.size = 0, "schedule 'nightly': command 'echo': 1 faults in its parameters");
    EXPECT_REFUSAL(nightly.params.size--, "schedule 'nightly': parameters are cut short");
    EXPECT_REFUSAL(often.params = nightly.params, "schedule 'often': command 'loud': 1 faults in its parameters");
}

Test(rules, refuse_zones_that_make_no_sense)
{
    EXPECT_REFUSAL(periods[1].from_unix_s = periods[0].from_unix_s, "zone 'Europe/Berlin' has periods out of order");
    EXPECT_REFUSAL(periods[1].offset_s = INT64_MIN, "zone 'Europe/Berlin' has an offset of more than 26 hours");
    EXPECT_REFUSAL(periods[2].from_unix_s = INT64_MAX, "zone 'UTC' has a period out of all time");
    EXPECT_REFUSAL(utc.name[0] = '\0', "zone '' has no name");
    prepare();
    put(SETTING_KEEPER, &(struct setting_keeper){ .slot_count = 2 });
    put(SETTING_ZONE_PERIOD, &periods[0]);
    expect_refusal("a period without a zone before it");
    put(SETTING_KEEPER, &(struct setting_keeper){ .slot_count = 2 });
    put(SETTING_ZONE, &utc);
    expect_refusal("zone 'UTC' has no period");
}

Test(rules, refuse_more_than_there_may_be)
{
    put(SETTING_KEEPER, &(struct setting_keeper){ .slot_count = 2 });
    for (unsigned i = 0; i <= ZONE_COUNT_MAX; i++) {
        put(SETTING_ZONE, &utc);
        put(SETTING_ZONE_PERIOD, &periods[0]);
    }
    expect_refusal("more than 64 zones");
    put(SETTING_KEEPER, &(struct setting_keeper){ .slot_count = 2 });
    put(SETTING_ZONE, &utc);
    for (int64_t i = 0; i <= ZONE_PERIOD_COUNT_MAX; i++)
        put(SETTING_ZONE_PERIOD, &(struct setting_zone_period){ i, 0 });
    expect_refusal("zone 'UTC' has more than 256 periods");
    put(SETTING_KEEPER, &(struct setting_keeper){ .slot_count = 2 });
    put(SETTING_ZONE, &utc);
    put(SETTING_ZONE_PERIOD, &periods[0]);
    for (unsigned i = 0; i <= SCHEDULE_COUNT_MAX; i++) {
        struct setting_schedule schedule = often;
        schedule.zone = 0;
        snprintf(schedule.name, sizeof schedule.name, "s%u", i);
        put(SETTING_SCHEDULE, &schedule);
    }
    expect_refusal("more than 1024 schedules");
}

/* The field table's own bounds, which the writer checks as well as the reader. */
Test(rules, have_no_room_for_values_out_of_bounds)
{
    struct setting_schedule schedule;
    struct record_file other = { 0 };
    schedule = often, schedule.form = SCHEDULE_FORM_COUNT;
    cr_expect_lt(record_file_add(&other, setting_defs, SETTING_COUNT, SETTING_SCHEDULE, &schedule, NULL), 0);
    schedule = often, schedule.missed = MISSED_POLICY_COUNT;
    cr_expect_lt(record_file_add(&other, setting_defs, SETTING_COUNT, SETTING_SCHEDULE, &schedule, NULL), 0);
    schedule = often, schedule.jitter_ms = JITTER_MAX_MS + 1;
    cr_expect_lt(record_file_add(&other, setting_defs, SETTING_COUNT, SETTING_SCHEDULE, &schedule, NULL), 0);
    schedule = often, schedule.zone = ZONE_COUNT_MAX;
    cr_expect_lt(record_file_add(&other, setting_defs, SETTING_COUNT, SETTING_SCHEDULE, &schedule, NULL), 0);
    record_file_done(&other);
}
