/*
 * The reading half of policy_records.c. A list's count becomes the policy's own only together with its memory, so a policy
 * that is half read can always be freed.
 */
#include "sallyport/policy/policy_records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "records.h"
#include "sallyport/policy/policy_follow.h"
#include "sallyport/base/error.h"

/* Where we are in the file. After a failure every further step returns false. */
struct source {
    struct reader in;
    struct error *err;
    int done;
};

static bool stop(struct source *source, int code, const char *why)
{
    if (source->done == 0)
        source->done = fail_plain(source->err, code, "policy: %s", why);
    return false;
}

/* Takes the next record, which must be of this type. */
static bool take(struct source *source, enum policy_record type, union any_policy_record *ret_record)
{
    if (source->done < 0)
        return false;
    uint32_t found = POLICY_NONE;
    int more = record_file_next(&source->in, policy_defs, POLICY_RECORD_COUNT, &found, ret_record, sizeof *ret_record,
                                source->err);
    if (more < 0) {
        source->done = more;
        return false;
    }
    if (more == 0)
        return stop(source, EBADMSG, "ends too early");
    return found == type || stop(source, EBADMSG, "holds a record in the wrong place");
}

/* Fresh, zeroed memory for a list; never NULL on success. */
static void *make(struct source *source, uint32_t count, size_t size)
{
    void *list = calloc((size_t)count + 1, size);
    if (list == NULL)
        stop(source, ENOMEM, "out of memory");
    return list;
}

static bool take_text(struct source *source, bool is_needed, char **ret_text)
{
    union any_policy_record record;
    if (!take(source, POLICY_TEXT, &record))
        return false;
    struct span text = record.text.text;
    if (!record.text.is_present)
        return (!is_needed && text.size == 0) || stop(source, EBADMSG, "lacks a text");
    if (memchr(text.data, '\0', text.size) != NULL)
        return stop(source, EBADMSG, "holds a NUL in a text");
    *ret_text = strndup((const char *)text.data, text.size);
    return *ret_text != NULL || stop(source, ENOMEM, "out of memory");
}

static bool take_texts(struct source *source, uint32_t count, char ***ret_texts, uint32_t *ret_count)
{
    if (count == 0)
        return true;
    *ret_texts = make(source, count, sizeof **ret_texts);
    *ret_count = count;
    for (uint32_t i = 0; *ret_texts != NULL && i < count; i++)
        if (!take_text(source, true, &(*ret_texts)[i]))
            return false;
    return *ret_texts != NULL;
}

static bool take_rule(struct source *source, struct param_rule *rule)
{
    union any_policy_record record;
    if (!take(source, POLICY_RULE, &record))
        return false;
    *rule = record.rule.rule;
    uint32_t count = rule->value_count;
    rule->value_count = 0;
    memcpy(&rule->min_number, &record.rule.min_number_bits, sizeof rule->min_number);
    memcpy(&rule->max_number, &record.rule.max_number_bits, sizeof rule->max_number);
    return take_text(source, false, &rule->pattern) && take_texts(source, count, &rule->values, &rule->value_count);
}

static bool take_param(struct source *source, struct param *param)
{
    union any_policy_record record;
    if (!take(source, POLICY_PARAM, &record))
        return false;
    *param = record.param;
    uint32_t count = param->default_count;
    param->default_count = 0;
    return take_rule(source, &param->rule) && take_rule(source, &param->item) &&
           take_texts(source, count, &param->default_values, &param->default_count) &&
           take_text(source, false, &param->help) && take_text(source, false, &param->example);
}

static bool take_template(struct source *source, struct template *template)
{
    union any_policy_record record;
    if (!take(source, POLICY_TEMPLATE, &record))
        return false;
    template->is_spread = record.template.is_spread;
    template->pieces = make(source, record.template.piece_count, sizeof *template->pieces);
    template->piece_count = template->pieces != NULL ? record.template.piece_count : 0;
    for (uint32_t i = 0; i < template->piece_count; i++) {
        struct template_piece *piece = &template->pieces[i];
        if (!take(source, POLICY_PIECE, &record))
            return false;
        piece->param = record.piece.param;
        if (!take_text(source, false, &piece->literal))
            return false;
    }
    return template->pieces != NULL;
}

