/*
 * How far a command's jobs reach if the program, or whoever chooses its parameters, is hostile: points for each thing that the
 * configuration opens, with the reason. A measure for comparing and for seeing what grew, no proof of anything.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct command;
struct policy;

#define EXPOSURE_FINDINGS_MAX 64
#define EXPOSURE_WHY_BYTES    320
#define EXPOSURE_MAX          100

struct finding {
    const char *what; /* one word, for programs */
    unsigned points;
    char why[EXPOSURE_WHY_BYTES];
};

struct exposure {
    unsigned score;    /* the points, at most EXPOSURE_MAX */
    const char *level; /* "low", "medium", "high" */
    struct finding findings[EXPOSURE_FINDINGS_MAX];
    size_t count;
};

/* A sequence is as exposed as the most exposed of its steps. */
void exposure_measure(const struct policy *policy, const struct command *command, struct exposure *ret_exposure);
