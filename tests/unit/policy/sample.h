/* Policies put together by hand, owned as the real ones are: policy_free() takes them. */
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/policy/policy.h"
#include "sallyport/proto/entries.h"

#define SAMPLE_ARGUMENTS_MAX 16
#define SAMPLE_PARAMS_MAX    16

static inline struct policy *sample_policy(void)
{
    struct policy *policy = calloc(1, sizeof *policy);
    policy->generation = 7;
    policy->commands = calloc(2, sizeof *policy->commands);
    policy->command_count = 1;
    policy->roots = calloc(1, sizeof *policy->roots);
    policy->root_count = 1;
    policy->filters = calloc(1, sizeof *policy->filters);
    policy->filter_count = 1;
    strcpy(policy->filters[0].name, "base");

    struct command *command = &policy->commands[0];
    strcpy(command->name, "deploy");
    command->title = strdup("");
    command->description = strdup("");
    command->group = strdup("");
    command->account = ACCOUNT_NONE;
    command->arguments = calloc(SAMPLE_ARGUMENTS_MAX, sizeof *command->arguments);
    command->env = calloc(SAMPLE_ARGUMENTS_MAX, sizeof *command->env);
    command->params = calloc(SAMPLE_PARAMS_MAX, sizeof *command->params);
    return policy;
}

static inline struct param *sample_param(struct policy *policy, const char *name, enum param_type type)
{
    struct command *command = &policy->commands[0];
    assert(command->param_count < SAMPLE_PARAMS_MAX);
    struct param *param = &command->params[command->param_count++];
    strcpy(param->name, name);
    param->rule.type = type;
    return param;
}

static inline void sample_piece(struct template *template, const char *literal, int param)
{
    template->pieces = realloc(template->pieces, (template->piece_count + 1) * sizeof *template->pieces);
    template->pieces[template->piece_count++] =
        (struct template_piece){ .literal = literal != NULL ? strdup(literal) : NULL,
                                 .param = param < 0 ? 0 : (uint32_t)param };
}

/* One argument of "literal" and the parameter behind it; either may be missing (NULL, -1). */
static inline struct template *sample_argument(struct policy *policy, const char *literal, int param)
{
    struct command *command = &policy->commands[0];
    assert(command->argument_count < SAMPLE_ARGUMENTS_MAX);
    struct template *template = &command->arguments[command->argument_count++];
    if (literal != NULL)
        sample_piece(template, literal, -1);
    if (param >= 0)
        sample_piece(template, NULL, param);
    return template;
}

static inline struct template *sample_env(struct policy *policy, const char *name, const char *literal, int param)
{
    struct command *command = &policy->commands[0];
    struct env_entry *entry = &command->env[command->env_count++];
    strcpy(entry->name, name);
    if (literal != NULL)
        sample_piece(&entry->value, literal, -1);
    if (param >= 0)
        sample_piece(&entry->value, NULL, param);
    return &entry->value;
}

static inline void sample_texts(char ***texts, uint32_t *count, const char *const *from)
{
    for (; *from != NULL; from++) {
        *texts = realloc(*texts, (*count + 1) * sizeof **texts);
        (*texts)[(*count)++] = strdup(*from);
    }
}

static inline struct span span_text(const char *text)
{
    return (struct span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

/* A request under construction. */
struct sample_request {
    uint8_t room[PARAMS_MAX_BYTES + 8192];
    struct writer out;
};

static inline struct sample_request *sample_request(void)
{
    struct sample_request *request = calloc(1, sizeof *request);
    request->out = (struct writer){ request->room, sizeof request->room };
    return request;
}

static inline void sample_give(struct sample_request *request, uint8_t kind, const char *name, const char *value)
{
    bool fits = entries_add_text(&request->out, kind, name, value, "");
    assert(fits);
    (void)fits;
}

static inline struct span sample_params(const struct sample_request *request)
{
    return (struct span){ request->room, (uint32_t)(sizeof request->room - request->out.left) };
}
