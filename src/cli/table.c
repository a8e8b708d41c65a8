#include "table.h"

#include <stdlib.h>
#include <string.h>

#include "say.h"

#define GAP       2
#define SHRUNK_TO 8 /* a column is not cut below this */

bool table_add(struct table *table, const char *text)
{
    if (table->cell_count == table->room) {
        size_t room = table->room == 0 ? 64 : 2 * table->room;
        char **larger = reallocarray(table->cells, room, sizeof *larger);
        if (larger == NULL)
            return false;
        table->cells = larger;
        table->room = room;
    }
    char *copy = strdup(text);
    if (copy == NULL)
        return false;
    table->cells[table->cell_count++] = say_clean(copy);
    return true;
}

void table_done(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++)
        free(table->cells[i]);
    free(table->cells);
    table->cells = NULL;
    table->cell_count = table->room = 0;
}

size_t table_text_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80; /* not a continuation byte */
    return width;
}

static void find_widths(const struct table *table, unsigned screen, size_t widths[TABLE_COLUMNS_MAX])
{
    size_t total = 0;
    for (size_t column = 0; column < table->column_count; column++) {
        widths[column] = table_text_width(table->headers[column]);
        for (size_t i = column; i < table->cell_count; i += table->column_count) {
            size_t width = table_text_width(table->cells[i]);
            if (width > widths[column])
                widths[column] = width;
        }
        total += widths[column] + GAP;
    }
    /* The widest column that may shrink gives way first, one step at a time. */
    while (screen > 0 && total > screen + GAP) {
        size_t widest = table->column_count;
        for (size_t column = 0; column < table->column_count; column++)
            if (table->may_shrink[column] && widths[column] > SHRUNK_TO &&
                (widest == table->column_count || widths[column] > widths[widest]))
                widest = column;
        if (widest == table->column_count)
            return;
        widths[widest]--;
        total--;
    }
}

static void print_cell(FILE *to, const char *text, size_t width, bool is_last)
{
    size_t has = table_text_width(text);
    if (has <= width) {
        fputs(text, to);
        if (!is_last)
            fprintf(to, "%*s", (int)(width - has + GAP), "");
        return;
    }
    size_t kept = 0;
    for (const char *at = text; *at != '\0'; at++) {
        kept += ((unsigned char)*at & 0xc0) != 0x80;
        if (kept == width)
            break;
        fputc(*at, to);
    }
    fputs("…", to);
    if (!is_last)
        fprintf(to, "%*s", GAP, "");
}

void table_print(const struct table *table, FILE *to, unsigned width, bool has_colour)
{
    size_t widths[TABLE_COLUMNS_MAX];
    if (table->column_count == 0)
        return;
    find_widths(table, width, widths);
    if (has_colour)
        fputs("\033[1m", to);
    for (size_t column = 0; column < table->column_count; column++)
        print_cell(to, table->headers[column], widths[column], column + 1 == table->column_count);
    fputs(has_colour ? "\033[0m\n" : "\n", to);
    for (size_t i = 0; i < table->cell_count; i++) {
        size_t column = i % table->column_count;
        bool is_last = column + 1 == table->column_count;
        print_cell(to, table->cells[i], widths[column], is_last);
        if (is_last)
            fputc('\n', to);
    }
}
