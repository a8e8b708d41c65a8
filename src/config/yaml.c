#include "yaml.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "sallyport/base/text.h"

/* A list or map that is still open. */
struct frame {
    json_t *container;  /* owned by its parent, or by the source */
    size_t path_length; /* to go back to when it ends */
    bool has_key;       /* a map whose next node is a value */
    char key[KEY_MAX_BYTES + 1];
    struct place key_place;
};

struct yaml {
    struct tree *tree;
    uint32_t source;
    struct report *report;
    struct tree_path path;
    struct frame frames[CONFIG_DEPTH_MAX];
    uint32_t depth, node_count, document_count;
    bool is_over; /* at the end, or after a fault that leaves nothing to go on with */
};

static struct source *source_of(const struct yaml *yaml)
{
    return &yaml->tree->sources[yaml->source];
}

static struct place place_of(const struct yaml *yaml, const yaml_mark_t *mark)
{
    return (struct place){ yaml->source, (uint32_t)mark->line + 1, (uint32_t)mark->column + 1 };
}

/* A fault that ends the reading of this file. */
static void stop(struct yaml *yaml, struct place place, const char *text)
{
    report_fault(yaml->report, place, yaml->path.text, "%s", text);
    yaml->is_over = true;
}

/* Before libyaml: what it lets through, or tells without a line. */
static bool check_bytes(struct yaml *yaml, const uint8_t *data, size_t size)
{
    struct place place = { yaml->source, 1, 1 };
    unsigned tab_lines = 0;
    uint32_t last_tab_line = 0;
    for (size_t at = 0; at < size;) {
        size_t length = 1;
        while (length < 4 && at + length < size && (data[at + length] & 0xc0) == 0x80)
            length++;
        if (!text_is_utf8(data + at, length)) {
            stop(yaml, place, "this is not UTF-8: save the file in that encoding");
            return false;
        }
        if (data[at] == '\0' || (at == 0 && length == 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)) {
            stop(yaml, place,
                 data[at] == '\0' ? "a NUL character; this is not a text file"
                                  : "a byte order mark; save the file as UTF-8 without one");
            return false;
        }
        if (data[at] == '\t' && place.line != last_tab_line && tab_lines++ < 10) {
            report_fault(yaml->report, place, "", "a tab; write blanks instead (inside double quotes: \\t)");
            last_tab_line = place.line;
        }
        place.column++;
        if (data[at] == '\n') {
            place.line++;
            place.column = 1;
        }
        at += length;
    }
    return tab_lines == 0;
}

static struct frame *top(struct yaml *yaml)
{
    return yaml->depth > 0 ? &yaml->frames[yaml->depth - 1] : NULL;
}

static bool is_plain_integer(const char *text, int64_t *ret_number)
{
    bool is_negative = text[0] == '-';
    uint64_t number;
    if (!text_u64(text + is_negative, INT64_MAX, &number) || (is_negative && number == 0))
        return false;
    *ret_number = is_negative ? -(int64_t)number : (int64_t)number;
    return true;
}

static json_t *scalar_value(const char *text, bool is_plain)
{
    int64_t number;
    if (is_plain && (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0))
        return json_null();
    if (is_plain && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        return json_boolean(text[0] == 't');
    if (is_plain && is_plain_integer(text, &number))
        return json_integer(number);
    return json_string(text);
}

static void take_key(struct yaml *yaml, struct frame *map, const char *text, struct place place)
{
    if (strlen(text) > KEY_MAX_BYTES) {
        stop(yaml, place, "a key of more than 128 characters");
        return;
    }
    text_copy(map->key, sizeof map->key, text);
    map->key_place = place;
    map->has_key = true;
    size_t length = tree_path_key(&yaml->path, text);
    struct place first;
    if (strcmp(text, "<<") == 0)
        report_fault(yaml->report, place, yaml->path.text, "merge keys are not taken; write the keys out");
    else if (json_object_get(map->container, text) != NULL &&
             source_place(source_of(yaml), yaml->path.text, &first, NULL))
        report_fault(yaml->report, place, yaml->path.text, "is written twice in the same map, first in line %u",
                     first.line);
    tree_path_cut(&yaml->path, length);
}

/* Puts a value where it belongs. The path stands at the value afterwards; returns the length to go back to. */
static size_t put(struct yaml *yaml, json_t *value, struct place place)
{
    struct frame *parent = top(yaml);
    struct place key_place = place;
    size_t length = yaml->path.length;
    int done = 0;
    if (++yaml->node_count > CONFIG_NODES_MAX)
        stop(yaml, place, "more than 100000 values in one file");
    if (parent == NULL) {
        source_of(yaml)->root = value;
    } else if (json_is_array(parent->container)) {
        tree_path_index(&yaml->path, json_array_size(parent->container));
        done = json_array_append_new(parent->container, value);
    } else {
        tree_path_key(&yaml->path, parent->key);
        done = json_object_set_new(parent->container, parent->key, value);
        key_place = parent->key_place;
        parent->has_key = false;
    }
    if (done < 0 || value == NULL)
        yaml->report->is_out_of_memory = yaml->is_over = true;
    else if (!source_set_place(source_of(yaml), yaml->path.text, key_place, place))
        stop(yaml, place, "the keys of this file are too long and too deep together");
    return length;
}

/* Anchors and tags are told and then left out, so that the rest of the file is still looked at. */
static void refuse_properties(struct yaml *yaml, struct place place, const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor != NULL)
        report_fault(yaml->report, place, yaml->path.text,
                     "anchors are not taken; write the value out where it is needed");
    if (tag != NULL)
        report_fault(yaml->report, place, yaml->path.text, "tags are not taken; write the value without '%.40s'",
                     (const char *)tag);
}

