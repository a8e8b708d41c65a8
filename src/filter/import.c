#include "sallyport/filter/import.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "floor.h"
#include "import_args.h"
#include "profile.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "syscalls.h"

#define IMPORT_MAX_BYTES (256 * 1024)

/* As container engines call this machine. */
#if defined(__x86_64__)
#define ARCH_NAME "amd64"
#else
#define ARCH_NAME "arm64"
#endif

struct import {
    struct profile *profile; /* what was taken so far, as our own reader will see it */
    json_t *entries;         /* its `syscalls` */
    uint32_t default_verdict;
    size_t at; /* the entry being read */
    import_note *note;
    void *arg;
};

static void tell(struct import *import, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void tell(struct import *import, const char *format, ...)
{
    char sentence[ERROR_TEXT_MAX_BYTES * 2];
    va_list args;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    import->note(import->arg, sentence);
}

static bool lists(const json_t *object, const char *key, const char *word)
{
    size_t at;
    json_t *item;
    json_array_foreach(json_object_get(object, key), at, item)
    {
        if (json_is_string(item) && strcmp(json_string_value(item), word) == 0)
            return true;
    }
    return false;
}

/* Whether the entry is for a process without capabilities on this machine; else why not. */
static bool is_for_us(const json_t *entry, const char **ret_why)
{
    const json_t *includes = json_object_get(entry, "includes"), *excludes = json_object_get(entry, "excludes");
    *ret_why = NULL;
    if (json_array_size(json_object_get(includes, "caps")) > 0)
        *ret_why = "is for a capability, and a job has none";
    else if (json_array_size(json_object_get(includes, "arches")) > 0 && !lists(includes, "arches", ARCH_NAME))
        *ret_why = "is for other architectures";
    else if (lists(excludes, "arches", ARCH_NAME))
        *ret_why = "is not for this architecture";
    return *ret_why == NULL;
}

/* The verdict of an action in the words of runtimes; false for one that we do not have. */
static bool read_action(const char *action, const json_t *number, json_int_t fallback, uint32_t *ret_verdict)
{
    json_int_t code = json_is_integer(number) ? json_integer_value(number) : fallback;
    if (action == NULL)
        return false;
    if (strcmp(action, "SCMP_ACT_ALLOW") == 0)
        *ret_verdict = SECCOMP_RET_ALLOW;
    else if (strcmp(action, "SCMP_ACT_ERRNO") == 0 && code >= 1 && code <= 4095)
        *ret_verdict = SECCOMP_RET_ERRNO | (uint32_t)code;
    else if (strncmp(action, "SCMP_ACT_KILL", 13) == 0 || strcmp(action, "SCMP_ACT_TRAP") == 0)
        *ret_verdict = SECCOMP_RET_KILL_PROCESS;
    else
        return false;
    return true;
}

static json_t *json_args(const struct rule *rule)
{
    json_t *args = json_array();
    for (uint32_t i = 0; i < rule->comparison_count; i++) {
        const struct comparison *comparison = &rule->comparisons[i];
        bool is_masked = comparison->mask != FILTER_ALL_BITS;
        json_t *arg = json_object();
        json_object_set_new(arg, "index", json_integer(comparison->index));
        json_object_set_new(arg, "op", json_string(is_masked ? "SCMP_CMP_MASKED_EQ" : "SCMP_CMP_EQ"));
        json_object_set_new(arg, "value", json_integer((json_int_t)(is_masked ? comparison->mask : comparison->value)));
        if (is_masked)
            json_object_set_new(arg, "valueTwo", json_integer((json_int_t)comparison->value));
        json_array_append_new(args, arg);
    }
    return args;
}

/* Into the entry before if that differs only in the names. */
static void write_rule(struct import *import, const struct rule *rule)
{
    json_t *entry = json_object(), *last = json_array_get(import->entries, json_array_size(import->entries) - 1);
    if (rule->verdict == SECCOMP_RET_ALLOW || rule->verdict == SECCOMP_RET_KILL_PROCESS) {
        bool is_allow = rule->verdict == SECCOMP_RET_ALLOW;
        json_object_set_new(entry, "action", json_string(is_allow ? "SCMP_ACT_ALLOW" : "SCMP_ACT_KILL_PROCESS"));
    } else {
        json_object_set_new(entry, "action", json_string("SCMP_ACT_ERRNO"));
        json_object_set_new(entry, "errnoRet", json_integer(rule->verdict & SECCOMP_RET_DATA));
    }
    if (rule->comparison_count > 0)
        json_object_set_new(entry, "args", json_args(rule));
    json_t *names = json_incref(json_object_get(last, "names"));
    json_object_del(last, "names");
    bool is_same = names != NULL && json_equal(entry, last);
    if (names != NULL)
        json_object_set_new(last, "names", names);
    if (is_same) {
        json_array_append_new(names, json_string(rule->name));
        json_decref(entry);
        return;
    }
    json_object_set_new(entry, "names", json_pack("[s]", rule->name));
    json_array_append_new(import->entries, entry);
}

/* One rule, if our reader would take it. */
static void take_rule(struct import *import, struct rule *rule)
{
    struct error err;
    if (rule->verdict == SECCOMP_RET_ALLOW && floor_check(rule, &err) < 0) {
        tell(import, "%s left out: %s", rule->name, err.text);
        return;
    }
    if (profile_add(import->profile, rule, &err) < 0)
        tell(import, "%s left out: %s", rule->name, err.text);
    else if (rule->verdict != import->default_verdict) /* else it is answered so anyway */
        write_rule(import, rule);
}

/* Allowed without a condition where we know one: the rules that are the most of it that a profile may have. */
static bool take_narrowed(struct import *import, const struct rule *rule)
{
    struct rule narrow[NARROWED_MAX];
    size_t count = rule->verdict == SECCOMP_RET_ALLOW ? import_narrow(rule, narrow) : 0;
    if (count > 0)
        tell(import, "%s narrowed: %s", rule->name, import_narrowing_words(rule->name));
    for (size_t i = 0; i < count; i++)
        take_rule(import, &narrow[i]);
    return count > 0;
}

static void take_name(struct import *import, const char *name, struct rule *rules, size_t count)
{
    char quoted[SYSCALL_NAME_MAX * 2];
    uint32_t number;
    text_quote_json(name, strlen(name), quoted, sizeof quoted);
    enum syscall_known known = syscall_find(name, &number);
    if (known == SYSCALL_ELSEWHERE)
        return;
    if (known == SYSCALL_UNKNOWN || strlen(name) >= SYSCALL_NAME_MAX) {
        tell(import, "%s left out: no system call that is known here", quoted);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct rule rule = rules[i];
        text_copy(rule.name, sizeof rule.name, name);
        rule.number = number;
        if (!take_narrowed(import, &rule))
            take_rule(import, &rule);
    }
}

static void take_entry(struct import *import, json_t *entry)
{
    struct rule rules[IMPORT_RULES_MAX];
    size_t count = 0, at;
    json_t *name, *names = json_object_get(entry, "names");
    const char *why, *action = json_string_value(json_object_get(entry, "action"));
    const char *first = json_string_value(json_array_get(names, 0));
    uint32_t verdict;
    char text[ERROR_TEXT_MAX_BYTES], shown[SYSCALL_NAME_MAX * 2];
    text_quote_json(first != NULL ? first : "", first != NULL ? strlen(first) : 0, shown, sizeof shown);
    snprintf(text, sizeof text, "syscalls[%zu] (%s%s)", import->at, shown, json_array_size(names) > 1 ? ", ..." : "");
    if (!is_for_us(entry, &why)) {
        tell(import, "%s left out: it %s", text, why);
        return;
    }
    if (!read_action(action, json_object_get(entry, "errnoRet"), EPERM, &verdict)) {
        tell(import, "%s left out: its action is none that a profile may have", text);
        return;
    }
    if (!import_args(json_object_get(entry, "args"), verdict, rules, &count, &why)) {
        tell(import, "%s left out: %s", text, why);
        return;
    }
    if (why != NULL)
        tell(import, "%s rewritten: %s", text, why);
    json_array_foreach(names, at, name)
    {
        if (json_is_string(name))
            take_name(import, json_string_value(name), rules, count);
    }
}

static int read_default(struct import *import, const json_t *root, struct error *err)
{
    const json_t *number = json_object_get(root, "defaultErrnoRet");
    const char *action = json_string_value(json_object_get(root, "defaultAction"));
    if (action == NULL || !json_is_array(json_object_get(root, "syscalls")))
        return fail_plain(err, EINVAL, "no seccomp profile of a container runtime: it has defaultAction and syscalls");
    if (!read_action(action, number, EPERM, &import->default_verdict) || import->default_verdict == SECCOMP_RET_ALLOW)
        return fail_plain(err, EINVAL, "its default action allows what it does not name; that cannot become a profile");
    if (json_array_size(json_object_get(root, "archMap")) + json_array_size(json_object_get(root, "architectures")) > 0)
        tell(import, "architectures left out: a program of another one than this machine's is always killed");
    if (json_array_size(json_object_get(root, "flags")) > 0)
        tell(import, "flags left out: a profile has none");
    if (json_object_get(root, "listenerPath") != NULL)
        tell(import, "listenerPath left out: nobody else decides on calls");
    return 0;
}

/* What was written must be what our own reader and compiler take. */
static int prove(const char *text, struct error *err)
{
    struct profile *profile = NULL;
    auto_free uint8_t *program = NULL;
    uint32_t bytes;
    int done = profile_parse("imported", (const uint8_t *)text, strlen(text), &profile, err);
    if (done == 0)
        done = profile_compile(profile, &program, &bytes, err);
    profile_free(profile);
    return done;
}

static int write_profile(const struct import *import, char **ret_text, struct error *err)
{
    bool is_kill = import->default_verdict == SECCOMP_RET_KILL_PROCESS;
    json_t *root = json_object();
    json_object_set_new(root, "defaultAction", json_string(is_kill ? "SCMP_ACT_KILL_PROCESS" : "SCMP_ACT_ERRNO"));
    if (!is_kill)
        json_object_set_new(root, "defaultErrnoRet", json_integer(import->default_verdict & SECCOMP_RET_DATA));
    json_object_set(root, "syscalls", import->entries);
    auto_free char *text = json_dumps(root, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    json_decref(root);
    if (text == NULL)
        return fail(err, ENOMEM, "write the profile");
    int done = prove(text, err);
    if (done < 0)
        return done;
    *ret_text = text;
    text = NULL;
    return 0;
}

static int import_root(struct import *import, const json_t *root, char **ret_text, struct error *err)
{
    const json_t *inner = json_object_get(json_object_get(root, "linux"), "seccomp"); /* a container's config.json */
    if (inner != NULL)
        root = inner;
    int done = read_default(import, root, err);
    if (done < 0)
        return done;
    import->profile = profile_new("imported", import->default_verdict);
    import->entries = json_array();
    if (import->profile == NULL || import->entries == NULL)
        return fail(err, ENOMEM, "import");
    json_t *entry;
    json_array_foreach(json_object_get(root, "syscalls"), import->at, entry)
    {
        take_entry(import, entry);
    }
    return write_profile(import, ret_text, err);
}

int profile_import(const uint8_t *data, size_t size, import_note *note, void *arg, char **ret_text, struct error *err)
{
    struct import import = { .note = note, .arg = arg };
    json_error_t where;
    if (size > IMPORT_MAX_BYTES)
        return fail(err, EFBIG, "the file");
    json_t *root = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &where);
    if (root == NULL) {
        char quoted[sizeof where.text * 2];
        text_quote_json(where.text, strlen(where.text), quoted, sizeof quoted);
        return fail_plain(err, EINVAL, "line %d, column %d: %s", where.line, where.column, quoted);
    }
    int done = import_root(&import, root, ret_text, err);
    profile_free(import.profile);
    json_decref(import.entries);
    json_decref(root);
    return done;
}
