#include "params.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "env_names.h"
#include "file_names.h"
#include "files.h"
#include "keys.h"
#include "reading.h"
#include "samples.h"
#include "words.h"
#include "sallyport/base/text.h"

#define PARAM_ROWS "commands.*.params.*"

bool param_is_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789-";
    const char *first = name[0] != '\0' ? strchr(letters, name[0]) : NULL;
    return first != NULL && first <= strchr(letters, '_') && name[strspn(name, letters)] == '\0' &&
           strlen(name) < NAME_MAX_BYTES;
}

void *param_open(struct reading *reading, const char *name)
{
    struct command *command = reading->command;
    struct param *param = grow(reading, &command->params, command->param_count, sizeof *param);
    if (param == NULL)
        return NULL;
    command->param_count++;
    text_copy(param->name, sizeof param->name, name);
    reading->param_draft = (struct param_draft){ 0 };
    reading->faults_before = reading->report->fault_count;
    return &reading->param_draft;
}

/* Keys that say nothing about this type: the table knows which those are. `group` is "" or "of". */
static void check_keys(struct reading *reading, const char *group, uint64_t type)
{
    char parent[64];
    snprintf(parent, sizeof parent, "%s%s%s", PARAM_ROWS, group[0] != '\0' ? "." : "", group);
    size_t length = reading->path.length;
    if (group[0] != '\0')
        enter_key(reading, group);
    for (const struct key *key = key_next_child(parent, NULL); key != NULL; key = key_next_child(parent, key)) {
        if (key->for_types == 0 || (key->for_types & 1u << type) != 0)
            continue;
        size_t above = enter_key(reading, key_name(key));
        bool is_written = tree_has(reading->tree, reading->path.text);
        if (is_written)
            fault_at_key(reading, "means nothing for type %s; remove it", word_param_type((unsigned)type));
        leave(reading, above);
    }
    leave(reading, length);
}

static bool read_int(const char *text, int64_t *ret_number)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0' || strspn(text, "-0123456789") != strlen(text) || text[0] == '\0')
        return false;
    *ret_number = number;
    return true;
}

static bool read_number(const char *text, double *ret_number)
{
    char *end;
    double number = strtod(text, &end);
    if (*end != '\0' || text[0] == '\0' || strspn(text, "-+.0123456789eE") != strlen(text) || !isfinite(number))
        return false;
    *ret_number = number;
    return true;
}

static void read_bound(struct reading *reading, const char *key, const char *text, bool is_int, int64_t *ret_int,
                       double *ret_number)
{
    bool is_good = is_int ? read_int(text, ret_int) : read_number(text, ret_number);
    if (!is_good)
        fault_below(reading, key, -1, "'%.40s' is no %s", text, is_int ? "whole number" : "number such as 1 or 2.5");
}

static void take_bounds(struct reading *reading, const struct rule_draft *draft, struct param_rule *rule)
{
    bool is_int = rule->type == PARAM_INT;
    if (!is_int && rule->type != PARAM_NUMBER)
        return;
    rule->has_min = draft->min != NULL;
    rule->has_max = draft->max != NULL;
    if (rule->has_min)
        read_bound(reading, "min", draft->min, is_int, &rule->min, &rule->min_number);
    if (rule->has_max)
        read_bound(reading, "max", draft->max, is_int, &rule->max, &rule->max_number);
    if (rule->has_min && rule->has_max && (is_int ? rule->min > rule->max : rule->min_number > rule->max_number))
        fault_below(reading, "min", -1, "is larger than 'max'");
}

