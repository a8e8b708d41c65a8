/*
 * How long what a job leaves behind is kept: the output of its jobs by three measures, whichever is met first, and their
 * records by age. Plain numbers; the keeper acts on them (src/keeper/retention.h).
 */
#pragma once

#include <stdint.h>

struct retention {
    uint64_t age_ms;         /* output: since the job's end */
    uint32_t count;          /* output: of so many jobs of a command, the newest */
    uint64_t bytes;          /* output: of all jobs of a command together */
    uint64_t records_age_ms; /* the record, and output with it at the latest: since the job's end */
};
