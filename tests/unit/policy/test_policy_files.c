/* Parameters that are files. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

#include "sallyport/base/error.h"
#include "sallyport/policy/files.h"
#include "sallyport/policy/policy_match.h"
#include "sample.h"

static struct policy *policy_with_file(void)
{
    struct policy *policy = sample_policy();
    policy->commands[0].files_max_bytes = 1000;
    sample_param(policy, "source", PARAM_FILE)->rule.file_max_bytes = 100;
    policy->commands[0].params[0].is_required = true;
    sample_argument(policy, "/usr/bin/cc", -1);
    return policy;
}

static struct bundle sample_bundle(void)
{
    return (struct bundle){ .count = 2,
                            .files = { { .name = "source", .bytes = 5 }, { .name = "rules", .bytes = 0 } } };
}

/* The code of the first fault of a value for "source", "" when it was taken. */
static const char *check_value(uint8_t kind, const char *value)
{
    static char code[64];
    uint8_t room[512];
    struct policy *policy = policy_with_file();
    struct matcher *matcher = NULL;
    struct writer errors = { room, sizeof room };
    struct sample_request *request = sample_request();
    struct error err = { 0 };
    struct entry fault;
    cr_assert_eq(matcher_new(policy, &matcher, &err), 0, "%s", err.text);
    if (kind != ENTRY_NONE)
        sample_give(request, kind, "source", value);
    matcher_check(matcher, 0, sample_params(request), &errors, &err);
    struct reader in = { room, sizeof room - errors.left };
    code[0] = '\0';
    if (entries_next(&in, &fault) == 1)
        snprintf(code, sizeof code, "%.*s=%.*s", (int)fault.name.size, (const char *)fault.name.data,
                 (int)fault.value.size, (const char *)fault.value.data);
    free(request);
    matcher_free(matcher);
    policy_free(policy);
    return code;
}

Test(policy_files, are_taken_up_to_their_size_and_are_nothing_else)
{
    cr_expect_str_eq(check_value(ENTRY_FILE, "0"), "");
    cr_expect_str_eq(check_value(ENTRY_FILE, "100"), "");
    cr_expect_str_eq(check_value(ENTRY_FILE, "101"), "/params/source=max");
    cr_expect_str_eq(check_value(ENTRY_FILE, "-1"), "/params/source=type");
    cr_expect_str_eq(check_value(ENTRY_FILE, "1e2"), "/params/source=type");
    cr_expect_str_eq(check_value(ENTRY_FILE, ""), "/params/source=type");
    cr_expect_str_eq(check_value(ENTRY_FILE, "18446744073709551616"), "/params/source=type");
    cr_expect_str_eq(check_value(ENTRY_STRING, "5"), "/params/source=type");
    cr_expect_str_eq(check_value(ENTRY_INTEGER, "5"), "/params/source=type");
    cr_expect_str_eq(check_value(ENTRY_NONE, NULL), "/params/source=required");
}

Test(policy_files, are_no_value_of_another_type)
{
    static const enum param_type types[] = { PARAM_STRING, PARAM_INT, PARAM_NUMBER, PARAM_BOOL, PARAM_SECRET };
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct policy *policy = sample_policy();
        struct matcher *matcher = NULL;
        struct sample_request *request = sample_request();
        sample_param(policy, "v", types[i]);
        sample_argument(policy, "/usr/bin/true", -1);
        sample_give(request, ENTRY_FILE, "v", "1");
        cr_assert_eq(matcher_new(policy, &matcher, NULL), 0);
        cr_expect_eq(matcher_check(matcher, 0, sample_params(request), NULL, NULL), -EINVAL, "type %d", types[i]);
        free(request);
        matcher_free(matcher);
        policy_free(policy);
    }
}

Test(policy_files, expand_to_their_paths_also_within_an_argument)
{
    struct policy *policy = policy_with_file();
    struct matcher *matcher = NULL;
    struct sample_request *request = sample_request();
    uint8_t argv_room[256], env_room[256];
    struct writer argv = { argv_room, sizeof argv_room }, env = { env_room, sizeof env_room };
    uint32_t argc = 0, envc = 0;
    sample_param(policy, "absent", PARAM_FILE)->rule.file_max_bytes = 1;
    sample_argument(policy, NULL, 0);
    sample_argument(policy, "--in=", 0);
    sample_argument(policy, NULL, 1);
    sample_give(request, ENTRY_FILE, "source", "5");
    cr_assert_eq(matcher_new(policy, &matcher, NULL), 0);
    cr_assert_eq(matcher_expand(matcher, 0, sample_params(request), &argv, &argc, &env, &envc, NULL), 0);
    static const char wanted[] = "/usr/bin/cc\0/run/files/source\0--in=/run/files/source\0";
    cr_expect_eq(argc, 4);
    cr_assert_eq(sizeof argv_room - argv.left, sizeof wanted);
    cr_expect_eq(memcmp(argv_room, wanted, sizeof wanted), 0);
    free(request);
    matcher_free(matcher);
    policy_free(policy);
}

