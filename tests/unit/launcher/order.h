/* A policy with one command, `greet`, owned as a real one is: policy_free() takes it. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "sallyport/policy/policy.h"
#include "sallyport/proto/entries.h"

#define ORDER_PARAM_NAME   0
#define ORDER_PARAM_SECRET 1

/* What an order says is the head of the audit trail. */
static const uint8_t order_head[32] = { 1, 2, 3 };

static inline void order_piece(struct template *template, const char *literal, uint32_t param)
{
    template->pieces = realloc(template->pieces, (template->piece_count + 1) * sizeof *template->pieces);
    template->pieces[template->piece_count++] =
        (struct template_piece){ .literal = literal != NULL ? strdup(literal) : NULL, .param = param };
}

static inline void order_param(struct param *param, const char *name, enum param_type type)
{
    strcpy(param->name, name);
    param->rule.type = type;
}

static inline void order_command(struct command *command)
{
    strcpy(command->name, "greet");
    command->title = strdup("");
    command->description = strdup("");
    command->group = strdup("");
    command->account = ACCOUNT_NONE;
    command->params = calloc(2, sizeof *command->params);
    command->param_count = 2;
    order_param(&command->params[ORDER_PARAM_NAME], "name", PARAM_STRING);
    order_param(&command->params[ORDER_PARAM_SECRET], "token", PARAM_SECRET);
    command->arguments = calloc(3, sizeof *command->arguments);
    command->argument_count = 3;
    order_piece(&command->arguments[0], "/usr/bin/greet", 0);
    order_piece(&command->arguments[1], "--name=", 0);
    order_piece(&command->arguments[1], NULL, ORDER_PARAM_NAME);
    order_piece(&command->arguments[2], NULL, ORDER_PARAM_SECRET);
    command->env = calloc(1, sizeof *command->env);
    strcpy(command->program, "/usr/bin/greet");
    command->program_identity = (struct identity){ 1, 2, 3, 4 };
    command->timeout_ms = 60000;
    command->grace_ms = 5000;
    command->memory_max_bytes = 64 << 20;
    command->tmp_max_bytes = 1 << 20;
    command->output_max_bytes = 1 << 20;
    command->pids_max = 32;
    command->landlock_abi_min = 2;
    command->signals = 1u << (10 - 1); /* SIGUSR1 */
    command->degrade = 63;
}

static inline struct policy *order_policy(uint32_t generation)
{
    struct policy *policy = calloc(1, sizeof *policy);
    policy->generation = generation;
    policy->commands = calloc(1, sizeof *policy->commands);
    policy->command_count = 1;
    policy->accounts = calloc(1, sizeof *policy->accounts);
    policy->account_count = 1;
    policy->accounts[0] = (struct account){ "deploy", 33, 33 };
    policy->roots = calloc(1, sizeof *policy->roots);
    policy->root_count = 1;
    policy->roots[0].binds = calloc(3, sizeof *policy->roots[0].binds);
    policy->roots[0].bind_count = 3;
    policy->roots[0].binds[0] = (struct bind){ "/srv/data", true };
    policy->roots[0].binds[1] = (struct bind){ "/srv/public", false };
    policy->roots[0].binds[2] = (struct bind){ "/srv/logs", true };
    policy->filters = calloc(1, sizeof *policy->filters);
    policy->filter_count = 1;
    strcpy(policy->filters[0].name, "base");
    policy->filters[0].program = calloc(1, 8);
    policy->filters[0].program[0] = 6; /* BPF_RET | BPF_K */
    policy->filters[0].program_bytes = 8;
    order_command(&policy->commands[0]);
    return policy;
}

/* The parameters name and token, into the caller's room. */
static inline struct span order_params(uint8_t *room, size_t size, const char *name, const char *token)
{
    struct writer out = { room, size };
    if (name != NULL)
        entries_add_text(&out, ENTRY_STRING, "name", name, "");
    if (token != NULL)
        entries_add_text(&out, ENTRY_STRING, "token", token, "");
    return (struct span){ room, (uint32_t)(size - out.left) };
}
