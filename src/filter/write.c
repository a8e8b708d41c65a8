#include "write.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *write_comparison(const struct comparison *comparison)
{
    json_t *arg = json_object();
    bool is_exact = comparison->mask == FILTER_ALL_BITS;
    json_object_set_new(arg, "index", json_integer(comparison->index));
    json_object_set_new(arg, "op", json_string(is_exact ? "SCMP_CMP_EQ" : "SCMP_CMP_MASKED_EQ"));
    /* In OCI's form a masked comparison has the mask in `value` and what must be left in `valueTwo`. */
    json_object_set_new(arg, "value", json_integer((json_int_t)(is_exact ? comparison->value : comparison->mask)));
    if (!is_exact)
        json_object_set_new(arg, "valueTwo", json_integer((json_int_t)comparison->value));
    return arg;
}

static void write_action(json_t *entry, uint32_t verdict, const char *key, const char *errno_key)
{
    if (verdict == SECCOMP_RET_ALLOW) {
        json_object_set_new(entry, key, json_string("SCMP_ACT_ALLOW"));
    } else if (verdict == SECCOMP_RET_KILL_PROCESS) {
        json_object_set_new(entry, key, json_string("SCMP_ACT_KILL_PROCESS"));
    } else {
        json_object_set_new(entry, key, json_string("SCMP_ACT_ERRNO"));
        json_object_set_new(entry, errno_key, json_integer(verdict & SECCOMP_RET_DATA));
    }
}

/* Two rules that one entry can hold: they differ in the call's name alone. */
static bool are_alike(const struct rule *one, const struct rule *other)
{
    if (one->verdict != other->verdict || one->comparison_count != other->comparison_count)
        return false;
    for (uint32_t i = 0; i < one->comparison_count; i++) {
        const struct comparison *left = &one->comparisons[i], *right = &other->comparisons[i];
        if (left->index != right->index || left->mask != right->mask || left->value != right->value)
            return false;
    }
    return true;
}

static json_t *write_entry(const struct profile *profile, uint32_t first)
{
    const struct rule *rule = &profile->rules[first];
    json_t *entry = json_object(), *names = json_array(), *args = json_array();
    for (uint32_t i = first; i < profile->rule_count; i++)
        if (are_alike(rule, &profile->rules[i]))
            json_array_append_new(names, json_string(profile->rules[i].name));
    json_object_set_new(entry, "names", names);
    write_action(entry, rule->verdict, "action", "errnoRet");
    for (uint32_t i = 0; i < rule->comparison_count; i++)
        json_array_append_new(args, write_comparison(&rule->comparisons[i]));
    if (rule->comparison_count > 0)
        json_object_set(entry, "args", args);
    json_decref(args);
    return entry;
}

char *profile_write(const struct profile *profile, const char *comment)
{
    json_t *root = json_object(), *entries = json_array();
    json_object_set_new(root, "comment", json_string(comment));
    write_action(root, profile->default_verdict, "defaultAction", "defaultErrnoRet");
    for (uint32_t i = 0; i < profile->rule_count; i++) {
        bool is_written = false;
        for (uint32_t before = 0; before < i && !is_written; before++)
            is_written = are_alike(&profile->rules[before], &profile->rules[i]);
        if (!is_written)
            json_array_append_new(entries, write_entry(profile, i));
    }
    json_object_set_new(root, "syscalls", entries);
    char *text = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_decref(root);
    return text;
}
