/*
 * A profile's JSON, read strictly. The form is the OCI runtime specification's `linux.seccomp` (config-linux.md, "Seccomp"), so
 * that existing profiles can be pasted; but those were written for readers that skip what they do not know, and a rule
 * that is skipped in silence is a hole. Refused, each with the place and the reason:
 *
 *   - unknown or repeated keys, and Docker's includes, excludes and archMap, whose meaning depends on the container;
 *   - a default action other than SCMP_ACT_ERRNO or SCMP_ACT_KILL_PROCESS: what is not listed is not allowed;
 *   - architectures other than this machine's: a foreign one always ends the process;
 *   - flags: speculation barriers stay on, there is no listener, and kills are logged by the kernel anyway;
 *   - SCMP_ACT_KILL and SCMP_ACT_KILL_THREAD, which leave half a program behind; SCMP_ACT_TRAP, _TRACE, _NOTIFY, _LOG;
 *   - comparisons other than SCMP_CMP_EQ and SCMP_CMP_MASKED_EQ: the kernel reads most arguments as 32 bits, seccomp sees 64,
 *     so "greater" or "not equal" is passed with bit 32 set, and libseccomp 2.5.4 merges such rules wrongly;
 *   - SCMP_CMP_EQ in a rule that denies, for the same reason: MASKED_EQ with a mask of 32 bits looks at what the kernel does;
 *   - one argument compared twice in a rule, which runtimes read as "or";
 *   - names that are no system call, unless `optional` (an addition of ours, a list of names) has them;
 *   - rules that contradict each other (profile.c), and what is below the hard floor (floor.c).
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "floor.h"
#include "profile.h"
#include "syscalls.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#define ERRNO_MAX         4095 /* the kernel's own limit for SECCOMP_RET_ERRNO */
#define PROFILE_MAX_BYTES (256 * 1024)

struct key {
    const char *name;
    json_type type;
    bool is_required;
};

static const struct key profile_keys[] = {
    { "defaultAction", JSON_STRING, true }, { "defaultErrnoRet", JSON_INTEGER, false },
    { "architectures", JSON_ARRAY, false }, { "flags", JSON_ARRAY, false },
    { "syscalls", JSON_ARRAY, true },       { "optional", JSON_ARRAY, false },
    { "comment", JSON_STRING, false },      { NULL, JSON_NULL, false },
};

static const struct key entry_keys[] = {
    { "names", JSON_ARRAY, true }, { "action", JSON_STRING, true },   { "errnoRet", JSON_INTEGER, false },
    { "args", JSON_ARRAY, false }, { "comment", JSON_STRING, false }, { NULL, JSON_NULL, false },
};

static const struct key arg_keys[] = {
    { "index", JSON_INTEGER, true },     { "value", JSON_INTEGER, true }, { "op", JSON_STRING, true },
    { "valueTwo", JSON_INTEGER, false }, { NULL, JSON_NULL, false },
};

static const struct key *find_key(const struct key *keys, const char *name)
{
    for (; keys->name != NULL; keys++)
        if (strcmp(keys->name, name) == 0)
            return keys;
    return NULL;
}

/* An object with exactly the keys that it may have. */
static int check_object(json_t *object, const struct key *keys, struct error *err)
{
    if (!json_is_object(object))
        return fail_plain(err, EINVAL, "must be an object");
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const struct key *key = find_key(keys, name);
        char quoted[NAME_MAX_BYTES];
        text_quote_json(name, strlen(name), quoted, sizeof quoted);
        if (key == NULL)
            return fail_plain(err, EINVAL, "unknown key '%s'", quoted);
        if (json_typeof(value) != key->type)
            return fail_plain(err, EINVAL, "'%s' has the wrong type", quoted);
    }
    for (; keys->name != NULL; keys++)
        if (keys->is_required && json_object_get(object, keys->name) == NULL)
            return fail_plain(err, EINVAL, "'%s' is missing", keys->name);
    return 0;
}

