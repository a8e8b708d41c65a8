/* The accounts that commands name with `user:`. */
#pragma once

#include <stdint.h>

struct reading;

/* The index in the policy's accounts, which grow; ACCOUNT_NONE and a fault at `user` when jobs may not have that id. */
uint32_t account_find(struct reading *reading, const char *name);
