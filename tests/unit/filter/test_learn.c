#include "sallyport/filter/learn.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "sallyport/filter/describe.h"
#include "shipped.h"

struct shipped {
    struct profile *profiles[4];
};

static struct shipped open_shipped(void)
{
    struct shipped shipped;
    for (size_t i = 0; i < 4; i++)
        shipped.profiles[i] = shipped_profile(profile_names[i]);
    return shipped;
}

static void close_shipped(struct shipped *shipped)
{
    for (size_t i = 0; i < 4; i++)
        profile_free(shipped->profiles[i]);
}

/* `base` is the index into profile_names. */
static struct profile *learn(const struct shipped *shipped, size_t base, const struct learned_call *calls, size_t count)
{
    struct error err = { 0 };
    struct profile *learned = NULL;
    char *text = NULL;
    cr_assert_eq(profile_learn(shipped->profiles[base], shipped->profiles, 4, calls, count, &text, &err), 0, "%s",
                 err.text);
    cr_assert_eq(profile_parse("mine", (const uint8_t *)text, strlen(text), &learned, &err), 0, "%s", err.text);
    free(text);
    return learned;
}

Test(learn, of_nothing_means_the_same_profile)
{
    struct shipped shipped = open_shipped();
    for (size_t i = 0; i < 4; i++) {
        struct profile *learned = learn(&shipped, i, NULL, 0);
        cr_expect_eq(learned->default_verdict, shipped.profiles[i]->default_verdict);
        cr_assert_eq(learned->rule_count, shipped.profiles[i]->rule_count);
        for (uint32_t j = 0; j < learned->rule_count; j++) {
            const struct rule *rule = &shipped.profiles[i]->rules[j];
            struct seccomp_data data = { .nr = (int)rule->number, .arch = filter_native_arch() };
            for (uint32_t k = 0; k < rule->comparison_count; k++)
                data.args[rule->comparisons[k].index] = rule->comparisons[k].value;
            cr_expect_eq(profile_verdict(learned, &data), profile_verdict(shipped.profiles[i], &data), "%s",
                         rule->name);
        }
        profile_free(learned);
    }
    close_shipped(&shipped);
}

Test(learn, takes_the_rules_of_the_smallest_profile_that_permits_all_of_a_call)
{
    const struct learned_call calls[] = { { SYS_socket, { AF_INET, SOCK_STREAM | SOCK_CLOEXEC } } };
    const struct learned_call other = { SYS_socket, { AF_INET6, SOCK_DGRAM } };
    const struct learned_call raw = { SYS_socket, { AF_INET, SOCK_RAW } };
    struct shipped shipped = open_shipped();
    struct profile *learned = learn(&shipped, 1, calls, 1);
    cr_expect(profile_permits(learned, &calls[0]));
    cr_expect(profile_permits(learned, &other), "the rules of `net` are taken as they are");
    cr_expect_eq(profile_errno(learned, &raw), EPERM, "also those that refuse");
    profile_free(learned);
    close_shipped(&shipped);
}

Test(learn, allows_what_no_profile_permits_with_exactly_the_arguments_that_were_seen)
{
    /* Reading the executable domain is allowed by `base`, and other domains are by none. */
    const struct learned_call seen = { SYS_personality, { 0x0020000 } };
    struct shipped shipped = open_shipped();
    cr_assert(!profile_permits(shipped.profiles[3], &seen), "the example is one");
    struct profile *learned = learn(&shipped, 1, &seen, 1);
    cr_expect(profile_permits(learned, &seen));
    cr_expect(profile_permits(learned, &(struct learned_call){ SYS_personality, { 0xffffffff } }), "as before");
    cr_expect(!profile_permits(learned, &(struct learned_call){ SYS_personality, { 0x0020001 } }));
    profile_free(learned);
    close_shipped(&shipped);
}

