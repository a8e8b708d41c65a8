/*
 * Things in an order that knows how many stand before each: a treap (a binary tree by order that is a heap by random weights),
 * whose nodes live in the things themselves. Every question and change takes the logarithm of their number; whole walks go
 * from one to the next with ranking_behind(). Knows nothing of what it orders.
 */
#pragma once

#include <stdint.h>

/* Smaller comes first; `minor` tells apart what `major` does not. No two of one ranking are equal. */
struct order {
    uint64_t major, minor;
};

struct place {
    struct place *left, *right;
    struct order order;
    uint32_t weight, count; /* count: of this place and all below it */
    void *of;               /* whose place it is */
};

/* Empty when zeroed. */
struct ranking {
    struct place *root;
};

/* `place` belongs to the caller, and stays where it is until it is removed. */
void ranking_add(struct ranking *ranking, struct place *place, struct order order, void *of);

/* It must be there. */
void ranking_remove(struct ranking *ranking, struct place *place);

uint32_t ranking_count(const struct ranking *ranking);

/* How many come before this order. */
uint32_t ranking_before(const struct ranking *ranking, struct order order);

/* The first, the last, and the nearest on either side of this order: whose place it is, or NULL. */
void *ranking_first(const struct ranking *ranking);
void *ranking_last(const struct ranking *ranking);
void *ranking_ahead(const struct ranking *ranking, struct order order);
void *ranking_behind(const struct ranking *ranking, struct order order);
