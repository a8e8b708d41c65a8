#include "reading.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

size_t enter_key(struct reading *reading, const char *key)
{
    return tree_path_key(&reading->path, key);
}

size_t enter_index(struct reading *reading, size_t index)
{
    return tree_path_index(&reading->path, index);
}

void leave(struct reading *reading, size_t length)
{
    tree_path_cut(&reading->path, length);
}

void fault(struct reading *reading, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct place place = tree_value_place(reading->tree, reading->path.text);
    report_add(reading->report, false, place, reading->path.text, format, args);
    va_end(args);
}

void fault_at_key(struct reading *reading, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct place place = tree_key_place(reading->tree, reading->path.text);
    report_add(reading->report, false, place, reading->path.text, format, args);
    va_end(args);
}

void warning(struct reading *reading, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct place place = tree_value_place(reading->tree, reading->path.text);
    report_add(reading->report, true, place, reading->path.text, format, args);
    va_end(args);
}

__attribute__((format(printf, 5, 0))) static void
remark_below(struct reading *reading, bool is_warning, const char *key, int index, const char *format, va_list args)
{
    size_t length = enter_key(reading, key);
    if (index >= 0)
        enter_index(reading, (size_t)index);
    struct place place = tree_value_place(reading->tree, reading->path.text);
    report_add(reading->report, is_warning, place, reading->path.text, format, args);
    leave(reading, length);
}

void fault_below(struct reading *reading, const char *key, int index, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    remark_below(reading, false, key, index, format, args);
    va_end(args);
}

void warning_below(struct reading *reading, const char *key, int index, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    remark_below(reading, true, key, index, format, args);
    va_end(args);
}

char *copy_text(struct reading *reading, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL)
        reading->report->is_out_of_memory = true;
    return copy;
}

void *grow(struct reading *reading, void *array_pointer, uint32_t count, size_t element_bytes)
{
    char *array = *(void **)array_pointer;
    if ((count & (count - 1)) == 0) { /* 0, or a power of two: full */
        char *larger = reallocarray(array, count > 0 ? 2 * (size_t)count : 1, element_bytes);
        if (larger == NULL) {
            reading->report->is_out_of_memory = true;
            return NULL;
        }
        *(void **)array_pointer = array = larger;
    }
    return memset(array + count * element_bytes, 0, element_bytes);
}

const char *text_item(const json_t *texts, size_t index)
{
    return json_string_value(json_array_get(texts, index));
}

const char *scalar_text(struct reading *reading, const json_t *value)
{
    json_t *text = NULL;
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_integer(value))
        text = json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        text = json_string(json_is_true(value) ? "true" : "false");
    else
        return NULL;
    if (text == NULL || json_array_append_new(reading->texts, text) < 0) {
        reading->report->is_out_of_memory = true;
        return "";
    }
    return json_string_value(text);
}

void fault_size(struct reading *reading, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    static const char letters[] = "KMGTkmgt";
    const char *letter = digits > 0 && digits < 20 && text[digits] != '\0' ? strchr(letters, text[digits]) : NULL;
    if (digits > 0 && digits < 20 && text[digits] == '\0')
        fault(reading, "%s has no unit; write %sMiB (or B, KiB, GiB, TiB)", text, text);
    else if (letter != NULL)
        fault(reading, "'%.40s' is no size; did you mean %.*s%ciB?", text, (int)digits, text,
              letters[(letter - letters) % 4]);
    else
        fault(reading, "'%.40s' is no size; write a whole number and B, KiB, MiB, GiB or TiB, such as 64MiB", text);
}

void fault_duration(struct reading *reading, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    if (digits > 0 && digits < 20 && text[digits] == '\0')
        fault(reading, "%s has no unit; write %ss for seconds (or ms, m, h, d)", text, text);
    else
        fault(reading, "'%.40s' is no duration; write a whole number and ms, s, m, h or d, such as 90s", text);
}
