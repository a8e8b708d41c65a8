/* Whether YAML says what a JSON value says, as libyaml reads it: for targets that write configurations. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "draft.h"
#include "sallyport/base/error.h"

static bool same_node(yaml_document_t *document, int index, const json_t *value);

static bool same_scalar(const yaml_node_t *node, const json_t *value)
{
    const char *text = (const char *)node->data.scalar.value;
    if (json_is_string(value))
        return node->data.scalar.length == json_string_length(value) && strcmp(text, json_string_value(value)) == 0;
    char *written = json_dumps(value, JSON_ENCODE_ANY);
    bool is_same = written != NULL && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(text, written) == 0;
    free(written);
    return is_same;
}

static bool same_map(yaml_document_t *document, const yaml_node_t *node, const json_t *value)
{
    size_t count = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
    if (!json_is_object(value) || json_object_size(value) != count)
        return false;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        const json_t *member =
            key->type == YAML_SCALAR_NODE ? json_object_get(value, (const char *)key->data.scalar.value) : NULL;
        if (member == NULL || !same_node(document, pair->value, member))
            return false;
    }
    return true;
}

static bool same_list(yaml_document_t *document, const yaml_node_t *node, const json_t *value)
{
    size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    bool is_same = json_is_array(value) && json_array_size(value) == count;
    for (size_t i = 0; i < count && is_same; i++)
        is_same = same_node(document, node->data.sequence.items.start[i], json_array_get(value, i));
    return is_same;
}

static bool same_node(yaml_document_t *document, int index, const json_t *value)
{
    const yaml_node_t *node = yaml_document_get_node(document, index);
    switch (node->type) {
    case YAML_SCALAR_NODE:
        return same_scalar(node, value);
    case YAML_SEQUENCE_NODE:
        return same_list(document, node, value);
    case YAML_MAPPING_NODE:
        return same_map(document, node, value);
    default:
        return false;
    }
}

/* Sections that have nothing are not written, but for an empty list of commands. */
static json_t *expected_of(const struct draft *draft)
{
    json_t *expected = json_object(), *entries;
    const char *section;
    json_object_foreach(draft->config, section, entries)
    {
        if (json_object_size(entries) > 0)
            json_object_set(expected, section, entries);
    }
    if (json_object_get(expected, "commands") == NULL)
        json_object_set_new(expected, "commands", json_object());
    return expected;
}

/* Ends the program unless what is written of a draft is read as what the draft says, and as nothing else. */
static void check_same(const struct draft *draft)
{
    char *text = NULL;
    size_t size = 0;
    struct error err = { 0 };
    FILE *to = open_memstream(&text, &size);
    if (to == NULL || draft_write(draft, to, &err) < 0 || fclose(to) != 0)
        abort();
    yaml_parser_t parser;
    yaml_document_t document, more;
    if (!yaml_parser_initialize(&parser))
        abort();
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, size);
    if (!yaml_parser_load(&parser, &document)) {
        fprintf(stderr, "%s in line %zu\n%s", parser.problem, parser.problem_mark.line + 1, text);
        abort();
    }
    json_t *expected = expected_of(draft);
    if (!same_node(&document, 1, expected)) {
        fprintf(stderr, "%s", text);
        abort();
    }
    if (!yaml_parser_load(&parser, &more) || yaml_document_get_root_node(&more) != NULL)
        abort(); /* a second document */
    json_decref(expected);
    yaml_document_delete(&more);
    yaml_document_delete(&document);
    yaml_parser_delete(&parser);
    free(text);
}
