/* Rows of text in columns that fit the terminal. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS_MAX 12

struct table {
    size_t column_count;
    const char *headers[TABLE_COLUMNS_MAX];
    bool may_shrink[TABLE_COLUMNS_MAX]; /* cut with an ellipsis when the terminal is narrow; the others never are */
    char **cells;                       /* row after row, owned here */
    size_t cell_count, room;
};

/* Adds the next cell; a copy is kept, with control characters made harmless. False when memory is short. */
bool table_add(struct table *table, const char *text);

/* width 0: nothing is cut. Prints the headers even when there are no rows. */
void table_print(const struct table *table, FILE *to, unsigned width, bool has_colour);
void table_done(struct table *table);

/* Columns that UTF-8 text takes: one a character. */
size_t table_text_width(const char *text);
