#include "verify.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "interpret.h"
#include "profile.h"
#include "sallyport/base/error.h"

#define NUMBERS          1024  /* Linux has fewer than 500 */
#define CHOICES_MAX      128   /* values that the rules of one call name for one argument */
#define COMBINATIONS_MAX 50000 /* of one call */

struct check {
    const struct profile *profile;
    const struct sock_filter *program;
    uint32_t count;
    uint32_t combinations;
    uint32_t *constants; /* whatever the program compares anything with; each once */
    uint32_t constant_count;
    struct error *err;
};

/* 0 when program and profile agree on this call. */
static int compare(const struct check *check, const struct seccomp_data *data)
{
    uint32_t found, wanted = profile_verdict(check->profile, data);
    if (bpf_run(check->program, check->count, data, &found) < 0)
        return fail_plain(check->err, EBADMSG, "profile '%s': its program is malformed", check->profile->name);
    if (found == wanted)
        return 0;
    return fail_plain(
        check->err, EBADMSG,
        "profile '%s': its program answers call %d (architecture %#x, arguments %#llx %#llx %#llx %#llx %#llx %#llx) "
        "with %#x instead of %#x; nothing was loaded, report this",
        check->profile->name, data->nr, data->arch, data->args[0], data->args[1], data->args[2], data->args[3],
        data->args[4], data->args[5], found, wanted);
}

static int compare_number(const struct check *check, uint32_t number, uint32_t arch)
{
    struct seccomp_data data = { .nr = (int)number, .arch = arch };
    int done = compare(check, &data);
    memset(data.args, 0xff, sizeof data.args);
    return done < 0 ? done : compare(check, &data);
}

static int check_numbers(const struct check *check)
{
    int done = 0;
    for (uint32_t number = 0; number < NUMBERS && done == 0; number++)
        done = compare_number(check, number, filter_native_arch());
    return done;
}

static int check_foreign(const struct check *check)
{
    static const uint32_t above[] = { 0x40000000, 0x80000000, 0xc0000000, 0xfffffc00 };
    static const uint32_t archs[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM,    AUDIT_ARCH_RISCV64, 0,
                                      UINT32_MAX,      AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64 };
    int done = 0;
    for (size_t i = 0; i < sizeof above / sizeof above[0]; i++)
        for (uint32_t number = 0; number < NUMBERS && done == 0; number++)
            done = compare_number(check, above[i] + number, filter_native_arch());
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++)
        for (uint32_t number = 0; number < NUMBERS && done == 0; number++)
            done = compare_number(check, number, archs[i]);
    for (unsigned bit = 0; bit < 32 && done == 0; bit++) {
        done = compare_number(check, (1u << bit) - 1, filter_native_arch());
        if (done == 0)
            done = compare_number(check, 1u << bit, filter_native_arch());
        if (done == 0)
            done = compare_number(check, 0, filter_native_arch() ^ (1u << bit));
    }
    return done;
}

/* The call that meets the rule. `rest`: what stands in every bit that the rule does not look at. */
static struct seccomp_data call_of(const struct rule *rule, uint64_t rest)
{
    struct seccomp_data data = { .nr = (int)rule->number, .arch = filter_native_arch() };
    for (uint32_t i = 0; i < PROFILE_ARGS; i++)
        data.args[i] = rest;
    for (uint32_t i = 0; i < rule->comparison_count; i++) {
        const struct comparison *comparison = &rule->comparisons[i];
        data.args[comparison->index] = comparison->value | (rest & ~comparison->mask);
    }
    return data;
}

/* Whether a rule before this one has the same comparisons, so that its arguments have been tried. */
static bool is_repeated(const struct profile *profile, uint32_t at)
{
    const struct rule *rule = &profile->rules[at];
    for (uint32_t i = 0; i < at; i++) {
        const struct rule *other = &profile->rules[i];
        bool is_same = other->comparison_count == rule->comparison_count;
        for (uint32_t j = 0; j < rule->comparison_count && is_same; j++)
            is_same = other->comparisons[j].index == rule->comparisons[j].index &&
                      other->comparisons[j].mask == rule->comparisons[j].mask &&
                      other->comparisons[j].value == rule->comparisons[j].value;
        if (is_same)
            return true;
    }
    return false;
}

/* What meets a rule, asked of every number, of the one that is none, of another ABI and of another architecture. */
static int check_elsewhere(const struct check *check, const struct rule *rule)
{
    struct seccomp_data data = call_of(rule, 0);
    int done = 0;
    for (data.nr = -1; data.nr < NUMBERS && done == 0; data.nr++)
        done = compare(check, &data);
    data.nr = (int)(rule->number | 0x40000000u);
    if (done == 0)
        done = compare(check, &data);
    data.nr = (int)rule->number;
    data.arch = ~data.arch;
    return done < 0 ? done : compare(check, &data);
}

/* A call must not be answered by the rules of another. */
static int check_neighbours(const struct check *check)
{
    int done = 0;
    for (uint32_t i = 0; i < check->profile->rule_count && done == 0; i++) {
        const struct rule *rule = &check->profile->rules[i];
        if (rule->comparison_count > 0 && !is_repeated(check->profile, i))
            done = check_elsewhere(check, rule);
    }
    return done;
}

