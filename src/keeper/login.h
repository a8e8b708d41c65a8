/*
 * Logins that wait for the verifier: a bounded queue, in which no address (of IPv6: no /64) has more than a few places. Whoever finds it full is
 * asked to come again. A user whom nobody knows waits as long as one who is there, for a comparison that costs the same and fails.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/base/hash.h"
#include "sallyport/base/network.h"
#include "sallyport/limits.h"

struct error;
struct event;
struct keeper;

#define LOGINS_MAX           16 /* at tens of milliseconds each the last one waits a second or two */
#define LOGINS_OF_AN_ADDRESS 4

struct login {
    uint32_t number; /* 0: a free place */
    uint32_t request_id;
    unsigned epoch; /* of the front that asked */
    char user[NAME_MAX_BYTES];
    char address[ADDRESS_MAX_BYTES];
    struct ip ip;
    bool is_known;
    uint8_t password_sha256[HASH_BYTES]; /* of the line that it is compared with, if the user is known */
};

struct logins {
    struct login list[LOGINS_MAX];
    uint32_t last_number;
    struct event *checked;
};

int logins_init(struct keeper *keeper, struct error *err);
void logins_done(struct keeper *keeper);
