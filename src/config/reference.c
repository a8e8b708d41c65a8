/* The reference of all keys: the table of keys.c as Markdown, so that it cannot say what the validator does not do. */
#include "sallyport/config/config.h"

#include <string.h>

#include "keys.h"
#include "sallyport/base/text.h"

/* Whether what stands before `end` is the path of a list, whose items have no names. */
static bool is_list(const char *path, const char *end)
{
    char above[128];
    return text_copy_bytes(above, sizeof above, path, (size_t)(end - path)) && key_find(above)->type == KEY_MAPS;
}

/* "commands.*.env" -> "commands.NAME.env", "commands.*.steps.*.command" -> "commands.NAME.steps[].command" */
static void write_path(FILE *to, const char *path)
{
    fputc('`', to);
    for (const char *at = path; *at != '\0'; at++) {
        bool is_item = at[0] == '.' && at[1] == '*';
        if (is_item && is_list(path, at)) {
            fputs("[]", to);
            at++;
        } else if (*at == '*') {
            fputs("NAME", to);
        } else {
            fputc(*at, to);
        }
    }
    fputc('`', to);
}

static void write_words(FILE *to, const struct key *key)
{
    bool is_first = true;
    for (unsigned i = 0; key->word(i) != NULL; i++) {
        if (key->word(i)[0] == '\0')
            continue;
        fprintf(to, "%s`%s`", is_first ? "" : ", ", key->word(i));
        is_first = false;
    }
}

static void write_type(FILE *to, const struct key *key)
{
    static const char *const names[KEY_TYPE_COUNT] = {
        [KEY_GROUP] = "map",
        [KEY_ENTRIES] = "map of names",
        [KEY_MAPS] = "list of maps",
        [KEY_TEXT] = "text",
        [KEY_SCALAR] = "number",
        [KEY_TEXTS] = "list of texts",
        [KEY_TEXT_OR_TEXTS] = "text or list of texts",
        [KEY_INT] = "whole number",
        [KEY_DECIMAL] = "number",
        [KEY_BOOL] = "`true` or `false`",
        [KEY_DURATION] = "duration",
        [KEY_SIZE] = "size",
        [KEY_WORD] = "one of ",
        [KEY_WORDS] = "list of ",
        [KEY_PATH] = "path",
        [KEY_PATHS] = "list of paths",
        [KEY_VALUE] = "value, or list of values",
        [KEY_RATE] = "rate",
        [KEY_SOURCE] = "value, list of values, or map",
    };
    char least[BOUND_TEXT_BYTES], most[BOUND_TEXT_BYTES];
    fputs(names[key->type], to);
    if (key->type == KEY_WORD || key->type == KEY_WORDS)
        write_words(to, key);
    else if (key->type == KEY_INT || key->type == KEY_DECIMAL || key->type == KEY_DURATION || key->type == KEY_SIZE)
        fprintf(to, ", %s to %s", key_bound_text(key, key->least, least), key_bound_text(key, key->most, most));
    else if (key->type == KEY_TEXT && key->most > 0)
        fprintf(to, ", at most %s bytes", key_bound_text(key, key->most, most));
    else if (key->most > 0)
        fprintf(to, ", at most %s", key_bound_text(key, key->most, most));
}

static void write_default(FILE *to, const struct key *key)
{
    char inherited[128];
    snprintf(inherited, sizeof inherited, "defaults.%s",
             strncmp(key->path, "commands.*.", 11) == 0 ? key->path + 11 : "");
    if (key->is_required)
        fputs("required", to);
    else if (key->fallback != NULL)
        fprintf(to, "`%s`", key->fallback);
    else if (key->type != KEY_GROUP && key_exists(inherited))
        fputs("as in `defaults`", to);
}

/* Which parameters a key is for, from the bits of the table. */
static void write_param_types(FILE *to, const struct key *key)
{
    const struct key *type = key_find("commands.*.params.*.type");
    if (key->for_types == 0)
        return;
    fputs(" For", to);
    const char *before = " ";
    for (unsigned i = 0; type->word(i) != NULL; i++) {
        if (type->word(i)[0] == '\0' || (key->for_types & 1u << i) == 0)
            continue;
        fprintf(to, "%s`%s`", before, type->word(i));
        before = ", ";
    }
    fputc('.', to);
}

static bool is_top(const struct key *key)
{
    return strchr(key->path, '.') == NULL;
}

static bool is_shown(const struct key *key)
{
    return !key->is_later && key->help != NULL;
}

static void write_section(FILE *to, const struct key *top)
{
    fprintf(to, "\n## `%s`\n\n%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n", top->path, top->help);
    for (const struct key *key = top + 1; key < keys + key_count && !is_top(key); key++) {
        if (!is_shown(key))
            continue;
        fputs("| ", to);
        write_path(to, key->path);
        fputs(" | ", to);
        write_type(to, key);
        fputs(" | ", to);
        write_default(to, key);
        fprintf(to, " | %s", key->help);
        write_param_types(to, key);
        fputs(" |\n", to);
    }
}

static void write_later(FILE *to)
{
    fputs("\n## Names that are taken\n\nThese keys come with later releases. Until then they are refused with "
          "\"is not in this release\".\n\n",
          to);
    const char *before = "";
    for (const struct key *key = keys; key < keys + key_count; key++) {
        if (!key->is_later)
            continue;
        fputs(before, to);
        write_path(to, key->path);
        before = ",\n";
    }
    fputs("\n", to);
}

void config_write_reference(FILE *to)
{
    fputs(
        "# The configuration, key by key\n"
        "\n"
        "Written by the program from the table that its validator works with. Check a file with `sallyport config "
        "check`.\n"
        "\n"
        "The file is a strict subset of YAML (JSON is inside it): no tabs, anchors, aliases, tags or second "
        "documents, no\n"
        "key twice. Types come from this table and not from the spelling: `1.20`, `no` and `0700` are texts where a "
        "text\n"
        "is wanted. Durations are a whole number with `ms`, `s`, `m`, `h` or `d`; sizes one with `B`, `KiB`, `MiB`, "
        "`GiB`\n"
        "or `TiB`; rates a number of jobs, a slash and a duration, such as `10/1h`. NAME stands for a name of your\n"
        "choice: lower-case letters, digits and `-`; in `params` also upper-case letters and `_`. Paths are absolute "
        "and\n"
        "in their shortest form.\n"
        "\n"
        "Files named `*.yaml` in a directory `conf.d` beside the file are read after it, in byte order. Maps merge; "
        "of\n"
        "other values the later file's stands; a command, token, peer, schedule or callback in two files is a fault.\n"
        "\n"
        "Each file, and each directory on the way to it, belongs to root (for an instance of an ordinary user: to "
        "that\n"
        "user or root), cannot be written by group or others, and is no symbolic link. On the way, a sticky "
        "directory such\n"
        "as /tmp will do, but not as the place of the file itself.\n",
        to);
    for (const struct key *key = keys; key < keys + key_count; key++)
        if (is_top(key) && is_shown(key))
            write_section(to, key);
    write_later(to);
}
