#include "sallyport/policy/policy_match.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "sallyport/base/error.h"
#include "sample.h"

/* A policy with one parameter "v", its matcher, and the codes of the faults of the last check. */
struct bench {
    struct policy *policy;
    struct matcher *matcher;
    char codes[512]; /* "pointer=code " for each */
};

static struct bench bench_of(struct policy *policy)
{
    struct bench bench = { .policy = policy };
    struct error err = { 0 };
    if (policy->commands[0].argument_count == 0)
        sample_argument(policy, "/usr/bin/true", -1);
    cr_assert_eq(matcher_new(policy, &bench.matcher, &err), 0, "%s", err.text);
    return bench;
}

static void bench_done(struct bench *bench)
{
    matcher_free(bench->matcher);
    policy_free(bench->policy);
}

static int check_params(struct bench *bench, struct span params)
{
    uint8_t room[8192];
    struct writer errors = { room, sizeof room };
    struct error err = { 0 };
    int done = matcher_check(bench->matcher, 0, params, &errors, &err);
    struct reader in = { room, sizeof room - errors.left };
    struct entry fault;
    bench->codes[0] = '\0';
    while (entries_next(&in, &fault) == 1) {
        cr_expect_eq(fault.kind, ENTRY_ERROR);
        cr_expect_gt(fault.extra.size, 0);
        size_t used = strlen(bench->codes);
        snprintf(bench->codes + used, sizeof bench->codes - used, "%.*s=%.*s ", (int)fault.name.size,
                 (const char *)fault.name.data, (int)fault.value.size, (const char *)fault.value.data);
    }
    return done;
}

/* The faults of one value for "v": "" when it was taken. */
static const char *check_value(struct bench *bench, uint8_t kind, const char *value, size_t size)
{
    struct sample_request *request = sample_request();
    entries_add(&request->out, kind, span_text("v"), (struct span){ (const uint8_t *)value, (uint32_t)size },
                (struct span){ 0 });
    int done = check_params(bench, sample_params(request));
    cr_expect_eq(done, bench->codes[0] == '\0' ? 0 : -EINVAL);
    free(request);
    return bench->codes;
}

#define EXPECT_VALUE(bench, kind, value, wanted)                                                                       \
    cr_expect_str_eq(check_value(bench, kind, value, strlen(value)), wanted, "value '%s': %s", value, (bench)->codes)

Test(policy_match, takes_only_what_a_string_may_be)
{
    struct policy *policy = sample_policy();
    struct param *param = sample_param(policy, "v", PARAM_STRING);
    param->rule.min_length = 2;
    param->rule.max_length = 8;
    struct bench bench = bench_of(policy);

    EXPECT_VALUE(&bench, ENTRY_STRING, "ab", "");
    EXPECT_VALUE(&bench, ENTRY_STRING, "a-b", "");
    EXPECT_VALUE(&bench, ENTRY_STRING, "12345678", "");
    EXPECT_VALUE(&bench, ENTRY_STRING, "123456789", "/params/v=max_length ");
    EXPECT_VALUE(&bench, ENTRY_STRING, "a", "/params/v=min_length ");
    EXPECT_VALUE(&bench, ENTRY_STRING, "--rf", "/params/v=leading_dash ");
    EXPECT_VALUE(&bench, ENTRY_STRING, "-", "/params/v=min_length /params/v=leading_dash ");
    EXPECT_VALUE(&bench, ENTRY_STRING, "\xc3\x28", "/params/v=utf8 ");
    EXPECT_VALUE(&bench, ENTRY_STRING, "\xed\xa0\x80", "/params/v=utf8 ");
    EXPECT_VALUE(&bench, ENTRY_STRING, "\xc0\x80", "/params/v=utf8 ");
    cr_expect_str_eq(check_value(&bench, ENTRY_STRING, "a\0b", 3), "/params/v=nul ");
    cr_expect_str_eq(check_value(&bench, ENTRY_STRING, "ab\0", 3), "/params/v=nul ");
    EXPECT_VALUE(&bench, ENTRY_INTEGER, "12", "/params/v=type ");
    EXPECT_VALUE(&bench, ENTRY_BOOL, "true", "/params/v=type ");
    EXPECT_VALUE(&bench, ENTRY_LIST, "", "/params/v=type ");
    bench_done(&bench);
}

Test(policy_match, limits_strings_without_a_limit_of_their_own)
{
    struct policy *policy = sample_policy();
    sample_param(policy, "v", PARAM_STRING);
    struct bench bench = bench_of(policy);
    static char value[PARAM_STRING_MAX_BYTES + 1];
    memset(value, 'x', sizeof value);
    cr_expect_str_eq(check_value(&bench, ENTRY_STRING, value, PARAM_STRING_MAX_BYTES), "");
    cr_expect_str_eq(check_value(&bench, ENTRY_STRING, value, sizeof value), "/params/v=max_length ");
    bench_done(&bench);
}

