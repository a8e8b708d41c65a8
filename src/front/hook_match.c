#include "hook_match.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/policy/pattern.h"
#include "sallyport/proto/entries.h"

#define JSON_VALUES_MAX 200000 /* of one body: each costs some hundred bytes of memory */
#define NUMBER_BYTES    40

static const char *const source_texts[HOOK_SOURCE_COUNT] = { "", "header", "json", "query", "form" };

/* --- the body ---------------------------------------------------------------------------------------------------------- */

/* Before a byte of it costs more than itself. What is no JSON passes: that is for the parser to say. */
static bool is_small_json(const char *data, size_t size)
{
    unsigned depth = 0, values = 1;
    bool is_text = false;
    for (size_t i = 0; i < size; i++) {
        char c = data[i];
        if (is_text) {
            i += c == '\\';
            is_text = c != '"';
        } else if (c == '"') {
            is_text = true;
        } else if (c == '[' || c == '{') {
            depth++;
            values++;
        } else if (c == ',') {
            values++;
        } else if ((c == ']' || c == '}') && depth > 0) {
            depth--;
        }
        if (depth > REQUEST_JSON_MAX_DEPTH || values > JSON_VALUES_MAX)
            return false;
    }
    return true;
}

static json_t *read_json(const char *data, size_t size)
{
    return is_small_json(data, size) ? json_loadb(data, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL) : NULL;
}

void hook_content_read(struct hook_content *content, const char *body, size_t size, bool is_form)
{
    content->json = NULL;
    content->body = is_form ? body : NULL;
    content->size = size;
    if (!is_form) {
        content->json = read_json(body, size);
        return;
    }
    auto_free char *payload = hook_form_field(body, size, "payload");
    if (payload != NULL)
        content->json = read_json(payload, strlen(payload));
}

void hook_content_done(struct hook_content *content)
{
    json_decref(content->json);
    content->json = NULL;
}

/* NULL unless it is a text; else `room` has it. */
static char *decode(const char *from, size_t size, char *room)
{
    long length = percent_decode(from, size, true, room);
    if (length < 0 || memchr(room, '\0', (size_t)length) != NULL || !text_is_utf8(room, (size_t)length))
        return NULL;
    room[length] = '\0';
    return room;
}

/* Whether a key, as it is written, is this name. */
static bool is_key(const char *key, size_t size, const char *name)
{
    char room[3 * HOOK_SOURCE_MAX_BYTES];
    return size < sizeof room && decode(key, size, room) != NULL && strcmp(room, name) == 0;
}

char *hook_form_field(const char *body, size_t size, const char *name)
{
    const char *found = NULL;
    size_t found_size = 0;
    unsigned count = 0;
    for (const char *at = body, *end = body + size; at < end;) {
        const char *next = memchr(at, '&', (size_t)(end - at));
        size_t pair = next != NULL ? (size_t)(next - at) : (size_t)(end - at);
        const char *equals = memchr(at, '=', pair);
        size_t key = equals != NULL ? (size_t)(equals - at) : pair;
        if (is_key(at, key, name)) {
            found = equals != NULL ? equals + 1 : "";
            found_size = equals != NULL ? pair - key - 1 : 0;
            count++;
        }
        at += pair + 1;
    }
    char *room = count == 1 ? malloc(found_size + 1) : NULL;
    if (room == NULL || decode(found, found_size, room) != NULL)
        return room;
    free(room);
    return NULL;
}

/* One step of a pointer, unescaped. False: it is longer than any key that is looked for. */
static bool unescape(const char *step, size_t size, char to[HOOK_SOURCE_MAX_BYTES])
{
    size_t used = 0;
    for (size_t i = 0; i < size && used + 1 < HOOK_SOURCE_MAX_BYTES; i++) {
        if (step[i] == '~' && i + 1 < size) {
            i++;
            to[used++] = step[i] == '1' ? '/' : '~';
        } else {
            to[used++] = step[i];
        }
    }
    to[used] = '\0';
    return used + 1 < HOOK_SOURCE_MAX_BYTES;
}

json_t *hook_pointer(json_t *root, const char *pointer)
{
    json_t *value = root;
    while (value != NULL && *pointer == '/') {
        char step[HOOK_SOURCE_MAX_BYTES];
        uint64_t index;
        size_t size = strcspn(pointer + 1, "/");
        if (!unescape(pointer + 1, size, step))
            return NULL;
        if (json_is_object(value))
            value = json_object_get(value, step);
        else if (json_is_array(value) && text_u64(step, SIZE_MAX, &index))
            value = json_array_get(value, (size_t)index);
        else
            value = NULL;
        pointer += size + 1;
    }
    return value;
}

/* --- values ------------------------------------------------------------------------------------------------------------ */

