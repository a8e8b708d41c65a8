#include "yaml.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Only letters, digits and a few signs, beginning with a letter, and none of YAML's words (1.1's included). */
bool yaml_is_plain(const char *text)
{
    static const char *const words[] = { "null", "true", "false", "yes", "no", "on", "off", "y", "n" };
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char others[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    if (text[0] == '\0' || strchr(letters, text[0]) == NULL || text[strspn(text, others)] != '\0')
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(words[i], text) == 0)
            return false;
    return true;
}

static void print_scalar(FILE *to, const json_t *value)
{
    if (json_is_string(value) && yaml_is_plain(json_string_value(value)))
        fputs(json_string_value(value), to);
    else
        json_dumpf(value, to, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
}

static void print_key(FILE *to, const char *key)
{
    json_t *text = json_string(key);
    print_scalar(to, text);
    json_decref(text);
}

static bool is_block(const json_t *value)
{
    return json_object_size(value) > 0 || json_array_size(value) > 0;
}

static void print_block(FILE *to, json_t *value, int indent);

static void print_members(FILE *to, json_t *object, int indent)
{
    for (void *at = json_object_iter(object); at != NULL; at = json_object_iter_next(object, at)) {
        json_t *member = json_object_iter_value(at);
        fprintf(to, "%*s", at == json_object_iter(object) ? 0 : indent, "");
        print_key(to, json_object_iter_key(at));
        if (is_block(member))
            fprintf(to, ":\n%*s", indent + 2, "");
        else
            fputs(": ", to);
        print_block(to, member, indent + 2);
    }
}

/* The first line is where the cursor stands; the others are indented. */
static void print_block(FILE *to, json_t *value, int indent)
{
    if (!is_block(value)) {
        print_scalar(to, value);
        fputc('\n', to);
        return;
    }
    print_members(to, value, indent);
    for (size_t i = 0; i < json_array_size(value); i++) {
        fprintf(to, "%*s- ", i == 0 ? 0 : indent, "");
        print_block(to, json_array_get(value, i), indent + 2);
    }
}

void yaml_print(FILE *to, const json_t *value)
{
    print_block(to, (json_t *)(uintptr_t)value, 0); /* iterators take no const, and only look */
}