Test(policy_match, lets_a_dash_lead_where_the_owner_allows_it)
{
    struct policy *policy = sample_policy();
    sample_param(policy, "v", PARAM_STRING)->rule.allows_dash = true;
    struct bench bench = bench_of(policy);
    EXPECT_VALUE(&bench, ENTRY_STRING, "-rf", "");
    bench_done(&bench);
}

Test(policy_match, compares_a_pattern_with_the_whole_value)
{
    static const struct {
        const char *pattern;
        bool is_partial;
        const char *value;
        bool is_taken;
    } cases[] = {
        { "v[0-9]+", false, "v1", true },
        { "v[0-9]+", false, "v1x", false },
        { "v[0-9]+", false, "xv1", false },
        { "v[0-9]+", false, "v1\n", false },
        { "v[0-9]+$", false, "v1\n", false },
        { "^v[0-9]+$", false, "v1\n", false },
        { "^v[0-9]+$", false, "v1", true },
        { "a|ab", false, "ab", true }, /* the anchor holds for every branch */
        { "a|b", false, "ax", false },
        { "a|b", false, "xb", false },
        { "v[0-9]+", true, "xv1x", true },
        { "^v$", true, "v\n", false },
        { "^v$", true, "x\nv", false },
        { ".", false, "\n", false },
        { "", false, "", true },
        { "", false, "x", false },
        { "(?s).*", false, "a\nb", true },
        { "[^;]*", false, "a;b", false },
        { "\\w+", false, "\xc3\xa9", false }, /* bytes: what \w is does not depend on Unicode */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct policy *policy = sample_policy();
        struct param *param = sample_param(policy, "v", PARAM_STRING);
        param->rule.pattern = strdup(cases[i].pattern);
        param->rule.is_partial = cases[i].is_partial;
        struct bench bench = bench_of(policy);
        const char *wanted = cases[i].is_taken ? "" : "/params/v=pattern ";
        cr_expect_str_eq(check_value(&bench, ENTRY_STRING, cases[i].value, strlen(cases[i].value)), wanted, "case %zu",
                         i);
        bench_done(&bench);
    }
}

Test(policy_match, gives_up_on_patterns_that_take_for_ever, .timeout = 10)
{
    static const char *const patterns[] = { "(a+)+", "(a|a)*b", "(.*)*x", "((a*)*)*c", "(a?){40}a{40}b", "(?:a|aa)+b" };
    char value[2001];
    memset(value, 'a', sizeof value - 2);
    value[sizeof value - 2] = '!';
    value[sizeof value - 1] = '\0';
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        struct policy *policy = sample_policy();
        sample_param(policy, "v", PARAM_STRING)->rule.pattern = strdup(patterns[i]);
        struct bench bench = bench_of(policy);
        cr_expect_str_eq(check_value(&bench, ENTRY_STRING, value, strlen(value)), "/params/v=pattern ", "%s",
                         patterns[i]);
        bench_done(&bench);
    }
}

Test(policy_match, refuses_patterns_that_do_not_compile_or_leave_bytes)
{
    static const char *const patterns[] = { "(",     "[a",       "*", "(*UTF)a", "(*UTF8)a", "(?<n>a)(?<n>b)",
                                            "\\p{L", "(?P<1a>x)" };
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        struct policy *policy = sample_policy();
        sample_param(policy, "v", PARAM_STRING)->rule.pattern = strdup(patterns[i]);
        sample_argument(policy, "/usr/bin/true", -1);
        struct matcher *matcher = NULL;
        struct error err = { 0 };
        cr_expect_eq(matcher_new(policy, &matcher, &err), -EINVAL, "%s", patterns[i]);
        cr_expect(strstr(err.text, "command 'deploy': parameter 'v': pattern, at byte") != NULL, "%s", err.text);
        policy_free(policy);
    }
}

