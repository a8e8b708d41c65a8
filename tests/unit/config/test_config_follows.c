/* Steps and chains: what a configuration passes on, and what becomes of it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/config/config.h"
#include "sallyport/policy/policy.h"
#include "sallyport/policy/policy_follow.h"
#include "sallyport/policy/policy_records.h"
#include "sallyport/proto/entries.h"

static const char text[] =
    "commands:\n"
    "  from:\n"
    "    params: {s: {type: string, required: true, allow_dash: true}, d: {type: string, default: dee},\n"
    "             n: {type: int, default: 7}, b: {type: bool, default: true}, l: {type: list, of: {type: string}, "
    "default: []}}\n"
    "    exec: [/bin/echo, \"{s}\", \"{d}\"]\n"
    "    then: [{command: to, params: {s: \"<{s}|{d}>{{}}\", n: \"{n}\", f: 0.5, b: \"{b}\", l: [a, \"{l...}\", "
    "\"{s}\"]}}]\n"
    "    on_failure: [{command: to, params: {s: \"{job.id} {job.state} {job.reason} {job.exit_code}\"}}]\n"
    "    always: [{command: to, params: {l: \"{l...}\"}}]\n"
    "  to:\n"
    "    params: {s: {type: string, allow_dash: true, default: x}, n: {type: int, default: 1}, f: {type: number,\n"
    "             default: 1}, b: {type: bool, default: false}, l: {type: list, of: {type: string, allow_dash: true},\n"
    "             default: []}}\n"
    "    exec: [/bin/echo]\n";

static struct policy *policy;
static struct error err;

/* As keeper and launcher have it: through its records. */
static void setup(void)
{
    struct config *config = NULL;
    struct record_file file = { 0 };
    FILE *none = fopen("/dev/null", "w");
    cr_assert_eq(config_parse("c.yaml", (const uint8_t *)text, strlen(text), none, &config, &err), 0, "%s", err.text);
    fclose(none);
    cr_assert_eq(policy_write(config->policy, true, &file, &err), 0, "%s", err.text);
    cr_assert_eq(policy_read(file.data, file.size, &policy, &err), 0, "%s", err.text);
    record_file_done(&file);
    config_free(config);
}

static void teardown(void)
{
    policy_free(policy);
}

TestSuite(follows, .init = setup, .fini = teardown);

/* "s=4:VALUE" for each entry: its kind and bytes. */
static const char *shown(struct span entries)
{
    static char to[4096];
    struct reader in = { entries.data, entries.size };
    struct entry entry;
    size_t used = 0;
    to[0] = '\0';
    while (entries_next(&in, &entry) == 1)
        used += (size_t)snprintf(to + used, sizeof to - used, "%.*s=%u:%.*s\n", (int)entry.name.size,
                                 (const char *)entry.name.data, entry.kind, (int)entry.value.size,
                                 (const char *)entry.value.data);
    return to;
}

static const struct follow *follow_at(enum follow_when when)
{
    const struct command *from = &policy->commands[0];
    for (uint32_t i = 0; i < from->follow_count; i++)
        if (from->follows[i].when == when)
            return &from->follows[i];
    cr_assert_fail("no such follow");
    return NULL;
}

static uint8_t room[PARAMS_MAX_BYTES];

static int expand(enum follow_when when, struct span params, struct span *ret_span)
{
    static const struct job_facts facts = { "01jd", "failed", "exited", 3 };
    struct writer out = { room, sizeof room };
    int done = follow_expand(policy, &policy->commands[0], follow_at(when), params, &facts, &out, &err);
    *ret_span = (struct span){ room, (uint32_t)(sizeof room - out.left) };
    return done;
}

static uint8_t given_room[PARAMS_MAX_BYTES];

static struct span given(const char *s, const char *const *items)
{
    struct writer out = { given_room, sizeof given_room };
    entries_add_text(&out, ENTRY_STRING, "s", s, "");
    if (items != NULL)
        entries_add_text(&out, ENTRY_LIST, "l", "", "");
    for (; items != NULL && *items != NULL; items++)
        entries_add_text(&out, ENTRY_ITEM + ENTRY_STRING, "l", *items, "");
    return (struct span){ given_room, (uint32_t)(sizeof given_room - out.left) };
}

Test(follows, pass_values_on_in_the_kind_that_the_target_has)
{
    struct span span;
    cr_assert_eq(expand(FOLLOW_THEN, given("v", (const char *const[]){ "one", "two", NULL }), &span), 0, "%s",
                 err.text);
    cr_expect_str_eq(shown(span),
                     "s=1:<v|dee>{}\nn=2:7\nf=3:0.5\nb=4:true\nl=5:\nl=17:a\nl=17:one\nl=17:two\nl=17:v\n");
}

Test(follows, never_look_into_a_value)
{
    static const char *const nasty[] = { "{d}", "{{", "}", "-rf", "a b", "\"'`$(id)", "", "\n", "{job.id}" };
    struct span span;
    char expected[256];
    for (size_t i = 0; i < sizeof nasty / sizeof nasty[0]; i++) {
        cr_assert_eq(expand(FOLLOW_THEN, given(nasty[i], NULL), &span), 0, "%s", err.text);
        snprintf(expected, sizeof expected, "s=1:<%s|dee>{}\nn=2:7\nf=3:0.5\nb=4:true\nl=5:\nl=17:a\nl=17:%s\n",
                 nasty[i], nasty[i]);
        cr_expect_str_eq(shown(span), expected);
    }
}

Test(follows, tell_what_became_of_the_job)
{
    struct span span;
    cr_assert_eq(expand(FOLLOW_ON_FAILURE, given("v", NULL), &span), 0, "%s", err.text);
    cr_expect_str_eq(shown(span), "s=1:01jd failed exited 3\n");
}

Test(follows, pass_an_absent_list_on_as_an_empty_one)
{
    struct span span;
    cr_assert_eq(expand(FOLLOW_ALWAYS, given("v", NULL), &span), 0, "%s", err.text);
    cr_expect_str_eq(shown(span), "l=5:\n");
}

Test(follows, say_when_a_value_is_missing)
{
    struct span span;
    cr_expect_eq(expand(FOLLOW_THEN, (struct span){ 0 }, &span), -EINVAL);
    cr_expect_not_null(strstr(err.text, "'to'"), "%s", err.text);
}

Test(follows, say_when_there_is_no_room)
{
    static char large[PARAMS_MAX_BYTES - 100];
    struct span span;
    memset(large, 'x', sizeof large - 1);
    cr_expect_eq(expand(FOLLOW_THEN, given(large, NULL), &span), -EMSGSIZE);
}