/* NULL: it is no scalar. `room` is for numbers. */
static const char *scalar_text(const json_t *value, char room[NUMBER_BYTES])
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_boolean(value))
        return json_is_true(value) ? "true" : "false";
    if (json_is_integer(value))
        snprintf(room, NUMBER_BYTES, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        snprintf(room, NUMBER_BYTES, "%.17g", json_real_value(value));
    else
        return NULL;
    return room;
}

/* What stands outside of JSON; a form's field goes to *ret_owned, too, for the caller to free. */
static const char *plain_text(const struct hook_content *content, uint8_t source, const char *from, char **ret_owned)
{
    const char *text = NULL;
    if (source == HOOK_HEADER)
        text = content->header(content->arg, from);
    else if (source == HOOK_QUERY)
        text = query_get(content->query, from);
    else if (source == HOOK_FORM && content->body != NULL)
        text = *ret_owned = hook_form_field(content->body, content->size, from);
    return text;
}

static bool is_listed(struct span list, const char *text)
{
    for (const char *at = (const char *)list.data, *end = at + list.size; at < end; at += strlen(at) + 1)
        if (strcmp(at, text) == 0)
            return true;
    return false;
}

static bool fits(const struct pattern *pattern, const char *text)
{
    size_t size = strlen(text);
    return size <= HOOK_REGEX_MAX_BYTES &&
           pattern_match(pattern, (struct span){ (const uint8_t *)text, (uint32_t)size }) == PATTERN_MATCHES;
}

static bool holds(const struct public_rule *rule, const char *text)
{
    const char *value = (const char *)rule->setting.value.data;
    switch (rule->setting.test) {
    case HOOK_EQUALS:
        return strcmp(value, text) == 0;
    case HOOK_GLOB:
        return text_glob(value, text);
    case HOOK_REGEX:
        return fits(rule->pattern, text);
    case HOOK_IN:
        return is_listed(rule->setting.value, text);
    default:
        return false;
    }
}

static bool rule_holds(const struct public_rule *rule, const struct hook_content *content)
{
    char room[NUMBER_BYTES];
    auto_free char *owned = NULL;
    const struct setting_hook_rule *setting = &rule->setting;
    const char *text = setting->source == HOOK_JSON ? scalar_text(hook_pointer(content->json, setting->from), room)
                                                    : plain_text(content, setting->source, setting->from, &owned);
    return text != NULL && holds(rule, text);
}

bool hook_matches(const struct public_hook *hook, const struct hook_content *content, char ret_why[HOOK_WHY_BYTES])
{
    for (uint32_t i = 0; i < hook->rule_count; i++) {
        const struct setting_hook_rule *setting = &hook->rules[i].setting;
        if (rule_holds(&hook->rules[i], content))
            continue;
        snprintf(ret_why, HOOK_WHY_BYTES, "%s %s", source_texts[setting->source], setting->from);
        return false;
    }
    return true;
}

/* --- parameters --------------------------------------------------------------------------------------------------------- */

/* JSON knows numbers and texts apart, and parameters do, too: what a text should be, it is taken as. */
static bool add_text(const struct setting_hook_map *map, const char *text, bool is_item, struct writer *out)
{
    uint8_t kind = is_item ? (uint8_t)(ENTRY_ITEM + map->item) : map->kind;
    return entries_add_text(out, kind, map->param, text, "");
}

static bool add_list(const struct setting_hook_map *map, const json_t *list, struct writer *out)
{
    bool done = entries_add_text(out, ENTRY_LIST, map->param, "", "");
    for (size_t i = 0; i < json_array_size(list) && done; i++) {
        char room[NUMBER_BYTES];
        const char *text = scalar_text(json_array_get(list, i), room);
        if (text != NULL)
            done = entries_add_text(out, (uint8_t)(ENTRY_ITEM + (map->item != 0 ? map->item : ENTRY_STRING)),
                                    map->param, text, "");
    }
    return done;
}

static bool add_scalar(const struct setting_hook_map *map, const char *text, struct writer *out)
{
    if (map->kind != ENTRY_LIST)
        return add_text(map, text, false, out);
    return entries_add_text(out, ENTRY_LIST, map->param, "", "") && add_text(map, text, true, out);
}

bool hook_params(const struct public_hook *hook, const struct hook_content *content, struct writer *out)
{
    for (uint32_t i = 0; i < hook->map_count; i++) {
        const struct setting_hook_map *map = &hook->maps[i];
        char room[NUMBER_BYTES];
        auto_free char *owned = NULL;
        json_t *value = map->source == HOOK_JSON ? hook_pointer(content->json, map->from) : NULL;
        const char *text =
            map->source == HOOK_JSON ? scalar_text(value, room) : plain_text(content, map->source, map->from, &owned);
        bool done = true;
        if (json_is_array(value))
            done = add_list(map, value, out);
        else if (text != NULL)
            done = add_scalar(map, text, out);
        if (!done)
            return false;
    }
    return true;
}
