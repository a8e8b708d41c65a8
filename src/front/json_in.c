#include "json_in.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"

#include "problem.h"
#include "signals.h"

#define POINTER_BYTES 320 /* of a name that is cut for the answer */

/* A member of a body: who reads it into the target. A row without reader is a name that a later release has. */
struct member {
    const char *name;
    void (*take)(json_t *value, void *target, struct problem *problem);
};

static bool is_too_deep(const json_t *value, unsigned depth)
{
    if (!json_is_object(value) && !json_is_array(value))
        return false;
    if (depth == 0)
        return true;
    const char *key;
    json_t *child;
    size_t i;
    json_array_foreach(value, i, child) if (is_too_deep(child, depth - 1)) return true;
    /* jansson's iterators take no const, and change nothing. */
    json_t *object = (json_t *)(uintptr_t)value;
    json_object_foreach(object, key, child) if (is_too_deep(child, depth - 1)) return true;
    return false;
}

int json_in_object(const void *body, size_t size, json_t **ret_object, struct problem *problem)
{
    if (size == 0) {
        *ret_object = json_object();
        return 0;
    }
    json_error_t error;
    json_t *root = json_loadb(body, size, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        char where[64];
        snprintf(where, sizeof where, "line %d, column %d", error.line, error.column);
        problem_init(problem, "bad-json", "The body is no JSON at %s: %.160s.", where, error.text);
        problem_add_error(problem, "", "bad-json", where);
        return -EINVAL;
    }
    if (!json_is_object(root)) {
        problem_init(problem, "bad-json", "The body must be a JSON object.");
    } else if (is_too_deep(root, REQUEST_JSON_MAX_DEPTH)) {
        problem_init(problem, "bad-json", "The body is nested more than %d levels deep.", REQUEST_JSON_MAX_DEPTH);
    } else {
        *ret_object = root;
        return 0;
    }
    json_decref(root);
    return -EINVAL;
}

/* Appends "/KEY" to a pointer, escaped as RFC 6901 says; a name that does not fit is cut. */
static void pointer_add(char pointer[POINTER_BYTES], const char *key)
{
    size_t used = strlen(pointer);
    if (used + 1 < POINTER_BYTES)
        pointer[used++] = '/';
    for (; *key != '\0' && used + 3 < POINTER_BYTES; key++) {
        if (*key == '~' || *key == '/') {
            pointer[used++] = '~';
            pointer[used++] = *key == '~' ? '0' : '1';
        } else {
            pointer[used++] = *key;
        }
    }
    pointer[used] = '\0';
}

static void fault(struct problem *problem, const char *parent, const char *key, const char *code, const char *detail)
{
    char pointer[POINTER_BYTES] = "";
    snprintf(pointer, sizeof pointer, "%s", parent);
    if (key != NULL)
        pointer_add(pointer, key);
    problem_add_error(problem, pointer, code, detail);
}

static int take_members(json_t *object, const struct member *members, size_t member_count, void *target,
                        struct problem *problem)
{
    bool has_unknown = false;
    const char *key;
    json_t *value;
    problem_init(problem, "params-invalid", "%s", "");
    json_object_foreach(object, key, value)
    {
        size_t i = 0;
        while (i < member_count && strcmp(members[i].name, key) != 0)
            i++;
        if (i < member_count && members[i].take != NULL) {
            members[i].take(value, target, problem);
            continue;
        }
        has_unknown = true;
        fault(problem, "", key, "unknown-member", i < member_count ? "is not in this release" : "is not known");
    }
    if (problem->errors == NULL)
        return 0;
    json_t *errors = problem->errors;
    size_t count = json_array_size(errors);
    problem_init(problem, has_unknown ? "unknown-member" : "params-invalid", "The body has %zu fault%s, see errors.",
                 count, count == 1 ? "" : "s");
    problem->errors = errors;
    return -EINVAL;
}

static int parse_members(const void *body, size_t size, const struct member *members, size_t member_count, void *target,
                         struct problem *problem)
{
    json_t *object;
    int done = json_in_object(body, size, &object, problem);
    if (done < 0)
        return done;
    done = take_members(object, members, member_count, target, problem);
    json_decref(object);
    return done;
}

