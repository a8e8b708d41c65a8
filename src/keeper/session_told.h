/* What callers are told of sessions, and what they do with them: begin, read, end. */
#pragma once

#include <stdint.h>

struct caller;
struct keeper;

/* The password was right: a session begins, and the cookie is the answer, when it is stored. */
void session_open(struct keeper *keeper, const struct caller *who, uint32_t request_id, const char *address);
