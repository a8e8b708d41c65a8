#include "sallyport/policy/pins.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "sallyport/base/error.h"
#include "sample.h"

#define PIN(name, text)                                                                                                \
    {                                                                                                                  \
        .param = (name), .value = {(const uint8_t *)(text), sizeof(text) - 1 }                                         \
    }

static const struct setting_pin pins[] = { PIN("env", "staging"), PIN("env", "test"), PIN("count", "3"),
                                           PIN("hosts", "web-1"), PIN("nobody", "x") };

static struct policy *policy;
static char said[1024]; /* "pointer=code " for each refusal */

static void make_policy(void)
{
    policy = sample_policy();
    sample_param(policy, "env", PARAM_STRING);
    sample_param(policy, "count", PARAM_INT);
    sample_param(policy, "hosts", PARAM_LIST);
    sample_param(policy, "free", PARAM_STRING);
    const char *const count[] = { "3", NULL }, *const hosts[] = { "web-1", "web-1", NULL };
    struct param *params = policy->commands[0].params;
    sample_texts(&params[1].default_values, &params[1].default_count, count);
    sample_texts(&params[2].default_values, &params[2].default_count, hosts);
    params[1].has_default = params[2].has_default = true;
}

static void free_policy(void)
{
    policy_free(policy);
}

TestSuite(pins, .init = make_policy, .fini = free_policy);

static int check(const struct sample_request *request)
{
    uint8_t room[4096];
    struct writer errors = { room, sizeof room };
    struct error err = { 0 };
    int refused =
        pins_check(&policy->commands[0], sample_params(request), pins, sizeof pins / sizeof pins[0], &errors, &err);
    struct reader in = { room, sizeof room - errors.left };
    struct entry fault;
    said[0] = '\0';
    while (entries_next(&in, &fault) == 1) {
        size_t used = strlen(said);
        snprintf(said + used, sizeof said - used, "%.*s=%.*s ", (int)fault.name.size, (const char *)fault.name.data,
                 (int)fault.value.size, (const char *)fault.value.data);
        cr_expect_gt(fault.extra.size, 10);
    }
    return refused;
}

static void expect(const struct sample_request *request, int refused, const char *what)
{
    cr_expect_eq(check(request), refused, "%s", said);
    cr_expect_str_eq(said, what);
}

Test(pins, let_through_what_they_say_and_no_more)
{
    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_STRING, "env", "test");
    sample_give(request, ENTRY_STRING, "free", "anything");
    expect(request, 0, "");
    free(request);
    const char *const others[] = { "prod", "", "tes", "test ", "TEST", "staging, test", "3" };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        request = sample_request();
        sample_give(request, ENTRY_STRING, "env", others[i]);
        expect(request, 1, "/params/env=not_allowed ");
        free(request);
    }
}

Test(pins, refuse_what_is_left_out_unless_its_default_is_one_of_them)
{
    struct sample_request *request = sample_request();
    expect(request, 1, "/params/env=not_allowed ");
    policy->commands[0].params[1].default_values[0][0] = '4';
    policy->commands[0].params[2].default_values[1][0] = 'x';
    sample_give(request, ENTRY_STRING, "env", "staging");
    expect(request, 2, "/params/count=not_allowed /params/hosts=not_allowed ");
    free(request);
}

Test(pins, hold_for_each_item_of_a_list)
{
    static const struct {
        const char *items[3];
        int refused;
    } cases[] = { { { "web-1", NULL }, 0 },
                  { { "web-1", "web-1", NULL }, 0 },
                  { { "web-1", "web-2", NULL }, 1 },
                  { { "web-2", "web-1", NULL }, 1 },
                  { { NULL }, 1 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sample_request *request = sample_request();
        sample_give(request, ENTRY_STRING, "env", "test");
        sample_give(request, ENTRY_LIST, "hosts", "");
        for (const char *const *item = cases[i].items; *item != NULL; item++)
            sample_give(request, ENTRY_ITEM | ENTRY_STRING, "hosts", *item);
        cr_expect_eq(check(request), cases[i].refused, "case %zu: %s", i, said);
        free(request);
    }
}

Test(pins, judge_a_value_that_is_given_twice_by_its_first_and_leave_the_rest_to_the_commands_rules)
{
    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_STRING, "env", "prod");
    sample_give(request, ENTRY_STRING, "env", "test");
    sample_give(request, ENTRY_STRING, "unknown", "x");
    expect(request, 1, "/params/env=not_allowed ");
    free(request);
}

Test(pins, are_not_asked_about_what_is_no_list_of_parameters)
{
    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_LABEL, "env", "test");
    cr_expect_eq(check(request), -EBADMSG);
    free(request);
}
