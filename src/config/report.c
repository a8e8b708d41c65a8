#include "report.h"

#include <stdlib.h>
#include <string.h>

#define LINES_MAX      100
#define TEXT_MAX_BYTES 700 /* a sentence with a quoted value or two; what is longer is cut */

struct remark {
    bool is_warning;
    struct place place;
    size_t order; /* in which it was found: keeps the sort stable */
    char *path, *text;
};

/* Values come from the file: they may not move a terminal's cursor or forge a line of the report. */
static void make_harmless(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

static bool has_room(struct report *report)
{
    if (report->count < report->room)
        return true;
    size_t room = report->room > 0 ? 2 * report->room : 16;
    struct remark *larger = realloc(report->remarks, room * sizeof *larger);
    if (larger == NULL)
        return false;
    report->remarks = larger;
    report->room = room;
    return true;
}

void report_add(struct report *report, bool is_warning, struct place place, const char *path, const char *format,
                va_list args)
{
    report->fault_count += !is_warning;
    if (report->count >= 10 * LINES_MAX) /* nobody reads on; the count is told */
        return;
    char text[TEXT_MAX_BYTES];
    /* The analyzer does not see that all callers have started args. NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    vsnprintf(text, sizeof text, format, args);
    struct remark remark = { is_warning, place, report->count, strdup(path), strdup(text) };
    if (remark.path == NULL || remark.text == NULL || !has_room(report)) {
        free(remark.path);
        free(remark.text);
        report->is_out_of_memory = true;
        return;
    }
    make_harmless(remark.path);
    make_harmless(remark.text);
    report->remarks[report->count++] = remark;
}

void report_fault(struct report *report, struct place place, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report_add(report, false, place, path, format, args);
    va_end(args);
}

void report_warning(struct report *report, struct place place, const char *path, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    report_add(report, true, place, path, format, args);
    va_end(args);
}

static int compare_numbers(size_t left, size_t right)
{
    return (left > right) - (left < right);
}

static int compare_remarks(const void *left_pointer, const void *right_pointer)
{
    const struct remark *left = left_pointer, *right = right_pointer;
    int order = compare_numbers(left->place.file, right->place.file);
    if (order == 0)
        order = compare_numbers(left->place.line, right->place.line);
    if (order == 0)
        order = compare_numbers(left->place.column, right->place.column);
    return order != 0 ? order : compare_numbers(left->order, right->order);
}

static void write_remark(const struct remark *remark, const struct tree *tree, FILE *to)
{
    if (remark->place.file < tree->source_count)
        fprintf(to, "%s:", tree->sources[remark->place.file].name);
    if (remark->place.line > 0)
        fprintf(to, "%u:%u:", remark->place.line, remark->place.column);
    if (remark->place.file < tree->source_count)
        fputc(' ', to);
    if (remark->path[0] != '\0')
        fprintf(to, "%s: ", remark->path);
    fprintf(to, "%s%s\n", remark->is_warning ? "warning: " : "", remark->text);
}

void report_write(struct report *report, const struct tree *tree, FILE *to)
{
    if (report->count > 1)
        qsort(report->remarks, report->count, sizeof *report->remarks, compare_remarks);
    unsigned told = 0;
    for (size_t i = 0; i < report->count && i < LINES_MAX; i++) {
        write_remark(&report->remarks[i], tree, to);
        told += !report->remarks[i].is_warning;
    }
    if (told < report->fault_count)
        fprintf(to, "and %u more faults\n", report->fault_count - told);
}

void report_done(struct report *report)
{
    for (size_t i = 0; i < report->count; i++) {
        free(report->remarks[i].path);
        free(report->remarks[i].text);
    }
    free(report->remarks);
    *report = (struct report){ 0 };
}
