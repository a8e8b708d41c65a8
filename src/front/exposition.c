#include "exposition.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <event2/buffer.h>

#define SECONDS_TEXT_BYTES 32

void exposition_family(struct evbuffer *text, const char *name, const char *type, const char *help)
{
    evbuffer_add_printf(text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add(struct evbuffer *text, const char *part)
{
    evbuffer_add(text, part, strlen(part));
}

static void add_value(struct evbuffer *text, const char *value)
{
    for (; *value != '\0'; value++) {
        char plain[2] = { *value >= 0x20 && *value < 0x7f ? *value : '?', '\0' };
        add(text, *value == '\\' ? "\\\\" : *value == '"' ? "\\\"" : *value == '\n' ? "\\n" : plain);
    }
}

/* bound: of a histogram's range, or NULL. */
static void add_name(struct evbuffer *text, const char *name, const char *suffix, const struct label *labels,
                     const char *bound)
{
    const char *before = "{";
    add(text, name);
    add(text, suffix);
    for (; labels != NULL && labels->name != NULL; labels++) {
        evbuffer_add_printf(text, "%s%s=\"", before, labels->name);
        add_value(text, labels->value);
        add(text, "\"");
        before = ",";
    }
    if (bound != NULL) {
        evbuffer_add_printf(text, "%sle=\"%s\"", before, bound);
        before = ",";
    }
    add(text, before[0] == ',' ? "} " : " ");
}

static const char *seconds_text(uint64_t us, char to[SECONDS_TEXT_BYTES])
{
    int length = snprintf(to, SECONDS_TEXT_BYTES, "%" PRIu64 ".%06u", us / 1000000, (unsigned)(us % 1000000));
    while (to[length - 1] == '0')
        to[--length] = '\0';
    if (to[length - 1] == '.')
        to[length - 1] = '\0';
    return to;
}

static void add_sample(struct evbuffer *text, const char *name, const char *suffix, const struct label *labels,
                       uint64_t value)
{
    add_name(text, name, suffix, labels, NULL);
    evbuffer_add_printf(text, "%" PRIu64 "\n", value);
}

void exposition_number(struct evbuffer *text, const char *name, const struct label *labels, uint64_t value)
{
    add_sample(text, name, "", labels, value);
}

void exposition_seconds(struct evbuffer *text, const char *name, const struct label *labels, uint64_t value_us)
{
    char seconds[SECONDS_TEXT_BYTES];
    add_name(text, name, "", labels, NULL);
    evbuffer_add_printf(text, "%s\n", seconds_text(value_us, seconds));
}

void exposition_histogram(struct evbuffer *text, const char *name, const struct label *labels,
                          histogram_bounds_us bounds_us, const struct histogram *histogram)
{
    char seconds[SECONDS_TEXT_BYTES];
    uint64_t so_far = 0;
    for (unsigned i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        so_far += histogram->counts[i];
        add_name(text, name, "_bucket", labels, i < HISTOGRAM_BOUNDS ? seconds_text(bounds_us[i], seconds) : "+Inf");
        evbuffer_add_printf(text, "%" PRIu64 "\n", so_far);
    }
    add_name(text, name, "_sum", labels, NULL);
    evbuffer_add_printf(text, "%s\n", seconds_text(histogram->sum_us, seconds));
    add_sample(text, name, "_count", labels, so_far);
}