static bool take_env(struct source *source, struct env_entry *entry)
{
    union any_policy_record record;
    if (!take(source, POLICY_ENV, &record))
        return false;
    memcpy(entry->name, record.env.name, sizeof entry->name);
    return take_template(source, &entry->value);
}

static bool take_pass(struct source *source, struct pass *pass)
{
    union any_policy_record record;
    if (!take(source, POLICY_PASS, &record))
        return false;
    *pass = record.pass;
    pass->values = make(source, record.pass.value_count, sizeof *pass->values);
    pass->value_count = pass->values != NULL ? record.pass.value_count : 0;
    for (uint32_t i = 0; i < pass->value_count; i++)
        if (!take_template(source, &pass->values[i]))
            return false;
    return pass->values != NULL;
}

static bool take_follow(struct source *source, struct follow *follow)
{
    union any_policy_record record;
    if (!take(source, POLICY_FOLLOW, &record))
        return false;
    *follow = record.follow;
    follow->passes = make(source, record.follow.pass_count, sizeof *follow->passes);
    follow->pass_count = follow->passes != NULL ? record.follow.pass_count : 0;
    for (uint32_t i = 0; i < follow->pass_count; i++)
        if (!take_pass(source, &follow->passes[i]))
            return false;
    return follow->passes != NULL;
}

static bool take_disks(struct source *source, struct command *command, uint32_t count)
{
    union any_policy_record record;
    command->disks = make(source, count, sizeof *command->disks);
    for (uint32_t i = 0; i < count && command->disks != NULL; i++) {
        if (!take(source, POLICY_DISK, &record))
            return false;
        command->disks[i] = record.disk;
        command->disk_count++;
    }
    return command->disks != NULL;
}

static bool take_lists(struct source *source, struct command *command, const struct command *counts)
{
    command->params = make(source, counts->param_count, sizeof *command->params);
    command->param_count = command->params != NULL ? counts->param_count : 0;
    for (uint32_t i = 0; i < command->param_count; i++)
        if (!take_param(source, &command->params[i]))
            return false;
    command->arguments = make(source, counts->argument_count, sizeof *command->arguments);
    command->argument_count = command->arguments != NULL ? counts->argument_count : 0;
    for (uint32_t i = 0; i < command->argument_count; i++)
        if (!take_template(source, &command->arguments[i]))
            return false;
    command->env = make(source, counts->env_count, sizeof *command->env);
    command->env_count = command->env != NULL ? counts->env_count : 0;
    for (uint32_t i = 0; i < command->env_count; i++)
        if (!take_env(source, &command->env[i]))
            return false;
    command->follows = make(source, counts->follow_count, sizeof *command->follows);
    command->follow_count = command->follows != NULL ? counts->follow_count : 0;
    for (uint32_t i = 0; i < command->follow_count; i++)
        if (!take_follow(source, &command->follows[i]))
            return false;
    if (!take_template(source, &command->queue.key) || !take_template(source, &command->queue.dedupe_key))
        return false;
    return take_texts(source, counts->artifact_count, &command->artifacts, &command->artifact_count) &&
           take_disks(source, command, counts->disk_count);
}

