#include "render.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/text.h"
#include "sallyport/limits.h"
#include "say.h"
#include "table.h"
#include "terminal.h"
#include "when.h"
#include "yaml.h"

const json_t *render_find(const json_t *object, const char *path)
{
    while (object != NULL && *path != '\0') {
        char name[NAME_MAX_BYTES];
        size_t length = strcspn(path, ".");
        if (!text_copy_bytes(name, sizeof name, path, length))
            return NULL;
        object = json_object_get(object, name);
        path += length + (path[length] == '.');
    }
    return object;
}

static void append_value(const json_t *value, char *text, size_t room);

static void append_text(char *text, size_t room, const char *more)
{
    size_t used = strlen(text);
    snprintf(text + used, room - used, "%s", more);
}

static void append_members(json_t *value, char *text, size_t room)
{
    size_t count = 0;
    if (json_is_true(json_object_get(value, "secret"))) {
        append_text(text, room, "***");
        return;
    }
    for (void *at = json_object_iter(value); at != NULL; at = json_object_iter_next(value, at)) {
        append_text(text, room, count++ == 0 ? "" : ", ");
        append_text(text, room, json_object_iter_key(at));
        append_text(text, room, "=");
        append_value(json_object_iter_value(at), text, room);
    }
}

static void append_value(const json_t *value, char *text, size_t room)
{
    char number[40];
    if (json_is_string(value)) {
        append_text(text, room, json_string_value(value));
    } else if (json_is_integer(value)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        append_text(text, room, number);
    } else if (json_is_real(value)) {
        snprintf(number, sizeof number, "%.15g", json_real_value(value));
        append_text(text, room, number);
    } else if (json_is_boolean(value)) {
        append_text(text, room, json_is_true(value) ? "yes" : "no");
    } else if (json_is_object(value)) {
        append_members((json_t *)(uintptr_t)value, text, room); /* an iterator only looks */
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        append_text(text, room, i == 0 ? "" : ", ");
        append_value(json_array_get(value, i), text, room);
    }
}

static void render_bytes(double bytes, char *text, size_t room)
{
    static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
    size_t unit = 0;
    while (bytes >= 1024 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, room, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

static void render_time(const char *written, bool is_terminal, char *text, size_t room)
{
    uint64_t unix_ms;
    char relative[WHEN_TEXT_BYTES];
    if (is_terminal && when_parse(written, &unix_ms))
        snprintf(text, room, "%s", when_relative(clock_unix_ms(), unix_ms, relative));
    else
        snprintf(text, room, "%s", written);
}

static void render_took(const json_t *job, char *text, size_t room)
{
    uint64_t started_ms, finished_ms = clock_unix_ms();
    char took[WHEN_TEXT_BYTES];
    const char *started = json_string_value(json_object_get(job, "started_at"));
    const char *finished = json_string_value(json_object_get(job, "finished_at"));
    if (started == NULL || !when_parse(started, &started_ms) ||
        (finished != NULL && !when_parse(finished, &finished_ms)))
        return;
    snprintf(text, room, "%s",
             when_took(finished_ms > started_ms ? (double)(finished_ms - started_ms) / 1000 : 0, took));
}

void render_value(const json_t *object, const struct column *column, bool is_terminal, char *text, size_t room)
{
    const json_t *value = render_find(object, column->path);
    text[0] = '\0';
    if (column->kind == COLUMN_TOOK)
        render_took(object, text, room);
    else if (column->kind == COLUMN_TIME && json_is_string(value))
        render_time(json_string_value(value), is_terminal, text, room);
    else if (column->kind == COLUMN_BYTES && json_is_number(value))
        render_bytes(json_number_value(value), text, room);
    else if (column->kind == COLUMN_SECONDS && json_is_number(value))
        when_took(json_number_value(value), text);
    else
        append_value(value, text, room);
}

static void print_json(const json_t *value, size_t flags)
{
    json_dumpf(value, stdout, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    fputc('\n', stdout);
}

bool render_raw(const struct cli *cli, const json_t *value)
{
    switch (cli->format) {
    case FORMAT_JSON:
        print_json(value, JSON_INDENT(2));
        return true;
    case FORMAT_NDJSON:
        for (size_t i = 0; i < json_array_size(value); i++)
            print_json(json_array_get(value, i), JSON_COMPACT);
        if (!json_is_array(value))
            print_json(value, JSON_COMPACT);
        return true;
    case FORMAT_YAML:
        yaml_print(stdout, value);
        return true;
    default:
        return false;
    }
}

static void print_name(const json_t *object, const char *name)
{
    char text[256] = "";
    append_value(json_object_get(object, name), text, sizeof text);
    printf("%s\n", say_clean(text));
}

static void print_table(const struct cli *cli, const json_t *items, const struct column *columns, size_t column_count)
{
    struct table table = { .column_count = 0 };
    bool is_terminal = terminal_is(STDOUT_FILENO), is_wide = cli->format == FORMAT_WIDE, is_whole = true;
    for (size_t c = 0; c < column_count; c++) {
        if (columns[c].is_wide && !is_wide)
            continue;
        table.headers[table.column_count] = columns[c].header;
        table.may_shrink[table.column_count++] = columns[c].may_shrink;
    }
    for (size_t i = 0; i < json_array_size(items); i++)
        for (size_t c = 0; c < column_count; c++) {
            char text[1024];
            if (columns[c].is_wide && !is_wide)
                continue;
            render_value(json_array_get(items, i), &columns[c], is_terminal, text, sizeof text);
            is_whole = is_whole && table_add(&table, text[0] == '\0' ? "-" : text);
        }
    if (is_whole)
        table_print(&table, stdout, is_wide ? 0 : terminal_width(STDOUT_FILENO), terminal_has_colour(STDOUT_FILENO));
    else
        say("out of memory");
    table_done(&table);
}

void render_list(const struct cli *cli, const json_t *items, const struct column *columns, size_t column_count,
                 const char *name)
{
    if (cli->format == FORMAT_JSON) {
        json_t *page = json_pack("{s:O}", "items", items);
        render_raw(cli, page);
        json_decref(page);
    } else if (cli->format == FORMAT_NAME) {
        for (size_t i = 0; i < json_array_size(items); i++)
            print_name(json_array_get(items, i), name);
    } else if (!render_raw(cli, items)) {
        print_table(cli, items, columns, column_count);
    }
}

void render_one(const struct cli *cli, const json_t *object, const struct column *columns, size_t column_count,
                const char *name)
{
    bool is_terminal = terminal_is(STDOUT_FILENO);
    if (render_raw(cli, object))
        return;
    if (cli->format == FORMAT_NAME) {
        print_name(object, name);
        return;
    }
    for (size_t c = 0; c < column_count; c++) {
        char text[4096];
        if (columns[c].is_wide && cli->format != FORMAT_WIDE)
            continue;
        render_value(object, &columns[c], is_terminal, text, sizeof text);
        if (text[0] != '\0')
            printf("%-12s %s\n", columns[c].header, say_clean(text));
    }
}
