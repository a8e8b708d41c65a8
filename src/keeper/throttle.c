#include "throttle.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "sallyport/base/error.h"

#define IPV6_HOST_AT 8 /* a customer has at least these 64 bits to choose from */

int throttle_init(struct throttle *throttle, struct error *err)
{
    if (getrandom(&throttle->key, sizeof throttle->key, 0) != sizeof throttle->key)
        return fail(err, errno, "take random bytes");
    return 0;
}

void throttle_forget(struct throttle *throttle)
{
    memset(throttle->rows, 0, sizeof throttle->rows);
}

static uint64_t mix(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001b3;
        hash ^= hash >> 29;
    }
    return hash;
}

struct ip throttle_network(const struct ip *ip)
{
    struct ip network = *ip;
    if (!ip_is_v4(ip))
        memset(network.bytes + IPV6_HOST_AT, 0, sizeof network.bytes - IPV6_HOST_AT);
    return network;
}

static uint64_t prefix_of(const struct throttle *throttle, struct span secret)
{
    uint32_t size = secret.size < THROTTLE_PREFIX_BYTES ? secret.size : THROTTLE_PREFIX_BYTES;
    return mix(throttle->key, secret.data, size) | 1;
}

uint64_t throttle_mark(const struct throttle *throttle, struct span text)
{
    return mix(throttle->key, text.data, text.size);
}

static unsigned set_of(const struct throttle *throttle, const struct ip *ip, uint64_t prefix)
{
    uint64_t hash = mix(mix(~throttle->key, ip->bytes, sizeof ip->bytes), &prefix, sizeof prefix);
    return (unsigned)(hash >> 32) % THROTTLE_SETS;
}

static bool is_live(const struct throttle_row *row, uint64_t now_ms)
{
    return row->since_ms != 0 && now_ms - row->since_ms < THROTTLE_WINDOW_MS;
}

static bool is_of(const struct throttle_row *row, const struct ip *ip, uint64_t prefix)
{
    return row->prefix == prefix && memcmp(row->ip.bytes, ip->bytes, sizeof ip->bytes) == 0;
}

static uint64_t left_ms(const struct throttle *throttle, const struct ip *ip, uint64_t prefix, uint32_t most,
                        uint64_t now_ms)
{
    const struct throttle_row *rows = throttle->rows[set_of(throttle, ip, prefix)];
    for (unsigned i = 0; i < THROTTLE_ROWS_IN_A_SET; i++)
        if (is_live(&rows[i], now_ms) && is_of(&rows[i], ip, prefix) && rows[i].count >= most)
            return rows[i].since_ms + THROTTLE_WINDOW_MS - now_ms;
    return 0;
}

uint64_t throttle_left_ms(const struct throttle *throttle, const struct ip *ip, struct span secret, uint64_t now_ms)
{
    struct ip network = throttle_network(ip);
    uint64_t of_address = left_ms(throttle, &network, 0, THROTTLE_ADDRESS_MOST, now_ms);
    uint64_t of_token = left_ms(throttle, &network, prefix_of(throttle, secret), THROTTLE_TOKEN_MOST, now_ms);
    return of_address > of_token ? of_address : of_token;
}

/* Its row; else one that is free or over; else the one that counted least, which is the least loss. */
static struct throttle_row *row_for(struct throttle *throttle, const struct ip *ip, uint64_t prefix, uint64_t now_ms)
{
    struct throttle_row *rows = throttle->rows[set_of(throttle, ip, prefix)], *best = &rows[0];
    for (unsigned i = 0; i < THROTTLE_ROWS_IN_A_SET; i++) {
        if (is_live(&rows[i], now_ms) && is_of(&rows[i], ip, prefix))
            return &rows[i];
        bool is_better = is_live(best, now_ms) && (!is_live(&rows[i], now_ms) || rows[i].count < best->count);
        best = is_better ? &rows[i] : best;
    }
    *best = (struct throttle_row){ .ip = *ip, .prefix = prefix, .since_ms = now_ms };
    return best;
}

void throttle_note(struct throttle *throttle, const struct ip *ip, struct span secret, uint64_t now_ms)
{
    struct ip network = throttle_network(ip);
    row_for(throttle, &network, 0, now_ms)->count++;
    row_for(throttle, &network, prefix_of(throttle, secret), now_ms)->count++;
}
