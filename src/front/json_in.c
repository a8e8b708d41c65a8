#include "json_in.h"

#include <errno.h>
#include <string.h>

#include "sallyport/json/signals.h"

#include "json_members.h"
#include "problem.h"

static void take_grace(json_t *value, void *target, struct problem *problem)
{
    struct msg_cancel *cancel = target;
    cancel->has_grace = json_take_duration(value, "grace", GRACE_MAX_MS, &cancel->grace_ms, problem);
}

static void take_cancel_reason(json_t *value, void *target, struct problem *problem)
{
    struct msg_cancel *cancel = target;
    json_take_text(value, "reason", cancel->reason, sizeof cancel->reason, problem);
}

int json_in_cancel(const void *body, size_t size, struct msg_cancel *ret_cancel, struct problem *problem)
{
    static const struct json_member members[] = { { "grace", take_grace }, { "reason", take_cancel_reason } };
    *ret_cancel = (struct msg_cancel){ 0 };
    return json_in_members(body, size, members, sizeof members / sizeof members[0], ret_cancel, problem);
}

int json_in_nothing(const void *body, size_t size, struct problem *problem)
{
    return json_in_members(body, size, NULL, 0, NULL, problem);
}

static void take_on(json_t *value, void *target, struct problem *problem)
{
    struct msg_drain *drain = target;
    if (json_is_boolean(value))
        drain->is_on = json_is_true(value);
    else
        json_fault(problem, "/on", NULL, "type", "must be true or false");
}

int json_in_drain(const void *body, size_t size, struct msg_drain *ret_drain, struct problem *problem)
{
    static const struct json_member members[] = { { "on", take_on } };
    *ret_drain = (struct msg_drain){ .is_on = true };
    return json_in_members(body, size, members, sizeof members / sizeof members[0], ret_drain, problem);
}

static void take_signal(json_t *value, void *target, struct problem *problem)
{
    struct msg_signal *signal = target;
    const char *name = json_is_string(value) ? json_string_value(value) : "";
    signal->signal = (uint8_t)signal_number(strncmp(name, "SIG", 3) == 0 ? name + 3 : name);
    if (signal->signal == 0)
        json_fault(problem, "/signal", NULL, "enum", "must be the name of a signal, such as \"HUP\"");
}

int json_in_signal(const void *body, size_t size, struct msg_signal *ret_signal, struct problem *problem)
{
    static const struct json_member members[] = { { "signal", take_signal } };
    *ret_signal = (struct msg_signal){ 0 };
    int done = json_in_members(body, size, members, sizeof members / sizeof members[0], ret_signal, problem);
    if (done == 0 && ret_signal->signal == 0) {
        problem_init(problem, "params-invalid", "The body must name a signal.");
        problem_add_error(problem, "/signal", "required", "is required");
        return -EINVAL;
    }
    return done;
}

static void take_pause_reason(json_t *value, void *target, struct problem *problem)
{
    struct msg_pause *pause = target;
    json_take_text(value, "reason", pause->reason, sizeof pause->reason, problem);
}

static void take_pause_queue(json_t *value, void *target, struct problem *problem)
{
    struct msg_pause *pause = target;
    pause->refuses = json_is_false(value);
    if (!json_is_boolean(value))
        json_fault(problem, "/queue", NULL, "type", "must be true or false");
}

int json_in_pause(const void *body, size_t size, struct msg_pause *ret_pause, struct problem *problem)
{
    static const struct json_member members[] = { { "reason", take_pause_reason }, { "queue", take_pause_queue } };
    *ret_pause = (struct msg_pause){ 0 };
    return json_in_members(body, size, members, sizeof members / sizeof members[0], ret_pause, problem);
}

int json_in_resume(const void *body, size_t size, struct msg_pause *ret_resume, struct problem *problem)
{
    *ret_resume = (struct msg_pause){ .is_resume = true };
    return json_in_members(body, size, NULL, 0, ret_resume, problem);
}
