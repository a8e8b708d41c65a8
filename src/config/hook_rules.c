/* Where a delivery has what a hook asks it for: rules of `when`, and parameters. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hooks.h"
#include "reading.h"
#include "values.h"
#include "sallyport/base/error.h"
#include "sallyport/base/http_field.h"
#include "sallyport/base/text.h"
#include "sallyport/policy/pattern.h"

#define PROOF_FAULT "is the header that has the proof, which nothing else reads"

static const char *const source_names[HOOK_SOURCE_COUNT] = {
    [HOOK_HEADER] = "header",
    [HOOK_JSON] = "json",
    [HOOK_QUERY] = "query",
    [HOOK_FORM] = "form",
};

/* RFC 6901 section 3. */
static bool is_pointer(const char *text)
{
    if (text[0] != '\0' && text[0] != '/')
        return false;
    for (const char *at = strchr(text, '~'); at != NULL; at = strchr(at + 1, '~'))
        if (at[1] != '0' && at[1] != '1')
            return false;
    return true;
}

/* Of preset gitlab-token the secret itself, which would stand in a job's record. */
static bool is_proof(const struct config_hook *hook, enum hook_source source, const char *from)
{
    return source == HOOK_HEADER && strcasecmp(from, hook->setting.scheme.signature) == 0;
}

/* NULL, or what is wrong. */
static const char *source_fault(enum hook_source source, const char *from)
{
    if (strlen(from) >= HOOK_SOURCE_MAX_BYTES)
        return "is too long: at most 239 bytes";
    if (source == HOOK_JSON)
        return is_pointer(from) ? NULL : "is no JSON pointer; write one such as /repository/name";
    if (from[0] == '\0')
        return "must not be empty";
    if (source == HOOK_HEADER && !http_field_name_is_good(from, strlen(from)))
        return "is no name of a header field";
    return NULL;
}

static enum hook_source find_source(const char *name)
{
    for (enum hook_source source = HOOK_HEADER; source < HOOK_SOURCE_COUNT; source++)
        if (strcmp(source_names[source], name) == 0)
            return source;
    return HOOK_SOURCE_NONE;
}

/* The only member of a map. */
static enum hook_source read_source(const json_t *map, const char **ret_from)
{
    void *first = json_object_iter((json_t *)(uintptr_t)map);
    if (json_object_size(map) != 1 || !json_is_string(json_object_iter_value(first)))
        return HOOK_SOURCE_NONE;
    *ret_from = json_string_value(json_object_iter_value(first));
    return find_source(json_object_iter_key(first));
}

void hook_source_check(struct reading *reading, const json_t *map)
{
    const char *from = NULL;
    enum hook_source source = read_source(map, &from);
    const char *why = source != HOOK_SOURCE_NONE ? source_fault(source, from) : NULL;
    if (source == HOOK_SOURCE_NONE)
        fault(reading, "must be a value, or exactly one of {json: POINTER}, {header: NAME}, {query: KEY} and {form: "
                       "FIELD}; quote the braces of a text");
    else if (why != NULL)
        fault_below(reading, source_names[source], -1, "%s", why);
}

/* --- when ----------------------------------------------------------------------------------------------------------- */

void *hook_rule_open(struct reading *reading, const char *name)
{
    (void)name;
    struct hook_rule_draft *draft = grow(reading, &reading->hook_rules, reading->hook_rule_count, sizeof *draft);
    if (draft == NULL)
        return NULL;
    *draft = (struct hook_rule_draft){ 0 };
    reading->hook_rule_count++;
    return draft;
}

static bool take_source(struct reading *reading, const struct config_hook *hook, const struct hook_rule_draft *draft,
                        struct setting_hook_rule *rule)
{
    const char *const from[HOOK_SOURCE_COUNT] = {
        [HOOK_HEADER] = draft->header, [HOOK_JSON] = draft->json, [HOOK_QUERY] = draft->query, [HOOK_FORM] = draft->form
    };
    unsigned count = 0;
    for (enum hook_source source = HOOK_HEADER; source < HOOK_SOURCE_COUNT; source++) {
        if (from[source] == NULL)
            continue;
        count++;
        rule->source = (uint8_t)source;
        const char *why = is_proof(hook, source, from[source]) ? PROOF_FAULT : source_fault(source, from[source]);
        if (why != NULL)
            fault_below(reading, source_names[source], -1, "%s", why);
        text_copy(rule->from, sizeof rule->from, from[source]);
    }
    if (count != 1)
        fault(reading, "needs exactly one of header, json, query and form: where a delivery has what is compared");
    return count == 1;
}

