/*
 * A draft as YAML. Whatever strings hold, they stay what they are: scalars are plain only if they are words of harmless letters,
 * and else in double quotes, where all that could end a line or that a reader takes for something (YAML 1.1: NEL, LS, PS, a byte
 * order mark, control characters) is escaped. Comments have such characters replaced.
 */
#include "draft.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../yaml.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define WIDTH_MOST 110

/* The character at *at of UTF-8 text, which is moved behind it. */
static uint32_t next_character(const char **at)
{
    const unsigned char *from = (const unsigned char *)*at;
    unsigned more = from[0] < 0xc0 ? 0 : from[0] < 0xe0 ? 1 : from[0] < 0xf0 ? 2 : 3;
    uint32_t character = more == 0 ? from[0] : from[0] & (0x3fu >> more);
    size_t length = 1;
    for (; length <= more && (from[length] & 0xc0) == 0x80; length++)
        character = character << 6 | (from[length] & 0x3fu);
    *at += length;
    return character;
}

/* Shown as it is: neither control, nor a line's end, nor invisible, nor one that turns the writing round. */
static bool is_shown(uint32_t character)
{
    if (character < 0x80)
        return character >= 0x20 && character != 0x7f;
    bool is_odd = character <= 0xa0 || character == 0xad || (character >= 0x2000 && character <= 0x206f) ||
                  (character >= 0xd800 && character <= 0xf8ff) || character == 0xfeff || character >= 0xfff0;
    return !is_odd;
}

static void write_quoted(FILE *to, const char *text)
{
    fputc('"', to);
    while (*text != '\0') {
        const char *from = text;
        uint32_t character = next_character(&text);
        if (character == '"' || character == '\\')
            fprintf(to, "\\%c", (int)character);
        else if (is_shown(character))
            fprintf(to, "%.*s", (int)(text - from), from);
        else if (character == '\n')
            fputs("\\n", to);
        else if (character <= 0xff)
            fprintf(to, "\\x%02x", character);
        else
            fprintf(to, character <= 0xffff ? "\\u%04x" : "\\U%08x", character);
    }
    fputc('"', to);
}

static bool is_plain_path(const char *text)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./";
    return text[0] == '/' && text[strspn(text, letters)] == '\0';
}

static void write_text(FILE *to, const char *text)
{
    if (yaml_is_plain(text) || is_plain_path(text))
        fputs(text, to);
    else
        write_quoted(to, text);
}

/* On one line: "{a: 1, b: [c, d]}". */
static void write_flow(FILE *to, const json_t *value)
{
    const char *key;
    json_t *member;
    bool is_first = true;
    if (json_is_object(value)) {
        fputc('{', to);
        json_object_foreach((json_t *)(uintptr_t)value, key, member)
        {
            fputs(is_first ? "" : ", ", to);
            is_first = false;
            write_text(to, key);
            fputs(": ", to);
            write_flow(to, member);
        }
        fputc('}', to);
    } else if (json_is_array(value)) {
        fputc('[', to);
        for (size_t i = 0; i < json_array_size(value); i++) {
            fputs(i == 0 ? "" : ", ", to);
            write_flow(to, json_array_get(value, i));
        }
        fputc(']', to);
    } else if (json_is_string(value)) {
        write_text(to, json_string_value(value));
    } else {
        json_dumpf(value, to, JSON_ENCODE_ANY);
    }
}

static size_t flow_width(const json_t *value)
{
    auto_free char *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);
    if (to == NULL)
        return SIZE_MAX / 2;
    write_flow(to, value);
    fclose(to);
    return size;
}

