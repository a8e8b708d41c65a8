#include "options.h"

#include <criterion/criterion.h>
#include <string.h>

#include "sallyport/base/error.h"

struct values {
    bool is_quiet, follows;
    const char *name;
    struct words params;
    uint64_t timeout_ms, count, wait_ms;
    unsigned form;
};

static const char *const forms[] = { "table", "json", NULL };
static const struct option_row rows[] = {
    { 'q', OPTION_FLAG, "quiet", offsetof(struct values, is_quiet), NULL, "", NULL },
    { 'f', OPTION_FLAG, "follow", offsetof(struct values, follows), NULL, "", NULL },
    { 'n', OPTION_TEXT, "name", offsetof(struct values, name), "NAME", "", NULL },
    { 'p', OPTION_TEXTS, "param", offsetof(struct values, params), "P", "", NULL },
    { '\0', OPTION_DURATION_MS, "timeout", offsetof(struct values, timeout_ms), "TIME", "", NULL },
    { '\0', OPTION_PATIENCE_MS, "wait", offsetof(struct values, wait_ms), "TIME", "", NULL },
    { '\0', OPTION_NUMBER, "count", offsetof(struct values, count), "N", "", NULL },
    { 'o', OPTION_CHOICE, "form", offsetof(struct values, form), "FORM", "", forms },
};

static int parse(const char *const *words, struct values *values, struct words *others, struct error *err)
{
    char *argv[16] = { NULL };
    int argc = 0, used;
    while (words[argc] != NULL) {
        argv[argc] = (char *)(uintptr_t)words[argc];
        argc++;
    }
    struct option_set set = { rows, sizeof rows / sizeof rows[0], values };
    return options_parse(argc, argv, &set, 1, false, others, &used, err);
}

Test(options, stand_anywhere_and_in_every_spelling)
{
    struct values values = { .form = 0 };
    struct words others = { 0 };
    struct error err = { 0 };
    const char *words[] = { "one",  "-qf",       "--name=x", "two",       "-p",     "a=1", "-pb=2",           "--param",
                            "c=-3", "--timeout", "5m",       "--count=7", "-ojson", "--",  "--not-an-option", NULL };
    cr_assert_eq(parse(words, &values, &others, &err), 0, "%s", err.text);
    cr_expect(values.is_quiet && values.follows);
    cr_expect_str_eq(values.name, "x");
    cr_expect_eq(values.params.count, 3);
    cr_expect_str_eq(values.params.items[1], "b=2");
    cr_expect_str_eq(values.params.items[2], "c=-3");
    cr_expect_eq(values.timeout_ms, 300000);
    cr_expect_eq(values.count, 7);
    cr_expect_eq(values.form, 1);
    cr_expect_eq(others.count, 3);
    cr_expect_str_eq(others.items[2], "--not-an-option");
    words_done(&others);
    words_done(&values.params);
}

Test(options, that_may_lack_their_value_do_not_take_the_next_word_for_it)
{
    static const struct {
        const char *words[3];
        uint64_t wait_ms;
        size_t others;
    } cases[] = {
        { { "30s" }, 0, 1 },
        { { "--wait", "30s" }, PATIENCE_ENDLESS, 1 },
        { { "--wait" }, PATIENCE_ENDLESS, 0 },
        { { "--wait=30s" }, 30000, 0 },
        { { "--wait=0s", "x" }, 1, 1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct values values = { .form = 0 };
        struct words others = { 0 };
        struct error err = { 0 };
        cr_assert_eq(parse(cases[i].words, &values, &others, &err), 0, "%s", err.text);
        cr_expect_eq(values.wait_ms, cases[i].wait_ms, "case %zu", i);
        cr_expect_eq(others.count, cases[i].others, "case %zu", i);
        words_done(&others);
    }
}

Test(options, that_are_wrong_are_named_with_what_would_be_right)
{
    static const struct {
        const char *words[3];
        const char *says;
    } bad[] = {
        { { "--folow" }, "did you mean '--follow'" },
        { { "--xyzzy" }, "there is no option '--xyzzy'" },
        { { "-z" }, "there is no option '-z'" },
        { { "--name" }, "needs a value" },
        { { "-n" }, "needs a value" },
        { { "--quiet=1" }, "takes no value" },
        { { "--timeout", "5" }, "such as 30s" },
        { { "--wait=5" }, "--wait=30s, not '5'" },
        { { "--count", "x" }, "takes a number" },
        { { "-o", "xml" }, "table, json" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct values values = { .form = 0 };
        struct words others = { 0 };
        struct error err = { 0 };
        cr_expect_lt(parse(bad[i].words, &values, &others, &err), 0, "%s", bad[i].words[0]);
        cr_expect_not_null(strstr(err.text, bad[i].says), "%s: %s", bad[i].words[0], err.text);
        words_done(&others);
        words_done(&values.params);
    }
}
