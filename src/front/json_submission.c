/* Bodies that become a submit: of a command, a sequence, or a job once more. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"

#include "json_in.h"
#include "json_members.h"
#include "problem.h"

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
            json_fault(problem, parent, name, "type", "must be a string, a number, true, false, or a list of these");
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
        char list[JSON_POINTER_BYTES], index[24];
        snprintf(list, sizeof list, "%s", parent);
        json_pointer_add(list, name);
        snprintf(index, sizeof index, "%zu", i);
        json_fault(problem, list, index, "type", "must be a string, a number, true or false");
    }
}

/* All of them, to what `out` holds already. */
static void add_params(struct writer *out, json_t *params, struct problem *problem)
{
    bool is_full = false;
    const char *name;
    json_t *param;
    json_object_foreach(params, name, param) add_param(out, "/params", name, param, &is_full, problem);
    if (is_full)
        json_fault(problem, "/params", NULL, "too_large",
                   "all parameters together are above 48 KiB; larger data goes by stdin or as a file");
}

static void take_params(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    if (!json_is_object(value)) {
        json_fault(problem, "/params", NULL, "type", "must be an object");
        return;
    }
    struct writer out = { submission->params, sizeof submission->params };
    add_params(&out, value, problem);
    submission->submit.params = (struct span){ submission->params, (uint32_t)(sizeof submission->params - out.left) };
}

static void take_labels(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    struct writer out = { submission->labels, sizeof submission->labels };
    if (!json_is_object(value) || json_object_size(value) > LABEL_COUNT_MAX) {
        json_fault(problem, "/labels", NULL, "type", "must be an object of at most 16 strings");
        return;
    }
    const char *name;
    json_t *label;
    json_object_foreach(value, name, label)
    {
        if (!json_is_string(label))
            json_fault(problem, "/labels", name, "type", "must be a string");
        else if (!entries_add_text(&out, ENTRY_LABEL, name, json_string_value(label), ""))
            json_fault(problem, "/labels", name, "too_large", "all labels together are too large");
    }
    submission->submit.labels = (struct span){ submission->labels, (uint32_t)(sizeof submission->labels - out.left) };
}

static void take_stdin(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    if (json_is_string(value))
        submission->stdin_text = json_incref(value);
    else
        json_fault(problem, "/stdin", NULL, "type", "must be a string");
}

static void take_submit_reason(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    json_take_text(value, "reason", submission->submit.reason, sizeof submission->submit.reason, problem);
}

static void take_timeout(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    uint32_t *timeout_ms = &submission->submit.timeout_ms;
    if (json_take_duration(value, "timeout", TIMEOUT_MAX_MS, timeout_ms, problem) && *timeout_ms == 0)
        json_fault(problem, "/timeout", NULL, "min", "must be longer than nothing");
}

static void take_priority(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    json_int_t number = json_integer_value(value);
    submission->submit.has_priority = json_is_integer(value) && number >= 0 && number <= PRIORITY_MAX;
    if (submission->submit.has_priority)
        submission->submit.priority = (uint8_t)number;
    else
        json_fault(problem, "/priority", NULL, "type", "must be a whole number from 0 to 9");
}

/* "NAME", or {"name": NAME, "url": URL}. Which there are, and what they take, the keeper knows. */
static void take_callback(json_t *value, void *target, struct problem *problem)
{
    struct msg_submit *submit = &((struct submission *)target)->submit;
    json_t *name = json_is_object(value) ? json_object_get(value, "name") : value;
    json_t *url = json_is_object(value) ? json_object_get(value, "url") : NULL;
    const char *key;
    json_t *member;
    if (!json_is_string(name) || !text_is_name(json_string_value(name)))
        json_fault(problem, "/callback", NULL, "type",
                   "must be the name of a callback, or an object such as {\"name\": NAME, \"url\": URL}");
    else
        text_copy(submit->callback, sizeof submit->callback, json_string_value(name));
    if (url != NULL && (!json_is_string(url) || json_string_length(url) == 0 ||
                        !text_copy(submit->callback_url, sizeof submit->callback_url, json_string_value(url))))
        json_fault(problem, "/callback", NULL, "type", "has a 'url' that is no text of 1 to 2047 bytes");
    json_object_foreach(value, key, member)
    {
        if (member != name && member != url)
            json_fault(problem, "/callback", key, "unknown-member", "is not known");
    }
}

static int parse_submission(const void *body, size_t size, const struct json_member *members, size_t member_count,
                            struct submission *ret_submission, struct problem *problem)
{
    ret_submission->submit = (struct msg_submit){ 0 };
    ret_submission->stdin_text = NULL;
    ret_submission->stdin_fd = ret_submission->files_fd = -1;
    int done = json_in_members(body, size, members, member_count, ret_submission, problem);
    if (done < 0)
        submission_done(ret_submission);
    return done;
}

int json_in_submit(const void *body, size_t size, struct submission *ret_submission, struct problem *problem)
{
    static const struct json_member members[] = {
        { "params", take_params },   { "stdin", take_stdin },
        { "labels", take_labels },   { "reason", take_submit_reason },
        { "timeout", take_timeout }, { "priority", take_priority },
        { "target", NULL },          { "callback", take_callback },
    };
    return parse_submission(body, size, members, sizeof members / sizeof members[0], ret_submission, problem);
}

