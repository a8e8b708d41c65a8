/*
 * The walk along the table of keys: shapes, units and bounds. What values mean together is asked where an entry ends.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hooks.h"
#include "keys.h"
#include "paths.h"
#include "quantity.h"
#include "reading.h"
#include "sallyport/base/text.h"
#include "sallyport/limits.h"

static void read_rows(struct reading *reading, const char *parent, const json_t *map, void *draft);

static const char *shape(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "a map";
    case JSON_ARRAY:
        return "a list";
    case JSON_NULL:
        return "nothing";
    case JSON_STRING:
        return "a text";
    default:
        return "a single value";
    }
}

static void refuse_shape(struct reading *reading, const struct key *key, const json_t *value, const char *wanted)
{
    const char *dot = strrchr(reading->path.text, '.'), *name = dot != NULL ? dot + 1 : reading->path.text;
    if (key->hint != NULL)
        fault(reading, "must be %s, not %s; write %s: %s", wanted, shape(value), name, key->hint);
    else
        fault(reading, "must be %s, not %s", wanted, shape(value));
}

/* {name} without quotes is a map to YAML: the commonest slip of all. */
static const char *unquoted_placeholder(const json_t *value)
{
    void *first = json_object_iter((json_t *)(uintptr_t)value);
    if (json_object_size(value) != 1 || !json_is_null(json_object_iter_value(first)))
        return NULL;
    return json_object_iter_key(first);
}

/* The text of a scalar, or NULL and a fault. */
static const char *read_scalar(struct reading *reading, const struct key *key, const json_t *value)
{
    const char *text = scalar_text(reading, value), *name = unquoted_placeholder(value);
    if (text != NULL)
        return text;
    if (name != NULL)
        fault(reading, "must be text, not a map; quote the braces: \"{%.40s}\"", name);
    else if (json_is_null(value))
        fault(reading, "has no value; write one, or remove the line (an empty text is written \"\")");
    else
        refuse_shape(reading, key, value, "a single value");
    return NULL;
}

static bool check_bounds(struct reading *reading, const struct key *key, uint64_t value)
{
    if (value >= key->least && value <= key->most)
        return true;
    char least[BOUND_TEXT_BYTES], most[BOUND_TEXT_BYTES];
    fault(reading, "must be between %s and %s", key_bound_text(key, key->least, least),
          key_bound_text(key, key->most, most));
    return false;
}

static void put_number(const struct key *key, void *draft, uint64_t value)
{
    memcpy((char *)draft + key->offset, &value, sizeof value);
}

static void put_pointer(const struct key *key, void *draft, const void *value)
{
    memcpy((char *)draft + key->offset, &value, sizeof(const void *));
}

static void read_scalar_key(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    const char *text = read_scalar(reading, key, value);
    if (text != NULL)
        put_pointer(key, draft, text);
}

static bool check_text(struct reading *reading, const struct key *key, const char *text)
{
    size_t length = strlen(text);
    if (length < key->least)
        fault(reading, "must not be empty");
    else if (key->most > 0 && length > key->most)
        fault(reading, "is %zu bytes long, and may have at most %" PRIu64, length, key->most);
    else
        return true;
    return false;
}

static void read_text(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    const char *text = read_scalar(reading, key, value);
    if (text != NULL && check_text(reading, key, text) && draft != NULL)
        put_pointer(key, draft, text);
}

static void read_path(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    const char *text = read_scalar(reading, key, value);
    const char *why = text != NULL ? path_fault(text) : NULL;
    if (why != NULL)
        fault(reading, "%s", why);
    else if (text != NULL)
        put_pointer(key, draft, text);
}

static void read_integer(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    json_int_t number = json_integer_value(value);
    char least[BOUND_TEXT_BYTES], most[BOUND_TEXT_BYTES];
    if (!json_is_integer(value) || number < 0)
        fault(reading, "must be a whole number between %s and %s, without quotes",
              key_bound_text(key, key->least, least), key_bound_text(key, key->most, most));
    else if (check_bounds(reading, key, (uint64_t)number) && draft != NULL)
        put_number(key, draft, (uint64_t)number);
}