static bool take_command(struct source *source, const struct policy *policy, struct command *command)
{
    union any_policy_record record;
    if (!take(source, POLICY_COMMAND, &record))
        return false;
    struct command counts = record.command;
    *command = record.command;
    command->param_count = command->argument_count = command->env_count = command->follow_count = 0;
    command->artifact_count = command->disk_count = 0;
    if ((command->account != ACCOUNT_NONE && command->account >= policy->account_count) ||
        command->root >= policy->root_count || command->filter >= policy->filter_count)
        return stop(source, EBADMSG, "a command names an account, root or filter that is not there");
    if (!take_text(source, true, &command->title) || !take_text(source, true, &command->description) ||
        !take_text(source, true, &command->group) || !take_lists(source, command, &counts))
        return false;
    if (command_check(command, source->err) < 0)
        source->done = source->err != NULL ? -(source->err->code = EBADMSG) : -EBADMSG;
    return source->done == 0;
}

static bool take_root(struct source *source, struct root *root)
{
    union any_policy_record record;
    if (!take(source, POLICY_ROOT, &record))
        return false;
    root->has_host_network = record.root.has_host_network;
    root->image_kind = record.root.image_kind;
    root->binds = make(source, record.root.bind_count, sizeof *root->binds);
    root->bind_count = root->binds != NULL ? record.root.bind_count : 0;
    for (uint32_t i = 0; i < root->bind_count; i++) {
        if (!take(source, POLICY_BIND, &record))
            return false;
        root->binds[i] = record.bind;
    }
    return root->binds != NULL;
}

static bool take_filter(struct source *source, struct filter *filter)
{
    union any_policy_record record;
    if (!take(source, POLICY_FILTER, &record))
        return false;
    memcpy(filter->name, record.filter.name, sizeof filter->name);
    struct span program = record.filter.program;
    if (program.size % 8 != 0)
        return stop(source, EBADMSG, "a filter is cut short");
    if (program.size == 0)
        return true; /* a keeper's copy has only the names */
    filter->program = make(source, program.size, 1);
    if (filter->program == NULL)
        return false;
    memcpy(filter->program, program.data, program.size);
    filter->program_bytes = program.size;
    return true;
}

static bool take_policy(struct source *source, struct policy *policy)
{
    union any_policy_record record;
    if (!take(source, POLICY_HEAD, &record))
        return false;
    struct policy counts = record.policy;
    policy->generation = counts.generation;
    policy->accounts = make(source, counts.account_count, sizeof *policy->accounts);
    policy->account_count = policy->accounts != NULL ? counts.account_count : 0;
    for (uint32_t i = 0; i < policy->account_count; i++) {
        if (!take(source, POLICY_ACCOUNT, &record))
            return false;
        policy->accounts[i] = record.account;
    }
    policy->roots = make(source, counts.root_count, sizeof *policy->roots);
    policy->root_count = policy->roots != NULL ? counts.root_count : 0;
    for (uint32_t i = 0; i < policy->root_count; i++)
        if (!take_root(source, &policy->roots[i]))
            return false;
    policy->filters = make(source, counts.filter_count, sizeof *policy->filters);
    policy->filter_count = policy->filters != NULL ? counts.filter_count : 0;
    for (uint32_t i = 0; i < policy->filter_count; i++)
        if (!take_filter(source, &policy->filters[i]))
            return false;
    policy->commands = make(source, counts.command_count, sizeof *policy->commands);
    policy->command_count = policy->commands != NULL ? counts.command_count : 0;
    for (uint32_t i = 0; i < policy->command_count; i++)
        if (!take_command(source, policy, &policy->commands[i]))
            return false;
    if (source->done == 0 && policy_check_follows(policy, source->err) < 0)
        source->done = source->err != NULL ? -(source->err->code = EBADMSG) : -EBADMSG;
    return source->done == 0 && (source->in.left == 0 || stop(source, EBADMSG, "holds more than it says"));
}

int policy_read(const uint8_t *data, size_t size, struct policy **ret_policy, struct error *err)
{
    struct source source = { .in = { data, size }, .err = err };
    struct policy *policy = make(&source, 0, sizeof *policy);
    if (policy == NULL)
        return -ENOMEM;
    if (!take_policy(&source, policy)) {
        policy_free(policy);
        return source.done;
    }
    *ret_policy = policy;
    return 0;
}
