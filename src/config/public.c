#include "public.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "words.h"
#include "sallyport/config/config.h"
#include "sallyport/policy/policy.h"

static json_t *seconds(uint64_t ms)
{
    return ms % 1000 == 0 ? json_integer((json_int_t)(ms / 1000)) : json_real((double)ms / 1000.0);
}

/* The text of a value of this type as the JSON value that a caller would send. */
static json_t *typed(enum param_type type, const char *text)
{
    switch (type) {
    case PARAM_INT:
        return json_integer(strtoll(text, NULL, 10));
    case PARAM_NUMBER:
        return json_real(strtod(text, NULL));
    case PARAM_BOOL:
        return json_boolean(strcmp(text, "true") == 0);
    default:
        return json_string(text);
    }
}

/* JSON Schema's patterns match anywhere; ours match the whole value unless they say otherwise. */
static json_t *schema_pattern(const struct param_rule *rule)
{
    return rule->is_partial ? json_string(rule->pattern) : json_sprintf("^(?:%s)$", rule->pattern);
}

static void add_text_rules(json_t *schema, const struct param_rule *rule)
{
    if (rule->pattern != NULL)
        json_object_set_new(schema, "pattern", schema_pattern(rule));
    if (rule->min_length > 0)
        json_object_set_new(schema, "minLength", json_integer(rule->min_length));
    json_object_set_new(schema, "maxLength", json_integer(rule->max_length));
    if (rule->type == PARAM_SECRET) {
        json_object_set_new(schema, "format", json_string("password"));
        json_object_set_new(schema, "writeOnly", json_true());
    }
}

static void add_number_rules(json_t *schema, const struct param_rule *rule)
{
    bool is_int = rule->type == PARAM_INT;
    if (rule->has_min)
        json_object_set_new(schema, "minimum", is_int ? json_integer(rule->min) : json_real(rule->min_number));
    if (rule->has_max)
        json_object_set_new(schema, "maximum", is_int ? json_integer(rule->max) : json_real(rule->max_number));
}

static void add_values(json_t *schema, const struct param_rule *rule)
{
    json_t *values = json_array();
    for (uint32_t i = 0; i < rule->value_count; i++)
        json_array_append_new(values, json_string(rule->values[i]));
    json_object_set_new(schema, "enum", values);
}

/* A string that OpenAPI and JSON Schema know as the bytes of a part, and not as a member of the JSON document. */
static void add_file_rules(json_t *schema, const struct param_rule *rule)
{
    json_object_set_new(schema, "contentMediaType", json_string("application/octet-stream"));
    json_object_set_new(schema, "maxLength", json_integer((json_int_t)rule->file_max_bytes));
}

static json_t *rule_schema(const struct param_rule *rule)
{
    static const struct {
        const char *type;
        void (*add)(json_t *, const struct param_rule *);
    } types[PARAM_TYPE_COUNT] = {
        [PARAM_STRING] = { "string", add_text_rules },
        [PARAM_SECRET] = { "string", add_text_rules },
        [PARAM_INT] = { "integer", add_number_rules },
        [PARAM_NUMBER] = { "number", add_number_rules },
        [PARAM_ENUM] = { "string", add_values },
        [PARAM_BOOL] = { "boolean", NULL },
        [PARAM_LIST] = { "array", NULL },
        [PARAM_FILE] = { "string", add_file_rules },
    };
    json_t *schema = json_object();
    json_object_set_new(schema, "type", json_string(types[rule->type].type));
    if (types[rule->type].add != NULL)
        types[rule->type].add(schema, rule);
    return schema;
}

static json_t *default_value(const struct param *param)
{
    if (param->rule.type != PARAM_LIST)
        return typed(param->rule.type, param->default_values[0]);
    json_t *items = json_array();
    for (uint32_t i = 0; i < param->default_count; i++)
        json_array_append_new(items, typed(param->item.type, param->default_values[i]));
    return items;
}

/* A list's example is kept as JSON text of its items as they were spelled. */
static json_t *example_value(const struct param *param)
{
    if (param->rule.type != PARAM_LIST)
        return typed(param->rule.type, param->example);
    json_t *spelled = json_loads(param->example, 0, NULL), *items = json_array();
    for (size_t i = 0; i < json_array_size(spelled); i++) {
        json_t *item = json_array_get(spelled, i);
        bool is_text = json_is_string(item);
        json_array_append_new(items, is_text ? typed(param->item.type, json_string_value(item)) : json_incref(item));
    }
    json_decref(spelled);
    return items;
}

static json_t *param_schema(const struct param *param)
{
    json_t *schema = rule_schema(&param->rule);
    if (param->rule.type == PARAM_LIST) {
        json_object_set_new(schema, "items", rule_schema(&param->item));
        if (param->min_items > 0)
            json_object_set_new(schema, "minItems", json_integer(param->min_items));
        json_object_set_new(schema, "maxItems", json_integer(param->max_items));
    }
    if (param->help != NULL)
        json_object_set_new(schema, "description", json_string(param->help));
    if (param->has_default)
        json_object_set_new(schema, "default", default_value(param));
    if (param->example != NULL)
        json_object_set_new(schema, "examples", json_pack("[o]", example_value(param)));
    return schema;
}

static json_t *params_schema(const struct command *command)
{
    json_t *properties = json_object(), *required = json_array();
    for (uint32_t i = 0; i < command->param_count; i++) {
        const struct param *param = &command->params[i];
        json_object_set_new(properties, param->name, param_schema(param));
        if (param->is_required)
            json_array_append_new(required, json_string(param->name));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:b}", "$schema", "https://json-schema.org/draft/2020-12/schema", "type",
                     "object", "properties", properties, "required", required, "additionalProperties", 0);
}