static void read_decimal(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    const char *text = read_scalar(reading, key, value);
    uint64_t thousandths;
    if (text == NULL)
        return;
    if (!quantity_thousandths(text, &thousandths))
        fault(reading, "'%.40s' is no number here; write one with at most three digits behind the point, such as 0.5",
              text);
    else if (check_bounds(reading, key, thousandths))
        put_number(key, draft, thousandths);
}

static void read_bool(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    bool is_true = json_is_true(value);
    if (json_is_boolean(value))
        memcpy((char *)draft + key->offset, &is_true, sizeof is_true);
    else
        fault(reading, "must be true or false, spelled so and without quotes");
}

static void read_measure(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    const char *text = read_scalar(reading, key, value);
    uint64_t number;
    if (text == NULL)
        return;
    bool is_duration = key->type == KEY_DURATION;
    if (is_duration ? text_duration_ms(text, &number) : text_size_bytes(text, &number)) {
        if (check_bounds(reading, key, number))
            put_number(key, draft, number);
    } else if (is_duration) {
        fault_duration(reading, text);
    } else {
        fault_size(reading, text);
    }
}

static void read_rate(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    const char *text = read_scalar(reading, key, value);
    struct rate_draft rate;
    if (text == NULL)
        return;
    if (!quantity_rate(text, &rate))
        fault(reading, "'%.40s' is no rate; write a number of jobs, a slash and a period, such as 10/1h", text);
    else if (rate.count < 1 || rate.count > RATE_COUNT_MAX || rate.period_ms < 1000 ||
             rate.period_ms > RATE_PERIOD_MAX_MS)
        fault(reading, "must be from 1 to %d jobs in a period from 1s to %dd", RATE_COUNT_MAX,
              (int)(RATE_PERIOD_MAX_MS / (24 * 3600 * 1000)));
    else
        memcpy((char *)draft + key->offset, &rate, sizeof rate);
}

static const char *word_at(const struct key *key, unsigned index)
{
    return key->word(index);
}

/* "a, b, c", as far as the room goes. */
static const char *list_words(const struct key *key, char *text, size_t room)
{
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; word_at(key, i) != NULL && used < room; i++)
        if (word_at(key, i)[0] != '\0')
            used += (size_t)snprintf(text + used, room - used, "%s%s", used > 0 ? ", " : "", word_at(key, i));
    return text;
}

static bool find_word(struct reading *reading, const struct key *key, const char *text, unsigned *ret_index)
{
    unsigned best = UINT32_MAX;
    const char *nearest = NULL;
    for (unsigned i = 0; word_at(key, i) != NULL; i++) {
        const char *word = word_at(key, i);
        if (word[0] != '\0' && strcmp(word, text) == 0) {
            *ret_index = i;
            return true;
        }
        if (word[0] != '\0' && is_near(text, word, &best))
            nearest = word;
    }
    char words[400];
    list_words(key, words, sizeof words);
    if (nearest != NULL)
        fault(reading, "must be one of %s, not '%.40s'; did you mean '%s'?", words, text, nearest);
    else
        fault(reading, "must be one of %s, not '%.40s'", words, text);
    return false;
}

static void read_word(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    const char *text = read_scalar(reading, key, value);
    unsigned index;
    if (text != NULL && find_word(reading, key, text, &index))
        put_number(key, draft, index);
}

static void read_words(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    if (!json_is_array(value)) {
        refuse_shape(reading, key, value, "a list");
        return;
    }
    uint64_t bits = 0;
    for (size_t i = 0; i < json_array_size(value); i++) {
        size_t length = enter_index(reading, i);
        const char *text = read_scalar(reading, key, json_array_get(value, i));
        unsigned index;
        if (text != NULL && find_word(reading, key, text, &index))
            bits |= 1ull << index;
        leave(reading, length);
    }
    put_number(key, draft, bits);
}

