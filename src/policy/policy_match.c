#include "sallyport/policy/policy_match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "faults.h"
#include "matcher.h"
#include "request.h"
#include "value.h"
#include "sallyport/base/error.h"
#include "sallyport/proto/entries.h"

static struct span span_of(const char *text)
{
    return (struct span){ (const uint8_t *)text, (uint32_t)strlen(text) };
}

static int compile_rule(const struct param_rule *rule, struct pattern **ret_pattern, struct error *err)
{
    if (rule->pattern == NULL)
        return 0;
    if (rule->type != PARAM_STRING && rule->type != PARAM_SECRET)
        return fail_plain(err, EINVAL, "only strings and secrets have a pattern");
    return pattern_new(rule->pattern, rule->is_partial, ret_pattern, err);
}

/* A default is text in the configuration: the kind that its type is written in. */
static uint8_t default_kind(enum param_type type)
{
    static const uint8_t kinds[PARAM_TYPE_COUNT] = {
        [PARAM_STRING] = ENTRY_STRING, [PARAM_INT] = ENTRY_INTEGER, [PARAM_NUMBER] = ENTRY_REAL,
        [PARAM_BOOL] = ENTRY_BOOL,     [PARAM_ENUM] = ENTRY_STRING,
    };
    return kinds[type];
}

/* A default that the rules refuse would start jobs that nobody could ask for. */
static int check_default(const struct param *param, const struct param_patterns *patterns, struct error *err)
{
    bool is_list = param->rule.type == PARAM_LIST;
    const struct param_rule *rule = is_list ? &param->item : &param->rule;
    uint8_t room[REASON_MAX_BYTES * 2];
    struct writer out = { room, sizeof room };
    struct faults faults = { .out = &out };
    for (uint32_t i = 0; i < param->default_count; i++)
        value_check(rule, is_list ? patterns->item : patterns->value, default_kind(rule->type),
                    span_of(param->default_values[i]), &faults);
    struct reader in = { room, sizeof room - out.left };
    struct entry fault;
    if (entries_next(&in, &fault) == 1)
        return fail_plain(err, EINVAL, "its default %.*s", (int)fault.extra.size, (const char *)fault.extra.data);
    return 0;
}

static int prepare_param(const struct param *param, struct param_patterns *patterns, struct error *err)
{
    int done = compile_rule(&param->rule, &patterns->value, err);
    if (done == 0 && param->rule.type == PARAM_LIST)
        done = compile_rule(&param->item, &patterns->item, err);
    if (done == 0 && param->has_default)
        done = check_default(param, patterns, err);
    return done;
}

static int prepare_command(const struct command *command, struct param_patterns **ret_patterns, struct error *err)
{
    int done = command_check(command, err);
    if (done < 0)
        return done;
    *ret_patterns = calloc(command->param_count + 1, sizeof **ret_patterns);
    if (*ret_patterns == NULL)
        return fail(err, ENOMEM, "prepare command '%s'", command->name);
    for (uint32_t i = 0; i < command->param_count; i++)
        if (prepare_param(&command->params[i], &(*ret_patterns)[i], err) < 0)
            return fail_in(err, "command '%s': parameter '%s'", command->name, command->params[i].name);
    return 0;
}

int matcher_new(const struct policy *policy, struct matcher **ret_matcher, struct error *err)
{
    struct matcher *matcher = calloc(1, sizeof *matcher);
    if (matcher != NULL)
        matcher->patterns = calloc(policy->command_count + 1, sizeof(struct param_patterns *));
    if (matcher == NULL || matcher->patterns == NULL) {
        free(matcher);
        return fail(err, ENOMEM, "prepare patterns");
    }
    matcher->policy = policy;
    for (uint32_t i = 0; i < policy->command_count; i++) {
        int done = prepare_command(&policy->commands[i], &matcher->patterns[i], err);
        if (done < 0) {
            matcher_free(matcher);
            return done;
        }
    }
    *ret_matcher = matcher;
    return 0;
}

void matcher_free(struct matcher *matcher)
{
    if (matcher == NULL)
        return;
    for (uint32_t i = 0; i < matcher->policy->command_count; i++) {
        struct param_patterns *patterns = matcher->patterns[i];
        for (uint32_t j = 0; patterns != NULL && j < matcher->policy->commands[i].param_count; j++) {
            pattern_free(patterns[j].value);
            pattern_free(patterns[j].item);
        }
        free(patterns);
    }
    free(matcher->patterns);
    free(matcher);
}

const struct command *matcher_command(const struct matcher *matcher, uint32_t index, struct error *err)
{
    if (index < matcher->policy->command_count)
        return &matcher->policy->commands[index];
    fail_plain(err, ENOENT, "there is no command %u", index);
    return NULL;
}

static void check_list(const struct param *param, const struct pattern *item_pattern, const struct given *given,
                       struct faults *faults)
{
    uint32_t most = param->max_items > 0 ? param->max_items : LIST_ITEMS_MAX;
    if (given->item_count < param->min_items)
        faults_add(faults, "min_items", "must have at least %u items", param->min_items);
    if (given->item_count > most) {
        faults_add(faults, "max_items", "must have at most %u items", most);
        return;
    }
    struct reader items = given->items;
    struct entry item;
    for (int i = 0; given_next_item(&items, &item); i++) {
        faults_at(faults, span_of(param->name), i);
        value_check(&param->item, item_pattern, item.kind, item.value, faults);
    }
}

static void check_param(const struct param *param, const struct param_patterns *patterns, const struct given *given,
                        struct faults *faults)
{
    faults_at(faults, span_of(param->name), -1);
    if (given->kind == ENTRY_NONE) {
        if (param->is_required)
            faults_add(faults, "required", "is required");
    } else if (given->kind == ENTRY_SECRET) {
        faults_add(faults, "required", "is a secret, which is not kept with a job: it must be sent again");
    } else {
        value_check(&param->rule, patterns->value, given->kind, given->value, faults);
        if (param->rule.type == PARAM_LIST && given->kind == ENTRY_LIST)
            check_list(param, patterns->item, given, faults);
    }
}

int matcher_check(const struct matcher *matcher, uint32_t command_index, struct span params, struct writer *errors,
                  struct error *err)
{
    const struct command *command = matcher_command(matcher, command_index, err);
    if (command == NULL)
        return -ENOENT;
    struct faults faults = { .out = errors };
    faults_at_request(&faults);
    if (params.size > PARAMS_MAX_BYTES) {
        faults_add(&faults, "too_large", "all parameters together must be at most %d bytes", PARAMS_MAX_BYTES);
        return fail_plain(err, EINVAL, "command '%s': parameters of %u bytes are too large", command->name,
                          params.size);
    }
    struct request request;
    int done = request_read(command, params, &request, &faults, err);
    if (done < 0)
        return done;
    for (uint32_t i = 0; i < command->param_count; i++)
        check_param(&command->params[i], &matcher->patterns[command_index][i], &request.given[i], &faults);
    if (faults.count > 0)
        return fail_plain(err, EINVAL, "command '%s': %u faults in its parameters", command->name, faults.count);
    return 0;
}
