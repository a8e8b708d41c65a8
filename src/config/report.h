/*
 * What is wrong with a configuration: all of it, in the order in which it is written, one line each.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "tree.h"

struct remark;

struct report {
    struct remark *remarks;
    size_t count, room;
    unsigned fault_count; /* warnings do not count */
    bool is_out_of_memory;
};

/* Adds "file:line:col: path: text"; an empty path leaves its part out. Control characters become '?'. */
void report_fault(struct report *report, struct place place, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same, marked as a warning: the configuration is taken all the same. */
void report_warning(struct report *report, struct place place, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Both of them, for callers with an argument list. */
void report_add(struct report *report, bool is_warning, struct place place, const char *path, const char *format,
                va_list args) __attribute__((format(printf, 5, 0)));

/* At most 100 lines, then how many more there are. */
void report_write(struct report *report, const struct tree *tree, FILE *to);
void report_done(struct report *report);