static bool is_list_of_maps(const json_t *value)
{
    return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

/* `may_flow`: it may stand on one line, if that is short. */
static void write_member(FILE *to, const char *key, const json_t *value, int indent, bool may_flow)
{
    bool is_short = (size_t)indent + strlen(key) + flow_width(value) < WIDTH_MOST;
    bool is_block = (json_object_size(value) > 0 && !(may_flow && is_short)) || (is_list_of_maps(value) && !is_short);
    fprintf(to, "%*s", indent, "");
    write_text(to, key);
    fputs(is_block ? ":\n" : ": ", to);
    if (!is_block) {
        write_flow(to, value);
        fputc('\n', to);
        return;
    }
    const char *name;
    json_t *member;
    json_object_foreach((json_t *)(uintptr_t)value, name, member) write_member(to, name, member, indent + 2, true);
    for (size_t i = 0; i < json_array_size(value); i++) {
        fprintf(to, "%*s- ", indent + 2, "");
        write_flow(to, json_array_get(value, i));
        fputc('\n', to);
    }
}

/* --- comments --------------------------------------------------------------------------------------------------------- */

static void write_shown(FILE *to, const char *text, size_t size)
{
    for (const char *end = text + size; text < end;) {
        const char *from = text;
        if (is_shown(next_character(&text)))
            fprintf(to, "%.*s", (int)(text - from), from);
        else
            fputc('?', to);
    }
}

/* "# - " and the sentence, broken at blanks. */
static void write_sentence(FILE *to, const char *sentence, int indent)
{
    const char *before = "# -";
    size_t column = 0;
    for (const char *at = sentence + strspn(sentence, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        if (column == 0 || column + 1 + size > WIDTH_MOST) {
            fprintf(to, "%s%*s%s", column == 0 ? "" : "\n", indent, "", before);
            before = "#  ";
            column = (size_t)indent + 3;
        }
        fputc(' ', to);
        write_shown(to, at, size);
        column += 1 + size;
        at += size;
    }
    fputc('\n', to);
}

static void write_notes(const struct draft *draft, FILE *to, const char *section, const char *name, int indent)
{
    const json_t *sentences = json_object_get(json_object_get(draft->notes, section), name);
    for (size_t i = 0; i < json_array_size(sentences); i++)
        write_sentence(to, json_string_value(json_array_get(sentences, i)), indent);
}

/* No scalar has a raw line's end, so each line of what would be written is a line of the comment. */
static int write_held(FILE *to, const char *name, const json_t *value)
{
    auto_free char *text = NULL;
    size_t size = 0;
    FILE *room = open_memstream(&text, &size);
    if (room == NULL)
        return -ENOMEM;
    write_member(room, name, value, 2, false);
    if (fclose(room) != 0)
        return -ENOMEM;
    for (char *line = text, *end; *line != '\0'; line = end + 1) {
        end = strchr(line, '\n');
        fprintf(to, "# %.*s\n", (int)(end - line), line);
    }
    return 0;
}

static int write_section(const struct draft *draft, FILE *to, const char *section)
{
    json_t *entries = json_object_get(draft->config, section), *held = json_object_get(draft->held, section), *value;
    const char *name;
    int done = 0;
    if (json_object_size(entries) + json_object_size(held) == 0 && json_object_get(draft->notes, section) == NULL)
        return 0;
    fputc('\n', to);
    write_notes(draft, to, section, "", 0);
    if (json_object_size(entries) > 0)
        fprintf(to, "%s:\n", section);
    json_object_foreach(entries, name, value)
    {
        write_notes(draft, to, section, name, 2);
        write_member(to, name, value, 2, false);
    }
    if (json_object_size(held) > 0)
        fprintf(to, json_object_size(entries) > 0 ? "# not taken yet, below %s:\n" : "# not taken yet:\n# %s:\n",
                section);
    json_object_foreach(held, name, value)
    {
        write_notes(draft, to, section, name, 2);
        done = done == 0 ? write_held(to, name, value) : done;
    }
    return done;
}

/* Of places that have no entry: what was left out altogether. */
static void write_other_notes(const struct draft *draft, FILE *to, const char *section)
{
    const char *name;
    json_t *sentences;
    json_object_foreach(json_object_get(draft->notes, section), name, sentences)
    {
        if (name[0] == '\0' || draft_has(draft, section, name))
            continue;
        auto_free char *place = NULL;
        if (asprintf(&place, "%s.%s is left out:", section, name) >= 0)
            write_sentence(to, place, 2);
        write_notes(draft, to, section, name, 2);
    }
}

int draft_write(const struct draft *draft, FILE *to, struct error *err)
{
    int done = 0;
    write_notes(draft, to, "", "", 0);
    for (size_t i = 0; draft_sections[i] != NULL && done == 0; i++) {
        done = write_section(draft, to, draft_sections[i]);
        write_other_notes(draft, to, draft_sections[i]);
    }
    /* A file that says nothing at all is no configuration. */
    if (json_object_size(json_object_get(draft->config, "commands")) == 0)
        fputs("\ncommands: {}\n", to);
    return done < 0 ? fail(err, ENOMEM, "write the configuration") : 0;
}
