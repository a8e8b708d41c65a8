#include "profile.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

/* A call of the x32 ABI carries this bit, and -1 is what a tracer leaves behind to skip a call. */
#define X32_BIT 0x40000000u
#define SKIPPED UINT32_MAX

uint32_t filter_native_arch(void)
{
#if defined(__x86_64__)
    return AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
    return AUDIT_ARCH_AARCH64;
#else
#error "profiles are written for x86_64 and aarch64"
#endif
}

struct profile *profile_new(const char *name, uint32_t default_verdict)
{
    struct profile *profile = calloc(1, sizeof *profile);
    if (profile != NULL) {
        text_copy(profile->name, sizeof profile->name, name);
        profile->default_verdict = default_verdict;
    }
    return profile;
}

void profile_free(struct profile *profile)
{
    if (profile == NULL)
        return;
    free(profile->rules);
    free(profile);
}

/* Whether no call can meet both: some argument would need a bit to be 0 and 1. */
static bool are_disjoint(const struct rule *left, const struct rule *right)
{
    for (uint32_t i = 0; i < left->comparison_count; i++) {
        for (uint32_t j = 0; j < right->comparison_count; j++) {
            const struct comparison *one = &left->comparisons[i], *other = &right->comparisons[j];
            if (one->index == other->index && ((one->value ^ other->value) & one->mask & other->mask) != 0)
                return true;
        }
    }
    return false;
}

/* Two rules that answer the same call differently leave it to the compiler which one holds; so they are refused, and the
 * order of rules has no meaning. */
static int check_against(const struct rule *rule, const struct rule *other, struct error *err)
{
    if (rule->number != other->number || rule->verdict == other->verdict || are_disjoint(rule, other))
        return 0;
    return fail_plain(err, EINVAL, "%s: two rules with different actions hold for the same arguments", rule->name);
}

/* Where the rules of this call begin, or would; they stand in the order of their numbers. */
static uint32_t find_first(const struct profile *profile, uint32_t number)
{
    uint32_t low = 0, high = profile->rule_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (profile->rules[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int profile_add(struct profile *profile, const struct rule *rule, struct error *err)
{
    if (profile->rule_count == PROFILE_RULES_MAX)
        return fail_plain(err, E2BIG, "more than %d rules", PROFILE_RULES_MAX);
    uint32_t at = find_first(profile, rule->number);
    for (uint32_t i = at; i < profile->rule_count; i++) {
        int done = check_against(rule, &profile->rules[i], err);
        if (done < 0)
            return done;
    }
    struct rule *larger = realloc(profile->rules, (profile->rule_count + 1) * sizeof *larger);
    if (larger == NULL)
        return fail(err, ENOMEM, "%s", rule->name);
    profile->rules = larger;
    memmove(&larger[at + 1], &larger[at], (profile->rule_count - at) * sizeof *larger);
    larger[at] = *rule;
    profile->rule_count++;
    return 0;
}

static bool holds(const struct rule *rule, const struct seccomp_data *data)
{
    for (uint32_t i = 0; i < rule->comparison_count; i++) {
        const struct comparison *comparison = &rule->comparisons[i];
        if ((data->args[comparison->index] & comparison->mask) != comparison->value)
            return false;
    }
    return true;
}

/*
 * Other architectures and ABIs are killed: the numbers mean other calls there, multiplexers such as socketcall pass their
 * arguments behind a pointer, and no program of this machine needs them.
 */
static bool is_foreign(const struct seccomp_data *data)
{
    if (data->arch != filter_native_arch())
        return true;
#if defined(__x86_64__)
    uint32_t number = (uint32_t)data->nr;
    return number >= X32_BIT && number != SKIPPED;
#else
    return false;
#endif
}

uint32_t profile_verdict(const struct profile *profile, const struct seccomp_data *data)
{
    if (is_foreign(data))
        return SECCOMP_RET_KILL_PROCESS;
    uint32_t number = (uint32_t)data->nr;
    for (uint32_t i = find_first(profile, number); i < profile->rule_count && profile->rules[i].number == number; i++)
        if (holds(&profile->rules[i], data))
            return profile->rules[i].verdict;
    return profile->default_verdict;
}