Test(policy_match, takes_whole_numbers_in_one_spelling)
{
    struct policy *policy = sample_policy();
    struct param *param = sample_param(policy, "v", PARAM_INT);
    struct bench bench = bench_of(policy);
    static const char *const good[] = { "0", "1", "-1", "10", "9223372036854775807", "-9223372036854775808" };
    static const char *const bad[] = { "",
                                       "-",
                                       "-0",
                                       "00",
                                       "01",
                                       "-01",
                                       "+1",
                                       " 1",
                                       "1 ",
                                       "1.0",
                                       "1e3",
                                       "0x1",
                                       "1_0",
                                       "9223372036854775808",
                                       "-9223372036854775809",
                                       "99999999999999999999999999999999999999999999999999999999999999999999999",
                                       "٣" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        EXPECT_VALUE(&bench, ENTRY_INTEGER, good[i], "");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT_VALUE(&bench, ENTRY_INTEGER, bad[i], "/params/v=type ");
    EXPECT_VALUE(&bench, ENTRY_STRING, "1", "/params/v=type ");
    EXPECT_VALUE(&bench, ENTRY_REAL, "1.0", "/params/v=type ");

    param->rule.has_min = param->rule.has_max = true;
    param->rule.min = -5;
    param->rule.max = 5;
    EXPECT_VALUE(&bench, ENTRY_INTEGER, "-5", "");
    EXPECT_VALUE(&bench, ENTRY_INTEGER, "5", "");
    EXPECT_VALUE(&bench, ENTRY_INTEGER, "-6", "/params/v=min ");
    EXPECT_VALUE(&bench, ENTRY_INTEGER, "6", "/params/v=max ");
    bench_done(&bench);
}

Test(policy_match, takes_finite_numbers_in_plain_notation)
{
    struct policy *policy = sample_policy();
    struct param *param = sample_param(policy, "v", PARAM_NUMBER);
    struct bench bench = bench_of(policy);
    static const char *const good[] = { "0.5", "-0.5", "1e3", "1E+3", "1.5e-7", "0", "-0.0" };
    static const char *const bad[] = { "",   "inf", "-inf", "nan", "NaN", "1e999", "-1e999", "0x1p3",
                                       ".5", "5.",  "1e",   "1e+", "+1",  " 1",    "1,5",    "01.5" };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        EXPECT_VALUE(&bench, ENTRY_REAL, good[i], "");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT_VALUE(&bench, ENTRY_REAL, bad[i], "/params/v=type ");
    EXPECT_VALUE(&bench, ENTRY_INTEGER, "3", "");

    param->rule.has_min = param->rule.has_max = true;
    param->rule.min_number = 0.25;
    param->rule.max_number = 0.75;
    EXPECT_VALUE(&bench, ENTRY_REAL, "0.25", "");
    EXPECT_VALUE(&bench, ENTRY_REAL, "0.2499", "/params/v=min ");
    EXPECT_VALUE(&bench, ENTRY_REAL, "0.7501", "/params/v=max ");
    bench_done(&bench);
}

Test(policy_match, takes_booleans_and_listed_values)
{
    struct policy *policy = sample_policy();
    sample_param(policy, "v", PARAM_BOOL);
    struct param *param = sample_param(policy, "e", PARAM_ENUM);
    sample_texts(&param->rule.values, &param->rule.value_count,
                 (const char *const[]){ "staging", "prod", "--all", NULL });
    struct bench bench = bench_of(policy);
    EXPECT_VALUE(&bench, ENTRY_BOOL, "true", "");
    EXPECT_VALUE(&bench, ENTRY_BOOL, "false", "");
    EXPECT_VALUE(&bench, ENTRY_BOOL, "yes", "/params/v=type ");
    EXPECT_VALUE(&bench, ENTRY_STRING, "true", "/params/v=type ");

    static const struct {
        const char *value, *wanted;
    } cases[] = { { "prod", "" },
                  { "--all", "" },
                  { "pro", "/params/e=enum " },
                  { "prod ", "/params/e=enum " },
                  { "", "/params/e=enum " } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sample_request *request = sample_request();
        sample_give(request, ENTRY_STRING, "e", cases[i].value);
        check_params(&bench, sample_params(request));
        cr_expect_str_eq(bench.codes, cases[i].wanted);
        free(request);
    }
    bench_done(&bench);
}

Test(policy_match, names_the_item_of_a_list_that_is_wrong)
{
    struct policy *policy = sample_policy();
    struct param *param = sample_param(policy, "v", PARAM_LIST);
    param->item.type = PARAM_STRING;
    param->item.pattern = strdup("-?web-[0-9]");
    param->min_items = 1;
    param->max_items = 4;
    struct bench bench = bench_of(policy);

    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_LIST, "v", "");
    check_params(&bench, sample_params(request));
    cr_expect_str_eq(bench.codes, "/params/v=min_items ");

    sample_give(request, ENTRY_STRING | ENTRY_ITEM, "v", "web-1");
    cr_expect_eq(check_params(&bench, sample_params(request)), 0);
    sample_give(request, ENTRY_STRING | ENTRY_ITEM, "v", "-web-1");
    sample_give(request, ENTRY_INTEGER | ENTRY_ITEM, "v", "1");
    sample_give(request, ENTRY_STRING | ENTRY_ITEM, "v", "db-1");
    check_params(&bench, sample_params(request));
    cr_expect_str_eq(bench.codes, "/params/v/1=leading_dash /params/v/2=type /params/v/3=pattern ");

    sample_give(request, ENTRY_STRING | ENTRY_ITEM, "v", "web-5");
    check_params(&bench, sample_params(request));
    cr_expect_str_eq(bench.codes, "/params/v=max_items ");
    free(request);
    bench_done(&bench);
}

