/* Policies that contradict themselves: nothing is ever matched against one. */
#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "sample.h"
#include "sallyport/base/error.h"
#include "sallyport/policy/policy_match.h"

/* Each spoils a good one. */
static void spread_string(struct policy *p)
{
    sample_param(p, "v", PARAM_STRING);
    sample_argument(p, NULL, 0)->is_spread = true;
}
static void unspread_list(struct policy *p)
{
    sample_param(p, "v", PARAM_LIST)->item.type = PARAM_STRING;
    sample_argument(p, NULL, 0);
}
static void spread_with_text(struct policy *p)
{
    sample_param(p, "v", PARAM_LIST)->item.type = PARAM_STRING;
    sample_argument(p, "x", 0)->is_spread = true;
}
static void list_of_lists(struct policy *p)
{
    sample_param(p, "v", PARAM_LIST)->item.type = PARAM_LIST;
}
static void env_spread(struct policy *p)
{
    sample_param(p, "v", PARAM_LIST)->item.type = PARAM_STRING;
    sample_env(p, "A", NULL, 0)->is_spread = true;
}
static void foreign_param(struct policy *p)
{
    sample_argument(p, "x", 3);
}
static void env_secret_in_argv(struct policy *p)
{
    strcpy(sample_param(p, "v", PARAM_SECRET)->env_name, "TOKEN");
    sample_argument(p, NULL, 0);
}
static void named_twice(struct policy *p)
{
    sample_param(p, "v", PARAM_STRING);
    sample_param(p, "v", PARAM_STRING);
}
static void dotted_name(struct policy *p)
{
    sample_param(p, "..", PARAM_SECRET);
}
static void empty_enum(struct policy *p)
{
    sample_param(p, "v", PARAM_ENUM);
}
static void bad_default(struct policy *p)
{
    struct param *param = sample_param(p, "v", PARAM_INT);
    param->has_default = true;
    sample_texts(&param->default_values, &param->default_count, (const char *const[]){ "many", NULL });
}
static void placeholder_program(struct policy *p)
{
    sample_param(p, "v", PARAM_STRING);
    sample_piece(&p->commands[0].arguments[0], NULL, 0);
}
static void relative_program(struct policy *p)
{
    strcpy(p->commands[0].arguments[0].pieces[0].literal, "bin/true");
}
static void secret_in_key(struct policy *p)
{
    sample_param(p, "v", PARAM_SECRET);
    sample_piece(&p->commands[0].queue.key, NULL, 0);
}
static void list_in_key(struct policy *p)
{
    sample_param(p, "v", PARAM_LIST)->item.type = PARAM_STRING;
    sample_piece(&p->commands[0].queue.dedupe_key, NULL, 0);
}
static void spread_key(struct policy *p)
{
    list_in_key(p);
    p->commands[0].queue.dedupe_key.is_spread = true;
}
static void foreign_param_in_key(struct policy *p)
{
    sample_piece(&p->commands[0].queue.key, NULL, 5);
}
static void kept_value(struct policy *p)
{
    sample_param(p, "v", PARAM_STRING);
    sample_piece(&p->commands[0].queue.key, NULL, 0);
    p->commands[0].keeps_metadata_only = true;
}

Test(policy_check, refuses_commands_that_contradict_themselves)
{
    static const struct {
        void (*spoil)(struct policy *);
        const char *says;
    } cases[] = {
        { spread_string, "'{v}'" },
        { unspread_list, "'{v...}'" },
        { spread_with_text, "stands alone" },
        { list_of_lists, "neither lists" },
        { env_spread, "variable 'A'" },
        { foreign_param, "names no parameter" },
        { env_secret_in_argv, "variable TOKEN and nowhere else" },
        { named_twice, "named twice" },
        { dotted_name, "letters, digits" },
        { empty_enum, "needs values" },
        { bad_default, "its default must be" },
        { placeholder_program, "absolute path" },
        { relative_program, "absolute path" },
        { secret_in_key, "holds no secret" },
        { list_in_key, "'{v...}'" },
        { spread_key, "a key is one text" },
        { foreign_param_in_key, "names no parameter" },
        { kept_value, "keeps metadata only" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct policy *policy = sample_policy();
        struct matcher *matcher = NULL;
        struct error err = { 0 };
        sample_argument(policy, "/usr/bin/true", -1);
        cases[i].spoil(policy);
        cr_expect_eq(matcher_new(policy, &matcher, &err), -EINVAL, "case %zu", i);
        cr_expect(strstr(err.text, cases[i].says) != NULL, "case %zu: %s", i, err.text);
        matcher_free(matcher);
        policy_free(policy);
    }
}
