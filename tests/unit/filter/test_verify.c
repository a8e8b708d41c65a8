#include "verify.h"

#include <errno.h>
#include <linux/audit.h>
#include <string.h>

#include "interpret.h"
#include "shipped.h"

static const struct sock_filter *program_of(const struct compiled *compiled)
{
    return (const struct sock_filter *)(const void *)compiled->bytes;
}

static uint32_t count_of(const struct compiled *compiled)
{
    return compiled->size / sizeof(struct sock_filter);
}

/* Ways to spoil one instruction. False when this way does nothing to it. */
static bool flip_constant(struct sock_filter *at)
{
    if (BPF_CLASS(at->code) == BPF_JMP && BPF_OP(at->code) == BPF_JA)
        return false;
    at->k ^= 1;
    return true;
}
static bool flip_high_bit(struct sock_filter *at)
{
    if (BPF_CLASS(at->code) != BPF_RET && BPF_CLASS(at->code) != BPF_ALU)
        return false;
    at->k ^= 0x10000;
    return true;
}
static bool swap_jumps(struct sock_filter *at)
{
    if (BPF_CLASS(at->code) != BPF_JMP || at->jt == at->jf)
        return false;
    uint8_t jt = at->jt;
    at->jt = at->jf;
    at->jf = jt;
    return true;
}
static bool jump_farther(struct sock_filter *at)
{
    if (BPF_CLASS(at->code) != BPF_JMP || BPF_OP(at->code) == BPF_JA)
        return false;
    at->jt++;
    return true;
}
static bool fall_farther(struct sock_filter *at)
{
    if (BPF_CLASS(at->code) != BPF_JMP || BPF_OP(at->code) == BPF_JA)
        return false;
    at->jf++;
    return true;
}
static bool change_test(struct sock_filter *at)
{
    if (BPF_CLASS(at->code) != BPF_JMP || BPF_OP(at->code) == BPF_JA)
        return false;
    at->code = BPF_JMP | BPF_K | (BPF_OP(at->code) == BPF_JEQ ? BPF_JGT : BPF_JEQ);
    return true;
}
static bool load_other_half(struct sock_filter *at)
{
    if (at->code != (BPF_LD | BPF_W | BPF_ABS))
        return false;
    at->k ^= 4;
    return true;
}