static json_t *signal_names(uint64_t signals)
{
    json_t *names = json_array();
    for (unsigned i = 0; word_signal(i) != NULL; i++)
        if ((signals & 1ull << i) != 0)
            json_array_append_new(names, json_string(word_signal(i)));
    return names;
}

/* A template as people write it: "{env}"; null for none. */
static json_t *template_text(const struct command *command, const struct template *template)
{
    json_t *text = template->piece_count > 0 ? json_string("") : json_null();
    for (uint32_t i = 0; i < template->piece_count; i++) {
        const struct template_piece *piece = &template->pieces[i];
        json_t *longer = piece->literal != NULL
                             ? json_sprintf("%s%s", json_string_value(text), piece->literal)
                             : json_sprintf("%s{%s}", json_string_value(text), command->params[piece->param].name);
        json_decref(text);
        text = longer;
    }
    return text;
}

static json_t *number_or_null(uint32_t number)
{
    return number > 0 ? json_integer(number) : json_null();
}

static json_t *seconds_or_null(uint64_t ms)
{
    return ms > 0 ? seconds(ms) : json_null();
}

static json_t *concurrency(const struct command *command)
{
    const struct queue_rules *queue = &command->queue;
    if (queue->limit == 0 && queue->max_wait_ms == 0)
        return json_null();
    return json_pack("{s:o, s:o, s:s, s:o, s:o}", "limit", number_or_null(queue->limit), "key",
                     template_text(command, &queue->key), "when_full", word_when_busy(queue->when_full), "max_queue",
                     number_or_null(queue->max_queue), "max_wait", seconds_or_null(queue->max_wait_ms));
}

static json_t *rate(const struct rate *rate)
{
    if (rate->count == 0)
        return json_null();
    return json_pack("{s:I, s:o}", "count", (json_int_t)rate->count, "period", seconds(rate->period_ms));
}

static json_t *dedupe(const struct command *command)
{
    const struct queue_rules *queue = &command->queue;
    if (queue->dedupe_ms == 0)
        return json_null();
    return json_pack("{s:o, s:o}", "key", template_text(command, &queue->dedupe_key), "window",
                     seconds(queue->dedupe_ms));
}

static void add_queue(json_t *object, const struct command *command)
{
    json_object_set_new(object, "priority", json_integer(command->queue.priority));
    json_object_set_new(object, "concurrency", concurrency(command));
    json_object_set_new(object, "rate", rate(&command->queue.rate));
    json_object_set_new(object, "dedupe", dedupe(command));
}

static void add_files(json_t *object, const struct command *command)
{
    bool takes_files = false;
    for (uint32_t i = 0; i < command->param_count; i++)
        takes_files |= command->params[i].rule.type == PARAM_FILE;
    json_object_set_new(object, "files_max", json_integer(takes_files ? (json_int_t)command->files_max_bytes : 0));
}

/* Only where there are some. */
static void add_cpus(json_t *object, const struct command *command)
{
    if (command->cpu_thousandths != 0)
        json_object_set_new(object, "cpus", json_real(command->cpu_thousandths / 1000.0));
}

static void add_artifacts(json_t *object, const struct command *command)
{
    if (command->artifact_count == 0)
        return;
    json_t *patterns = json_array();
    for (uint32_t i = 0; i < command->artifact_count; i++)
        json_array_append_new(patterns, json_string(command->artifacts[i]));
    json_object_set_new(object, "artifacts", patterns);
    json_object_set_new(object, "artifacts_max", json_integer((json_int_t)command->artifacts_max_bytes));
    if (command->has_context)
        json_object_set_new(object, "context", json_true());
}

/* Only for functions. */
static void add_route(json_t *object, const struct config_route *route)
{
    if (route == NULL)
        return;
    const struct setting_route *setting = &route->setting;
    json_t *methods = json_array();
    for (unsigned i = 0; word_method(i) != NULL; i++)
        if ((setting->methods & 1u << i) != 0)
            json_array_append_new(methods, json_string(word_method(i)));
    json_object_set_new(object, "route",
                        json_pack("{s:o, s:o, s:s, s:s, s:s}", "url", json_sprintf("/r/%s", setting->path), "methods",
                                  methods, "response", word_response(setting->response), "type", setting->type,
                                  "on_disconnect", word_on_disconnect(setting->ends_with_caller)));
}

char *public_text(const struct command *command, int mode, const struct config_route *route)
{
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:I, s:s, s:I, s:I, s:I, s:s, s:I, s:o}", "name",
                  command->name, "url", "", "title", command->title, "description", command->description, "group",
                  command->group, "mode", word_mode((unsigned)mode), "params_schema", params_schema(command), "timeout",
                  seconds(command->timeout_ms), "grace", seconds(command->grace_ms), "network",
                  word_network(command->has_host_network), "output_max", (json_int_t)command->output_max_bytes,
                  "output_when_full", word_when_full(command->output_when_full), "memory_max",
                  (json_int_t)command->memory_max_bytes, "pids_max", (json_int_t)command->pids_max, "tmp_max",
                  (json_int_t)command->tmp_max_bytes, "stdin", word_stdin(command->stdin_kind), "stdin_max",
                  (json_int_t)(command->stdin_kind != STDIN_NONE ? command->stdin_max_bytes : 0), "signals",
                  signal_names(command->signals));
    if (object == NULL)
        return NULL;
    json_object_set_new(object, "url", json_sprintf("/v1/commands/%s", command->name));
    add_cpus(object, command);
    add_files(object, command);
    add_queue(object, command);
    add_artifacts(object, command);
    add_route(object, route);
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(object);
    return text;
}