/* One argument of a call that otherwise meets the rule, moved around what the rule compares it with. */
static int check_around(const struct check *check, const struct seccomp_data *base, const struct comparison *comparison)
{
    uint64_t value = comparison->value;
    const uint64_t near[] = { value - 1, value + 1, 0, UINT64_MAX, ~value, comparison->mask, ~comparison->mask };
    struct seccomp_data data = *base;
    int done = 0;
    for (size_t i = 0; i < sizeof near / sizeof near[0] && done == 0; i++) {
        data.args[comparison->index] = near[i];
        done = compare(check, &data);
    }
    for (unsigned bit = 0; bit < 64 && done == 0; bit++) {
        data.args[comparison->index] = base->args[comparison->index] ^ (UINT64_C(1) << bit);
        done = compare(check, &data);
    }
    return done;
}

/* The same argument as one half of it is what the program compares something else with: a way into the wrong rules. */
static int check_constants(const struct check *check, const struct seccomp_data *base,
                           const struct comparison *comparison)
{
    struct seccomp_data data = *base;
    int done = 0;
    for (uint32_t i = 0; i < check->constant_count && done == 0; i++) {
        uint64_t value = base->args[comparison->index], constant = check->constants[i];
        data.args[comparison->index] = (value & ~(uint64_t)UINT32_MAX) | constant;
        done = compare(check, &data);
        data.args[comparison->index] = (value & UINT32_MAX) | constant << 32;
        done = done < 0 ? done : compare(check, &data);
    }
    return done;
}

static int check_rule(const struct check *check, const struct rule *rule, uint64_t rest)
{
    struct seccomp_data data = call_of(rule, rest);
    int done = compare(check, &data);
    for (uint32_t i = 0; i < rule->comparison_count && done == 0; i++) {
        done = check_around(check, &data, &rule->comparisons[i]);
        if (done == 0 && rest == 0)
            done = check_constants(check, &data, &rule->comparisons[i]);
    }
    return done;
}

static void add_choice(uint64_t choices[CHOICES_MAX], uint32_t *count, uint64_t choice)
{
    for (uint32_t i = 0; i < *count; i++)
        if (choices[i] == choice)
            return;
    if (*count < CHOICES_MAX)
        choices[(*count)++] = choice;
}

/* Every value that a rule of this call names for this argument, with the bits beside the mask clear and set. */
static uint32_t collect(const struct profile *profile, uint32_t number, uint8_t index, uint64_t choices[CHOICES_MAX])
{
    uint32_t count = 0;
    add_choice(choices, &count, 0);
    for (uint32_t i = 0; i < profile->rule_count; i++) {
        const struct rule *rule = &profile->rules[i];
        for (uint32_t j = 0; rule->number == number && j < rule->comparison_count; j++) {
            const struct comparison *comparison = &rule->comparisons[j];
            if (comparison->index != index)
                continue;
            add_choice(choices, &count, comparison->value);
            add_choice(choices, &count, comparison->value | ~comparison->mask);
        }
    }
    return count;
}

static int check_combinations(struct check *check, struct seccomp_data *data, uint8_t index)
{
    if (index == PROFILE_ARGS)
        return check->combinations++ < COMBINATIONS_MAX ? compare(check, data) : 0;
    uint64_t choices[CHOICES_MAX];
    uint32_t count = collect(check->profile, (uint32_t)data->nr, index, choices);
    int done = 0;
    for (uint32_t i = 0; i < count && done == 0; i++) {
        data->args[index] = choices[i];
        done = check_combinations(check, data, (uint8_t)(index + 1));
    }
    return done;
}

static int check_rules(struct check *check)
{
    const struct profile *profile = check->profile;
    int done = 0;
    for (uint32_t i = 0; i < profile->rule_count && done == 0; i++) {
        done = check_rule(check, &profile->rules[i], 0);
        if (done == 0)
            done = check_rule(check, &profile->rules[i], UINT64_MAX);
        if (done == 0 && (i == 0 || profile->rules[i - 1].number != profile->rules[i].number)) {
            struct seccomp_data data = { .nr = (int)profile->rules[i].number, .arch = filter_native_arch() };
            check->combinations = 0;
            done = check_combinations(check, &data, 0);
        }
    }
    return done;
}

static void collect_constants(struct check *check)
{
    for (uint32_t i = 0; i < check->count; i++) {
        const struct sock_filter *at = &check->program[i];
        bool is_known = BPF_CLASS(at->code) != BPF_JMP || BPF_OP(at->code) == BPF_JA;
        for (uint32_t j = 0; j < check->constant_count && !is_known; j++)
            is_known = check->constants[j] == at->k;
        if (!is_known)
            check->constants[check->constant_count++] = at->k;
    }
}

/* Where a call comes from is nothing that a profile can speak of, and no value of it is tried below. */
static int check_loads(const struct check *check)
{
    for (uint32_t i = 0; i < check->count; i++) {
        const struct sock_filter *at = &check->program[i];
        uint32_t first = offsetof(struct seccomp_data, instruction_pointer), last = first + 4;
        if (at->code == (BPF_LD | BPF_W | BPF_ABS) && (at->k == first || at->k == last))
            return fail_plain(check->err, EBADMSG, "profile '%s': its program looks at where a call comes from",
                              check->profile->name);
    }
    return 0;
}

static int check_all(struct check *check)
{
    collect_constants(check);
    int done = check_loads(check);
    if (done == 0)
        done = check_numbers(check);
    if (done == 0)
        done = check_rules(check);
    if (done == 0)
        done = check_neighbours(check);
    return done < 0 ? done : check_foreign(check);
}

int filter_verify(const struct profile *profile, const struct sock_filter *program, uint32_t count, struct error *err)
{
    uint32_t *constants = calloc(count > 0 ? count : 1, sizeof *constants);
    struct check check = { .profile = profile, .program = program, .count = count, .constants = constants, .err = err };
    int done = constants != NULL ? check_all(&check) : fail(err, ENOMEM, "profile '%s'", profile->name);
    free(constants);
    return done;
}
