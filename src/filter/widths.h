/* How much of a system call's argument the kernel reads: all 64 bits of the register, or the lower 32. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* True where the argument is known to be as wide as a register; what is not known counts as 32 bits. */
bool argument_is_wide(const char *name, uint8_t index);
