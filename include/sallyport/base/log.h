/*
 * Log lines for the operator: one JSON object a line on stderr. A line starts with its subject and ends with what
 * happens next. Error: someone must act. Warning: we coped. Info: a change that an operator wants to see.
 *
 * Whatever the message holds is escaped here, so foreign text cannot forge a line. Secrets are never passed in.
 * Each format string is a kind; a kind that comes more than 20 times in 10 s is held back, and the number is told.
 */
#pragma once

/* Names the process in every line: "front", "keeper". */
void log_init(const char *process);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
