/*
 * How many connections each address has, so that none takes all there are. Of an IPv6 address the first 64 bits count, for a
 * single host has all that follow. Unix sockets have no address, and are not counted.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define CROWD_BUCKETS 1024

struct sockaddr;

/* One connection: a part of whatever stands for it. Zeroed before the first use. */
struct crowd_member {
    struct crowd_member *next, **link; /* link NULL: not counted */
    uint64_t address[2];
};

struct crowd {
    struct crowd_member *buckets[CROWD_BUCKETS];
    uint64_t seed; /* so that nobody can choose addresses of one bucket */
};

/* -errno: no randomness. */
int crowd_init(struct crowd *crowd);

/* False when `most` connections of this address are counted already; else this one is too, until crowd_leave(). */
bool crowd_enter(struct crowd *crowd, struct crowd_member *member, const struct sockaddr *address, unsigned most);
void crowd_leave(struct crowd_member *member);
