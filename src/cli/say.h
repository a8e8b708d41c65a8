/*
 * Sentences for people, on stderr: one line each, beginning with "sallyport: ". What servers and files said is made
 * harmless first: control characters become '?', so nobody can move the cursor or forge a second line.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same, dim on a terminal: news that need no action. */
void say_dim(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Replaces control characters of UTF-8 text in place, C1 ones too. Returns text. */
char *say_clean(char *text);