/* A list of texts only, with "" for what was refused, so that indexes stay those of the file. */
static json_t *read_items(struct reading *reading, const struct key *key, const json_t *value)
{
    json_t *texts = json_array();
    if (texts == NULL || json_array_append_new(reading->texts, texts) < 0) {
        reading->report->is_out_of_memory = true;
        return NULL;
    }
    bool is_path = key->type == KEY_PATHS;
    for (size_t i = 0; i < json_array_size(value); i++) {
        size_t length = enter_index(reading, i);
        const char *text = read_scalar(reading, key, json_array_get(value, i));
        const char *why = is_path && text != NULL ? path_fault(text) : NULL;
        if (why != NULL)
            fault(reading, "%s", why);
        bool is_good = text != NULL && why == NULL;
        if (json_array_append_new(texts, json_string(is_good ? text : "")) < 0)
            reading->report->is_out_of_memory = true;
        leave(reading, length);
    }
    return texts;
}

static void read_texts(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    bool is_single = key->type == KEY_TEXT_OR_TEXTS && scalar_text(reading, value) != NULL;
    if (!json_is_array(value) && !is_single) {
        refuse_shape(reading, key, value, "a list");
        return;
    }
    json_t *single = is_single ? json_pack("[O]", value) : NULL;
    const json_t *list = is_single ? single : value;
    size_t count = json_array_size(list);
    if (count < key->least)
        fault(reading, "must have at least %" PRIu64 " item%s", key->least, key->least == 1 ? "" : "s");
    else if (count > key->most)
        fault(reading, "has %zu items, and may have at most %" PRIu64, count, key->most);
    else if (list != NULL)
        put_pointer(key, draft, read_items(reading, key, list));
    json_decref(single);
}

static void read_value_key(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    bool is_good = true;
    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++) {
            size_t length = enter_index(reading, i);
            is_good &= read_scalar(reading, key, json_array_get(value, i)) != NULL;
            leave(reading, length);
        }
    } else {
        is_good = read_scalar(reading, key, value) != NULL;
    }
    if (is_good && draft != NULL)
        put_pointer(key, draft, value);
}

static void read_source(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    if (json_is_object(value))
        hook_source_check(reading, value);
    else
        read_value_key(reading, key, value, draft);
}

static void read_group(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    if (json_is_object(value))
        read_rows(reading, key->path, value, draft);
    else
        refuse_shape(reading, key, value, "a map of keys");
}

typedef void read_row(struct reading *reading, const struct key *key, const json_t *value, void *draft);

static void read_entries(struct reading *reading, const struct key *key, const json_t *value, void *draft);
static void read_maps(struct reading *reading, const struct key *key, const json_t *value, void *draft);

static read_row *const readers[KEY_TYPE_COUNT] = {
    [KEY_GROUP] = read_group,         [KEY_ENTRIES] = read_entries,   [KEY_MAPS] = read_maps,
    [KEY_TEXT] = read_text,           [KEY_SCALAR] = read_scalar_key, [KEY_TEXTS] = read_texts,
    [KEY_TEXT_OR_TEXTS] = read_texts, [KEY_INT] = read_integer,       [KEY_BOOL] = read_bool,
    [KEY_DURATION] = read_measure,    [KEY_SIZE] = read_measure,      [KEY_WORD] = read_word,
    [KEY_WORDS] = read_words,         [KEY_PATH] = read_path,         [KEY_PATHS] = read_texts,
    [KEY_VALUE] = read_value_key,     [KEY_RATE] = read_rate,         [KEY_DECIMAL] = read_decimal,
    [KEY_SOURCE] = read_source,
};

static const struct key *row_of(const struct key *key)
{
    char path[128];
    snprintf(path, sizeof path, "%s.*", key->path);
    return key_find(path);
}

static void read_entry(struct reading *reading, const struct key *map, const struct key *row, const char *name,
                       const json_t *value, void *draft)
{
    const struct entry_life *life = map->entries;
    if (!life->is_name(name)) {
        fault_at_key(reading, "'%.80s' is no name here: %s", name, life->name_rule);
        return;
    }
    if (life->open != NULL)
        draft = life->open(reading, name);
    else
        draft = NULL; /* the value is looked at and stays where it is */
    if (life->open == NULL || draft != NULL)
        readers[row->type](reading, row, value, draft);
    if (life->close != NULL && draft != NULL)
        life->close(reading);
}

