/*
 * Why profiles have no inequalities, and that the verifier does not depend on that: libseccomp up to 2.6.0 merges several of
 * them on one argument into a program that allows more than they say. The model has no inequality either, so what they mean is
 * written for it as masked comparisons, which together are the same.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "interpret.h"
#include "profile.h"
#include "sallyport/base/error.h"
#include "verify.h"

struct bounds {
    enum scmp_compare op;
    uint64_t value;
};

/* A program of libseccomp's that allows prctl under any of these, and nothing else. */
static uint32_t build(const struct bounds *bounds, size_t count, struct sock_filter *program, size_t room)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(38));
    cr_assert(context != NULL);
    cr_assert_eq(seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS), 0);
    for (size_t i = 0; i < count; i++) {
        struct scmp_arg_cmp arg = { 0, bounds[i].op, bounds[i].value, 0 };
        cr_assert_eq(seccomp_rule_add_exact_array(context, SCMP_ACT_ALLOW, SYS_prctl, 1, &arg), 0);
    }
    int fd = memfd_create("filter", MFD_CLOEXEC);
    cr_assert_eq(seccomp_export_bpf(context, fd), 0);
    ssize_t size = pread(fd, program, room, 0);
    close(fd);
    seccomp_release(context);
    cr_assert(size > 0 && size % 8 == 0);
    return (uint32_t)size / 8;
}

static void add_masked(struct profile *profile, uint64_t mask, uint64_t value)
{
    struct rule rule = { .name = "prctl", .number = SYS_prctl, .verdict = SECCOMP_RET_ALLOW, .comparison_count = 1 };
    rule.comparisons[0] = (struct comparison){ 0, mask, value };
    cr_assert_eq(profile_add(profile, &rule, NULL), 0);
}

/* At most, or greater: all values with the bits of `value` above some bit, which is 1 in one and 0 in the other. */
static void add_bounds(struct profile *profile, const struct bounds *bounds)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        uint64_t one = UINT64_C(1) << bit, mask = ~(one - 1);
        bool is_set = (bounds->value & one) != 0;
        if (is_set == (bounds->op == SCMP_CMP_LE))
            add_masked(profile, mask, (bounds->value ^ one) & mask);
    }
    if (bounds->op == SCMP_CMP_LE)
        add_masked(profile, UINT64_MAX, bounds->value);
}

static int verify(const struct bounds *bounds, size_t count, struct error *err)
{
    struct sock_filter program[256];
    uint32_t size = build(bounds, count, program, sizeof program);
    struct profile *profile = profile_new("test", SECCOMP_RET_ERRNO | 38);
    for (size_t i = 0; i < count; i++)
        add_bounds(profile, &bounds[i]);
    int done = filter_verify(profile, program, size, err);
    profile_free(profile);
    return done;
}

static bool is_library_fixed(void)
{
    const struct scmp_version *version = seccomp_version();
    return version->major > 2 ||
           (version->major == 2 && (version->minor > 6 || (version->minor == 6 && version->micro > 0)));
}

Test(inequality, that_the_library_merges_wrongly_is_found_in_its_program)
{
    static const struct bounds wrong[] = { { SCMP_CMP_LE, 0x28 }, { SCMP_CMP_GT, 0x2000000ff } };
    struct error err = { 0 };
    int done = verify(wrong, 2, &err);
    printf("libseccomp %u.%u.%u, LE 0x28 or GT 0x2000000ff: %s\n", seccomp_version()->major, seccomp_version()->minor,
           seccomp_version()->micro, done < 0 ? err.text : "right");
    cr_expect_eq(done, is_library_fixed() ? 0 : -EBADMSG, "%s", err.text);
}

Test(inequality, that_the_library_merges_rightly_is_no_fault)
{
    static const struct bounds right[][2] = {
        { { SCMP_CMP_LE, 0x28 }, { SCMP_CMP_GT, 0x2ff } },
        { { SCMP_CMP_LE, 0x28 }, { SCMP_CMP_LE, 0x28 } },
        { { SCMP_CMP_GT, 0x2000000ff }, { SCMP_CMP_GT, 0x2000000ff } },
    };
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        struct error err = { 0 };
        cr_expect_eq(verify(right[i], i == 0 ? 2 : 1, &err), 0, "%zu: %s", i, err.text);
    }
}