int json_in_rerun(const void *body, size_t size, struct submission *ret_submission, struct problem *problem)
{
    static const struct json_member members[] = {
        { "labels", take_labels },     { "reason", take_submit_reason }, { "timeout", take_timeout },
        { "priority", take_priority }, { "callback", take_callback },
    };
    return parse_submission(body, size, members, sizeof members / sizeof members[0], ret_submission, problem);
}

int json_in_params(const void *body, size_t size, struct writer *out, struct problem *problem)
{
    json_t *object;
    int done = json_in_object(body, size, &object, problem);
    if (done < 0)
        return done;
    problem_init(problem, "params-invalid", "The body has faults, see errors.");
    add_params(out, object, problem);
    json_decref(object);
    return problem->errors == NULL ? 0 : -EINVAL;
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
    char params_at[JSON_POINTER_BYTES];
    const char *name;
    json_t *param;
    if (strcmp(key, "command") == 0 && json_is_string(value) && text_is_name(json_string_value(value))) {
        parts->command = json_string_value(value);
    } else if (strcmp(key, "command") == 0) {
        json_fault(problem, at, key, "type", "must be the name of a command");
    } else if (strcmp(key, "continue") == 0 && json_is_boolean(value)) {
        parts->continues = json_is_true(value);
    } else if (strcmp(key, "continue") == 0) {
        json_fault(problem, at, key, "type", "must be true or false");
    } else if (strcmp(key, "params") == 0 && json_is_object(value)) {
        struct writer out = { parts->params, sizeof parts->params };
        snprintf(params_at, sizeof params_at, "%s/params", at);
        json_object_foreach(value, name, param) add_param(&out, params_at, name, param, &parts->is_full, problem);
        parts->params_bytes = (uint32_t)(sizeof parts->params - out.left);
    } else if (strcmp(key, "params") == 0) {
        json_fault(problem, at, key, "type", "must be an object");
    } else {
        json_fault(problem, at, key, "unknown-member", "is not known");
    }
}

/* One step as an entry. */
static void add_step(struct writer *out, const char *at, json_t *value, bool *is_full, struct problem *problem)
{
    static struct step_parts parts; /* large, and one at a time */
    const char *key;
    json_t *member;
    if (!json_is_object(value)) {
        json_fault(problem, at, NULL, "type", "must be an object such as {\"command\": NAME, \"params\": {}}");
        return;
    }
    parts.command = NULL;
    parts.continues = parts.is_full = false;
    parts.params_bytes = 0;
    json_object_foreach(value, key, member) take_step_member(key, member, at, &parts, problem);
    if (json_object_get(value, "command") == NULL)
        json_fault(problem, at, "command", "required", "is required");
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
        json_fault(problem, "/steps", NULL, "type", "must be a list of 1 to 256 steps");
        return;
    }
    json_array_foreach(value, i, step)
    {
        char at[JSON_POINTER_BYTES];
        snprintf(at, sizeof at, "/steps/%zu", i);
        add_step(&out, at, step, &is_full, problem);
    }
    if (is_full)
        json_fault(problem, "/steps", NULL, "too_large", "all steps together are above 48 KiB");
    submission->submit.steps = (struct span){ submission->params, (uint32_t)(sizeof submission->params - out.left) };
}

static void take_parallel(json_t *value, void *target, struct problem *problem)
{
    struct submission *submission = target;
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 1 || number > STEP_COUNT_MAX)
        json_fault(problem, "/parallel", NULL, "type", "must be a whole number from 1 to 256");
    else
        submission->submit.parallel = (uint32_t)number;
}

int json_in_sequence(const void *body, size_t size, struct submission *ret_submission, struct problem *problem)
{
    static const struct json_member members[] = { { "steps", take_steps },      { "parallel", take_parallel },
                                                  { "labels", take_labels },    { "reason", take_submit_reason },
                                                  { "timeout", take_timeout },  { "priority", take_priority },
                                                  { "callback", take_callback } };
    int done = parse_submission(body, size, members, sizeof members / sizeof members[0], ret_submission, problem);
    if (done == 0 && ret_submission->submit.steps.size == 0) {
        problem_init(problem, "params-invalid", "The body must list steps.");
        problem_add_error(problem, "/steps", "required", "is required");
        return -EINVAL;
    }
    return done;
}

int json_in_values(json_t *params, json_t *steps, json_t *labels, struct submission *ret_submission,
                   struct problem *problem)
{
    ret_submission->submit = (struct msg_submit){ 0 };
    ret_submission->stdin_text = NULL;
    ret_submission->stdin_fd = ret_submission->files_fd = -1;
    problem_init(problem, "params-invalid", "The values are not what a command can be given.");
    if (params != NULL)
        take_params(params, ret_submission, problem);
    if (steps != NULL)
        take_steps(steps, ret_submission, problem);
    if (labels != NULL)
        take_labels(labels, ret_submission, problem);
    return problem->errors != NULL ? -EINVAL : 0;
}

void submission_done(struct submission *submission)
{
    json_decref(submission->stdin_text);
    submission->stdin_text = NULL;
    fd_close(&submission->stdin_fd);
    fd_close(&submission->files_fd);
}
