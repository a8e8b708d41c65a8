/* Ends in words: "exit 3 after 42 s", "stopped after 10 m (timeout)". */
#pragma once

#include <stddef.h>

struct job_record;

void sentence_of_end(const struct job_record *record, char *to, size_t room);
