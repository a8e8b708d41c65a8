#include "sallyport/config/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "env_names.h"
#include "paths.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/policy/policy.h"

/* One literal piece, whatever stands in it. */
static int make_literal(struct template *template, const char *text, struct error *err)
{
    *template = (struct template){ .pieces = calloc(1, sizeof *template->pieces) };
    if (template->pieces == NULL)
        return fail(err, ENOMEM, "read the image's settings");
    template->piece_count = 1;
    template->pieces[0].literal = strdup(text);
    return template->pieces[0].literal != NULL ? 0 : fail(err, ENOMEM, "read the image's settings");
}

static int set_arguments(struct command *command, const char *const *texts, uint32_t count, struct error *err)
{
    struct template *arguments = calloc(count, sizeof *arguments);
    if (arguments == NULL)
        return fail(err, ENOMEM, "read the image's settings");
    free(command->arguments[0].pieces[0].literal); /* what stood for it */
    free(command->arguments[0].pieces);
    free(command->arguments);
    command->arguments = arguments;
    command->argument_count = 0;
    int done = 0;
    for (uint32_t i = 0; i < count && done == 0; i++) {
        done = make_literal(&arguments[i], texts[i], err);
        command->argument_count = i + 1;
    }
    return done;
}

static bool is_set(const struct command *command, const char *name)
{
    for (uint32_t i = 0; i < command->env_count; i++)
        if (strcmp(command->env[i].name, name) == 0)
            return true;
    for (uint32_t i = 0; i < command->param_count; i++)
        if (strcmp(command->params[i].env_name, name) == 0)
            return true;
    return false;
}

static bool may_set(const struct command *command, const char *name)
{
    return env_is_name(name) && !env_is_ours(name) && (!env_is_obeyed(name) || strcmp(name, "PATH") == 0) &&
           !(command->has_context && context_is_variable(name)) && !is_set(command, name);
}

static int add_variables(struct command *command, const struct image_settings *settings, struct error *err)
{
    struct env_entry *env =
        realloc(command->env, (command->env_count + settings->env_count + 1) * sizeof *command->env);
    if (env == NULL)
        return fail(err, ENOMEM, "read the image's settings");
    command->env = env;
    for (uint32_t i = 0; i < settings->env_count; i++) {
        char name[NAME_MAX_BYTES];
        const char *equals = strchr(settings->env[i], '=');
        if (!text_copy_bytes(name, sizeof name, settings->env[i], (size_t)(equals - settings->env[i])) ||
            !may_set(command, name))
            continue;
        if (command->env_count == ENV_COUNT_MAX)
            return fail_plain(err, E2BIG, "'env' and the image's variables are more than %d together", ENV_COUNT_MAX);
        struct env_entry *entry = &env[command->env_count++];
        *entry = (struct env_entry){ 0 };
        memcpy(entry->name, name, sizeof name);
        int done = make_literal(&entry->value, equals + 1, err);
        if (done < 0)
            return done;
    }
    return 0;
}

int config_add_image(struct command *command, const struct image_settings *settings, struct error *err)
{
    const char *workdir = settings->workdir;
    if (command->workdir[0] == '\0' && command->artifact_count == 0 && workdir != NULL && path_fault(workdir) == NULL)
        text_copy(command->workdir, sizeof command->workdir, workdir);
    int done = add_variables(command, settings, err);
    if (done < 0 || !command->runs_entrypoint)
        return done;
    if (settings->exec_count > 0 && path_fault(settings->exec[0]) == NULL && settings->exec[0][1] != '\0')
        return set_arguments(command, settings->exec, settings->exec_count, err);
    return settings->exec_count == 0
               ? fail_plain(err, ENOEXEC, "the image names no entrypoint; write 'exec'")
               : fail_plain(err, ENOEXEC, "the image's entrypoint '%.80s' is no absolute path; write 'exec'",
                            settings->exec[0]);
}
