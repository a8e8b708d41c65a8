#include "sallyport/policy/policy_records.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "records.h"
#include "sallyport/base/error.h"
#include "sample.h"

/* One of everything. */
static struct policy *rich_policy(void)
{
    struct policy *policy = sample_policy();
    policy->accounts = calloc(1, sizeof *policy->accounts);
    policy->account_count = 1;
    policy->accounts[0] = (struct account){ "deploy", 33, 34 };
    policy->roots[0].binds = calloc(1, sizeof *policy->roots[0].binds);
    policy->roots[0].bind_count = 1;
    policy->roots[0].has_host_network = true;
    policy->roots[0].image_kind = ROOT_IMAGE_WRITABLE;
    policy->roots[0].binds[0] = (struct bind){ "/srv/www", true };
    policy->filters[0].program = calloc(2, 8);
    policy->filters[0].program_bytes = 16;
    policy->filters[0].program[3] = 0x42;

    struct param *param = sample_param(policy, "number", PARAM_NUMBER);
    param->rule.has_min = true;
    param->rule.min_number = -0.25;
    param->rule.min = -9;
    param->help = strdup("how much");
    param = sample_param(policy, "list", PARAM_LIST);
    param->item.type = PARAM_ENUM;
    sample_texts(&param->item.values, &param->item.value_count, (const char *const[]){ "a", "", NULL });
    param->has_default = true;
    sample_texts(&param->default_values, &param->default_count, (const char *const[]){ "a", NULL });
    param = sample_param(policy, "text", PARAM_STRING);
    param->rule.pattern = strdup("[a-z]*");
    strcpy(sample_param(policy, "token", PARAM_SECRET)->env_name, "TOKEN");

    sample_param(policy, "source", PARAM_FILE)->rule.file_max_bytes = 4096;
    policy->commands[0].files_max_bytes = 8192;

    sample_argument(policy, "/usr/bin/deploy", -1);
    sample_argument(policy, "--text=", 2);
    sample_argument(policy, NULL, 1)->is_spread = true;
    sample_env(policy, "TEXT", "x", 2);
    struct command *command = &policy->commands[0];
    command->queue = (struct queue_rules){ .priority = 7,
                                           .limit = 2,
                                           .when_full = FULL_COALESCE,
                                           .max_queue = 3,
                                           .max_wait_ms = 4000,
                                           .rate = { 10, 3600000 },
                                           .dedupe_ms = 5000 };
    sample_piece(&command->queue.key, "text-", -1);
    sample_piece(&command->queue.key, NULL, 2);
    sample_piece(&command->queue.dedupe_key, NULL, 2);
    sample_texts(&command->artifacts, &command->artifact_count, (const char *const[]){ "out/*", "b", NULL });
    command->artifacts_max_bytes = 6000;
    command->cpu_thousandths = 2500;
    command->disks = calloc(2, sizeof *command->disks);
    command->disk_count = 2;
    command->disks[0] = (struct disk_limit){ "/dev/vda", 0xfe00, 1 << 20, 0, 0, 900 };
    command->disks[1] = (struct disk_limit){ "/srv/data", 0xfe10, 0, 1 << 22, 800, 0 };
    command->account = 0;
    command->signals = 1u << 14;
    strcpy(command->program, "/usr/bin/deploy");
    command->program_identity = (struct identity){ 1, 2, 3, 4 };
    return policy;
}

static struct record_file write_policy(const struct policy *policy, bool with_filters)
{
    struct record_file file = { 0 };
    struct error err = { 0 };
    cr_assert_eq(policy_write(policy, with_filters, &file, &err), 0, "%s", err.text);
    return file;
}

Test(policy_records, come_back_as_they_were_written)
{
    struct policy *policy = rich_policy(), *again = NULL;
    struct record_file first = write_policy(policy, true), second;
    struct error err = { 0 };
    cr_assert_eq(policy_read(first.data, first.size, &again, &err), 0, "%s", err.text);
    second = write_policy(again, true);
    cr_assert_eq(first.size, second.size);
    cr_expect_eq(memcmp(first.data, second.data, first.size), 0);

    const struct command *command = &again->commands[0];
    cr_expect_eq(command->params[0].rule.min_number, -0.25);
    cr_expect_eq(command->params[0].rule.min, -9);
    cr_expect_str_eq(command->params[0].help, "how much");
    cr_expect_eq(command->params[0].example, NULL);
    cr_expect_str_eq(command->params[1].item.values[1], "");
    cr_expect_str_eq(command->params[3].env_name, "TOKEN");
    cr_expect_eq(command->arguments[1].pieces[1].literal, NULL);
    cr_expect_eq(command->program_identity.changed_ns, 4);
    cr_expect_eq(command->queue.priority, 7);
    cr_expect_eq(command->queue.when_full, FULL_COALESCE);
    cr_expect_eq(command->queue.rate.period_ms, 3600000);
    cr_assert_eq(command->queue.key.piece_count, 2);
    cr_expect_str_eq(command->queue.key.pieces[0].literal, "text-");
    cr_expect_eq(command->queue.dedupe_key.pieces[0].param, 2);
    cr_assert_eq(command->artifact_count, 2);
    cr_expect_str_eq(command->artifacts[1], "b");
    cr_expect_eq(command->artifacts_max_bytes, 6000);
    cr_expect_eq(command->cpu_thousandths, 2500);
    cr_assert_eq(command->disk_count, 2);
    cr_expect_str_eq(command->disks[1].path, "/srv/data");
    cr_expect_eq(command->disks[1].device, 0xfe10);
    cr_expect_eq(command->disks[0].read_bytes, 1 << 20);
    cr_expect_eq(command->disks[1].write_bytes, 1 << 22);
    cr_expect_eq(command->disks[1].reads, 800);
    cr_expect_eq(command->disks[0].writes, 900);
    cr_expect_eq(again->filters[0].program[3], 0x42);
    cr_expect_eq(command->params[4].rule.file_max_bytes, 4096);
    cr_expect_eq(command->files_max_bytes, 8192);
    cr_expect_eq(policy_find_command(again, "deploy"), 0);
    cr_expect_eq(policy_find_command(again, "deplo"), -1);
    cr_expect_eq(command_find_param(command, "text"), 2);
    record_file_done(&first);
    record_file_done(&second);
    policy_free(again);
    policy_free(policy);
}

