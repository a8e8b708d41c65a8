/*
 * A policy as a file of records, which the bootstrap seals and hands to keeper and launcher.
 * Reading checks every index against what was read before it; -EBADMSG if anything does not fit.
 */
#pragma once

#include "sallyport/base/record.h"

struct error;
struct policy;

/* Appends all of policy to file. `with_filters`: the launcher needs the programs, the keeper does not. */
int policy_write(const struct policy *policy, bool with_filters, struct record_file *file, struct error *err);

/* A policy of the reader's own; freed with policy_free(). */
int policy_read(const uint8_t *data, size_t size, struct policy **ret_policy, struct error *err);
