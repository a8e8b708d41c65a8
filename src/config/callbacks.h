/* Callbacks: where the keeper may send word, and with which key it signs. */
#pragma once

#include <stdbool.h>

struct reading;

#define FIELD_NAME_RULE "letters, digits and '-', and none that the sender makes itself or that would be a secret"

/* A field that a request may have beside ours. */
bool callback_field_is_name(const char *name);

/* Entries of the table: begin and end one. */
void *callback_open(struct reading *reading, const char *name);
void callback_close(struct reading *reading);
