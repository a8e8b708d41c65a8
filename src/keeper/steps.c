#include "steps.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "authorize.h"
#include "keeper.h"
#include "submit.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/policy/pins.h"
#include "sallyport/policy/policy_follow.h"
#include "sallyport/proto/entries.h"

#define ERRORS_MAX_BYTES 8192

/* One step on its way. */
struct step {
    uint32_t index; /* from 1 */
    char command[NAME_MAX_BYTES];
    bool continues;
    struct span params;
};

typedef int visit_step(struct keeper *keeper, const struct submit *submit, const struct step *step, void *arg,
                       struct error *err);

static int each_listed(struct keeper *keeper, const struct submit *submit, visit_step *visit, void *arg,
                       struct error *err)
{
    static uint8_t room[PARAMS_MAX_BYTES]; /* large, and one at a time */
    const struct policy *policy = keeper->rules.policy;
    const struct command *command = submit->command;
    for (uint32_t i = 0; i < command->step_count; i++) {
        const struct follow *follow = &command->follows[i];
        struct writer out = { room, sizeof room };
        int done = follow_expand(policy, command, follow, submit->given, NULL, &out, err);
        if (done < 0)
            return fail_in(err, "step %u", i + 1);
        struct step step = { .index = i + 1,
                             .continues = follow->continues,
                             .params = { room, (uint32_t)(sizeof room - out.left) } };
        text_copy(step.command, sizeof step.command, policy->commands[follow->command].name);
        done = visit(keeper, submit, &step, arg, err);
        if (done < 0)
            return done;
    }
    return 0;
}

static int each_given(struct keeper *keeper, const struct submit *submit, visit_step *visit, void *arg,
                      struct error *err)
{
    struct reader in = { submit->asked->steps.data, submit->asked->steps.size };
    struct entry entry;
    int got;
    for (uint32_t index = 1; (got = entries_next(&in, &entry)) > 0; index++) {
        struct step step = { .index = index, .continues = entry.extra.size > 0, .params = entry.value };
        if (entry.kind != ENTRY_STEP || index > STEP_COUNT_MAX ||
            !text_copy_bytes(step.command, sizeof step.command, entry.name.data, entry.name.size))
            return fail_plain(err, EBADMSG, "steps that are none");
        int done = visit(keeper, submit, &step, arg, err);
        if (done < 0)
            return done;
    }
    return got < 0 ? fail_plain(err, EBADMSG, "steps that are cut short") : 0;
}

static int each(struct keeper *keeper, const struct submit *submit, visit_step *visit, void *arg, struct error *err)
{
    return submit->is_ad_hoc ? each_given(keeper, submit, visit, arg, err)
                             : each_listed(keeper, submit, visit, arg, err);
}

static int count_one(struct keeper *keeper, const struct submit *submit, const struct step *step, void *arg,
                     struct error *err)
{
    (void)keeper;
    (void)submit;
    (void)err;
    *(uint32_t *)arg = step->index;
    return 0;
}

int steps_count(const struct submit *submit, struct error *err)
{
    uint32_t count = submit->command->step_count;
    if (submit->is_ad_hoc) {
        count = 0;
        int done = each_given(NULL, submit, count_one, &count, err);
        if (done < 0)
            return done;
    }
    return (int)count;
}

/* A fault of one step, where the caller can find it: in a list of the caller's by its place, else by its number. */
static void add_fault(const struct submit *submit, const struct step *step, struct writer *errors, struct span where,
                      const char *code, const char *detail)
{
    char pointer[2 * NAME_MAX_BYTES], text[ERROR_TEXT_MAX_BYTES];
    if (submit->is_ad_hoc) {
        snprintf(pointer, sizeof pointer, "/steps/%u%.*s", step->index - 1, (int)where.size, (const char *)where.data);
        entries_add_text(errors, ENTRY_ERROR, pointer, code, detail);
    } else {
        snprintf(text, sizeof text, "step %u (%s)%s%.*s %s", step->index, step->command, where.size > 0 ? ": " : "",
                 (int)where.size, (const char *)where.data, detail);
        entries_add_text(errors, ENTRY_ERROR, "/params", code, text);
    }
}

