/* When a caller was last there: to the minute, and not a write for each request. */
#include "last_uses.h"
#include "rig.h"

TestSuite(last_uses, .init = rig_setup, .fini = rig_teardown, .timeout = 60);

#define MINUTE_MS 60000

static uint64_t stored(const char *mark)
{
    uint64_t number = 0;
    cr_assert_eq(store_mark_read(keeper->store, mark, &number, &err), 0, "%s", err.text);
    return number;
}

static void ask(const char *token)
{
    struct msg_whoami asked = { .evidence = rig_token(token) };
    rig_answer(rig_say(&front, MSG_WHOAMI, &asked));
}

Test(last_uses, are_written_once_for_a_minute_and_by_the_tick)
{
    const struct caller *ci = &keeper->rules.callers[0];
    uint64_t minute_ms = clock_unix_ms() / MINUTE_MS * MINUTE_MS;
    evtimer_del(keeper->tick);
    ask(CI_TOKEN);
    ask(CI_TOKEN);
    cr_expect_eq(stored("used ci"), 0, "no request writes");
    cr_expect(ci->is_use_due);
    last_uses_write(keeper);
    cr_expect_not(ci->is_use_due);
    uint64_t used_ms = stored("used ci");
    cr_expect(used_ms == minute_ms || used_ms == minute_ms + MINUTE_MS);
    cr_expect_eq(stored("used ops"), 0);
    if (clock_unix_ms() / MINUTE_MS * MINUTE_MS == used_ms) {
        last_uses_note(keeper, ci);
        cr_expect_not(ci->is_use_due, "the minute is known");
    }
    keeper->rules.callers[0].used_unix_ms -= MINUTE_MS;
    last_uses_note(keeper, ci);
    cr_expect(ci->is_use_due, "and another one is news");
}

Test(last_uses, outlive_the_rules)
{
    evtimer_del(keeper->tick);
    ask(CI_TOKEN);
    uint64_t used_ms = keeper->rules.callers[0].used_unix_ms, told_ms = 0;
    struct rules rules = rig_rules(2);
    struct caller ci = rules.callers[0];
    rules.callers[0] = rules.callers[2];
    rules.callers[2] = ci;
    keeper_change_rules(keeper, &rules);
    cr_expect_eq(keeper->rules.callers[0].used_unix_ms, 0);
    cr_expect_eq(keeper->rules.callers[2].used_unix_ms, used_ms, "by name, not by place");
    cr_expect(keeper->rules.callers[2].is_use_due);
    last_uses_write(keeper);
    keeper->rules.callers[2].used_unix_ms = 0; /* as after a start */
    cr_assert_eq(last_use_read(keeper, &keeper->rules.callers[2], &told_ms, &err), 0);
    cr_expect_eq(told_ms, used_ms);
    cr_assert_eq(last_use_read(keeper, &keeper->rules.callers[1], &told_ms, &err), 0);
    cr_expect_eq(told_ms, 0);
}

Test(last_uses, are_not_of_those_who_were_refused_as_unknown)
{
    struct msg_whoami asked = { .evidence = rig_token(OLD_TOKEN) };
    rig_expect_refusal(rig_say(&front, MSG_WHOAMI, &asked), 401, "unauthenticated");
    for (uint32_t i = 0; i < keeper->rules.caller_count; i++)
        cr_expect_not(keeper->rules.callers[i].is_use_due);
}