static void take_scalar(struct yaml *yaml, const yaml_event_t *event, struct place place)
{
    struct frame *parent = top(yaml);
    const char *text = (const char *)event->data.scalar.value;
    refuse_properties(yaml, place, event->data.scalar.anchor, event->data.scalar.tag);
    if (strlen(text) != event->data.scalar.length) {
        stop(yaml, place, "a NUL character; no value may hold one");
        return;
    }
    if (parent != NULL && json_is_object(parent->container) && !parent->has_key) {
        take_key(yaml, parent, text, place);
        return;
    }
    json_t *value = scalar_value(text, event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE);
    tree_path_cut(&yaml->path, put(yaml, value, place));
}

static void take_container(struct yaml *yaml, json_t *container, struct place place)
{
    struct frame *parent = top(yaml);
    if (parent != NULL && json_is_object(parent->container) && !parent->has_key) {
        json_decref(container);
        stop(yaml, place, "a key must be text; quote what starts with '[' or '{'");
        return;
    }
    if (yaml->depth == CONFIG_DEPTH_MAX) {
        json_decref(container);
        stop(yaml, place, "more than 32 levels deep");
        return;
    }
    size_t length = put(yaml, container, place);
    yaml->frames[yaml->depth++] = (struct frame){ .container = container, .path_length = length };
}

static void take_document(struct yaml *yaml, const yaml_event_t *event, struct place place)
{
    bool has_tags = event->data.document_start.tag_directives.start != event->data.document_start.tag_directives.end;
    if (yaml->document_count++ > 0)
        stop(yaml, place, "a second document; one file holds one configuration");
    else if (event->data.document_start.version_directive != NULL || has_tags)
        stop(yaml, place, "directives are not taken; remove the lines that start with '%'");
}

static void take_event(struct yaml *yaml, const yaml_event_t *event)
{
    struct place place = place_of(yaml, &event->start_mark);
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        take_document(yaml, event, place);
        break;
    case YAML_ALIAS_EVENT:
        stop(yaml, place, "aliases are not taken; write the value out (text that starts with '*' needs quotes)");
        break;
    case YAML_SCALAR_EVENT:
        take_scalar(yaml, event, place);
        break;
    case YAML_SEQUENCE_START_EVENT:
        refuse_properties(yaml, place, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        take_container(yaml, json_array(), place);
        break;
    case YAML_MAPPING_START_EVENT:
        refuse_properties(yaml, place, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        take_container(yaml, json_object(), place);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        tree_path_cut(&yaml->path, yaml->frames[--yaml->depth].path_length);
        break;
    case YAML_STREAM_END_EVENT:
        yaml->is_over = true;
        break;
    default:
        break;
    }
}

static void refuse_syntax(struct yaml *yaml, const yaml_parser_t *parser)
{
    struct place place = place_of(yaml, &parser->problem_mark);
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";
    if (parser->error == YAML_MEMORY_ERROR)
        yaml->report->is_out_of_memory = true;
    else if (parser->context != NULL)
        report_fault(yaml->report, place, "",
                     "YAML: %s, %s that starts in line %zu (does a text with one of : # [ ] { } , & * ! | > ' \" %% @ "
                     "` need quotes?)",
                     problem, parser->context, parser->context_mark.line + 1);
    else
        report_fault(yaml->report, place, "", "YAML: %s", problem);
}

static void read_events(struct yaml *yaml, yaml_parser_t *parser)
{
    while (!yaml->is_over) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            refuse_syntax(yaml, parser);
            return;
        }
        take_event(yaml, &event);
        yaml_event_delete(&event);
    }
}

void yaml_read(const uint8_t *data, size_t size, struct tree *tree, uint32_t source, struct report *report)
{
    if (size > CONFIG_FILE_MAX_BYTES) {
        report_fault(report, (struct place){ .file = source }, "", "the file is larger than 4 MiB");
        return;
    }
    struct yaml *yaml = calloc(1, sizeof *yaml);
    yaml_parser_t parser;
    if (yaml == NULL || !yaml_parser_initialize(&parser)) {
        free(yaml);
        report->is_out_of_memory = true;
        return;
    }
    *yaml = (struct yaml){ .tree = tree, .source = source, .report = report };
    unsigned faults_before = report->fault_count;
    bool is_text = check_bytes(yaml, data, size);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, data, size);
    if (is_text)
        read_events(yaml, &parser);
    else
        assert(report->fault_count > faults_before);
    if (yaml->depth > 0) { /* cut short: half a file would only bring faults that are none */
        json_decref(source_of(yaml)->root);
        source_of(yaml)->root = NULL;
    }
    yaml_parser_delete(&parser);
    free(yaml);
}
