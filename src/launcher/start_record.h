/*
 * The launcher's hand in its start record (proto/start_record.h): a descriptor that can only append.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sallyport/proto/start_record.h"

struct error;

struct start_file {
    int fd; /* -1 until it was handed over */
    uint8_t bytes[START_RECORD_BYTES];
    size_t left; /* so many of the last bytes of the newest record are not written yet: the disk was full */
};

/*
 * Takes fd over, before lockdown: cuts off what a crash left of an unfinished record, which we cannot do later. -EINVAL
 * unless it is a regular file that can only be appended to.
 */
int start_file_take(struct start_file *file, int fd, struct error *err);

/* Appends one record, after the rest of one that did not fit the last time. An error means: the order must not go out. */
int start_file_add(struct start_file *file, const struct start_record *record, struct error *err);
