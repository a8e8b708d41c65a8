/*
 * Bad news that the world brought: a code and one line of text, in the caller's storage.
 *
 * A function that can fail returns 0 or -errno and takes `struct error *err` last. fail() fills it at the place where
 * the news arrived; each caller may add its own view in front with fail_in(), so that the operator reads one path
 * through the code: "prepare job 17: open work directory '/srv/a': Permission denied". No allocation: it works in
 * the cell, and it crosses a channel unchanged.
 */
#pragma once

#include <stdarg.h>

#define ERROR_TEXT_BYTES 512

struct error {
    int code;                    /* an errno value; 0 means "no error" */
    char text[ERROR_TEXT_BYTES]; /* one line, for people */
};

/* Fills err (which may be NULL) with the message and the text of code. Returns -code; code must be above 0. */
int fail(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for news that errno has no words for: the message stands alone. */
int fail_plain(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts the caller's view in front of what err says. Returns -err->code. */
int fail_in(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
