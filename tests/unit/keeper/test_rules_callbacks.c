/* What the keeper takes of callbacks in its settings. */
#include "rig.h"

TestSuite(rules_callbacks, .init = rig_setup, .fini = rig_teardown);

static struct record_file file;

static void add(enum setting_type type, const void *record)
{
    cr_assert_eq(record_file_add(&file, setting_defs, SETTING_COUNT, type, record, &err), 0, "%s", err.text);
}

static void start_file(void)
{
    record_file_done(&file);
    add(SETTING_KEEPER, &(struct setting_keeper){ .slot_count = 1, .slots_per_account = 1 });
}

/* A draft as rules_read_policy() leaves it, and the file read into it. */
static int read_file(struct rules *rules)
{
    auto_fd int fd = -1;
    cr_assert_eq(memfd_sealed("settings", file.data, file.size, false, &fd, &err), 0, "%s", err.text);
    *rules = (struct rules){ .generation = 3, .policy = rig_policy() };
    return rules_read_settings(rules, fd, 3, &err);
}

static struct setting_callback chat(void)
{
    return (struct setting_callback){ .name = "chat",
                                      .url = "https://chat.example/",
                                      .secret = text_span("0123456789abcdefghijklmn"),
                                      .timeout_ms = 10000,
                                      .max_attempts = 8 };
}

Test(rules_callbacks, keep_callbacks_with_what_belongs_to_them)
{
    struct rules rules;
    struct setting_callback first = chat(), second = chat();
    strcpy(second.name, "other");
    second.secret = text_span("nmlkjihgfedcba9876543210");
    second.old_secret = text_span("before-nmlkjihgfedcba987");
    start_file();
    add(SETTING_CALLBACK, &first);
    add(SETTING_CALLBACK, &second);
    cr_assert_eq(read_file(&rules), 0, "%s", err.text);
    record_file_done(&file);
    cr_assert_eq(rules.callback_count, 2);
    cr_expect_str_eq(rules.callbacks[1].name, "other");
    cr_expect(span_is(rules.callbacks[0].secret, "0123456789abcdefghijklmn"), "it outlives the file");
    cr_expect(span_is(rules.callbacks[1].secret, "nmlkjihgfedcba9876543210"));
    cr_expect_eq(rules.callbacks[0].old_secret.size, 0);
    cr_expect(span_is(rules.callbacks[1].old_secret, "before-nmlkjihgfedcba987"));
    rules_free(&rules);
}

Test(rules_callbacks, refuse_callbacks_that_are_none)
{
    struct setting_callback bad[] = { chat(), chat(), chat(), chat(), chat() };
    strcpy(bad[0].url, "chat.example");
    bad[1].secret.size = 23;
    bad[2].timeout_ms = 0;
    bad[3].max_attempts = 0;
    bad[4].old_secret = text_span("too-short");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rules rules;
        start_file();
        add(SETTING_CALLBACK, &bad[i]);
        cr_expect_eq(read_file(&rules), -EBADMSG, "case %zu", i);
        rules_free(&rules);
    }
    record_file_done(&file);
}

Test(rules_callbacks, refuse_what_is_for_others)
{
    struct rules rules;
    start_file();
    add(SETTING_NOTIFIER, &(struct setting_notifier){ .hosts = text_span("127.0.0.1 localhost") });
    cr_expect_eq(read_file(&rules), -EBADMSG);
    rules_free(&rules);
    record_file_done(&file);
}
