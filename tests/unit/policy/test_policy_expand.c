#include "sallyport/policy/policy_match.h"

#include <criterion/criterion.h>
#include <errno.h>

#include "nasty.h"
#include "sallyport/base/error.h"
#include "sample.h"

struct expanded {
    uint8_t argv_room[ARGV_MAX_BYTES], env_room[ARGV_MAX_BYTES];
    const char *argv[2 * LIST_ITEMS_MAX], *env[256];
    uint32_t argc, envc;
    int done;
};

static void split(const uint8_t *room, const uint8_t *end, const char **to, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        to[i] = (const char *)room;
        room += strlen(to[i]) + 1;
    }
    cr_expect_eq(room, end, "the texts and their count agree");
}

static struct expanded *expand(const struct policy *policy, struct span params)
{
    struct expanded *expanded = calloc(1, sizeof *expanded);
    struct matcher *matcher = NULL;
    struct error err = { 0 };
    cr_assert_eq(matcher_new(policy, &matcher, &err), 0, "%s", err.text);
    struct writer argv = { expanded->argv_room, sizeof expanded->argv_room };
    struct writer env = { expanded->env_room, sizeof expanded->env_room };
    expanded->done = matcher_expand(matcher, 0, params, &argv, &expanded->argc, &env, &expanded->envc, &err);
    if (expanded->done == 0) {
        split(expanded->argv_room, argv.at, expanded->argv, expanded->argc);
        split(expanded->env_room, env.at, expanded->env, expanded->envc);
    }
    matcher_free(matcher);
    return expanded;
}

Test(policy_expand, delivers_every_nasty_value_byte_for_byte)
{
    struct policy *policy = sample_policy();
    struct param *param = sample_param(policy, "nasty", PARAM_STRING);
    param->rule.allows_dash = true;
    sample_param(policy, "env", PARAM_STRING);
    sample_argument(policy, "/usr/bin/printf", -1);
    sample_argument(policy, NULL, 0);
    sample_piece(sample_argument(policy, "--v=", 0), ";", -1);
    sample_env(policy, "NASTY", NULL, 0);

    cr_assert_geq(NASTY_COUNT, 200);
    for (size_t i = 0; i < NASTY_COUNT; i++) {
        const char *value = nasty_values[i];
        struct sample_request *request = sample_request();
        sample_give(request, ENTRY_STRING, "nasty", value);
        struct matcher *matcher = NULL;
        struct error err = { 0 };
        cr_assert_eq(matcher_new(policy, &matcher, &err), 0);
        cr_expect_eq(matcher_check(matcher, 0, sample_params(request), NULL, &err), 0, "value %zu: %s", i, err.text);
        matcher_free(matcher);

        struct expanded *expanded = expand(policy, sample_params(request));
        cr_assert_eq(expanded->argc, 3);
        cr_assert_eq(expanded->envc, 1);
        cr_expect_str_eq(expanded->argv[1], value, "value %zu", i);
        size_t length = strlen(value);
        cr_expect(strncmp(expanded->argv[2], "--v=", 4) == 0 && memcmp(expanded->argv[2] + 4, value, length) == 0 &&
                  strcmp(expanded->argv[2] + 4 + length, ";") == 0);
        cr_expect(strncmp(expanded->env[0], "NASTY=", 6) == 0 && strcmp(expanded->env[0] + 6, value) == 0);
        free(expanded);
        free(request);
    }
    policy_free(policy);
}

Test(policy_expand, delivers_nasty_values_as_items_too)
{
    struct policy *policy = sample_policy();
    sample_param(policy, "nasty", PARAM_LIST)->item = (struct param_rule){ .type = PARAM_STRING, .allows_dash = true };
    sample_argument(policy, "/usr/bin/printf", -1);
    sample_argument(policy, NULL, 0)->is_spread = true;
    sample_argument(policy, "last", -1);
    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_LIST, "nasty", "");
    for (size_t i = 0; i < NASTY_COUNT; i++)
        sample_give(request, ENTRY_STRING | ENTRY_ITEM, "nasty", nasty_values[i]);
    struct expanded *expanded = expand(policy, sample_params(request));
    cr_assert_eq(expanded->argc, NASTY_COUNT + 2);
    for (size_t i = 0; i < NASTY_COUNT; i++)
        cr_expect_str_eq(expanded->argv[i + 1], nasty_values[i]);
    cr_expect_str_eq(expanded->argv[NASTY_COUNT + 1], "last");
    free(expanded);
    free(request);
    policy_free(policy);
}

Test(policy_expand, delivers_a_very_long_value_whole)
{
    struct policy *policy = sample_policy();
    sample_param(policy, "v", PARAM_STRING)->rule.max_length = PARAMS_MAX_BYTES;
    sample_argument(policy, "/usr/bin/printf", -1);
    sample_argument(policy, NULL, 0);
    static char value[PARAMS_MAX_BYTES - 100];
    for (size_t i = 0; i < sizeof value - 1; i++)
        value[i] = (char)(' ' + i % 90);
    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_STRING, "v", value);
    struct expanded *expanded = expand(policy, sample_params(request));
    cr_assert_eq(expanded->argc, 2);
    cr_expect_str_eq(expanded->argv[1], value);
    free(expanded);
    free(request);
    policy_free(policy);
}

