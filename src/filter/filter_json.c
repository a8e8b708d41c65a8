/*
 * A profile's JSON, read strictly. The form is the OCI runtime specification's `linux.seccomp` (config-linux.md, "Seccomp"), so
 * that existing profiles can be pasted; but those were written for readers that skip what they do not know, and a rule
 * that is skipped in silence is a hole. Refused, each with its line, the place and the reason:
 *
 *   - unknown or repeated keys, and Docker's includes, excludes and archMap, whose meaning depends on the container;
 *   - a default action other than SCMP_ACT_ERRNO or SCMP_ACT_KILL_PROCESS: what is not listed is not allowed;
 *   - architectures other than this machine's: a foreign one always ends the process;
 *   - flags: speculation barriers stay on, there is no listener, and kills are logged by the kernel anyway;
 *   - SCMP_ACT_KILL and SCMP_ACT_KILL_THREAD, which leave half a program behind; SCMP_ACT_TRAP, _TRACE, _NOTIFY, _LOG;
 *   - comparisons other than SCMP_CMP_EQ and SCMP_CMP_MASKED_EQ: the kernel reads most arguments as 32 bits, seccomp sees 64,
 *     so "greater" or "not equal" is passed with bit 32 set, and libseccomp 2.5.4 merges such rules wrongly;
 *   - SCMP_CMP_EQ in a rule that denies, for the same reason: MASKED_EQ with a mask of 32 bits looks at what the kernel does;
 *   - values above 32 bits for an argument of 32 bits (widths.c): the kernel would read another value than stands there;
 *   - one argument compared twice in a rule, which runtimes read as "or";
 *   - names that are no system call, unless `optional` (an addition of ours, a list of names) has them;
 *   - rules that contradict each other (profile.c), and what is below the hard floor (floor.c).
 */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "floor.h"
#include "place.h"
#include "profile.h"
#include "syscalls.h"
#include "widths.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#define ERRNO_MAX         4095 /* the kernel's own limit for SECCOMP_RET_ERRNO */
#define PROFILE_MAX_BYTES (256 * 1024)

/* What is being read, and where it stands: the place is that of the fault when something is refused. */
struct reading {
    struct profile *profile;
    json_t *optional;
    const char *text;
    size_t size;
    struct place place;
};

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

/* An object with exactly the keys that it may have. ret_key: the one that is wrong. */
static int check_object(json_t *object, const struct key *keys, const char **ret_key, struct error *err)
{
    if (!json_is_object(object))
        return fail_plain(err, EINVAL, "must be an object");
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        const struct key *key = find_key(keys, name);
        *ret_key = name;
        char quoted[NAME_MAX_BYTES];
        text_quote_json(name, strlen(name), quoted, sizeof quoted);
        if (key == NULL)
            return fail_plain(err, EINVAL, "unknown key '%s'", quoted);
        if (json_typeof(value) != key->type)
            return fail_plain(err, EINVAL, "'%s' has the wrong type", quoted);
    }
    *ret_key = NULL;
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

static int read_comparison(json_t *arg, bool is_allow, struct place *place, struct comparison *ret_comparison,
                           struct error *err)
{
    int done = check_object(arg, arg_keys, &place->key, err);
    if (done < 0)
        return done;
    json_int_t index = json_integer_value(json_object_get(arg, "index"));
    json_int_t value = json_integer_value(json_object_get(arg, "value"));
    json_int_t value_two = json_integer_value(json_object_get(arg, "valueTwo"));
    const char *op = json_string_value(json_object_get(arg, "op"));
    bool is_masked = strcmp(op, "SCMP_CMP_MASKED_EQ") == 0;

    place->key = "op";
    if (!is_masked && strcmp(op, "SCMP_CMP_EQ") != 0)
        return fail_plain(err, EINVAL, "op is SCMP_CMP_EQ or SCMP_CMP_MASKED_EQ; others are passed by setting bit 32");
    place->key = index < 0 || index >= PROFILE_ARGS ? "index" : value < 0 ? "value" : "valueTwo";
    if (index < 0 || index >= PROFILE_ARGS || value < 0 || value_two < 0)
        return fail_plain(err, EINVAL, "index is 0 to %d, and values are not negative", PROFILE_ARGS - 1);
    if (!is_masked && value_two != 0)
        return fail_plain(err, EINVAL, "valueTwo belongs to SCMP_CMP_MASKED_EQ only");
    place->key = "value";

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
    place->key = NULL;
    *ret_comparison = comparison;
    return 0;
}

