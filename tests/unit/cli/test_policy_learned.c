#include "policy_learned.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/filter/filter.h"

static struct profile *open_profile(const char *name)
{
    const char *source = getenv("SALLYPORT_SOURCE");
    char path[1024];
    snprintf(path, sizeof path, "%s/policies", source != NULL ? source : ".");
    int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct profile *profile = NULL;
    struct error err = { 0 };
    cr_assert_eq(profile_load(directory, name, &profile, &err), 0, "%s", err.text);
    close(directory);
    return profile;
}

/* Under profile_names[base]. */
static struct learned begin(size_t base)
{
    struct learned learned = { .base = open_profile(profile_names[base]), .first_known = base };
    for (size_t i = 0; i < PROFILES_KNOWN; i++)
        learned.known[i] = open_profile(profile_names[i]);
    return learned;
}

static int take(struct learned *learned, uint32_t number, uint64_t first, uint64_t second, const char *path)
{
    struct heard_call heard = { .call = { .number = number, .args = { first, second } }, .program = "tool" };
    snprintf(heard.path, sizeof heard.path, "%s", path);
    return learned_take(learned, &heard);
}

static const char *text_of(const json_t *report, size_t call, const char *name)
{
    return json_string_value(json_object_get(json_array_get(json_object_get(report, "calls"), call), name));
}

Test(policy_learned, lets_go_on_what_a_profile_may_allow_and_answers_the_rest_as_the_profile_would)
{
    struct learned learned = begin(1);
    cr_expect_eq(take(&learned, SYS_socket, AF_INET, SOCK_STREAM, ""), HEARD_GOES_ON);
    cr_expect_eq(take(&learned, SYS_clone3, 1, 88, ""), ENOSYS);
    cr_expect_eq(take(&learned, SYS_bpf, 0, 0, ""), EPERM, "the profile kills; this is what lets the program go on");
    cr_expect_eq(take(&learned, SYS_socket, 38, 5, ""),
                 profile_errno(learned.base, &(struct learned_call){ SYS_socket, { 38, 5 } }) ?: EPERM);
    cr_expect_eq(take(&learned, 5000, 0, 0, ""), ENOSYS);
    struct heard_call foreign = { .call = { .number = 3 }, .is_foreign = true };
    cr_expect_eq(learned_take(&learned, &foreign), HEARD_ENDS);
    cr_expect_eq(learned.count, 6);
    cr_expect_eq(learned_never(&learned), 5);
    learned_done(&learned);
}

Test(policy_learned, tells_calls_apart_by_what_profiles_look_at)
{
    struct learned learned = begin(1);
    take(&learned, SYS_socket, AF_INET, SOCK_STREAM, "");
    take(&learned, SYS_socket, AF_INET, SOCK_STREAM, "");
    take(&learned, SYS_socket, AF_INET, SOCK_DGRAM, "");
    take(&learned, SYS_swapon, 0x1000, 0, "");
    take(&learned, SYS_swapon, 0x2000, 0, "/dev/x");
    json_t *report = learned_json(&learned);
    cr_expect_eq(json_array_size(json_object_get(report, "calls")), 3);
    cr_expect_str_eq(text_of(report, 0, "arguments"), "AF_INET, SOCK_STREAM, 0");
    cr_expect_str_eq(text_of(report, 1, "arguments"), "AF_INET, SOCK_DGRAM, 0");
    cr_expect_str_eq(text_of(report, 2, "file"), "/dev/x", "the first that could be read");
    cr_expect_eq(json_integer_value(json_object_get(json_array_get(json_object_get(report, "calls"), 2), "count")), 2);
    json_decref(report);
    learned_done(&learned);
}

Test(policy_learned, names_the_smallest_profile_that_is_enough)
{
    static const struct {
        size_t base;
        uint32_t number;
        uint64_t first, second;
        const char *smallest;
    } rows[] = {
        { 0, SYS_mkdir, 0, 0, "base" },   { 1, SYS_socket, AF_INET, SOCK_STREAM, "net" },
        { 1, SYS_bpf, 0, 0, "base" },                                  /* nobody may, so it decides nothing */
        { 1, SYS_setgroups, 0, 0, NULL }, { 2, SYS_bpf, 0, 0, "net" }, /* what `net` permitted was not heard of */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct learned learned = begin(rows[i].base);
        take(&learned, rows[i].number, rows[i].first, rows[i].second, "");
        const char *smallest = learned_smallest(&learned);
        cr_expect(rows[i].smallest == NULL ? smallest == NULL
                                           : smallest != NULL && strcmp(smallest, rows[i].smallest) == 0,
                  "row %zu: %s", i, smallest != NULL ? smallest : "none");
        learned_done(&learned);
    }
}

Test(policy_learned, keeps_a_bounded_number_and_counts_the_rest)
{
    struct learned learned = begin(1);
    for (uint64_t i = 0; i < LEARNED_MAX + 5; i++)
        take(&learned, SYS_socket, AF_INET, i << 12, "");
    cr_expect_eq(learned.count, LEARNED_MAX);
    cr_expect_eq(learned.forgotten, 5);
    cr_expect_eq(take(&learned, SYS_bpf, 0, 0, "/x"), EPERM, "the answer is the same all the same");
    learned_done(&learned);
}

Test(policy_learned, makes_json_and_a_table_of_whatever_a_program_passes_for_a_path)
{
    struct learned learned = begin(1);
    take(&learned, SYS_swapon, 0, 0, "/\xff\x1b[2J\n\"");
    json_t *report = learned_json(&learned);
    cr_expect_not_null(text_of(report, 0, "file"));
    char *table = NULL;
    size_t size;
    FILE *to = open_memstream(&table, &size);
    learned_print(&learned, to, 40, false);
    fclose(to);
    cr_expect_null(memchr(table, 0x1b, size));
    free(table);
    json_decref(report);
    learned_done(&learned);
}

Test(policy_learned, writes_no_call_into_the_profile_that_none_may_allow)
{
    struct learned learned = begin(0);
    take(&learned, SYS_mkdir, 0, 0, "/x");
    take(&learned, SYS_bpf, 0, 0, "");
    char *text = NULL;
    struct error err = { 0 };
    struct profile *profile = NULL;
    cr_assert_eq(learned_write(&learned, &text, &err), 0, "%s", err.text);
    cr_assert_eq(profile_parse("mine", (const uint8_t *)text, strlen(text), &profile, &err), 0, "%s", err.text);
    cr_expect(profile_permits(profile, &(struct learned_call){ SYS_mkdir, { 0 } }));
    cr_expect(!profile_permits(profile, &(struct learned_call){ SYS_bpf, { 0 } }));
    profile_free(profile);
    free(text);
    learned_done(&learned);
}