Test(learn, compares_an_int_by_the_half_that_the_kernel_reads)
{
    const struct learned_call seen = { SYS_personality, { 0xabcd00000020000 } };
    struct shipped shipped = open_shipped();
    struct profile *learned = learn(&shipped, 1, &seen, 1);
    cr_expect(profile_permits(learned, &seen));
    cr_expect(profile_permits(learned, &(struct learned_call){ SYS_personality, { 0x0020000 } }));
    profile_free(learned);
    close_shipped(&shipped);
}

Test(learn, adds_the_arguments_that_the_floor_wants_compared)
{
    const struct learned_call seen = { SYS_unshare, { 0x200 } }; /* CLONE_FS */
    const struct learned_call terminal = { SYS_ioctl, { 0, 0x5413 } };
    const struct learned_call both[] = { seen, terminal };
    struct shipped shipped = open_shipped();
    struct profile *learned = learn(&shipped, 0, both, 2);
    cr_expect(profile_permits(learned, &seen));
    cr_expect(profile_permits(learned, &terminal));
    cr_expect(!profile_permits(learned, &(struct learned_call){ SYS_unshare, { 0x10000000 } }));
    profile_free(learned);
    close_shipped(&shipped);
}

Test(learn, refuses_what_no_profile_may_allow)
{
    static const struct learned_call never[] = {
        { SYS_bpf, { 0 } },           { SYS_ptrace, { 0 } },        { SYS_clone, { 0x10000000 } },
        { SYS_socket, { 38, 5, 0 } }, { SYS_ioctl, { 0, 0x5412 } },
    };
    struct shipped shipped = open_shipped();
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        struct error err = { 0 };
        char *text = NULL;
        cr_expect_eq(profile_learn(shipped.profiles[3], shipped.profiles, 4, &never[i], 1, &text, &err), -EPERM,
                     "call %u", never[i].number);
        cr_expect_null(text);
    }
    close_shipped(&shipped);
}

Test(learn, refuses_a_call_without_a_name)
{
    struct shipped shipped = open_shipped();
    struct error err = { 0 };
    char *text = NULL;
    const struct learned_call nameless = { 1000, { 0 } };
    cr_expect_eq(profile_learn(shipped.profiles[1], shipped.profiles, 4, &nameless, 1, &text, &err), -ENOSYS);
    close_shipped(&shipped);
}

Test(learn, knows_which_arguments_a_profile_looks_at)
{
    struct shipped shipped = open_shipped();
    cr_expect_eq(profile_looks_at(shipped.profiles[2], SYS_socket), 7);
    cr_expect_eq(profile_looks_at(shipped.profiles[1], SYS_mmap), 4);
    cr_expect_eq(profile_looks_at(shipped.profiles[1], SYS_read), 0);
    close_shipped(&shipped);
}

Test(learn, writes_arguments_as_people_do)
{
    static const struct {
        const char *call;
        unsigned index;
        uint64_t value;
        const char *text;
    } rows[] = {
        { "socket", 0, AF_INET6, "AF_INET6" },
        { "socket", 0, 99, "0x63" },
        { "socket", 1, SOCK_STREAM | SOCK_CLOEXEC, "SOCK_CLOEXEC|SOCK_STREAM" },
        { "socket", 1, SOCK_SEQPACKET | 0x40000000, "SOCK_SEQPACKET|0x40000000" },
        { "mmap", 2, PROT_READ | PROT_WRITE | PROT_EXEC, "PROT_EXEC|PROT_WRITE|PROT_READ" },
        { "clone", 0, 0x10000011, "CLONE_NEWUSER|0x11" },
        { "ioctl", 1, 0x5412, "TIOCSTI" },
        { "ioctl", 1, 0x5401, "TCGETS" },
        { "openat", 2, 0, "O_RDONLY" },
        { "read", 0, 3, "0x3" },
        { "", 0, UINT64_MAX, "0xffffffffffffffff" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[ARGUMENT_TEXT_BYTES];
        uint64_t back;
        argument_text(rows[i].call, rows[i].index, rows[i].value, text);
        cr_expect_str_eq(text, rows[i].text);
        cr_expect(argument_parse(text, &back) && back == rows[i].value, "%s is read back", text);
    }
}