static void take_text(json_t *value, const char *key, char *to, size_t room, struct problem *problem)
{
    if (!json_is_string(value))
        fault(problem, "", key, "type", "must be a string");
    else if (!text_copy(to, room, json_string_value(value)))
        fault(problem, "", key, "max_length", "is too long");
}

static bool take_duration(json_t *value, const char *key, uint64_t max_ms, uint32_t *ret_ms, struct problem *problem)
{
    uint64_t ms;
    if (!json_is_string(value) || !text_duration_ms(json_string_value(value), &ms))
        fault(problem, "", key, "type", "must be a duration with its unit, such as \"30s\" or \"10m\"");
    else if (ms > max_ms)
        fault(problem, "", key, "max", "is too long");
    else {
        *ret_ms = (uint32_t)ms;
        return true;
    }
    return false;
}

static struct span span_of(const char *text, size_t size)
{
    return (struct span){ (const uint8_t *)text, (uint32_t)size };
}

/* One scalar as an entry. False: it is none, or the room is used up (then *is_full). */
static bool add_scalar(struct writer *out, const char *name, json_t *value, uint8_t kind_base, bool *is_full)
{
    char text[40];
    const char *from = text;
    size_t size;
    uint8_t kind;
    if (json_is_string(value)) {
        kind = ENTRY_STRING;
        from = json_string_value(value);
        size = json_string_length(value);
    } else if (json_is_integer(value)) {
        kind = ENTRY_INTEGER;
        size = (size_t)snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
    } else if (json_is_real(value)) {
        kind = ENTRY_REAL;
        size = (size_t)snprintf(text, sizeof text, "%.17g", json_real_value(value));
    } else if (json_is_boolean(value)) {
        kind = ENTRY_BOOL;
        from = json_is_true(value) ? "true" : "false";
        size = strlen(from);
    } else {
        return false;
    }
    if (entries_add(out, (uint8_t)(kind_base + kind), span_of(name, strlen(name)), span_of(from, size),
                    (struct span){ 0 }))
        return true;
    *is_full = true;
    return false;
}

/* parent: where the parameters stand, "/params". */
static void add_param(struct writer *out, const char *parent, const char *name, json_t *value, bool *is_full,
                      struct problem *problem)
{
    if (!json_is_array(value)) {
        if (!add_scalar(out, name, value, 0, is_full) && !*is_full)
            fault(problem, parent, name, "type", "must be a string, a number, true, false, or a list of these");
        return;
    }
    if (!entries_add_text(out, ENTRY_LIST, name, "", ""))
        *is_full = true;
    size_t i;
    json_t *item;
    json_array_foreach(value, i, item)
    {
        if (add_scalar(out, name, item, ENTRY_ITEM, is_full) || *is_full)
            continue;
        char list[POINTER_BYTES], index[24];
        snprintf(list, sizeof list, "%s", parent);
        pointer_add(list, name);
        snprintf(index, sizeof index, "%zu", i);
        fault(problem, list, index, "type", "must be a string, a number, true or false");
    }
}

static void take_params(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    if (!json_is_object(value)) {
        fault(problem, "/params", NULL, "type", "must be an object");
        return;
    }
    struct writer out = { submission->params, sizeof submission->params };
    bool is_full = false;
    const char *name;
    json_t *param;
    json_object_foreach(value, name, param) add_param(&out, "/params", name, param, &is_full, problem);
    if (is_full)
        fault(problem, "/params", NULL, "too_large",
              "all parameters together are above 48 KiB; larger data goes by stdin");
    submission->submit.params = (struct span){ submission->params, (uint32_t)(sizeof submission->params - out.left) };
}

static void take_labels(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    struct writer out = { submission->labels, sizeof submission->labels };
    if (!json_is_object(value) || json_object_size(value) > LABEL_COUNT_MAX) {
        fault(problem, "/labels", NULL, "type", "must be an object of at most 16 strings");
        return;
    }
    const char *name;
    json_t *label;
    json_object_foreach(value, name, label)
    {
        if (!json_is_string(label))
            fault(problem, "/labels", name, "type", "must be a string");
        else if (!entries_add_text(&out, ENTRY_LABEL, name, json_string_value(label), ""))
            fault(problem, "/labels", name, "too_large", "all labels together are too large");
    }
    submission->submit.labels = (struct span){ submission->labels, (uint32_t)(sizeof submission->labels - out.left) };
}