static void in_variable(struct policy *policy)
{
    sample_env(policy, "A", NULL, 0);
}
static void in_key(struct policy *policy)
{
    sample_piece(&policy->commands[0].queue.key, NULL, 0);
}
static void in_dedupe_key(struct policy *policy)
{
    sample_piece(&policy->commands[0].queue.dedupe_key, NULL, 0);
}
static void with_default(struct policy *policy)
{
    policy->commands[0].params[0].has_default = true;
    sample_texts(&policy->commands[0].params[0].default_values, &policy->commands[0].params[0].default_count,
                 (const char *const[]){ "x", NULL });
}
static void in_list(struct policy *policy)
{
    sample_param(policy, "v", PARAM_LIST)->item.type = PARAM_FILE;
}
static void named_job(struct policy *policy)
{
    sample_param(policy, "job", PARAM_FILE);
}
static void named_stdin(struct policy *policy)
{
    sample_param(policy, "stdin", PARAM_FILE);
}
static void too_large(struct policy *policy)
{
    policy->commands[0].params[0].rule.file_max_bytes = 1001;
}
static void all_too_large(struct policy *policy)
{
    policy->commands[0].files_max_bytes = UPLOADS_MAX_BYTES + 1;
}

Test(policy_files, stand_where_a_job_can_use_them_and_nowhere_else)
{
    static const struct {
        void (*spoil)(struct policy *);
        const char *says;
    } cases[] = {
        { in_variable, "is a file, which is an argument" },
        { in_key, "is a file, which is an argument" },
        { in_dedupe_key, "is a file, which is an argument" },
        { with_default, "has no default" },
        { in_list, "nor files" },
        { named_job, "has this name already" },
        { named_stdin, "has this name already" },
        { too_large, "larger than all files" },
        { all_too_large, "larger than all files" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct policy *policy = policy_with_file();
        struct matcher *matcher = NULL;
        struct error err = { 0 };
        cases[i].spoil(policy);
        cr_expect_eq(matcher_new(policy, &matcher, &err), -EINVAL, "case %zu", i);
        cr_expect_not_null(strstr(err.text, cases[i].says), "case %zu: %s", i, err.text);
        matcher_free(matcher);
        policy_free(policy);
    }
}

Test(policy_files, are_compared_with_what_was_handed_over)
{
    uint8_t room[1024];
    struct writer out = { room, sizeof room };
    struct bundle bundle = sample_bundle(), other;
    cr_assert(entries_add_text(&out, ENTRY_STRING, "name", "value", ""));
    cr_assert(files_add_entries(&bundle, NULL, &out));
    struct span params = { room, (uint32_t)(sizeof room - out.left) };
    cr_expect_eq(files_count(params), 2);
    cr_expect_eq(files_compare(params, &bundle, NULL), 0);
    cr_expect_eq(files_compare(params, NULL, NULL), -EINVAL, "none was handed over");
    other = bundle;
    other.count = 1;
    cr_expect_eq(files_compare(params, &other, NULL), -EINVAL, "one was handed over");
    other = bundle;
    other.files[0].bytes = 6;
    cr_expect_eq(files_compare(params, &other, NULL), -EINVAL, "another size");
    other = bundle;
    strcpy(other.files[1].name, "rule");
    cr_expect_eq(files_compare(params, &other, NULL), -EINVAL, "another name");
    other = bundle;
    other.files[2] = (struct bundle_file){ .name = "more" };
    other.count = 3;
    cr_expect_eq(files_compare(params, &other, NULL), -EINVAL, "one more");
    cr_expect_eq(files_compare((struct span){ 0 }, &bundle, NULL), -EINVAL, "no parameters");
    cr_expect_eq(files_compare((struct span){ 0 }, NULL, NULL), 0);
    params.size--;
    cr_expect_eq(files_compare(params, &bundle, NULL), -EBADMSG);
    cr_expect_eq(files_count(params), -EBADMSG);
}

Test(policy_files, carry_their_digests_and_need_room)
{
    uint8_t room[1024];
    static const uint8_t sha256[2][HASH_BYTES] = { { 1, 2, 3 }, { 4 } };
    struct writer out = { room, sizeof room }, small = { room, 20 };
    struct bundle bundle = sample_bundle();
    struct entry entry;
    cr_assert(files_add_entries(&bundle, sha256, &out));
    struct reader in = { room, sizeof room - out.left };
    cr_assert_eq(entries_next(&in, &entry), 1);
    cr_expect_eq(entry.kind, ENTRY_FILE);
    cr_expect(span_is(entry.value, "5"));
    cr_assert_eq(entry.extra.size, HASH_BYTES);
    cr_expect_eq(memcmp(entry.extra.data, sha256[0], HASH_BYTES), 0);
    cr_expect_not(files_add_entries(&bundle, sha256, &small));
}
