/* Names of system calls and their numbers on this machine. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum syscall_known {
    SYSCALL_UNKNOWN,   /* nobody has heard of it: a spelling mistake, or newer than our tables */
    SYSCALL_ELSEWHERE, /* other architectures have it, so it needs no rule here */
    SYSCALL_HERE,
};

/* ret_number is written for SYSCALL_HERE. */
enum syscall_known syscall_find(const char *name, uint32_t *ret_number);

/* The name of a number here, in room of the caller's; NULL for one that no call has. */
#define SYSCALL_TEXT_BYTES 48
const char *syscall_name(uint32_t number, char text[SYSCALL_TEXT_BYTES]);

/* The call of this machine that a misspelt name probably means, or NULL; the text is good until the next question. */
const char *syscall_nearest(const char *name);

/* One more than the largest number that may have a name. */
#define SYSCALL_NUMBERS 1024
