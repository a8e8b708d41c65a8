#include "check.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/policy/files.h"
#include "sallyport/base/glob.h"
#include "sallyport/policy/policy.h"

static int check_rule(const struct param_rule *rule, bool is_item, struct error *err)
{
    if (rule->type <= PARAM_NONE || rule->type >= PARAM_TYPE_COUNT)
        return fail_plain(err, EINVAL, "has no type");
    if (is_item && (rule->type == PARAM_LIST || rule->type == PARAM_SECRET || rule->type == PARAM_FILE))
        return fail_plain(err, EINVAL, "a list holds neither lists nor secrets nor files");
    if (rule->type == PARAM_ENUM && rule->value_count == 0)
        return fail_plain(err, EINVAL, "an enum needs values");
    if (isnan(rule->min_number) || isnan(rule->max_number))
        return fail_plain(err, EINVAL, "a bound is not a number");
    return 0;
}

/* A name may become a file of /run/secrets or /run/files: one path element, and never "." or "..". */
static bool is_param_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    return name[0] != '\0' && name[0] != '-' && name[strspn(name, letters)] == '\0';
}

static int check_param(const struct param *param, struct error *err)
{
    if (!is_param_name(param->name))
        return fail_plain(err, EINVAL, "a name has letters, digits, '_' and '-' only");
    int done = check_rule(&param->rule, false, err);
    if (done == 0 && param->rule.type == PARAM_LIST)
        done = check_rule(&param->item, true, err);
    if (done < 0)
        return done;
    if (param->has_default && (param->rule.type == PARAM_SECRET || param->rule.type == PARAM_FILE))
        return fail_plain(err, EINVAL, "a secret or a file has no default");
    if (param->has_default && param->rule.type != PARAM_LIST && param->default_count != 1)
        return fail_plain(err, EINVAL, "a default is one value");
    if (param->env_name[0] != '\0' && param->rule.type != PARAM_SECRET)
        return fail_plain(err, EINVAL, "only secrets are delivered in a variable");
    return 0;
}

/* What a file of one job can be. Names of parts of a request that mean something else are no parameter's. */
static int check_file(const struct command *command, const struct param *param, struct error *err)
{
    if (param->rule.type != PARAM_FILE)
        return 0;
    if (command_is_sequence(command))
        return fail_plain(err, EINVAL, "a sequence has no program that could read a file");
    if (files_name_is_taken(param->name))
        return fail_plain(err, EINVAL, "a part of a request has this name already");
    if (param->rule.file_max_bytes > command->files_max_bytes || command->files_max_bytes > UPLOADS_MAX_BYTES)
        return fail_plain(err, EINVAL, "it may be larger than all files of a job together");
    return 0;
}

static int check_params(const struct command *command, struct error *err)
{
    if (command->param_count > PARAM_COUNT_MAX)
        return fail_plain(err, EINVAL, "more than %d parameters", PARAM_COUNT_MAX);
    for (uint32_t i = 0; i < command->param_count; i++) {
        const struct param *param = &command->params[i];
        if (check_param(param, err) < 0 || check_file(command, param, err) < 0)
            return fail_in(err, "parameter '%s'", param->name);
        if (command_find_param(command, param->name) != (int)i)
            return fail_plain(err, EINVAL, "parameter '%s': named twice", param->name);
    }
    return 0;
}

bool is_job_fact(uint32_t param)
{
    return param >= JOB_FACT_FIRST && param < JOB_FACT_FIRST + JOB_FACT_COUNT;
}

int template_check(const struct command *command, const struct template *template, bool may_name_job, struct error *err)
{
    if (template->is_spread && template->piece_count != 1)
        return fail_plain(err, EINVAL, "'{name...}' stands alone in its element");
    for (uint32_t i = 0; i < template->piece_count; i++) {
        const struct template_piece *piece = &template->pieces[i];
        if (piece->literal != NULL && !template->is_spread)
            continue;
        if (may_name_job && piece->literal == NULL && !template->is_spread && is_job_fact(piece->param))
            continue;
        if (piece->literal != NULL || piece->param >= command->param_count)
            return fail_plain(err, EINVAL, "a placeholder names no parameter");
        const struct param *param = &command->params[piece->param];
        if ((param->rule.type == PARAM_LIST) != template->is_spread)
            return fail_plain(err, EINVAL, "a list is written '{%s...}', anything else '{%s}'", param->name,
                              param->name);
        if (param->env_name[0] != '\0')
            return fail_plain(err, EINVAL, "secret '%s' is delivered in variable %s and nowhere else", param->name,
                              param->env_name);
    }
    return 0;
}

/* A file is an argument of the program, or nothing: its path says nothing to anybody else. */
int template_check_no_file(const struct command *command, const struct template *template, struct error *err)
{
    for (uint32_t i = 0; i < template->piece_count; i++) {
        const struct template_piece *piece = &template->pieces[i];
        if (piece->literal == NULL && piece->param < command->param_count &&
            command->params[piece->param].rule.type == PARAM_FILE)
            return fail_plain(err, EINVAL, "'%s' is a file, which is an argument and nothing else",
                              command->params[piece->param].name);
    }
    return 0;
}