static uint64_t random_u64(void)
{
    static uint64_t state = 88172645463325252u; /* xorshift: the same numbers on every run */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

/* Numbers, bits and words as calls have them, and wild ones. */
static uint64_t random_argument(void)
{
    switch (random_u64() % 5) {
    case 0:
        return 0;
    case 1:
        return random_u64() % 64;
    case 2:
        return UINT64_C(1) << random_u64() % 64;
    case 3:
        return (UINT64_C(1) << random_u64() % 64) | (UINT64_C(1) << random_u64() % 32);
    default:
        return random_u64();
    }
}

/* Whether two programs differ at all: some spoilt instructions change nothing, for another one answers the same. */
static bool differ(const struct sock_filter *left, const struct sock_filter *right, uint32_t count)
{
    for (unsigned i = 0; i < 5000; i++) {
        struct seccomp_data data = { .nr = (int)(random_u64() % 512), .arch = filter_native_arch() };
        for (unsigned j = 0; j < 6; j++)
            data.args[j] = random_argument();
        uint32_t one = 0, other = 0;
        if (bpf_run(left, count, &data, &one) != bpf_run(right, count, &data, &other) || one != other)
            return true;
    }
    return false;
}

Test(verify, notices_a_program_that_was_tampered_with)
{
    static bool (*const mutations[])(struct sock_filter *) = { flip_constant,  flip_high_bit, swap_jumps,
                                                               jump_farther,   fall_farther,  change_test,
                                                               load_other_half };
    unsigned made = 0, noticed = 0, missed = 0;
    struct profile *profile = shipped_profile("strict");
    struct compiled compiled = compiled_profile("strict");
    struct sock_filter *program = malloc(compiled.size);
    for (uint32_t i = 0; i < count_of(&compiled); i++) {
        for (size_t j = 0; j < sizeof mutations / sizeof mutations[0]; j++) {
            memcpy(program, compiled.bytes, compiled.size);
            if (!mutations[j](&program[i]))
                continue;
            made++;
            if (filter_verify(profile, program, count_of(&compiled), NULL) < 0)
                noticed++;
            else if (differ(program, program_of(&compiled), count_of(&compiled)))
                missed++;
        }
    }
    cr_expect_gt(made, 1000);
    cr_expect_geq(noticed * 100, made * 90, "%u of %u mutations noticed", noticed, made);
    cr_expect_eq(missed, 0, "%u mutations were not noticed and are not harmless", missed);
    free(program);
    free(compiled.bytes);
    profile_free(profile);
}

Test(verify, notices_every_rule_that_is_missing)
{
    struct profile *profile = shipped_profile("net");
    struct compiled compiled = compiled_profile("net");
    for (uint32_t i = 0; i < profile->rule_count; i++) {
        struct rule rule = profile->rules[i];
        if (rule.verdict == profile->default_verdict)
            continue;
        uint32_t wanted = rule.verdict;
        profile->rules[i].verdict = wanted == SECCOMP_RET_ALLOW ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW;
        cr_expect_eq(filter_verify(profile, program_of(&compiled), count_of(&compiled), NULL), -EBADMSG, "%s",
                     rule.name);
        profile->rules[i].verdict = wanted;
    }
    struct error err = { 0 };
    cr_expect_eq(filter_verify(profile, program_of(&compiled), count_of(&compiled), &err), 0, "%s", err.text);
    free(compiled.bytes);
    profile_free(profile);
}

/* Programs of a few instructions, as somebody might write them who overlooks one thing. */
#define LOAD(field)     BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RETURN(verdict) BPF_STMT(BPF_RET | BPF_K, verdict)

Test(verify, knows_the_classic_mistakes)
{
    struct profile *profile = profile_new("test", SECCOMP_RET_ERRNO | 38);
    struct rule rule = { .name = "prctl",
                         .number = 157,
                         .verdict = SECCOMP_RET_ALLOW,
                         .comparison_count = 1,
                         .comparisons = { { 0, UINT64_MAX, 15 } } };
    cr_assert_eq(profile_add(profile, &rule, NULL), 0);
    const uint32_t arch = filter_native_arch();
    const struct sock_filter good[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, arch, 1, 0),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, UINT32_MAX, 8, 0),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
        RETURN(SECCOMP_RET_KILL_PROCESS),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 157, 0, 5),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 15, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        RETURN(SECCOMP_RET_ALLOW),
        RETURN(SECCOMP_RET_ERRNO | 38),
    };
    const uint32_t count = sizeof good / sizeof good[0];
    struct sock_filter bad[sizeof good / sizeof good[0]];
    struct error err = { 0 };
    cr_expect_eq(filter_verify(profile, good, count, &err), 0, "%s", err.text);

    memcpy(bad, good, sizeof good);
    bad[9].jt = 2; /* the upper half is not looked at */
    cr_expect_eq(filter_verify(profile, bad, count, &err), -EBADMSG);
    memcpy(bad, good, sizeof good);
    bad[1].jf = 1; /* nor the architecture */
    cr_expect_eq(filter_verify(profile, bad, count, &err), -EBADMSG);
    memcpy(bad, good, sizeof good);
    bad[5].jf = 1, bad[5].jt = 1; /* nor x32 */
    cr_expect_eq(filter_verify(profile, bad, count, &err), -EBADMSG);
    memcpy(bad, good, sizeof good);
    bad[13].k = SECCOMP_RET_ERRNO | 1;
    cr_expect_eq(filter_verify(profile, bad, count, &err), -EBADMSG);
    cr_expect(strstr(err.text, "instead of 0x50026") != NULL, "%s", err.text);
    profile_free(profile);
}

Test(verify, takes_no_program_that_the_kernel_would_refuse)
{
    const struct seccomp_data data = { 0 };
    const struct sock_filter programs[][2] = {
        { LOAD(nr), LOAD(nr) },                                                      /* no end */
        { BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), RETURN(SECCOMP_RET_ALLOW) }, /* a jump outside */
        { BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), RETURN(SECCOMP_RET_ALLOW) },
        { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RETURN(SECCOMP_RET_ALLOW) }, /* a load outside */
        { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RETURN(SECCOMP_RET_ALLOW) },  /* across two words */
        { BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0), RETURN(SECCOMP_RET_ALLOW) },
        { BPF_STMT(BPF_LD | BPF_MEM, BPF_MEMWORDS), RETURN(SECCOMP_RET_ALLOW) },
        { BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RETURN(SECCOMP_RET_ALLOW) },
    };
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        uint32_t verdict;
        cr_expect_eq(bpf_run(programs[i], 2, &data, &verdict), -EBADMSG, "program %zu", i);
    }
}
