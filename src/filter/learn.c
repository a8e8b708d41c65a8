#include "sallyport/filter/learn.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "floor.h"
#include "profile.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/filter/describe.h"
#include "syscalls.h"
#include "widths.h"
#include "write.h"

/* What is known while the rules of one call number are chosen. */
struct learning {
    const struct profile *base;
    struct profile *const *known;
    size_t known_count;
    const struct learned_call *calls;
    size_t call_count;
};

static uint32_t verdict_of(const struct profile *profile, const struct learned_call *call)
{
    struct seccomp_data data = { .nr = (int)call->number, .arch = filter_native_arch() };
    for (size_t i = 0; i < LEARN_ARGS; i++)
        data.args[i] = call->args[i];
    return profile_verdict(profile, &data);
}

bool profile_permits(const struct profile *profile, const struct learned_call *call)
{
    return verdict_of(profile, call) == SECCOMP_RET_ALLOW;
}

int profile_errno(const struct profile *profile, const struct learned_call *call)
{
    uint32_t verdict = verdict_of(profile, call);
    return (verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO ? (int)(verdict & SECCOMP_RET_DATA) : 0;
}

uint32_t profile_looks_at(const struct profile *profile, uint32_t number)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < profile->rule_count; i++)
        for (uint32_t j = 0; profile->rules[i].number == number && j < profile->rules[i].comparison_count; j++)
            bits |= 1u << profile->rules[i].comparisons[j].index;
    return bits;
}

static bool permits_all(const struct learning *learning, const struct profile *profile, uint32_t number)
{
    for (size_t i = 0; i < learning->call_count; i++)
        if (learning->calls[i].number == number && !profile_permits(profile, &learning->calls[i]))
            return false;
    return true;
}

/* The first that permits all that was seen of this call: base itself, then the known ones. */
static bool find_permitting(const struct learning *learning, uint32_t number, const struct profile **ret_profile)
{
    *ret_profile = learning->base;
    bool is_found = permits_all(learning, learning->base, number);
    for (size_t i = 0; i < learning->known_count && !is_found; i++) {
        *ret_profile = learning->known[i];
        is_found = permits_all(learning, learning->known[i], number);
    }
    return is_found;
}

static int copy_rules(const struct profile *from, uint32_t number, struct profile *to, struct error *err)
{
    int done = 0;
    for (uint32_t i = 0; i < from->rule_count && done == 0; i++)
        if (from->rules[i].number == number)
            done = profile_add(to, &from->rules[i], err);
    return done;
}

/* Compares the arguments of these bits: an int by the 32 bits that the kernel reads, for the rest of the register is anything. */
static int compare_args(const struct learned_call *call, uint32_t bits, struct rule *rule, struct error *err)
{
    rule->comparison_count = 0;
    for (uint8_t i = 0; i < LEARN_ARGS; i++) {
        if ((bits & (1u << i)) == 0)
            continue;
        bool is_wide = argument_is_wide(rule->name, i);
        if (is_wide && call->args[i] > INT64_MAX)
            return fail_plain(err, ERANGE, "%s: argument %u is %#llx, which the form of profiles cannot hold",
                              rule->name, i, (unsigned long long)call->args[i]);
        rule->comparisons[rule->comparison_count++] =
            is_wide ? (struct comparison){ i, FILTER_ALL_BITS, call->args[i] }
                    : (struct comparison){ i, UINT32_MAX, call->args[i] & UINT32_MAX };
    }
    return 0;
}

/* A rule for exactly this. The hard floor may want more arguments than anybody looked at: they are added until it is content. */
static int make_rule(const struct learned_call *call, uint32_t looks_at, struct rule *ret_rule, struct error *err)
{
    char name[SYSCALL_TEXT_BYTES];
    struct rule rule = { .number = call->number, .verdict = SECCOMP_RET_ALLOW };
    if (syscall_name(call->number, name) == NULL || !text_copy(rule.name, sizeof rule.name, name))
        return fail_plain(err, ENOSYS, "call %u has no name here, so no profile can allow it", call->number);
    int done = compare_args(call, looks_at, &rule, err);
    for (uint32_t i = 0; done == 0 && i < LEARN_ARGS && floor_check(&rule, err) < 0; i++)
        done = compare_args(call, looks_at |= 1u << i, &rule, err);
    if (done == 0)
        done = floor_check(&rule, err);
    if (done == 0)
        *ret_rule = rule;
    return done;
}

