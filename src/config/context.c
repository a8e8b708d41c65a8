#include "context.h"

#include <string.h>

#include "reading.h"
#include "sallyport/base/artifact_frames.h"
#include "sallyport/policy/policy.h"

static void check_param(struct reading *reading, const struct command *command)
{
    int index = command_find_param(command, CONTEXT_PARAM);
    const struct param *param = index >= 0 ? &command->params[index] : NULL;
    if (param == NULL || param->rule.type != PARAM_FILE || !param->is_required)
        fault_below(reading, "context", -1,
                    "needs the parameter that is the request; write params: {" CONTEXT_PARAM
                    ": {type: file, required: true}}");
}

static const char *const variables[] = { "REQUEST_ID", "CONTEXT_PATH" };

bool context_is_variable(const char *name)
{
    bool is_one = false;
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        is_one |= strcmp(name, variables[i]) == 0;
    return is_one;
}

static bool sets_variable(const struct command *command, const char *name)
{
    for (uint32_t i = 0; command->env != NULL && i < command->env_count; i++)
        if (strcmp(command->env[i].name, name) == 0)
            return true;
    for (uint32_t i = 0; i < command->param_count; i++)
        if (strcmp(command->params[i].env_name, name) == 0)
            return true;
    return false;
}

static void check_variables(struct reading *reading, const struct command *command)
{
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        if (sets_variable(command, variables[i]))
            fault_below(reading, "context", -1, "sets %s itself; choose another name for that variable", variables[i]);
}

/* The answer is an artefact like others, and its place needs no word of the owner's. */
static void add_artifact(struct reading *reading, struct command *command)
{
    if (command->workdir[0] != '\0' && strcmp(command->workdir, "/tmp") != 0)
        fault_below(reading, "context", -1,
                    "is a directory in the job's own /tmp, and it works in '%.200s'; leave 'workdir' out",
                    command->workdir);
    if (command->artifact_count == ARTIFACT_GLOB_COUNT_MAX) {
        fault_below(reading, "artifacts", -1, "has no room for '" CONTEXT_ARTIFACTS "', which 'context' adds");
        return;
    }
    char **place = grow(reading, &command->artifacts, command->artifact_count, sizeof *place);
    if (place == NULL || (*place = copy_text(reading, CONTEXT_ARTIFACTS)) == NULL)
        return;
    command->artifact_count++;
    command->artifacts_max_bytes = reading->command_draft.artifacts_max_bytes;
}

void context_take(struct reading *reading, struct command *command)
{
    const struct command_draft *draft = &reading->command_draft;
    if (!draft->has_context || command_is_sequence(command)) /* a sequence has been told already */
        return;
    command->has_context = true;
    command->ends_with_caller = draft->on_disconnect == 1;
    if (draft->route_path != NULL)
        fault_below(reading, "context", -1,
                    "stands beside 'route'; the answer is a file, or what the command writes to its output");
    check_param(reading, command);
    check_variables(reading, command);
    add_artifact(reading, command);
}
