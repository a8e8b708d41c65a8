/*
 * The text format of Prometheus (exposition format 0.0.4): families of samples, each sample a name, labels and a number.
 * All samples of a family follow its head. Numbers are exact: counts are whole, and times are decimal fractions of what
 * was counted in microseconds or milliseconds.
 */
#pragma once

#include <stdint.h>

#include "sallyport/base/histogram.h"

struct evbuffer;

#define EXPOSITION_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Values are any text: it is escaped, and what is not printable ASCII becomes '?'. */
struct label {
    const char *name, *value;
};

#define LABELS(...) ((const struct label[]){ __VA_ARGS__, { NULL, NULL } })

/* type: "counter", "gauge", "histogram". help: one line without a backslash. */
void exposition_family(struct evbuffer *text, const char *name, const char *type, const char *help);

/* labels: LABELS(), or NULL for none. */
void exposition_number(struct evbuffer *text, const char *name, const struct label *labels, uint64_t value);
void exposition_seconds(struct evbuffer *text, const char *name, const struct label *labels, uint64_t value_us);

/* NAME_bucket, NAME_sum and NAME_count. */
void exposition_histogram(struct evbuffer *text, const char *name, const struct label *labels,
                          histogram_bounds_us bounds_us, const struct histogram *histogram);
