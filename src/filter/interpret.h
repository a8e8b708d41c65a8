/* The kernel's virtual machine for filters (classic BPF), as far as a seccomp program may use it. */
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdint.h>

/*
 * Runs program over data. Returns 0, or -EBADMSG when the kernel would not take the program: an unknown instruction, a jump
 * or a load outside, no return.
 * Source: Linux Documentation/networking/filter.rst; kernel/seccomp.c, seccomp_check_filter().
 */
int bpf_run(const struct sock_filter *program, uint32_t count, const struct seccomp_data *data, uint32_t *ret_verdict);