/* The texts of a list, owned by the model. */
static char **copy_texts(struct reading *reading, const json_t *texts, uint32_t *ret_count)
{
    size_t count = json_array_size(texts);
    char **copies = calloc(count + 1, sizeof *copies);
    if (copies == NULL) {
        reading->report->is_out_of_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        copies[i] = copy_text(reading, text_item(texts, i));
    *ret_count = (uint32_t)count;
    return copies;
}

static void refuse_repeated(struct reading *reading, const json_t *values)
{
    for (size_t i = 0; i < json_array_size(values); i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(text_item(values, i), text_item(values, j)) == 0) {
                fault_below(reading, "values", (int)i, "'%.40s' is listed twice", text_item(values, i));
                break;
            }
}

/* Either of both; an enum without any value takes none. */
static void take_values(struct reading *reading, const struct rule_draft *draft, struct param_rule *rule)
{
    if (rule->type != PARAM_ENUM)
        return;
    const json_t *values = draft->values;
    if ((values != NULL) == (draft->values_from != NULL)) {
        if (reading->report->fault_count == reading->faults_before)
            fault_at_key(reading, "an enum needs one of 'values', such as values: [staging, prod], and "
                                  "'values_from', a directory");
        return;
    }
    if (values == NULL)
        values = file_names_read(reading, "values_from", draft->values_from);
    refuse_repeated(reading, draft->values);
    rule->values = copy_texts(reading, values, &rule->value_count);
}

static void take_rule(struct reading *reading, const struct param *param, const struct rule_draft *draft,
                      struct param_rule *rule)
{
    rule->type = (enum param_type)draft->type;
    bool has_text = rule->type == PARAM_STRING || rule->type == PARAM_SECRET;
    if (has_text && draft->pattern != NULL)
        rule->pattern = copy_text(reading, draft->pattern);
    rule->is_partial = has_text && draft->is_partial;
    rule->allows_dash = rule->type == PARAM_STRING && draft->allows_dash;
    rule->min_length = has_text ? (uint32_t)draft->min_length : 0;
    rule->max_length = has_text ? (uint32_t)draft->max_length : 0;
    if (rule->min_length > rule->max_length)
        fault_below(reading, "min_length", -1, "is larger than 'max_length', which is %u", rule->max_length);
    take_bounds(reading, draft, rule);
    if (rule->type == PARAM_FILE)
        rule->file_max_bytes = file_max_read(reading, draft->max);
    take_values(reading, draft, rule);
    pattern_check(reading, param, rule);
}

static void take_list(struct reading *reading, struct param *param)
{
    const struct param_draft *draft = &reading->param_draft;
    if (draft->item.type == PARAM_NONE) {
        if (reading->report->fault_count == reading->faults_before)
            fault_at_key(reading, "a list needs 'of', the rules for its items; write of: {type: string}");
        return;
    }
    size_t length = enter_key(reading, "of");
    take_rule(reading, param, &draft->item, &param->item);
    leave(reading, length);
    check_keys(reading, "of", draft->item.type);
    param->min_items = (uint32_t)draft->min_items;
    param->max_items = (uint32_t)draft->max_items;
    if (param->min_items > param->max_items)
        fault_below(reading, "min_items", -1, "is larger than 'max_items', which is %u", param->max_items);
}

static void take_default(struct reading *reading, struct param *param)
{
    const json_t *fallback = reading->param_draft.fallback;
    bool is_list = param->rule.type == PARAM_LIST;
    if (fallback == NULL || param->rule.type == PARAM_SECRET || param->rule.type == PARAM_FILE)
        return;
    if (param->is_required)
        fault_below(reading, "default", -1, "is never used, for the parameter is required; remove one of the two");
    if (json_is_array(fallback) != is_list) {
        fault_below(reading, "default", -1,
                    is_list ? "must be a list, such as [] or [a, b]" : "must be a single value");
        return;
    }
    size_t count = is_list ? json_array_size(fallback) : 1;
    param->default_values = calloc(count + 1, sizeof *param->default_values);
    if (param->default_values == NULL) {
        reading->report->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *item = is_list ? json_array_get(fallback, i) : fallback;
        param->default_values[i] = copy_text(reading, scalar_text(reading, item));
    }
    param->default_count = (uint32_t)count;
    param->has_default = true;
}

/* An example is shown as it is written: a list as its items, with a comma between them. */
static void take_example(struct reading *reading, struct param *param)
{
    const json_t *example = reading->param_draft.example;
    if (example == NULL || param->rule.type == PARAM_SECRET || param->rule.type == PARAM_FILE)
        return;
    if (json_is_array(example) != (param->rule.type == PARAM_LIST)) {
        fault_below(reading, "example", -1,
                    param->rule.type == PARAM_LIST ? "must be a list, such as [a, b]" : "must be a single value");
        return;
    }
    char *text = NULL;
    if (json_is_array(example))
        text = json_dumps(example, JSON_COMPACT);
    else
        text = strdup(scalar_text(reading, example));
    reading->report->is_out_of_memory |= text == NULL;
    param->example = text;
}

static void take_delivery(struct reading *reading, struct param *param)
{
    const char *deliver = reading->param_draft.deliver, *name = deliver != NULL ? deliver + 4 : NULL;
    if (deliver == NULL || param->rule.type != PARAM_SECRET)
        return;
    if (strncmp(deliver, "env:", 4) != 0)
        fault_below(reading, "deliver", -1,
                    "must be env:NAME, such as env:REGISTRY_TOKEN; without 'deliver' the secret is a file");
    else if (!env_is_name(name))
        fault_below(reading, "deliver", -1, "'%.80s' is no name of a variable: %s", name, ENV_NAME_RULE);
    else if (env_is_ours(name))
        fault_below(reading, "deliver", -1, "%s is set by sallyport itself; choose another name", name);
    else if (env_is_obeyed(name))
        fault_below(reading, "deliver", -1, "a caller must not set %s, which loaders or interpreters obey", name);
    else
        text_copy(param->env_name, sizeof param->env_name, name);
}

void param_close(struct reading *reading)
{
    struct param *param = &reading->command->params[reading->command->param_count - 1];
    const struct param_draft *draft = &reading->param_draft;
    if (draft->rule.type == PARAM_NONE)
        return;
    check_keys(reading, "", draft->rule.type);
    take_rule(reading, param, &draft->rule, &param->rule);
    param->is_required = draft->is_required;
    if (draft->help != NULL)
        param->help = copy_text(reading, draft->help);
    if (param->rule.type == PARAM_LIST)
        take_list(reading, param);
    take_default(reading, param);
    take_example(reading, param);
    take_delivery(reading, param);
    file_name_check(reading, param);
    if (reading->report->fault_count == reading->faults_before)
        samples_check(reading, param);
}