static void take_stdin(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    if (json_is_string(value))
        submission->stdin_text = json_incref(value);
    else
        fault(problem, "/stdin", NULL, "type", "must be a string");
}

static void take_submit_reason(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    take_text(value, "reason", submission->submit.reason, sizeof submission->submit.reason, problem);
}

static void take_timeout(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    uint32_t *timeout_ms = &submission->submit.timeout_ms;
    if (take_duration(value, "timeout", TIMEOUT_MAX_MS, timeout_ms, problem) && *timeout_ms == 0)
        fault(problem, "/timeout", NULL, "min", "must be longer than nothing");
}

int json_in_submit(const void *body, size_t size, struct submission *ret_submission, struct problem *problem)
{
    static const struct member members[] = {
        { "params", take_params },   { "stdin", take_stdin },
        { "labels", take_labels },   { "reason", take_submit_reason },
        { "timeout", take_timeout }, { "target", NULL },
        { "callback", NULL },
    };
    ret_submission->submit = (struct msg_submit){ 0 };
    ret_submission->stdin_text = NULL;
    int done = parse_members(body, size, members, sizeof members / sizeof members[0], ret_submission, problem);
    if (done < 0)
        submission_done(ret_submission);
    return done;
}

struct step_parts {
    const char *command;
    bool continues, is_full;
    uint8_t params[PARAMS_MAX_BYTES];
    uint32_t params_bytes;
};

static void take_step_member(const char *key, json_t *value, const char *at, struct step_parts *parts,
                             struct problem *problem)
{
    char params_at[POINTER_BYTES];
    const char *name;
    json_t *param;
    if (strcmp(key, "command") == 0 && json_is_string(value) && text_is_name(json_string_value(value))) {
        parts->command = json_string_value(value);
    } else if (strcmp(key, "command") == 0) {
        fault(problem, at, key, "type", "must be the name of a command");
    } else if (strcmp(key, "continue") == 0 && json_is_boolean(value)) {
        parts->continues = json_is_true(value);
    } else if (strcmp(key, "continue") == 0) {
        fault(problem, at, key, "type", "must be true or false");
    } else if (strcmp(key, "params") == 0 && json_is_object(value)) {
        struct writer out = { parts->params, sizeof parts->params };
        snprintf(params_at, sizeof params_at, "%s/params", at);
        json_object_foreach(value, name, param) add_param(&out, params_at, name, param, &parts->is_full, problem);
        parts->params_bytes = (uint32_t)(sizeof parts->params - out.left);
    } else if (strcmp(key, "params") == 0) {
        fault(problem, at, key, "type", "must be an object");
    } else {
        fault(problem, at, key, "unknown-member", "is not known");
    }
}

/* One step as an entry. */
static void add_step(struct writer *out, const char *at, json_t *value, bool *is_full, struct problem *problem)
{
    static struct step_parts parts; /* large, and one at a time */
    const char *key;
    json_t *member;
    if (!json_is_object(value)) {
        fault(problem, at, NULL, "type", "must be an object such as {\"command\": NAME, \"params\": {}}");
        return;
    }
    parts.command = NULL;
    parts.continues = parts.is_full = false;
    parts.params_bytes = 0;
    json_object_foreach(value, key, member) take_step_member(key, member, at, &parts, problem);
    if (json_object_get(value, "command") == NULL)
        fault(problem, at, "command", "required", "is required");
    *is_full |= parts.is_full;
    if (parts.command != NULL &&
        !entries_add(out, ENTRY_STEP, span_of(parts.command, strlen(parts.command)),
                     (struct span){ parts.params, parts.params_bytes }, span_of("continue", parts.continues ? 8 : 0)))
        *is_full = true;
}

