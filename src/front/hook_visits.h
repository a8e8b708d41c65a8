/*
 * Deliveries that are looked at, here or by the keeper. One counts until the keeper has answered what it was asked about it, even
 * when its client has left: who leaves at once must not have the keeper hash more than who waits.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/limits.h"

struct hook_visits {
    struct hook_visit_place {
        bool is_taken;
        bool is_left;    /* its request is gone */
        uint32_t number; /* of the question that the keeper has; 0: none */
        char hook[NAME_MAX_BYTES];
    } places[HOOK_VISITS_MAX];
};

/* NULL: `most` of this name are looked at, or HOOK_VISITS_MAX of all. */
struct hook_visit_place *hook_visits_enter(struct hook_visits *visits, const char *hook, unsigned most);

/* The request is over. */
void hook_visits_leave(struct hook_visit_place *place);

/* The keeper has answered the question of this number, whether it was one of these or not. */
void hook_visits_answered(struct hook_visits *visits, uint32_t number);

/* The keeper is gone, and answers nothing more. */
void hook_visits_forget(struct hook_visits *visits);