/* A fuzzer begins with seeds that get through the door. */
Test(policy_records, are_what_the_fuzzer_begins_with)
{
    static const char *const seeds[] = { "rich" };
    static uint8_t bytes[64 * 1024];
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        char path[4096];
        struct policy *policy = NULL;
        struct error err = { 0 };
        snprintf(path, sizeof path, "%s/fuzz/corpus/policy/%s", getenv("SALLYPORT_SOURCE"), seeds[i]);
        FILE *file = fopen(path, "rb");
        cr_assert_not_null(file, "%s", path);
        size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        cr_assert_eq(policy_read(bytes, size, &policy, &err), 0, "%s: %s", seeds[i], err.text);
        policy_free(policy);
    }
}

Test(policy_records, leave_the_programs_out_for_who_does_not_need_them)
{
    struct policy *policy = rich_policy(), *again = NULL;
    struct record_file file = write_policy(policy, false);
    cr_assert_eq(policy_read(file.data, file.size, &again, NULL), 0);
    cr_expect_str_eq(again->filters[0].name, "base");
    cr_expect_eq(again->filters[0].program, NULL);
    cr_expect_eq(again->filters[0].program_bytes, 0);
    record_file_done(&file);
    policy_free(again);
    policy_free(policy);
}

Test(policy_records, are_refused_wherever_they_are_cut)
{
    struct policy *policy = rich_policy();
    struct record_file file = write_policy(policy, true);
    for (size_t size = 0; size < file.size; size++) {
        struct policy *again = NULL;
        cr_expect_eq(policy_read(file.data, size, &again, NULL), -EBADMSG, "%zu bytes", size);
    }
    file.data = realloc(file.data, file.size + 8);
    memset(file.data + file.size, 0, 8);
    struct policy *again = NULL;
    cr_expect_eq(policy_read(file.data, file.size + 8, &again, NULL), -EBADMSG);
    record_file_done(&file);
    policy_free(policy);
}

Test(policy_records, with_a_flipped_bit_are_refused_or_still_make_sense)
{
    struct policy *policy = rich_policy();
    struct record_file file = write_policy(policy, true);
    for (size_t bit = 0; bit < 8 * file.size; bit++) {
        file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct policy *again = NULL;
        struct error err = { 0 };
        int done = policy_read(file.data, file.size, &again, &err);
        cr_expect(done == 0 || (done == -EBADMSG && err.code == EBADMSG && err.text[0] != '\0'), "bit %zu: %d", bit,
                  done);
        policy_free(again);
        file.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    record_file_done(&file);
    policy_free(policy);
}

static void no_account(struct policy *policy)
{
    policy->commands[0].account = 1;
}
static void no_root(struct policy *policy)
{
    policy->commands[0].root = 1;
}
static void no_filter(struct policy *policy)
{
    policy->commands[0].filter = 1;
}
static void no_param(struct policy *policy)
{
    policy->commands[0].arguments[1].pieces[1].param = 9;
}
static void odd_program(struct policy *policy)
{
    policy->filters[0].program_bytes = 15;
}

Test(policy_records, with_an_index_that_fits_nothing_are_refused)
{
    static void (*const spoilers[])(struct policy *) = { no_account, no_root, no_filter, no_param, odd_program };
    for (size_t i = 0; i < sizeof spoilers / sizeof spoilers[0]; i++) {
        struct policy *policy = rich_policy(), *again = NULL;
        spoilers[i](policy);
        struct record_file file = write_policy(policy, true);
        cr_expect_eq(policy_read(file.data, file.size, &again, NULL), -EBADMSG, "case %zu", i);
        record_file_done(&file);
        policy_free(policy);
    }
}