static bool keep_value(struct reading *reading, const void *data, size_t size, struct setting_hook_rule *rule)
{
    uint8_t *copy = size <= HOOK_RULE_MAX_BYTES ? malloc(size + 1) : NULL;
    if (copy == NULL) {
        if (size > HOOK_RULE_MAX_BYTES)
            fault(reading, "compares with more than %d bytes", HOOK_RULE_MAX_BYTES);
        else
            reading->report->is_out_of_memory = true;
        return false;
    }
    if (size > 0)
        memcpy(copy, data, size);
    rule->value = (struct span){ copy, (uint32_t)size };
    return true;
}

static void keep_list(struct reading *reading, const json_t *texts, struct setting_hook_rule *rule)
{
    char room[HOOK_RULE_MAX_BYTES];
    size_t used = 0;
    for (size_t i = 0; i < json_array_size(texts); i++) {
        const char *text = text_item(texts, i);
        size_t size = strlen(text) + 1;
        if (size > sizeof room - used) {
            fault_below(reading, "in", (int)i, "is too much: all of them may have at most %d bytes",
                        HOOK_RULE_MAX_BYTES);
            return;
        }
        memcpy(room + used, text, size);
        used += size;
    }
    keep_value(reading, room, used, rule);
}

static void check_regex(struct reading *reading, const char *regex)
{
    struct pattern *pattern = NULL;
    struct error err = { 0 };
    if (pattern_new(regex, false, &pattern, &err) < 0)
        fault_below(reading, "regex", -1, "%s", err.text);
    pattern_free(pattern);
}

static void take_test(struct reading *reading, const struct hook_rule_draft *draft, struct setting_hook_rule *rule)
{
    const char *const texts[HOOK_TEST_COUNT] = {
        [HOOK_EQUALS] = draft->equals, [HOOK_GLOB] = draft->glob, [HOOK_REGEX] = draft->regex
    };
    unsigned count = draft->in != NULL;
    for (enum hook_test test = HOOK_EQUALS; test <= HOOK_REGEX; test++)
        count += texts[test] != NULL;
    if (count != 1) {
        fault(reading, "needs exactly one of equals, glob, regex and in: what it is compared with");
        return;
    }
    if (draft->in != NULL) {
        rule->test = HOOK_IN;
        keep_list(reading, draft->in, rule);
        return;
    }
    rule->test = draft->equals != NULL ? HOOK_EQUALS : draft->glob != NULL ? HOOK_GLOB : HOOK_REGEX;
    if (rule->test == HOOK_REGEX)
        check_regex(reading, draft->regex);
    keep_value(reading, texts[rule->test], strlen(texts[rule->test]), rule);
}

void hook_rules_take(struct reading *reading, struct config_hook *hook)
{
    size_t length = enter_key(reading, "when");
    for (uint32_t i = 0; i < reading->hook_rule_count; i++) {
        const struct hook_rule_draft *draft = &reading->hook_rules[i];
        struct setting_hook_rule *rule = grow(reading, &hook->rules, hook->rule_count, sizeof *rule);
        if (rule == NULL)
            break;
        hook->rule_count++;
        size_t above = enter_index(reading, i);
        if (take_source(reading, hook, draft, rule))
            take_test(reading, draft, rule);
        leave(reading, above);
    }
    leave(reading, length);
}

/* --- parameters ------------------------------------------------------------------------------------------------------ */

static void add_map(struct reading *reading, const struct command *command, struct config_hook *hook, const char *name,
                    const json_t *value)
{
    const char *from = NULL;
    int index = command_find_param(command, name);
    enum hook_source source = read_source(value, &from);
    if (index < 0 || source == HOOK_SOURCE_NONE || source_fault(source, from) != NULL)
        return; /* told */
    if (is_proof(hook, source, from)) {
        fault_below(reading, name, -1, PROOF_FAULT);
        return;
    }
    struct setting_hook_map *map = grow(reading, &hook->maps, hook->map_count, sizeof *map);
    if (map == NULL)
        return;
    hook->map_count++;
    *map = (struct setting_hook_map){ .kind = value_kind(command->params[index].rule.type),
                                      .item = value_kind(command->params[index].item.type),
                                      .source = (uint8_t)source };
    text_copy(map->param, sizeof map->param, name);
    text_copy(map->from, sizeof map->from, from);
}

void hook_maps_take(struct reading *reading, struct config_hook *hook)
{
    const struct policy *policy = reading->config->policy;
    int index = policy_find_command(policy, hook->setting.command);
    const char *name;
    json_t *value;
    if (index < 0)
        return;
    size_t length = enter_key(reading, "params");
    json_object_foreach((json_t *)(uintptr_t)reading->hook.params, name, value)
    {
        if (json_is_object(value))
            add_map(reading, &policy->commands[index], hook, name, value);
    }
    leave(reading, length);
}