/*
 * Base's rules of this number, without those that refuse what was seen; then what was seen. A rule that refused by an errno of
 * its own is gone as a whole: what it refused beside is answered by the default now.
 */
static int add_exact(const struct learning *learning, uint32_t number, struct profile *to, struct error *err)
{
    uint32_t looks_at = profile_looks_at(learning->base, number);
    int done = 0;
    for (size_t i = 0; i < learning->known_count; i++)
        looks_at |= profile_looks_at(learning->known[i], number);
    for (size_t i = 0; i < learning->call_count && done == 0; i++) {
        struct rule rule;
        if (learning->calls[i].number != number || profile_permits(to, &learning->calls[i]))
            continue;
        done = make_rule(&learning->calls[i], looks_at, &rule, err);
        if (done == 0)
            done = profile_add(to, &rule, err);
    }
    for (uint32_t i = 0; i < learning->base->rule_count && done == 0; i++) {
        const struct rule *rule = &learning->base->rules[i];
        struct error contradiction;
        if (rule->number == number && rule->verdict == SECCOMP_RET_ALLOW)
            done = profile_add(to, rule, err);
        else if (rule->number == number)
            (void)profile_add(to, rule, &contradiction);
    }
    return done;
}

static bool is_seen(const struct learning *learning, uint32_t number)
{
    for (size_t i = 0; i < learning->call_count; i++)
        if (learning->calls[i].number == number)
            return true;
    return false;
}

static int learn_number(const struct learning *learning, uint32_t number, struct profile *to, struct error *err)
{
    if (!is_seen(learning, number))
        return copy_rules(learning->base, number, to, err);
    const struct profile *permitting;
    return find_permitting(learning, number, &permitting) ? copy_rules(permitting, number, to, err)
                                                          : add_exact(learning, number, to, err);
}

static int check_floor(const struct learning *learning, struct error *err)
{
    char name[SYSCALL_TEXT_BYTES];
    for (size_t i = 0; i < learning->call_count; i++) {
        const struct learned_call *call = &learning->calls[i];
        if (syscall_name(call->number, name) != NULL && floor_reason(name, call->args, LEARN_ARGS, err) != NULL)
            return -EPERM;
    }
    return 0;
}

/* The text is believed only when it was read back: it is read as strictly as any other. */
static int check_text(const struct learning *learning, const char *text, struct error *err)
{
    struct profile *profile = NULL;
    auto_free uint8_t *program = NULL;
    uint32_t bytes;
    int done = profile_parse("learned", (const uint8_t *)text, strlen(text), &profile, err);
    if (done == 0)
        done = profile_compile(profile, &program, &bytes, err);
    for (size_t i = 0; i < learning->call_count && done == 0; i++)
        if (!profile_permits(profile, &learning->calls[i]))
            done = fail_plain(err, EBADMSG, "the learned profile refuses call %u", learning->calls[i].number);
    profile_free(profile);
    return done;
}

int profile_learn(const struct profile *base, struct profile *const *known, size_t known_count,
                  const struct learned_call *calls, size_t call_count, char **ret_text, struct error *err)
{
    const struct learning learning = { base, known, known_count, calls, call_count };
    char comment[NAME_MAX_BYTES + 64];
    int done = check_floor(&learning, err);
    if (done < 0)
        return done;
    struct profile *profile = profile_new("learned", base->default_verdict);
    if (profile == NULL)
        return fail(err, ENOMEM, "learn");
    for (uint32_t number = 0; number < SYSCALL_NUMBERS && done == 0; number++)
        done = learn_number(&learning, number, profile, err);
    snprintf(comment, sizeof comment, "'%s', and what a program was seen to need.", base->name);
    auto_free char *text = done == 0 ? profile_write(profile, comment) : NULL;
    profile_free(profile);
    if (done == 0)
        done = text == NULL ? fail(err, ENOMEM, "learn") : check_text(&learning, text, err);
    if (done < 0)
        return done;
    *ret_text = text;
    text = NULL;
    return 0;
}