static bool is_program(const struct template *template)
{
    return !template->is_spread && template->piece_count == 1 && template->pieces[0].literal != NULL &&
           template->pieces[0].literal[0] == '/';
}

static int check_templates(const struct command *command, struct error *err)
{
    if (command_is_sequence(command))
        return command->argument_count == 0 && command->env_count == 0
                   ? 0
                   : fail_plain(err, EINVAL, "a sequence has no program of its own");
    if (command->argument_count == 0 || !is_program(&command->arguments[0]))
        return fail_plain(err, EINVAL, "the first argument is the program's absolute path, without placeholders");
    for (uint32_t i = 0; i < command->argument_count; i++)
        if (template_check(command, &command->arguments[i], false, err) < 0)
            return fail_in(err, "argument %u", i);
    for (uint32_t i = 0; i < command->env_count; i++) {
        const struct env_entry *entry = &command->env[i];
        if (entry->name[0] == '\0' || strchr(entry->name, '=') != NULL || entry->value.is_spread)
            return fail_plain(err, EINVAL, "variable '%s': a name without '=', and one value", entry->name);
        if (template_check(command, &entry->value, false, err) < 0 ||
            template_check_no_file(command, &entry->value, err) < 0)
            return fail_in(err, "variable '%s'", entry->name);
    }
    return 0;
}

/* A key is kept with the job's record and told to whoever may read it: no secret, and no value that is not to be kept. */
static int check_key(const struct command *command, const struct template *key, struct error *err)
{
    if (key->is_spread)
        return fail_plain(err, EINVAL, "a key is one text");
    for (uint32_t i = 0; i < key->piece_count; i++) {
        const struct template_piece *piece = &key->pieces[i];
        if (piece->literal != NULL)
            continue;
        if (command->keeps_metadata_only)
            return fail_plain(err, EINVAL, "a key would keep a value of a command that keeps metadata only");
        if (piece->param < command->param_count && command->params[piece->param].rule.type == PARAM_SECRET)
            return fail_plain(err, EINVAL, "a key holds no secret");
    }
    int done = template_check(command, key, false, err);
    return done < 0 ? done : template_check_no_file(command, key, err);
}

static int check_queue(const struct command *command, struct error *err)
{
    if (check_key(command, &command->queue.key, err) < 0)
        return fail_in(err, "concurrency");
    if (check_key(command, &command->queue.dedupe_key, err) < 0)
        return fail_in(err, "dedupe");
    return 0;
}

/* What a job leaves behind is taken from its own /tmp, and from nowhere else. */
static int check_artifacts(const struct command *command, struct error *err)
{
    if (command->artifact_count == 0)
        return 0;
    if (command_is_sequence(command) || (command->workdir[0] != '\0' && strcmp(command->workdir, "/tmp") != 0))
        return fail_plain(err, EINVAL, "artifacts are taken from the job's own /tmp, which is not where it works");
    if (command->artifacts_max_bytes > ARTIFACTS_MAX_BYTES)
        return fail_plain(err, EINVAL, "artifacts_max is too large");
    for (uint32_t i = 0; i < command->artifact_count; i++)
        if (glob_fault(command->artifacts[i]) != NULL)
            return fail_plain(err, EINVAL, "artifacts: %s", glob_fault(command->artifacts[i]));
    return 0;
}

/* The request comes as the upload of this name, and there is somewhere for the answer to be taken from. */
static int check_context(const struct command *command, struct error *err)
{
    int index = command_find_param(command, CONTEXT_PARAM);
    if (!command->has_context)
        return 0;
    if (command_is_sequence(command) || index < 0 || command->params[index].rule.type != PARAM_FILE ||
        !command->params[index].is_required || command->artifact_count == 0)
        return fail_plain(err, EINVAL, "a context without a file '" CONTEXT_PARAM "', or without artifacts");
    return 0;
}

static int check_disks(const struct command *command, struct error *err)
{
    for (uint32_t i = 0; i < command->disk_count; i++) {
        const struct disk_limit *disk = &command->disks[i];
        if (disk->path[0] != '/' || (disk->read_bytes | disk->write_bytes | disk->reads | disk->writes) == 0 ||
            disk->read_bytes > DISK_RATE_MAX_BYTES || disk->write_bytes > DISK_RATE_MAX_BYTES ||
            disk->reads > DISK_OPS_MAX || disk->writes > DISK_OPS_MAX)
            return fail_plain(err, EINVAL, "a limit of a disk has no path, or no rate, or one that is too high");
    }
    return 0;
}

int command_check(const struct command *command, struct error *err)
{
    if (check_params(command, err) < 0 || check_templates(command, err) < 0 || check_queue(command, err) < 0 ||
        check_artifacts(command, err) < 0 || check_context(command, err) < 0 || check_disks(command, err) < 0)
        return fail_in(err, "command '%s'", command->name);
    return 0;
}
