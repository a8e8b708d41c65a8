#include "params.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "options.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/limits.h"

json_t *params_properties(const json_t *schema)
{
    return json_object_get(schema, "properties");
}

const char *params_type(const json_t *property)
{
    const json_t *type = json_object_get(property, "type");
    if (json_is_string(type))
        return json_string_value(type);
    for (size_t i = 0; i < json_array_size(type); i++) {
        const char *one = json_string_value(json_array_get(type, i));
        if (one != NULL && strcmp(one, "null") != 0)
            return one;
    }
    return json_object_get(property, "enum") != NULL ? "string" : "";
}

bool params_is_secret(const json_t *property)
{
    const char *format = json_string_value(json_object_get(property, "format"));
    return json_is_true(json_object_get(property, "writeOnly")) ||
           json_is_true(json_object_get(property, "x-secret")) || (format != NULL && strcmp(format, "password") == 0);
}

bool params_is_file(const json_t *property)
{
    return json_object_get(property, "contentMediaType") != NULL;
}

bool params_is_required(const json_t *schema, const char *name)
{
    const json_t *required = json_object_get(schema, "required");
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *one = json_string_value(json_array_get(required, i));
        if (one != NULL && strcmp(one, name) == 0)
            return true;
    }
    return false;
}

static json_t *value_boolean(const char *text)
{
    static const struct {
        const char *text;
        bool is_true;
    } words[] = { { "true", true },   { "yes", true }, { "on", true },   { "1", true },
                  { "false", false }, { "no", false }, { "off", false }, { "0", false } };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(words[i].text, text) == 0)
            return json_boolean(words[i].is_true);
    return NULL;
}

static json_t *value_integer(const char *text)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    bool starts_well = (text[0] >= '0' && text[0] <= '9') || (text[0] == '-' && text[1] >= '0' && text[1] <= '9');
    return starts_well && *end == '\0' && errno == 0 ? json_integer(number) : NULL;
}

/* Through jansson, whose numbers are exactly those of JSON: no hex, no infinity, no locale. */
static json_t *value_number(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    if (json_is_number(value))
        return value;
    json_decref(value);
    return NULL;
}

static json_t *value_text(const char *text)
{
    return json_string(text); /* NULL for what is not UTF-8 */
}

static const struct {
    const char *type;
    json_t *(*read)(const char *text);
    const char *wants;
} types[] = {
    { "boolean", value_boolean, "true or false" },
    { "integer", value_integer, "a whole number" },
    { "number", value_number, "a number" },
    { "string", value_text, "text in UTF-8" },
};

json_t *params_value(const json_t *property, const char *name, const char *text, struct error *err)
{
    const char *type = params_type(property);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].type, type) != 0)
            continue;
        json_t *value = types[i].read(text);
        if (value == NULL)
            fail_plain(err, EINVAL, "parameter '%s' takes %s, not '%s'", name, types[i].wants,
                       params_is_secret(property) || !text_is_utf8(text, strlen(text)) ? "this" : text);
        return value;
    }
    json_t *value = value_text(text);
    if (value == NULL)
        fail_plain(err, EINVAL, "parameter '%s' takes text in UTF-8", name);
    return value;
}

static int fail_unknown(const json_t *schema, const char *name, struct error *err)
{
    const char *nearest = NULL;
    unsigned least = 4;
    json_t *properties = params_properties(schema);
    for (void *at = json_object_iter(properties); at != NULL; at = json_object_iter_next(properties, at)) {
        const char *known = json_object_iter_key(at);
        unsigned distance = text_distance(name, known);
        if (distance < least) {
            least = distance;
            nearest = known;
        }
    }
    if (nearest != NULL)
        return fail_plain(err, EINVAL, "there is no parameter '%s'; did you mean '%s'?", name, nearest);
    return fail_plain(err, EINVAL, "there is no parameter '%s'; 'sallyport describe' lists them", name);
}

int params_find(const json_t *schema, const char *name, const json_t **ret_property, struct error *err)
{
    const json_t *properties = params_properties(schema);
    *ret_property = json_object_get(properties, name);
    return properties != NULL && *ret_property == NULL ? fail_unknown(schema, name, err) : 0;
}

static int append_item(json_t *params, const json_t *property, const char *name, const char *text, struct error *err)
{
    json_t *list = json_object_get(params, name);
    if (!json_is_array(list)) {
        json_object_set_new(params, name, json_array());
        list = json_object_get(params, name);
    }
    json_t *item = params_value(json_object_get(property, "items"), name, text, err);
    if (item == NULL)
        return -EINVAL;
    return json_array_append_new(list, item) < 0 ? fail(err, ENOMEM, "parameter '%s'", name) : 0;
}

int params_add(json_t *params, const json_t *schema, const char *word, struct error *err)
{
    const char *equals = strchr(word, '=');
    if (equals == NULL || equals == word)
        return fail_plain(err, EINVAL, "-p takes name=value (or name:=json), not '%s'", word);
    bool is_json = equals[-1] == ':';
    char name[NAME_MAX_BYTES];
    if (!text_copy_bytes(name, sizeof name, word, (size_t)(equals - word) - is_json) || name[0] == '\0')
        return fail_plain(err, EINVAL, "'%s' has no name of a parameter before its '='", word);
    const json_t *property = NULL;
    int done = params_find(schema, name, &property, err);
    if (done < 0)
        return done;
    if (params_is_file(property))
        return fail_plain(err, EINVAL, "parameter '%s' is a file; send it with --file %s=PATH", name, name);

    json_t *value;
    if (is_json) {
        json_error_t problem;
        value = json_loads(equals + 1, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &problem);
        if (value == NULL)
            return fail_plain(err, EINVAL, "parameter '%s': what follows ':=' is not JSON (%s, column %d)", name,
                              problem.text, problem.column);
    } else if (strcmp(params_type(property), "array") == 0) {
        return append_item(params, property, name, equals + 1, err);
    } else {
        value = params_value(property, name, equals + 1, err);
        if (value == NULL)
            return -EINVAL;
    }
    return json_object_set_new(params, name, value) < 0 ? fail(err, ENOMEM, "parameter '%s'", name) : 0;
}

int params_read_file(json_t *params, const char *path, struct error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    auto_fd int opened = is_stdin ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (!is_stdin && opened < 0)
        return fail(err, errno, "open parameter file '%s'", path);
    uint8_t *data;
    size_t size;
    if (fd_read_file(is_stdin ? STDIN_FILENO : opened, REQUEST_JSON_MAX_BYTES, &data, &size, err) < 0)
        return fail_in(err, "parameter file '%s'", path);
    json_error_t problem;
    json_t *read = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, &problem);
    free(data);
    if (!json_is_object(read)) {
        json_decref(read);
        if (read != NULL)
            return fail_plain(err, EINVAL, "%s: must hold one JSON object of parameters", path);
        return fail_plain(err, EINVAL, "%s:%d:%d: %s", path, problem.line, problem.column, problem.text);
    }
    int result = json_object_update(params, read) < 0 ? fail(err, ENOMEM, "parameter file '%s'", path) : 0;
    json_decref(read);
    return result;
}

int params_gather(json_t *params, const json_t *schema, const char *file, const struct words *words, struct error *err)
{
    if (file != NULL && params_read_file(params, file, err) < 0)
        return -err->code;
    json_t *given = json_object();
    int result = 0;
    for (size_t i = 0; i < words->count && result == 0; i++)
        result = params_add(given, schema, words->items[i], err);
    if (result == 0)
        json_object_update(params, given);
    json_decref(given);
    return result;
}