Test(policy_expand, fills_in_defaults_and_what_is_missing)
{
    struct policy *policy = sample_policy();
    struct param *text = sample_param(policy, "text", PARAM_STRING);
    text->has_default = true;
    sample_texts(&text->default_values, &text->default_count, (const char *const[]){ "a b", NULL });
    sample_param(policy, "none", PARAM_STRING);
    struct param *list = sample_param(policy, "list", PARAM_LIST);
    list->item.type = PARAM_INT;
    list->has_default = true;
    sample_texts(&list->default_values, &list->default_count, (const char *const[]){ "1", "-2", NULL });
    sample_param(policy, "empty", PARAM_LIST)->item.type = PARAM_STRING;
    sample_param(policy, "bool", PARAM_BOOL);
    sample_argument(policy, "/usr/bin/printf", -1);
    sample_argument(policy, NULL, 0);
    sample_argument(policy, NULL, 1);
    sample_argument(policy, "--none=", 1);
    sample_argument(policy, NULL, 2)->is_spread = true;
    sample_argument(policy, NULL, 3)->is_spread = true;
    sample_argument(policy, NULL, 4);

    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_BOOL, "bool", "true");
    struct expanded *expanded = expand(policy, sample_params(request));
    static const char *const wanted[] = { "/usr/bin/printf", "a b", "", "--none=", "1", "-2", "true" };
    cr_assert_eq(expanded->argc, 7);
    for (size_t i = 0; i < 7; i++)
        cr_expect_str_eq(expanded->argv[i], wanted[i]);
    free(expanded);

    sample_give(request, ENTRY_LIST, "list", ""); /* an empty list is a value: the default is not for it */
    expanded = expand(policy, sample_params(request));
    cr_assert_eq(expanded->argc, 5);
    free(expanded);
    free(request);
    policy_free(policy);
}

Test(policy_expand, puts_secrets_where_the_command_delivers_them_and_nowhere_else)
{
    struct policy *policy = sample_policy();
    strcpy(sample_param(policy, "in_env", PARAM_SECRET)->env_name, "TOKEN");
    sample_param(policy, "in_file", PARAM_SECRET);
    sample_param(policy, "absent", PARAM_SECRET);
    sample_argument(policy, "/usr/bin/deploy", -1);
    sample_argument(policy, "--key=", 1);
    sample_argument(policy, NULL, 2);
    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_STRING, "in_env", "s3cret-one");
    sample_give(request, ENTRY_STRING, "in_file", "s3cret-two");

    struct expanded *expanded = expand(policy, sample_params(request));
    cr_assert_eq(expanded->argc, 3);
    cr_expect_str_eq(expanded->argv[1], "--key=/run/secrets/in_file");
    cr_expect_str_eq(expanded->argv[2], "");
    cr_assert_eq(expanded->envc, 1);
    cr_expect_str_eq(expanded->env[0], "TOKEN=s3cret-one");
    free(expanded);

    struct matcher *matcher = NULL;
    struct error err = { 0 };
    cr_assert_eq(matcher_new(policy, &matcher, &err), 0);
    uint8_t room[1024];
    struct writer out = { room, sizeof room };
    cr_assert_eq(matcher_secrets(matcher, 0, sample_params(request), &out, &err), 0);
    struct reader in = { room, sizeof room - out.left };
    struct entry file;
    cr_assert_eq(entries_next(&in, &file), 1);
    cr_expect(span_is(file.name, "in_file") && span_is(file.value, "s3cret-two"));
    cr_expect_eq(entries_next(&in, &file), 0);
    struct writer small = { room, 8 };
    cr_expect_eq(matcher_secrets(matcher, 0, sample_params(request), &small, &err), -EMSGSIZE);
    matcher_free(matcher);
    free(request);
    policy_free(policy);
}

static const char *fill_in(const struct policy *policy, enum queue_key which, struct span params, size_t room_bytes)
{
    static char room[256];
    struct matcher *matcher = NULL;
    struct error err = { 0 };
    struct writer out = { (uint8_t *)room, room_bytes };
    cr_assert_eq(matcher_new(policy, &matcher, &err), 0, "%s", err.text);
    int done = matcher_queue_key(matcher, 0, which, params, &out, &err);
    matcher_free(matcher);
    if (done < 0)
        return done == -EMSGSIZE ? "too long" : "refused";
    *out.at = '\0';
    return room;
}

