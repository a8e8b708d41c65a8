#include "yaml.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Only letters, digits and a few signs, beginning with a letter, and none of YAML's words (1.1's included). */
static bool is_plain(const char *text)
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
    if (json_is_string(value) && is_plain(json_string_value(value)))
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
    return (json_is_object(value) && json_object_size(value) > 0) ||
           (json_is_array(value) && json_array_size(value) > 0);
}

/* The first line is where the cursor stands; the others are indented. */
static void print_block(FILE *to, const json_t *value, int indent)
{
    const char *key;
    json_t *member;
    size_t i;
    bool is_first = true;
    if (!is_block(value)) {
        print_scalar(to, value);
        fputc('\n', to);
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        fprintf(to, "%*s", is_first ? 0 : indent, "");
        is_first = false;
        print_key(to, key);
        fputc(':', to);
        if (is_block(member))
            fprintf(to, "\n%*s", indent + 2, "");
        else
            fputc(' ', to);
        print_block(to, member, indent + 2);
    }
    json_array_foreach(value, i, member)
    {
        fprintf(to, "%*s- ", i == 0 ? 0 : indent, "");
        print_block(to, member, indent + 2);
    }
}

void yaml_print(FILE *to, const json_t *value)
{
    print_block(to, value, 0);
}
