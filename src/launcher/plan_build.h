/*
 * From a checked order to the plan of a cell: argv and environment by the command's templates, limits by what this host
 * can give. No I/O.
 */
#pragma once

#include <stdint.h>

#include "sallyport/cell/plan.h"

struct error;
struct matcher;
struct policy;
struct setting_launcher;

struct plan_order {
    const struct policy *policy;
    const struct matcher *matcher;
    const struct setting_launcher *host;
    uint32_t command;   /* an index that fits the policy */
    struct span params; /* that matcher_check() took */
    const char *job_id, *actor;
    uint8_t source; /* enum job_source */
    uint32_t timeout_ms;
    uint64_t now_unix_ms;
    uint32_t degraded; /* enum degrade: the weaker means to use */
    uint32_t uid, gid; /* the job's, inside its slot */
    bool has_files;    /* uploads go with it */
};

/* What the plan's spans point into. Holds a job's secrets until plan_wipe(). */
struct plan_room {
    struct plan plan;
    uint8_t arguments[ARGV_MAX_BYTES], env[ARGV_MAX_BYTES], secrets[PARAMS_MAX_BYTES];
    uint8_t readable[BIND_COUNT_MAX * PATH_MAX_BYTES / 4];
    uint8_t writable[BIND_COUNT_MAX * PATH_MAX_BYTES / 4];
    uint8_t artifacts[CELL_GLOBS_MAX_BYTES];
};

/* -E2BIG when arguments and environment are too long together, -EMSGSIZE when another part is. */
int plan_build(const struct plan_order *order, struct plan_room *ret_room, struct error *err);
void plan_wipe(struct plan_room *room);
