/*
 * Names to addresses, without files and without threads: the host's own table first, then its name servers, asked with
 * libevent's evdns. Services other than these two (nsswitch.conf) are not asked.
 *
 * Each look-up has sockets and a state of its own: an answer is used for the attempt that asked and for no other, and
 * its source port is as random as its number.
 */
#pragma once

#include "resolver_files.h"

#define ADDRESSES_MAX 16 /* of one name */

struct error;
struct event_base;
struct lookup;

struct resolver {
    struct event_base *base;
    struct resolv_conf conf;
    struct span hosts; /* ours */
};

int resolver_open(struct resolver *resolver, struct event_base *base, struct span resolv_conf, struct span hosts,
                  struct error *err);

/* Look-ups go on with what they began with. */
void resolver_close(struct resolver *resolver);

/* What needs no server: an address, a name of the host's own table, localhost. How many; 0: ask. */
unsigned resolver_knows(const struct resolver *resolver, const char *host, struct ip ips[ADDRESSES_MAX]);

/* The end of a look-up: addresses, or none and why, for people. */
typedef void lookup_done(void *arg, const struct ip *ips, unsigned count, const char *why);

/* Never calls `done` itself; later it is called once, unless the look-up is cancelled before. NULL with err. */
struct lookup *lookup_start(const struct resolver *resolver, const char *host, lookup_done *done, void *arg,
                            struct error *err);
void lookup_cancel(struct lookup *lookup);