Test(policy_match, reports_all_faults_at_once)
{
    struct policy *policy = sample_policy();
    sample_param(policy, "needed", PARAM_STRING)->is_required = true;
    sample_param(policy, "count", PARAM_INT);
    sample_param(policy, "token", PARAM_SECRET)->is_required = true;
    sample_param(policy, "free", PARAM_STRING);
    struct bench bench = bench_of(policy);
    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_STRING, "count", "x");
    sample_give(request, ENTRY_STRING, "free", "1");
    sample_give(request, ENTRY_STRING, "free", "2");
    sample_give(request, ENTRY_STRING, "a/b~c", "2");
    sample_give(request, ENTRY_STRING, "\xff", "2");
    sample_give(request, ENTRY_SECRET, "token", "");
    cr_expect_eq(check_params(&bench, sample_params(request)), -EINVAL);
    cr_expect_str_eq(bench.codes,
                     "/params/free=duplicate /params/a~1b~0c=unknown /params=unknown /params/needed=required "
                     "/params/count=type /params/token=required ");
    free(request);
    bench_done(&bench);
}

Test(policy_match, never_repeats_a_secret_in_a_fault)
{
    struct policy *policy = sample_policy();
    struct param *param = sample_param(policy, "v", PARAM_SECRET);
    param->rule.pattern = strdup("[a-z]+");
    struct bench bench = bench_of(policy);
    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_STRING, "v", "HUNTER2");
    uint8_t room[1024];
    struct writer errors = { room, sizeof room };
    struct error err = { 0 };
    cr_expect_eq(matcher_check(bench.matcher, 0, sample_params(request), &errors, &err), -EINVAL);
    cr_expect_eq(memmem(room, sizeof room - errors.left, "HUNTER2", 7), NULL);
    cr_expect_eq(strstr(err.text, "HUNTER2"), NULL);
    free(request);
    bench_done(&bench);
}

Test(policy_match, calls_a_broken_list_of_parameters_a_breach)
{
    struct policy *policy = sample_policy();
    sample_param(policy, "v", PARAM_LIST)->item.type = PARAM_STRING;
    sample_param(policy, "w", PARAM_LIST)->item.type = PARAM_STRING;
    struct bench bench = bench_of(policy);
    static const uint8_t kinds[] = {
        ENTRY_NONE, 6, ENTRY_LABEL, ENTRY_ERROR, ENTRY_STRING | ENTRY_ITEM, ENTRY_SECRET | ENTRY_ITEM, 0xff
    };
    for (size_t i = 0; i < sizeof kinds; i++) {
        struct sample_request *request = sample_request();
        sample_give(request, kinds[i], "v", "x");
        cr_expect_eq(check_params(&bench, sample_params(request)), -EBADMSG, "kind %u", kinds[i]);
        free(request);
    }
    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_LIST, "v", "");
    sample_give(request, ENTRY_STRING | ENTRY_ITEM, "w", "x");
    struct span params = sample_params(request);
    cr_expect_eq(check_params(&bench, params), -EBADMSG);
    for (uint32_t size = 1; size < 9; size++)
        cr_expect_eq(check_params(&bench, (struct span){ params.data, size }), size == 8 ? 0 : -EBADMSG, "%u", size);
    cr_expect_eq(matcher_check(bench.matcher, 1, (struct span){ 0 }, NULL, NULL), -ENOENT);
    free(request);
    bench_done(&bench);
}

Test(policy_match, refuses_more_than_fits_a_message)
{
    struct policy *policy = sample_policy();
    sample_param(policy, "v", PARAM_STRING)->rule.max_length = UINT32_MAX;
    struct bench bench = bench_of(policy);
    struct sample_request *request = sample_request();
    static char value[PARAMS_MAX_BYTES];
    memset(value, 'x', sizeof value - 1);
    sample_give(request, ENTRY_STRING, "v", value);
    check_params(&bench, sample_params(request));
    cr_expect_str_eq(bench.codes, "/params=too_large ");
    free(request);
    bench_done(&bench);
}

Test(policy_match, leaves_out_faults_that_find_no_room)
{
    struct policy *policy = sample_policy();
    for (int i = 0; i < 10; i++) {
        char name[8];
        snprintf(name, sizeof name, "p%d", i);
        sample_param(policy, name, PARAM_STRING)->is_required = true;
    }
    struct bench bench = bench_of(policy);
    uint8_t room[100];
    struct writer errors = { room, sizeof room };
    cr_expect_eq(matcher_check(bench.matcher, 0, (struct span){ 0 }, &errors, NULL), -EINVAL);
    struct reader in = { room, sizeof room - errors.left };
    struct entry fault;
    cr_expect_eq(entries_next(&in, &fault), 1);
    bench_done(&bench);
}
