#include "sallyport/filter/describe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "floor.h"
#include "profile.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "syscalls.h"

static void describe_action(uint32_t verdict, char text[ACTION_TEXT_BYTES])
{
    const char *name = strerrorname_np((int)(verdict & SECCOMP_RET_DATA));
    if (verdict == SECCOMP_RET_ALLOW)
        snprintf(text, ACTION_TEXT_BYTES, "allow");
    else if (verdict == SECCOMP_RET_KILL_PROCESS)
        snprintf(text, ACTION_TEXT_BYTES, "kill");
    else if (name != NULL)
        snprintf(text, ACTION_TEXT_BYTES, "errno %s", name);
    else
        snprintf(text, ACTION_TEXT_BYTES, "errno %u", verdict & SECCOMP_RET_DATA);
}

/* Adds one comparison to what stands there. A mask of 32 bits is how an int is compared, and needs no word. */
static void add_comparison(const struct comparison *comparison, char *text, size_t room)
{
    size_t used = strlen(text);
    const char *joint = used > 0 ? " and " : "";
    unsigned long long mask = comparison->mask, value = comparison->value;
    if (mask == FILTER_ALL_BITS || mask == UINT32_MAX)
        snprintf(text + used, room - used, "%sarg%u == %#llx", joint, comparison->index, value);
    else
        snprintf(text + used, room - used, "%sarg%u & %#llx == %#llx", joint, comparison->index, mask, value);
}

/* `open_from`: comparisons of arguments before it are left out, for they are known to hold. */
static void describe_rule(const struct rule *rule, size_t open_from, struct rule_text *ret_text)
{
    *ret_text = (struct rule_text){ .number = rule->number, .line = rule->line };
    text_copy(ret_text->call, sizeof ret_text->call, rule->name);
    describe_action(rule->verdict, ret_text->action);
    for (uint32_t i = 0; i < rule->comparison_count; i++)
        if (rule->comparisons[i].index >= open_from)
            add_comparison(&rule->comparisons[i], ret_text->when, sizeof ret_text->when);
}

static void describe_default(const struct profile *profile, struct rule_text *ret_text)
{
    *ret_text = (struct rule_text){ .call = "*" };
    describe_action(profile->default_verdict, ret_text->action);
}

bool profile_each_rule(const struct profile *profile, bool (*take)(void *arg, const struct rule_text *text), void *arg)
{
    struct rule_text text;
    for (uint32_t i = 0; i < profile->rule_count; i++) {
        describe_rule(&profile->rules[i], 0, &text);
        if (!take(arg, &text))
            return false;
    }
    describe_default(profile, &text);
    return take(arg, &text);
}

bool call_find(const char *text, uint32_t *ret_number, char ret_name[CALL_NAME_BYTES])
{
    uint64_t number;
    if (syscall_find(text, ret_number) == SYSCALL_HERE)
        return text_copy(ret_name, CALL_NAME_BYTES, text);
    if (!text_u64(text, SYSCALL_NUMBERS - 1, &number))
        return false;
    *ret_number = (uint32_t)number;
    return syscall_name(*ret_number, ret_name) != NULL || text_copy(ret_name, CALL_NAME_BYTES, text);
}

/* Whether none of the known arguments is against the rule. */
static bool may_hold(const struct rule *rule, const uint64_t *args, size_t known)
{
    for (uint32_t i = 0; i < rule->comparison_count; i++) {
        const struct comparison *comparison = &rule->comparisons[i];
        if (comparison->index < known && (args[comparison->index] & comparison->mask) != comparison->value)
            return false;
    }
    return true;
}

void profile_explain(const struct profile *profile, uint32_t number, const uint64_t *args, size_t known,
                     void (*take)(void *arg, const struct rule_text *text), void *arg)
{
    struct rule_text text;
    const struct rule *sure = NULL;
    for (uint32_t i = 0; i < profile->rule_count && sure == NULL; i++) {
        const struct rule *rule = &profile->rules[i];
        if (rule->number != number || !may_hold(rule, args, known))
            continue;
        describe_rule(rule, known, &text);
        if (text.when[0] == '\0')
            sure = rule;
    }
    /* Rules that differ do not overlap, so one that is sure to hold leaves nothing to the others. */
    for (uint32_t i = 0; i < profile->rule_count && sure == NULL; i++) {
        if (profile->rules[i].number != number || !may_hold(&profile->rules[i], args, known))
            continue;
        describe_rule(&profile->rules[i], known, &text);
        take(arg, &text);
    }
    if (sure != NULL)
        describe_rule(sure, known, &text);
    else
        describe_default(profile, &text);
    take(arg, &text);
}

const char *floor_reason(const char *call, const uint64_t *args, size_t known, struct error *err)
{
    struct rule rule = { .verdict = SECCOMP_RET_ALLOW };
    text_copy(rule.name, sizeof rule.name, call);
    for (size_t i = 0; i < known && i < PROFILE_ARGS; i++)
        rule.comparisons[rule.comparison_count++] = (struct comparison){ (uint8_t)i, FILTER_ALL_BITS, args[i] };
    return floor_check(&rule, err) < 0 ? err->text : NULL;
}