static void take_steps(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    struct writer out = { submission->params, sizeof submission->params };
    bool is_full = false;
    size_t i, count = json_array_size(value);
    json_t *step;
    if (!json_is_array(value) || count == 0 || count > STEP_COUNT_MAX) {
        fault(problem, "/steps", NULL, "type", "must be a list of 1 to 256 steps");
        return;
    }
    json_array_foreach(value, i, step)
    {
        char at[POINTER_BYTES];
        snprintf(at, sizeof at, "/steps/%zu", i);
        add_step(&out, at, step, &is_full, problem);
    }
    if (is_full)
        fault(problem, "/steps", NULL, "too_large", "all steps together are above 48 KiB");
    submission->submit.steps = (struct span){ submission->params, (uint32_t)(sizeof submission->params - out.left) };
}

static void take_parallel(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 1 || number > STEP_COUNT_MAX)
        fault(problem, "/parallel", NULL, "type", "must be a whole number from 1 to 256");
    else
        submission->submit.parallel = (uint32_t)number;
}

int json_in_sequence(const void *body, size_t size, struct submission *ret_submission, struct problem *problem)
{
    static const struct member members[] = { { "steps", take_steps },
                                             { "parallel", take_parallel },
                                             { "labels", take_labels },
                                             { "reason", take_submit_reason },
                                             { "timeout", take_timeout } };
    ret_submission->submit = (struct msg_submit){ 0 };
    ret_submission->stdin_text = NULL;
    int done = parse_members(body, size, members, sizeof members / sizeof members[0], ret_submission, problem);
    if (done == 0 && ret_submission->submit.steps.size == 0) {
        problem_init(problem, "params-invalid", "The body must list steps.");
        problem_add_error(problem, "/steps", "required", "is required");
        return -EINVAL;
    }
    return done;
}

static void take_grace(json_t *value, void *target, struct problem *problem)
{
    struct msg_cancel *cancel = target;
    cancel->has_grace = take_duration(value, "grace", GRACE_MAX_MS, &cancel->grace_ms, problem);
}

static void take_cancel_reason(json_t *value, void *target, struct problem *problem)
{
    struct msg_cancel *cancel = target;
    take_text(value, "reason", cancel->reason, sizeof cancel->reason, problem);
}

int json_in_cancel(const void *body, size_t size, struct msg_cancel *ret_cancel, struct problem *problem)
{
    static const struct member members[] = { { "grace", take_grace }, { "reason", take_cancel_reason } };
    *ret_cancel = (struct msg_cancel){ 0 };
    return parse_members(body, size, members, sizeof members / sizeof members[0], ret_cancel, problem);
}

int json_in_nothing(const void *body, size_t size, struct problem *problem)
{
    return parse_members(body, size, NULL, 0, NULL, problem);
}

static void take_on(json_t *value, void *target, struct problem *problem)
{
    struct msg_drain *drain = target;
    if (json_is_boolean(value))
        drain->is_on = json_is_true(value);
    else
        fault(problem, "/on", NULL, "type", "must be true or false");
}

int json_in_drain(const void *body, size_t size, struct msg_drain *ret_drain, struct problem *problem)
{
    static const struct member members[] = { { "on", take_on } };
    *ret_drain = (struct msg_drain){ .is_on = true };
    return parse_members(body, size, members, sizeof members / sizeof members[0], ret_drain, problem);
}

static void take_signal(json_t *value, void *target, struct problem *problem)
{
    struct msg_signal *signal = target;
    const char *name = json_is_string(value) ? json_string_value(value) : "";
    signal->signal = (uint8_t)signal_number(strncmp(name, "SIG", 3) == 0 ? name + 3 : name);
    if (signal->signal == 0)
        fault(problem, "/signal", NULL, "enum", "must be the name of a signal, such as \"HUP\"");
}

int json_in_signal(const void *body, size_t size, struct msg_signal *ret_signal, struct problem *problem)
{
    static const struct member members[] = { { "signal", take_signal } };
    *ret_signal = (struct msg_signal){ 0 };
    int done = parse_members(body, size, members, sizeof members / sizeof members[0], ret_signal, problem);
    if (done == 0 && ret_signal->signal == 0) {
        problem_init(problem, "params-invalid", "The body must name a signal.");
        problem_add_error(problem, "/signal", "required", "is required");
        return -EINVAL;
    }
    return done;
}

void submission_done(struct submission *submission)
{
    json_decref(submission->stdin_text);
    submission->stdin_text = NULL;
}
