/*
 * Compares a program with the profile that it was made from, knowing nothing of how it was made. It has found real faults:
 * libseccomp 2.5.4 can merge rules into a program weaker than they are.
 */
#pragma once

#include <linux/filter.h>
#include <stdint.h>

struct error;
struct profile;

/*
 * Asks program and profile about every number from 0 to 1023 and samples above, foreign architectures and ABIs, and, for
 * each rule on arguments, values at and around what it compares with: v, v-1, v+1, 0, ~0, each single bit flipped (so
 * also v|2^32 and v|2^63), every constant of the program in either half, and all combinations of the values that rules
 * of the same call name; what meets a rule is asked of every other number, too. Returns 0, or -EBADMSG naming the first
 * call on which they differ; -ENOMEM.
 *
 * How good that is, is measured: tests/unit/filter/test_verify.c changes each instruction of each shipped profile's program
 * in every way, and none that answers any call differently may pass.
 */
int filter_verify(const struct profile *profile, const struct sock_filter *program, uint32_t count, struct error *err);
