/* The writing half; policy_read.c is the other, in the same order. */
#include "sallyport/policy/policy_records.h"

#include <string.h>

#include "records.h"

/* One walk: after a failure every further put does nothing, and the first error stays. */
struct sink {
    struct record_file *file;
    struct error *err;
    int done;
};

static void put(struct sink *sink, enum policy_record type, const void *record)
{
    if (sink->done == 0)
        sink->done = record_file_add(sink->file, policy_defs, POLICY_RECORD_COUNT, type, record, sink->err);
}

static void put_text(struct sink *sink, const char *text)
{
    struct text_record record = { .is_present = text != NULL };
    if (text != NULL)
        record.text = (struct span){ (const uint8_t *)text, (uint32_t)strlen(text) };
    put(sink, POLICY_TEXT, &record);
}

static void put_texts(struct sink *sink, char *const *texts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        put_text(sink, texts[i]);
}

static void put_rule(struct sink *sink, const struct param_rule *rule)
{
    struct rule_record record = { .rule = *rule };
    memcpy(&record.min_number_bits, &rule->min_number, sizeof rule->min_number);
    memcpy(&record.max_number_bits, &rule->max_number, sizeof rule->max_number);
    put(sink, POLICY_RULE, &record);
    put_text(sink, rule->pattern);
    put_texts(sink, rule->values, rule->value_count);
}

static void put_param(struct sink *sink, const struct param *param)
{
    put(sink, POLICY_PARAM, param);
    put_rule(sink, &param->rule);
    put_rule(sink, &param->item);
    put_texts(sink, param->default_values, param->default_count);
    put_text(sink, param->help);
    put_text(sink, param->example);
}

static void put_template(struct sink *sink, const struct template *template)
{
    put(sink, POLICY_TEMPLATE, template);
    for (uint32_t i = 0; i < template->piece_count; i++) {
        put(sink, POLICY_PIECE, &template->pieces[i]);
        put_text(sink, template->pieces[i].literal);
    }
}

static void put_follow(struct sink *sink, const struct follow *follow)
{
    put(sink, POLICY_FOLLOW, follow);
    for (uint32_t i = 0; i < follow->pass_count; i++) {
        const struct pass *pass = &follow->passes[i];
        put(sink, POLICY_PASS, pass);
        for (uint32_t j = 0; j < pass->value_count; j++)
            put_template(sink, &pass->values[j]);
    }
}

static void put_command(struct sink *sink, const struct command *command)
{
    put(sink, POLICY_COMMAND, command);
    put_text(sink, command->title);
    put_text(sink, command->description);
    put_text(sink, command->group);
    for (uint32_t i = 0; i < command->param_count; i++)
        put_param(sink, &command->params[i]);
    for (uint32_t i = 0; i < command->argument_count; i++)
        put_template(sink, &command->arguments[i]);
    for (uint32_t i = 0; i < command->env_count; i++) {
        put(sink, POLICY_ENV, &command->env[i]);
        put_template(sink, &command->env[i].value);
    }
    for (uint32_t i = 0; i < command->follow_count; i++)
        put_follow(sink, &command->follows[i]);
    put_template(sink, &command->queue.key);
    put_template(sink, &command->queue.dedupe_key);
    for (uint32_t i = 0; i < command->artifact_count; i++)
        put_text(sink, command->artifacts[i]);
    for (uint32_t i = 0; i < command->disk_count; i++)
        put(sink, POLICY_DISK, &command->disks[i]);
}

static void put_filter(struct sink *sink, const struct filter *filter, bool with_program)
{
    struct filter_record record = { 0 };
    memcpy(record.name, filter->name, sizeof record.name);
    if (with_program)
        record.program = (struct span){ filter->program, filter->program_bytes };
    put(sink, POLICY_FILTER, &record);
}

int policy_write(const struct policy *policy, bool with_filters, struct record_file *file, struct error *err)
{
    struct sink sink = { .file = file, .err = err };
    put(&sink, POLICY_HEAD, policy);
    for (uint32_t i = 0; i < policy->account_count; i++)
        put(&sink, POLICY_ACCOUNT, &policy->accounts[i]);
    for (uint32_t i = 0; i < policy->root_count; i++) {
        put(&sink, POLICY_ROOT, &policy->roots[i]);
        for (uint32_t j = 0; j < policy->roots[i].bind_count; j++)
            put(&sink, POLICY_BIND, &policy->roots[i].binds[j]);
    }
    for (uint32_t i = 0; i < policy->filter_count; i++)
        put_filter(&sink, &policy->filters[i], with_filters);
    for (uint32_t i = 0; i < policy->command_count; i++)
        put_command(&sink, &policy->commands[i]);
    return sink.done;
}
