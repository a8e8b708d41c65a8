#include "verify.h"

#include <errno.h>
#include <linux/audit.h>
#include <string.h>

#include "difference.h"
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

#define MUTANTS_MAX 128

struct mutants {
    struct sock_filter of[MUTANTS_MAX];
    uint32_t count;
};

static void add_mutant(struct mutants *mutants, const struct sock_filter *original, struct sock_filter mutant)
{
    if (memcmp(original, &mutant, sizeof mutant) != 0)
        mutants->of[mutants->count++] = mutant;
}

static void spoil_constant(struct mutants *mutants, const struct sock_filter *at)
{
    for (unsigned bit = 0; bit < 32; bit++)
        add_mutant(mutants, at, (struct sock_filter){ at->code, at->jt, at->jf, at->k ^ (1u << bit) });
    add_mutant(mutants, at, (struct sock_filter){ at->code, at->jt, at->jf, at->k + 1 });
    add_mutant(mutants, at, (struct sock_filter){ at->code, at->jt, at->jf, at->k - 1 });
}

static void spoil_operation(struct mutants *mutants, const struct sock_filter *at, const uint16_t *operations,
                            size_t count)
{
    for (size_t i = 0; i < count; i++)
        add_mutant(mutants, at,
                   (struct sock_filter){ (uint16_t)(BPF_CLASS(at->code) | operations[i]), at->jt, at->jf, at->k });
}

static void spoil_jump(struct mutants *mutants, const struct sock_filter *at)
{
    static const uint16_t tests[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
    if (BPF_OP(at->code) == BPF_JA) {
        add_mutant(mutants, at, (struct sock_filter){ at->code, 0, 0, at->k + 1 });
        add_mutant(mutants, at, (struct sock_filter){ at->code, 0, 0, at->k - 1 });
        return;
    }
    spoil_constant(mutants, at);
    spoil_operation(mutants, at, tests, sizeof tests / sizeof tests[0]);
    const uint8_t ways[][2] = { { at->jf, at->jt },     { at->jt, at->jt },     { at->jf, at->jf },
                                { 0, at->jf },          { at->jt, 0 },          { at->jt + 1, at->jf },
                                { at->jt - 1, at->jf }, { at->jt, at->jf + 1 }, { at->jt, at->jf - 1 } };
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        add_mutant(mutants, at, (struct sock_filter){ at->code, ways[i][0], ways[i][1], at->k });
}

/* Every way to spoil one instruction: each bit, each neighbour, each other operation, each other word, and its absence. */
static void spoil(struct mutants *mutants, const struct sock_filter *at)
{
    static const uint16_t sums[] = { BPF_AND, BPF_OR, BPF_ADD, BPF_SUB };
    static const uint32_t verdicts[] = { SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD,
                                         SECCOMP_RET_LOG, SECCOMP_RET_ERRNO | 1 };
    mutants->count = 0;
    switch (BPF_CLASS(at->code)) {
    case BPF_JMP:
        spoil_jump(mutants, at);
        break;
    case BPF_LD:
        for (uint32_t offset = 0; offset < sizeof(struct seccomp_data); offset += 4)
            add_mutant(mutants, at, (struct sock_filter){ at->code, 0, 0, offset });
        break;
    case BPF_ALU:
        spoil_constant(mutants, at);
        spoil_operation(mutants, at, sums, sizeof sums / sizeof sums[0]);
        break;
    default:
        spoil_constant(mutants, at);
    }
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++)
        add_mutant(mutants, at, (struct sock_filter){ BPF_RET | BPF_K, 0, 0, verdicts[i] });
    add_mutant(mutants, at, (struct sock_filter){ BPF_JMP | BPF_JA, 0, 0, 0 });
    add_mutant(mutants, at, (struct sock_filter){ BPF_LD | BPF_IMM, 0, 0, 0 });
}

/*
 * Of all mutants, every how many are made: all take half an hour with sanitizers and minutes without (SALLYPORT_MUTATE_ALL=1, done
 * before the verifier or a profile is changed). A prime, so that every instruction and every way to spoil one has its turn.
 */
static uint32_t stride_of(const char *name)
{
    const char *all = getenv("SALLYPORT_MUTATE_ALL");
    if (all != NULL && strcmp(all, "1") == 0)
        return 1;
    return strcmp(name, "strict") == 0 ? 29 : 251;
}

/*
 * The measure of the verifier: of all programs that differ from the right one in one instruction, none that answers any call
 * differently may pass. Those that pass are decided by another way than the verifier's (difference.h).
 */
static void measure(const char *name)
{
    static struct mutants mutants;
    uint32_t counted = 0, made = 0, noticed = 0, harmless = 0, missed = 0, stride = stride_of(name);
    struct profile *profile = shipped_profile(name);
    struct compiled compiled = compiled_profile(name);
    struct sock_filter *program = malloc(compiled.size);
    memcpy(program, compiled.bytes, compiled.size);
    for (uint32_t i = 0; i < count_of(&compiled); i++) {
        const struct sock_filter original = program[i];
        spoil(&mutants, &original);
        for (uint32_t j = 0; j < mutants.count; j++) {
            if (counted++ % stride != 0)
                continue;
            program[i] = mutants.of[j];
            made++;
            if (filter_verify(profile, program, count_of(&compiled), NULL) < 0) {
                noticed++;
            } else if (programs_differ(program_of(&compiled), program, count_of(&compiled))) {
                missed++;
                cr_expect(false, "%s: instruction %u as %#x %u %u %#x instead of %#x %u %u %#x is not noticed", name, i,
                          program[i].code, program[i].jt, program[i].jf, program[i].k, original.code, original.jt,
                          original.jf, original.k);
            } else {
                harmless++;
            }
        }
        program[i] = original;
    }
    printf("%s: %u instructions, %u of %u mutants: %u noticed, %u answer every call as before, %u missed\n", name,
           count_of(&compiled), made, counted, noticed, harmless, missed);
    cr_expect_gt(counted, 40 * count_of(&compiled));
    cr_expect_gt(noticed, made / 2);
    cr_expect_eq(missed, 0);
    free(program);
    free(compiled.bytes);
    profile_free(profile);
}

/* One test for each profile, so that they may run at once. */
Test(verify, notices_every_wrong_instruction_in_strict)
{
    measure("strict");
}

Test(verify, notices_every_wrong_instruction_in_base)
{
    measure("base");
}

Test(verify, notices_every_wrong_instruction_in_net)
{
    measure("net");
}

Test(verify, notices_every_wrong_instruction_in_build)
{
    measure("build");
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
