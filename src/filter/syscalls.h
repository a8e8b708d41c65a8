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