Test(policy_expand, fills_in_the_keys_of_the_queue)
{
    struct policy *policy = sample_policy();
    struct queue_rules *queue = &policy->commands[0].queue;
    struct param *param = sample_param(policy, "env", PARAM_STRING);
    param->has_default = true;
    sample_texts(&param->default_values, &param->default_count, (const char *const[]){ "staging", NULL });
    sample_param(policy, "count", PARAM_INT);
    sample_argument(policy, "/usr/bin/deploy", -1);
    sample_piece(&queue->key, "on-", -1);
    sample_piece(&queue->key, NULL, 0);
    sample_piece(&queue->key, "/", -1);
    sample_piece(&queue->key, NULL, 1);
    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_INTEGER, "count", "7");
    cr_expect_str_eq(fill_in(policy, QUEUE_KEY_CONCURRENCY, sample_params(request), 100), "on-staging/7");
    cr_expect_str_eq(fill_in(policy, QUEUE_KEY_DEDUPE, sample_params(request), 100), "", "there is none");
    sample_give(request, ENTRY_STRING, "env", "{count}");
    cr_expect_str_eq(fill_in(policy, QUEUE_KEY_CONCURRENCY, sample_params(request), 100), "on-{count}/7");
    cr_expect_str_eq(fill_in(policy, QUEUE_KEY_CONCURRENCY, sample_params(request), 11), "too long");
    sample_give(request, ENTRY_STRING, "other", "x");
    cr_expect_str_eq(fill_in(policy, QUEUE_KEY_CONCURRENCY, sample_params(request), 100), "refused", "not checked");
    free(request);
    policy_free(policy);
}

Test(policy_expand, takes_secrets_out_of_what_a_record_keeps)
{
    struct policy *policy = sample_policy();
    sample_param(policy, "token", PARAM_SECRET);
    sample_param(policy, "ref", PARAM_STRING);
    sample_argument(policy, "/usr/bin/deploy", -1);
    struct matcher *matcher = NULL;
    struct error err = { 0 };
    cr_assert_eq(matcher_new(policy, &matcher, &err), 0);
    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_STRING, "token", "s3cret");
    sample_give(request, ENTRY_STRING, "ref", "v1");
    sample_give(request, ENTRY_STRING, "tokne", "s3cret");
    uint8_t room[1024];
    struct writer out = { room, sizeof room };
    cr_assert_eq(matcher_redact(matcher, 0, sample_params(request), &out, &err), 0);
    cr_expect_eq(memmem(room, sizeof room - out.left, "s3cret", 6), NULL);
    struct reader in = { room, sizeof room - out.left };
    struct entry entry;
    cr_assert_eq(entries_next(&in, &entry), 1);
    cr_expect(entry.kind == ENTRY_SECRET && span_is(entry.name, "token") && entry.value.size == 0);
    cr_assert_eq(entries_next(&in, &entry), 1);
    cr_expect(entry.kind == ENTRY_STRING && span_is(entry.name, "ref") && span_is(entry.value, "v1"));
    cr_assert_eq(entries_next(&in, &entry), 1);
    cr_expect(entry.kind == ENTRY_SECRET && span_is(entry.name, "tokne"));
    cr_expect_eq(entries_next(&in, &entry), 0);
    matcher_free(matcher);
    free(request);
    policy_free(policy);
}

Test(policy_expand, refuses_an_argv_above_its_limit)
{
    struct policy *policy = sample_policy();
    sample_param(policy, "v", PARAM_STRING)->rule.max_length = PARAMS_MAX_BYTES;
    sample_argument(policy, "/usr/bin/printf", -1);
    sample_argument(policy, NULL, 0);
    sample_env(policy, "V", NULL, 0);
    static char value[ARGV_MAX_BYTES / 2 + 1];
    memset(value, 'x', sizeof value - 1);
    struct sample_request *request = sample_request();
    sample_give(request, ENTRY_STRING, "v", value);
    struct expanded *expanded = expand(policy, sample_params(request));
    cr_expect_eq(expanded->done, -E2BIG);
    free(expanded);
    free(request);
    policy_free(policy);
}

Test(policy_expand, refuses_what_was_not_checked)
{
    struct policy *policy = sample_policy();
    sample_param(policy, "v", PARAM_STRING);
    sample_argument(policy, "/usr/bin/printf", -1);
    sample_argument(policy, NULL, 0);
    struct sample_request *request = sample_request();
    entries_add(&request->out, ENTRY_STRING, span_text("v"), (struct span){ (const uint8_t *)"a\0b", 3 },
                (struct span){ 0 });
    struct expanded *expanded = expand(policy, sample_params(request));
    cr_expect_eq(expanded->done, -EINVAL);
    free(expanded);
    free(request);

    static const struct {
        uint8_t kind;
        const char *name;
    } cases[] = { { ENTRY_STRING, "other" }, { ENTRY_INTEGER, "v" }, { ENTRY_LIST, "v" }, { ENTRY_SECRET, "v" } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        request = sample_request();
        sample_give(request, cases[i].kind, cases[i].name, "");
        expanded = expand(policy, sample_params(request));
        cr_expect_eq(expanded->done, -EINVAL, "case %zu", i);
        free(expanded);
        free(request);
    }
    policy_free(policy);
}
