/* Whether what commands have run fits together: the targets are there, their parameters are, and nothing goes in circles. */
#include "sallyport/policy/policy_follow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "sallyport/base/error.h"
#include "sallyport/policy/policy.h"

static int check_pass(const struct command *from, const struct command *target, const struct follow *follow,
                      const struct pass *pass, struct error *err)
{
    int index = command_find_param(target, pass->name);
    if (index < 0)
        return fail_plain(err, EINVAL, "command '%s' has no parameter '%s'", target->name, pass->name);
    const struct param *param = &target->params[index];
    if (param->rule.type == PARAM_SECRET || param->rule.type == PARAM_FILE)
        return fail_plain(err, EINVAL, "'%s' of '%s' is a %s, and no value that is written down is one", pass->name,
                          target->name, param->rule.type == PARAM_FILE ? "file" : "secret");
    if ((param->rule.type == PARAM_LIST) != pass->is_list || (!pass->is_list && pass->value_count != 1))
        return fail_plain(err, EINVAL, "'%s' of '%s' is %s", pass->name, target->name,
                          pass->is_list ? "a single value" : "a list");
    for (uint32_t i = 0; i < pass->value_count; i++) {
        const struct template *value = &pass->values[i];
        if (value->is_spread && !pass->is_list)
            return fail_plain(err, EINVAL, "'%s' takes one value", pass->name);
        if (template_check(from, value, follow->when != FOLLOW_STEP, err) < 0 ||
            template_check_no_file(from, value, err) < 0)
            return fail_in(err, "'%s'", pass->name);
        for (uint32_t j = 0; j < value->piece_count; j++) {
            uint32_t named = value->pieces[j].param;
            if (value->pieces[j].literal == NULL && !is_job_fact(named) &&
                from->params[named].rule.type == PARAM_SECRET)
                return fail_plain(err, EINVAL, "'%s': a secret cannot be passed on", pass->name);
        }
    }
    return 0;
}

static int check_follow(const struct policy *policy, const struct command *from, const struct follow *follow,
                        struct error *err)
{
    if (follow->command >= policy->command_count)
        return fail_plain(err, EINVAL, "a command that is not there");
    if (follow->when == FOLLOW_STEP && policy->commands[follow->command].keeps_metadata_only)
        return fail_plain(err, EINVAL, "'%s' keeps metadata only, and a step's values are kept until its turn comes",
                          policy->commands[follow->command].name);
    for (uint32_t i = 0; i < follow->pass_count; i++) {
        if (check_pass(from, &policy->commands[follow->command], follow, &follow->passes[i], err) < 0)
            return -err->code;
        for (uint32_t j = 0; j < i; j++)
            if (strcmp(follow->passes[i].name, follow->passes[j].name) == 0)
                return fail_plain(err, EINVAL, "'%s' is passed twice", follow->passes[i].name);
    }
    return 0;
}

/* What is being walked from `index` on; a command that is met again on the way is a circle. */
enum colour { COLOUR_NEW, COLOUR_ON_THE_WAY, COLOUR_DONE };

struct walk {
    const struct policy *policy;
    uint8_t *colours;
    uint32_t *way;
    uint32_t length;
};

static int name_circle(const struct walk *walk, uint32_t index, struct error *err)
{
    char text[ERROR_TEXT_MAX_BYTES / 2];
    size_t used = 0;
    uint32_t at = 0;
    while (walk->way[at] != index)
        at++;
    text[0] = '\0';
    for (; at < walk->length && used < sizeof text; at++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s, then ", walk->policy->commands[walk->way[at]].name);
    return fail_plain(err, ELOOP, "commands run in a circle: %s%s again", text, walk->policy->commands[index].name);
}

/* As deep as there are commands: 1024 at most. */
static int walk_from(struct walk *walk, uint32_t index, struct error *err)
{
    if (walk->colours[index] == COLOUR_DONE)
        return 0;
    if (walk->colours[index] == COLOUR_ON_THE_WAY)
        return name_circle(walk, index, err);
    walk->colours[index] = COLOUR_ON_THE_WAY;
    walk->way[walk->length++] = index;
    const struct command *command = &walk->policy->commands[index];
    for (uint32_t i = 0; i < command->follow_count; i++) {
        int done = walk_from(walk, command->follows[i].command, err);
        if (done < 0)
            return done;
    }
    walk->length--;
    walk->colours[index] = COLOUR_DONE;
    return 0;
}

static int check_circles(const struct policy *policy, struct error *err)
{
    struct walk walk = { .policy = policy };
    walk.colours = calloc(policy->command_count + 1, sizeof *walk.colours);
    walk.way = calloc(policy->command_count + 1, sizeof *walk.way);
    int done = 0;
    if (walk.colours == NULL || walk.way == NULL)
        done = fail(err, ENOMEM, "look for circles");
    else
        for (uint32_t i = 0; i < policy->command_count && done == 0; i++)
            done = walk_from(&walk, i, err);
    free(walk.colours);
    free(walk.way);
    return done;
}

int policy_check_follows(const struct policy *policy, struct error *err)
{
    for (uint32_t i = 0; i < policy->command_count; i++) {
        const struct command *command = &policy->commands[i];
        uint32_t steps = 0;
        for (uint32_t j = 0; j < command->follow_count; j++) {
            const struct follow *follow = &command->follows[j];
            if (check_follow(policy, command, follow, err) < 0)
                return fail_in(err, "command '%s': what it has run", command->name);
            if (follow->when == FOLLOW_STEP && steps++ != j)
                return fail_plain(err, EINVAL, "command '%s': its steps do not come first", command->name);
        }
        if (steps != command->step_count || (steps > 0 && command->parallel == 0))
            return fail_plain(err, EINVAL, "command '%s': its steps are miscounted", command->name);
    }
    return check_circles(policy, err);
}
