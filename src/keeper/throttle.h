/*
 * Who showed wrong tokens lately, so that guessing is answered with "later" before anything is looked up. Counted for an
 * address, and for an address with the beginning of what it showed: a client that goes on with one token that has expired
 * does not lock out others behind the same address.
 *
 * Nothing is counted for a token alone: whoever knows how somebody's token begins could keep its holder away. The table has
 * a fixed size. Who comes from very many addresses pushes others out of it, who are counted from the start again: then
 * a guess costs what it costs without this, and nobody is refused for it. Pure, but for the time that is handed in.
 */
#pragma once

#include <stdint.h>

#include "sallyport/base/network.h"
#include "sallyport/base/record.h"

struct error;

#define THROTTLE_WINDOW_MS     60000
#define THROTTLE_ADDRESS_MOST  100 /* wrong tokens of one address in a window; of IPv6 a /64 is one */
#define THROTTLE_TOKEN_MOST    20  /* that begin alike */
#define THROTTLE_PREFIX_BYTES  11  /* "sp_" and eight more */
#define THROTTLE_SETS          256
#define THROTTLE_ROWS_IN_A_SET 8

struct throttle_row {
    struct ip ip;
    uint64_t prefix;   /* a keyed hash; 0: the address as a whole */
    uint64_t since_ms; /* monotonic: when its window began; 0: free */
    uint32_t count;
};

struct throttle {
    uint64_t key; /* random: which rows meet in a set is nobody's to choose */
    struct throttle_row rows[THROTTLE_SETS][THROTTLE_ROWS_IN_A_SET];
};

/* Everything else begins as zeros. -errno only if the kernel gives no random bytes. */
int throttle_init(struct throttle *throttle, struct error *err);

/* Whom an address is counted as: itself, or the first address of its /64. */
struct ip throttle_network(const struct ip *ip);

/* How long until this may be looked at; 0: now. Both take the token as it was presented. */
uint64_t throttle_left_ms(const struct throttle *throttle, const struct ip *ip, struct span secret, uint64_t now_ms);

/* Other tokens hold: what was wrong may be right now. */
void throttle_forget(struct throttle *throttle);

/* A number that stands for this text until the next start, and from which nobody gets it back. */
uint64_t throttle_mark(const struct throttle *throttle, struct span text);

/* It was wrong. */
void throttle_note(struct throttle *throttle, const struct ip *ip, struct span secret, uint64_t now_ms);