/* An action and its errno as a verdict. `is_default`: only those that refuse. */
static int read_action(const json_t *action, const json_t *number, bool is_default, uint32_t *ret_verdict,
                       struct error *err)
{
    const char *name = json_string_value(action);
    if (strcmp(name, "SCMP_ACT_ERRNO") == 0) {
        json_int_t code = number != NULL ? json_integer_value(number) : EPERM; /* the specification's own default */
        if (code < 1 || code > ERRNO_MAX)
            return fail_plain(err, EINVAL, "an errno is between 1 and %d", ERRNO_MAX);
        *ret_verdict = SECCOMP_RET_ERRNO | (uint32_t)code;
        return 0;
    }
    if (number != NULL)
        return fail_plain(err, EINVAL, "an errno belongs to SCMP_ACT_ERRNO only");
    if (strcmp(name, "SCMP_ACT_KILL_PROCESS") == 0)
        *ret_verdict = SECCOMP_RET_KILL_PROCESS;
    else if (strcmp(name, "SCMP_ACT_ALLOW") == 0 && !is_default)
        *ret_verdict = SECCOMP_RET_ALLOW;
    else if (is_default)
        return fail_plain(err, EINVAL, "the default action is SCMP_ACT_ERRNO or SCMP_ACT_KILL_PROCESS");
    else
        return fail_plain(err, EINVAL, "the action is SCMP_ACT_ALLOW, SCMP_ACT_ERRNO or SCMP_ACT_KILL_PROCESS");
    return 0;
}

static int read_comparison(json_t *arg, bool is_allow, struct comparison *ret_comparison, struct error *err)
{
    int done = check_object(arg, arg_keys, err);
    if (done < 0)
        return done;
    json_int_t index = json_integer_value(json_object_get(arg, "index"));
    json_int_t value = json_integer_value(json_object_get(arg, "value"));
    json_int_t value_two = json_integer_value(json_object_get(arg, "valueTwo"));
    const char *op = json_string_value(json_object_get(arg, "op"));
    bool is_masked = strcmp(op, "SCMP_CMP_MASKED_EQ") == 0;

    if (!is_masked && strcmp(op, "SCMP_CMP_EQ") != 0)
        return fail_plain(err, EINVAL, "op is SCMP_CMP_EQ or SCMP_CMP_MASKED_EQ; others are passed by setting bit 32");
    if (index < 0 || index >= PROFILE_ARGS || value < 0 || value_two < 0)
        return fail_plain(err, EINVAL, "index is 0 to %d, and values are not negative", PROFILE_ARGS - 1);
    if (!is_masked && value_two != 0)
        return fail_plain(err, EINVAL, "valueTwo belongs to SCMP_CMP_MASKED_EQ only");

    /* In OCI's form a masked comparison has the mask in `value` and what must be left in `valueTwo`. */
    struct comparison comparison = { (uint8_t)index, FILTER_ALL_BITS, (uint64_t)value };
    if (is_masked)
        comparison = (struct comparison){ (uint8_t)index, (uint64_t)value, (uint64_t)value_two };
    if (comparison.mask == 0 || (comparison.value & ~comparison.mask) != 0)
        return fail_plain(err, EINVAL, "the comparison holds always or never");
    if (!is_allow && comparison.mask > UINT32_MAX)
        return fail_plain(err, EINVAL,
                          "a rule that denies compares by SCMP_CMP_MASKED_EQ with a mask of at most 0xffffffff "
                          "(4294967295): with bit 32 set it would be passed");
    *ret_comparison = comparison;
    return 0;
}

static int read_comparisons(json_t *args, struct rule *rule, struct error *err)
{
    size_t at;
    json_t *arg;
    json_array_foreach(args, at, arg)
    {
        if (rule->comparison_count == PROFILE_ARGS)
            return fail_plain(err, EINVAL, "args: more than %d", PROFILE_ARGS);
        struct comparison *comparison = &rule->comparisons[rule->comparison_count];
        int done = read_comparison(arg, rule->verdict == SECCOMP_RET_ALLOW, comparison, err);
        if (done < 0) {
            fail_in(err, "args[%zu]", at);
            return done;
        }
        for (uint32_t i = 0; i < rule->comparison_count; i++)
            if (rule->comparisons[i].index == comparison->index)
                return fail_plain(err, EINVAL, "args[%zu]: argument %u is compared twice; write two rules for 'or'", at,
                                  comparison->index);
        rule->comparison_count++;
    }
    return 0;
}

static bool is_listed(json_t *list, const char *name)
{
    size_t at;
    json_t *listed;
    json_array_foreach(list, at, listed) if (strcmp(json_string_value(listed), name) == 0) return true;
    return false;
}