static struct span span_of(const char *text)
{
    return (struct span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

static void add_faults(const struct submit *submit, const struct step *step, struct writer *errors, struct span found)
{
    struct reader in = { found.data, found.size };
    struct entry entry;
    while (entries_next(&in, &entry) > 0) {
        char code[NAME_MAX_BYTES], detail[ERROR_TEXT_MAX_BYTES];
        text_copy_bytes(code, sizeof code, entry.value.data, entry.value.size);
        text_copy_bytes(detail, sizeof detail, entry.extra.data, entry.extra.size);
        add_fault(submit, step, errors, entry.name, code, detail);
    }
}

static void check_params(struct keeper *keeper, const struct submit *submit, const struct step *step, uint32_t target,
                         struct writer *errors, struct error *err)
{
    uint8_t room[ERRORS_MAX_BYTES];
    struct writer found = { room, sizeof room };
    if (matcher_check(keeper->rules.matcher, target, step->params, &found, err) == 0)
        return;
    add_faults(submit, step, errors, (struct span){ room, (uint32_t)(sizeof room - found.left) });
    if (found.left == sizeof room)
        add_fault(submit, step, errors, span_of("/params"), "type", "are no parameters");
}

static void check_secrets(const struct submit *submit, const struct step *step, const struct command *target,
                          struct writer *errors)
{
    struct reader in = { step->params.data, step->params.size };
    struct entry entry;
    while (entries_next(&in, &entry) > 0)
        for (uint32_t i = 0; i < target->param_count; i++)
            if (target->params[i].rule.type == PARAM_SECRET && span_is(entry.name, target->params[i].name))
                add_fault(submit, step, errors, span_of("/params"), "secret",
                          "a step cannot be given a secret, for its values are kept until its turn comes");
}

static int check_one(struct keeper *keeper, const struct submit *submit, const struct step *step, void *arg,
                     struct error *err)
{
    struct writer *errors = arg;
    const struct caller *who = submit->request->who;
    int index = policy_find_command(keeper->rules.policy, step->command);
    const struct command *target = index >= 0 ? &keeper->rules.policy->commands[index] : NULL;
    if (target == NULL || (submit->is_ad_hoc && !may_see(who, step->command)))
        add_fault(submit, step, errors, span_of("/command"), "unknown", "there is no such command");
    else if (submit->is_ad_hoc && !may_run(who, step->command))
        add_fault(submit, step, errors, span_of("/command"), "forbidden", "this needs the scope run: of the command");
    else if (target->keeps_metadata_only)
        add_fault(submit, step, errors, span_of("/command"), "metadata_only",
                  "cannot be a step: it keeps metadata only, and a step's values are kept until its turn comes");
    else {
        check_secrets(submit, step, target, errors);
        check_params(keeper, submit, step, (uint32_t)index, errors, err);
    }
    return 0;
}

int steps_check(struct keeper *keeper, const struct submit *submit, struct writer *errors, struct error *err)
{
    int done = each(keeper, submit, check_one, errors, err);
    if (done == -EINVAL || done == -EMSGSIZE) { /* a value of the caller's does not go where it is passed to */
        entries_add_text(errors, ENTRY_ERROR, "/params", "step", err->text);
        return 0;
    }
    return done;
}

/* The caller, and what its steps may not say. */
struct pin_check {
    const struct caller *who;
    struct writer *errors;
    int refused;
};

static int check_pins_of_one(struct keeper *keeper, const struct submit *submit, const struct step *step, void *arg,
                             struct error *err)
{
    struct pin_check *check = arg;
    uint8_t room[ERRORS_MAX_BYTES];
    struct writer found = { room, sizeof room };
    int index = policy_find_command(keeper->rules.policy, step->command);
    if (index < 0)
        return 0;
    int refused = pins_check(&keeper->rules.policy->commands[index], step->params, check->who->pins,
                             check->who->pin_count, &found, err);
    if (refused < 0)
        return refused;
    check->refused += refused;
    add_faults(submit, step, check->errors, (struct span){ room, (uint32_t)(sizeof room - found.left) });
    return 0;
}

int steps_check_pins(struct keeper *keeper, const struct submit *submit, const struct caller *who,
                     struct writer *errors, struct error *err)
{
    struct pin_check check = { .who = who, .errors = errors };
    int done = each(keeper, submit, check_pins_of_one, &check, err);
    return done < 0 ? done : check.refused;
}

static int store_one(struct keeper *keeper, const struct submit *submit, const struct step *step, void *arg,
                     struct error *err)
{
    struct job_step record = { .index = step->index, .continues = step->continues, .params = step->params };
    (void)submit;
    text_copy(record.command, sizeof record.command, step->command);
    return store_step_add(keeper->store, arg, &record, err);
}

int steps_store(struct keeper *keeper, const struct submit *submit, const struct job_id *parent, struct error *err)
{
    return each(keeper, submit, store_one, (void *)(uintptr_t)parent, err);
}