static void read_entries(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    const struct key *row = row_of(key);
    if (!json_is_object(value)) {
        refuse_shape(reading, key, value, "a map of names");
        return;
    }
    if (json_object_size(value) > key->most) {
        fault(reading, "has %zu entries, and may have at most %" PRIu64, json_object_size(value), key->most);
        return;
    }
    const char *name;
    json_t *entry;
    json_object_foreach((json_t *)(uintptr_t)value, name, entry)
    {
        size_t length = enter_key(reading, name);
        read_entry(reading, key, row, name, entry, draft);
        leave(reading, length);
    }
    if (key->entries->open == NULL) /* plain values: whoever wants them reads the map */
        put_pointer(key, draft, value);
}

static void read_maps(struct reading *reading, const struct key *key, const json_t *value, void *draft)
{
    const struct key *row = row_of(key);
    (void)draft;
    if (!json_is_array(value)) {
        refuse_shape(reading, key, value, "a list of maps");
        return;
    }
    size_t count = json_array_size(value);
    if (count < key->least || count > key->most) {
        fault(reading, "has %zu items, and must have between %" PRIu64 " and %" PRIu64, count, key->least, key->most);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t length = enter_index(reading, i);
        void *item = key->entries->open(reading, NULL);
        if (item != NULL)
            read_group(reading, row, json_array_get(value, i), item);
        leave(reading, length);
    }
}

/* What stands when the key is absent goes the same way as what is written. */
static void read_fallback(struct reading *reading, const struct key *key, void *draft)
{
    uint64_t number;
    bool is_list = strcmp(key->fallback, "[]") == 0;
    bool is_number = key->type == KEY_INT && text_u64(key->fallback, UINT64_MAX, &number);
    bool is_bool = key->type == KEY_BOOL;
    json_t *value = is_list     ? json_array()
                    : is_number ? json_integer((json_int_t)number)
                    : is_bool   ? json_boolean(strcmp(key->fallback, "true") == 0)
                                : json_string(key->fallback);
    if (value == NULL || json_array_append_new(reading->texts, value) < 0) {
        reading->report->is_out_of_memory = true;
        return;
    }
    readers[key->type](reading, key, value, draft);
}

static void read_row_of(struct reading *reading, const struct key *key, const json_t *map, void *draft)
{
    const json_t *value = json_object_get(map, key_name(key));
    if (value == NULL && key->is_required && map != NULL) {
        if (key->hint != NULL)
            fault_at_key(reading, "'%s' is missing; write %s: %s", key_name(key), key_name(key), key->hint);
        else
            fault_at_key(reading, "'%s' is missing", key_name(key));
    }
    size_t length = enter_key(reading, key_name(key));
    if (value == NULL && key->type == KEY_GROUP && !key->is_later)
        read_rows(reading, key->path, NULL, draft); /* for what stands when all of it is absent */
    else if (value == NULL && key->fallback != NULL)
        read_fallback(reading, key, draft);
    else if (value != NULL && key->is_later)
        fault_at_key(reading, "is not in this release; the name is kept for a later one");
    else if (value != NULL)
        readers[key->type](reading, key, value, draft);
    leave(reading, length);
}

static void refuse_unknown(struct reading *reading, const char *parent, const char *name)
{
    const char *nearest = key_nearest(parent, name);
    size_t length = enter_key(reading, name);
    if (nearest != NULL)
        fault_at_key(reading, "is no key here; did you mean '%s'?", nearest);
    else
        fault_at_key(reading, "is no key here; docs/configuration.md lists all keys");
    leave(reading, length);
}

/* map may be NULL: then only what stands by itself is read. */
static void read_rows(struct reading *reading, const char *parent, const json_t *map, void *draft)
{
    for (const struct key *key = key_next_child(parent, NULL); key != NULL; key = key_next_child(parent, key))
        read_row_of(reading, key, map, draft);
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, name, value) if (key_find_child(parent, name) == NULL)
        refuse_unknown(reading, parent, name);
}

void validate(struct reading *reading)
{
    if (json_is_object(reading->tree->root))
        read_rows(reading, "", reading->tree->root, &reading->server);
    else
        fault(reading, "must be a map of keys, not %s", shape(reading->tree->root));
}