static int add_name(struct profile *profile, json_t *name, json_t *optional, struct rule *rule, struct error *err)
{
    char quoted[SYSCALL_NAME_MAX];
    const char *text = json_string_value(name);
    if (text == NULL || !text_copy(rule->name, sizeof rule->name, text)) {
        text_quote_json(text != NULL ? text : "", text != NULL ? strlen(text) : 0, quoted, sizeof quoted);
        return fail_plain(err, EINVAL, "names: '%s' is no system call", quoted);
    }
    int done = rule->verdict == SECCOMP_RET_ALLOW ? floor_check(rule, err) : 0;
    if (done < 0)
        return done;
    switch (syscall_find(text, &rule->number)) {
    case SYSCALL_HERE:
        return profile_add(profile, rule, err);
    case SYSCALL_ELSEWHERE:
        return 0;
    default:
        if (is_listed(optional, text))
            return 0;
        text_quote_json(text, strlen(text), quoted, sizeof quoted);
        return fail_plain(err, EINVAL,
                          "names: '%s' is no system call that is known here; list it in 'optional' if that is meant",
                          quoted);
    }
}

static int read_entry(struct profile *profile, json_t *entry, json_t *optional, struct error *err)
{
    struct rule rule = { 0 };
    int done = check_object(entry, entry_keys, err);
    if (done == 0)
        done = read_action(json_object_get(entry, "action"), json_object_get(entry, "errnoRet"), false, &rule.verdict,
                           err);
    if (done == 0)
        done = read_comparisons(json_object_get(entry, "args"), &rule, err);
    json_t *names = json_object_get(entry, "names");
    if (done == 0 && json_array_size(names) == 0)
        return fail_plain(err, EINVAL, "names: at least one");
    size_t at;
    json_t *name;
    json_array_foreach(names, at, name)
    {
        if (done < 0)
            break;
        done = add_name(profile, name, optional, &rule, err);
    }
    return done;
}

/* The rest of the top: lists that may be there, but say only what is so anyway. */
static int check_lists(json_t *root, struct error *err)
{
#if defined(__x86_64__)
    static const char native[] = "SCMP_ARCH_X86_64";
#else
    static const char native[] = "SCMP_ARCH_AARCH64";
#endif
    size_t at;
    json_t *item;
    json_array_foreach(json_object_get(root, "architectures"), at,
                       item) if (!json_is_string(item) ||
                                 strcmp(json_string_value(item), native) !=
                                     0) return fail_plain(err, EINVAL, "architectures: only %s, this machine's own",
                                                          native);
    if (json_array_size(json_object_get(root, "flags")) > 0)
        return fail_plain(err, EINVAL, "flags: none are supported");
    json_array_foreach(json_object_get(root, "optional"), at, item) if (!json_is_string(item)) return fail_plain(
        err, EINVAL, "optional[%zu]: must be a name", at);
    return 0;
}

static int read_profile(struct profile *profile, json_t *root, struct error *err)
{
    int done = check_object(root, profile_keys, err);
    if (done == 0)
        done = check_lists(root, err);
    if (done == 0)
        done = read_action(json_object_get(root, "defaultAction"), json_object_get(root, "defaultErrnoRet"), true,
                           &profile->default_verdict, err);
    json_t *optional = json_object_get(root, "optional"), *entry;
    size_t at;
    json_array_foreach(json_object_get(root, "syscalls"), at, entry)
    {
        if (done < 0)
            return done;
        done = read_entry(profile, entry, optional, err);
        if (done < 0)
            fail_in(err, "syscalls[%zu]", at);
    }
    return done;
}

int profile_parse(const char *name, const uint8_t *data, size_t size, struct profile **ret_profile, struct error *err)
{
    if (size > PROFILE_MAX_BYTES)
        return fail(err, EFBIG, "profile '%s'", name);
    json_error_t where;
    json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL) {
        char quoted[sizeof where.text * 2];
        text_quote_json(where.text, strlen(where.text), quoted, sizeof quoted);
        return fail_plain(err, EINVAL, "profile '%s': line %d, column %d: %s", name, where.line, where.column, quoted);
    }
    struct profile *profile = profile_new(name, SECCOMP_RET_KILL_PROCESS);
    int done = profile == NULL ? fail(err, ENOMEM, "profile '%s'", name) : read_profile(profile, root, err);
    json_decref(root);
    if (done < 0) {
        profile_free(profile);
        fail_in(err, "profile '%s'", name);
        return done;
    }
    *ret_profile = profile;
    return 0;
}
