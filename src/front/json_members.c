#include "json_members.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/text.h"
#include "sallyport/limits.h"

#include "json_in.h"
#include "problem.h"

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

void json_pointer_add(char pointer[JSON_POINTER_BYTES], const char *key)
{
    size_t used = strlen(pointer);
    if (used + 1 < JSON_POINTER_BYTES)
        pointer[used++] = '/';
    for (; *key != '\0' && used + 3 < JSON_POINTER_BYTES; key++) {
        if (*key == '~' || *key == '/') {
            pointer[used++] = '~';
            pointer[used++] = *key == '~' ? '0' : '1';
        } else {
            pointer[used++] = *key;
        }
    }
    pointer[used] = '\0';
}

void json_fault(struct problem *problem, const char *parent, const char *key, const char *code, const char *detail)
{
    char pointer[JSON_POINTER_BYTES] = "";
    snprintf(pointer, sizeof pointer, "%s", parent);
    if (key != NULL)
        json_pointer_add(pointer, key);
    problem_add_error(problem, pointer, code, detail);
}

int json_take_members(json_t *object, const struct json_member *members, size_t member_count, void *target,
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
        json_fault(problem, "", key, "unknown-member", i < member_count ? "is not in this release" : "is not known");
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

int json_in_members(const void *body, size_t size, const struct json_member *members, size_t member_count, void *target,
                    struct problem *problem)
{
    json_t *object;
    int done = json_in_object(body, size, &object, problem);
    if (done < 0)
        return done;
    done = json_take_members(object, members, member_count, target, problem);
    json_decref(object);
    return done;
}

void json_take_text(json_t *value, const char *key, char *to, size_t room, struct problem *problem)
{
    if (!json_is_string(value))
        json_fault(problem, "", key, "type", "must be a string");
    else if (!text_copy(to, room, json_string_value(value)))
        json_fault(problem, "", key, "max_length", "is too long");
}

bool json_take_duration(json_t *value, const char *key, uint64_t max_ms, uint32_t *ret_ms, struct problem *problem)
{
    uint64_t ms;
    if (!json_is_string(value) || !text_duration_ms(json_string_value(value), &ms))
        json_fault(problem, "", key, "type", "must be a duration with its unit, such as \"30s\" or \"10m\"");
    else if (ms > max_ms)
        json_fault(problem, "", key, "max", "is too long");
    else {
        *ret_ms = (uint32_t)ms;
        return true;
    }
    return false;
}
