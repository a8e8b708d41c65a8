#include "sallyport/policy/policy.h"

#include <stdlib.h>
#include <string.h>

static void free_texts(char **texts, uint32_t count)
{
    for (uint32_t i = 0; texts != NULL && i < count; i++)
        free(texts[i]);
    free(texts);
}

static void rule_done(struct param_rule *rule)
{
    free(rule->pattern);
    free_texts(rule->values, rule->value_count);
}

static void param_done(struct param *param)
{
    rule_done(&param->rule);
    rule_done(&param->item);
    free_texts(param->default_values, param->default_count);
    free(param->help);
    free(param->example);
}

static void template_done(struct template *template)
{
    for (uint32_t i = 0; template->pieces != NULL && i < template->piece_count; i++)
        free(template->pieces[i].literal);
    free(template->pieces);
}

static void follow_done(struct follow *follow)
{
    for (uint32_t i = 0; follow->passes != NULL && i < follow->pass_count; i++) {
        struct pass *pass = &follow->passes[i];
        for (uint32_t j = 0; pass->values != NULL && j < pass->value_count; j++)
            template_done(&pass->values[j]);
        free(pass->values);
    }
    free(follow->passes);
}

static void command_done(struct command *command)
{
    for (uint32_t i = 0; command->params != NULL && i < command->param_count; i++)
        param_done(&command->params[i]);
    for (uint32_t i = 0; command->arguments != NULL && i < command->argument_count; i++)
        template_done(&command->arguments[i]);
    for (uint32_t i = 0; command->env != NULL && i < command->env_count; i++)
        template_done(&command->env[i].value);
    for (uint32_t i = 0; command->follows != NULL && i < command->follow_count; i++)
        follow_done(&command->follows[i]);
    free(command->follows);
    template_done(&command->queue.key);
    template_done(&command->queue.dedupe_key);
    free(command->params);
    free(command->arguments);
    free(command->env);
    for (uint32_t i = 0; command->artifacts != NULL && i < command->artifact_count; i++)
        free(command->artifacts[i]);
    free(command->artifacts);
    free(command->disks);
    free(command->title);
    free(command->description);
    free(command->group);
}

void policy_free(struct policy *policy)
{
    if (policy == NULL)
        return;
    for (uint32_t i = 0; policy->commands != NULL && i < policy->command_count; i++)
        command_done(&policy->commands[i]);
    for (uint32_t i = 0; policy->roots != NULL && i < policy->root_count; i++)
        free(policy->roots[i].binds);
    for (uint32_t i = 0; policy->filters != NULL && i < policy->filter_count; i++)
        free(policy->filters[i].program);
    free(policy->commands);
    free(policy->accounts);
    free(policy->roots);
    free(policy->filters);
    free(policy);
}

bool command_is_sequence(const struct command *command)
{
    return command->step_count > 0;
}

int policy_find_command(const struct policy *policy, const char *name)
{
    for (uint32_t i = 0; i < policy->command_count; i++)
        if (strcmp(policy->commands[i].name, name) == 0)
            return (int)i;
    return -1;
}

int command_find_param(const struct command *command, const char *name)
{
    for (uint32_t i = 0; i < command->param_count; i++)
        if (strcmp(command->params[i].name, name) == 0)
            return (int)i;
    return -1;
}