static int read_comparisons(struct reading *reading, json_t *args, struct rule *rule, struct error *err)
{
    size_t at;
    json_t *arg;
    reading->place.list = "args";
    json_array_foreach(args, at, arg)
    {
        reading->place.item = at;
        if (rule->comparison_count == PROFILE_ARGS)
            return fail_plain(err, EINVAL, "args: more than %d", PROFILE_ARGS);
        struct comparison *comparison = &rule->comparisons[rule->comparison_count];
        int done = read_comparison(arg, rule->verdict == SECCOMP_RET_ALLOW, &reading->place, comparison, err);
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
    reading->place.list = NULL;
    return 0;
}

static bool is_listed(json_t *list, const char *name)
{
    size_t at;
    json_t *listed;
    json_array_foreach(list, at, listed) if (strcmp(json_string_value(listed), name) == 0) return true;
    return false;
}

/* The kernel would compare another value than the one that stands there: for an int, 4294967334 is 38. */
static int check_widths(const struct rule *rule, struct error *err)
{
    for (uint32_t i = 0; i < rule->comparison_count; i++) {
        const struct comparison *comparison = &rule->comparisons[i];
        if (comparison->value > UINT32_MAX && !argument_is_wide(rule->name, comparison->index))
            return fail_plain(err, EINVAL,
                              "%s: argument %u has 32 bits, and %#llx has more: the kernel would see %#llx", rule->name,
                              comparison->index, (unsigned long long)comparison->value,
                              (unsigned long long)(uint32_t)comparison->value);
    }
    return 0;
}

static int fail_unknown(const char *name, struct error *err)
{
    char quoted[SYSCALL_NAME_MAX];
    const char *nearest = syscall_nearest(name);
    text_quote_json(name, strlen(name), quoted, sizeof quoted);
    return fail_plain(err, EINVAL,
                      "names: '%s' is no system call that is known here%s%s%s; list it in 'optional' if that is meant",
                      quoted, nearest != NULL ? " (did you mean '" : "", nearest != NULL ? nearest : "",
                      nearest != NULL ? "'?)" : "");
}

static int add_name(struct reading *reading, json_t *name, struct rule *rule, struct error *err)
{
    char quoted[SYSCALL_NAME_MAX];
    const char *text = json_string_value(name);
    if (text == NULL || !text_copy(rule->name, sizeof rule->name, text)) {
        text_quote_json(text != NULL ? text : "", text != NULL ? strlen(text) : 0, quoted, sizeof quoted);
        return fail_plain(err, EINVAL, "names: '%s' is no system call", quoted);
    }
    int done = rule->verdict == SECCOMP_RET_ALLOW ? floor_check(rule, err) : 0;
    if (done == 0)
        done = check_widths(rule, err);
    if (done < 0)
        return done;
    switch (syscall_find(text, &rule->number)) {
    case SYSCALL_HERE:
        return profile_add(reading->profile, rule, err);
    case SYSCALL_ELSEWHERE:
        return 0;
    default:
        return is_listed(reading->optional, text) ? 0 : fail_unknown(text, err);
    }
}

static int read_entry(struct reading *reading, json_t *entry, struct error *err)
{
    struct place *place = &reading->place;
    struct rule rule = { .line = place_line(place, reading->text, reading->size) };
    int done = check_object(entry, entry_keys, &place->list, err);
    if (done < 0)
        return done;
    place->list = "action";
    done = read_action(json_object_get(entry, "action"), json_object_get(entry, "errnoRet"), false, &rule.verdict, err);
    if (done == 0)
        done = read_comparisons(reading, json_object_get(entry, "args"), &rule, err);
    if (done < 0)
        return done;
    json_t *names = json_object_get(entry, "names"), *name;
    place->list = "names";
    place->item = SIZE_MAX;
    if (json_array_size(names) == 0)
        return fail_plain(err, EINVAL, "names: at least one");
    json_array_foreach(names, place->item, name)
    {
        done = add_name(reading, name, &rule, err);
        if (done < 0)
            return done;
    }
    return 0;
}

/* The rest of the top: lists that may be there, but say only what is so anyway. */
static int check_lists(struct reading *reading, json_t *root, struct error *err)
{
#if defined(__x86_64__)
    static const char native[] = "SCMP_ARCH_X86_64";
#else
    static const char native[] = "SCMP_ARCH_AARCH64";
#endif
    struct place *place = &reading->place;
    json_t *item;
    place->top = "architectures";
    json_array_foreach(json_object_get(root, "architectures"), place->entry, item)
    {
        if (!json_is_string(item) || strcmp(json_string_value(item), native) != 0)
            return fail_plain(err, EINVAL, "architectures: only %s, this machine's own", native);
    }
    place->top = "flags";
    place->entry = SIZE_MAX;
    if (json_array_size(json_object_get(root, "flags")) > 0)
        return fail_plain(err, EINVAL, "flags: none are supported");
    place->top = "optional";
    json_array_foreach(json_object_get(root, "optional"), place->entry, item)
    {
        if (!json_is_string(item))
            return fail_plain(err, EINVAL, "optional[%zu]: must be a name", place->entry);
    }
    place->entry = SIZE_MAX;
    return 0;
}

static int read_profile(struct reading *reading, json_t *root, struct error *err)
{
    struct place *place = &reading->place;
    int done = check_object(root, profile_keys, &place->top, err);
    if (done == 0)
        done = check_lists(reading, root, err);
    if (done < 0)
        return done;
    place->top = "defaultAction";
    done = read_action(json_object_get(root, "defaultAction"), json_object_get(root, "defaultErrnoRet"), true,
                       &reading->profile->default_verdict, err);
    if (done < 0)
        return done;
    reading->optional = json_object_get(root, "optional");
    json_t *entry;
    size_t at;
    json_array_foreach(json_object_get(root, "syscalls"), at, entry)
    {
        *place = (struct place){ .top = "syscalls", .entry = at, .item = SIZE_MAX };
        done = read_entry(reading, entry, err);
        if (done < 0) {
            fail_in(err, "syscalls[%zu]", at);
            return done;
        }
    }
    return 0;
}

/* The model in ret_profile, or what is wrong and on which line. */
static int read_root(const char *name, const char *text, size_t size, json_t *root, struct profile **ret_profile,
                     struct error *err)
{
    struct reading reading = { .profile = profile_new(name, SECCOMP_RET_KILL_PROCESS),
                               .text = text,
                               .size = size,
                               .place = { .entry = SIZE_MAX, .item = SIZE_MAX } };
    if (reading.profile == NULL)
        return fail(err, ENOMEM, "profile '%s'", name);
    int done = read_profile(&reading, root, err);
    if (done < 0) {
        profile_free(reading.profile);
        fail_in(err, "profile '%s': line %u", name, place_line(&reading.place, text, size));
        return done;
    }
    *ret_profile = reading.profile;
    return 0;
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
    int done = read_root(name, (const char *)data, size, root, ret_profile, err);
    json_decref(root);
    return done;
}
