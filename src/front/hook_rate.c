#include "hook_rate.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "sallyport/base/error.h"
#include "sallyport/base/network.h"

#define IPV6_HOST_AT 8

int hook_rates_init(struct hook_rates *rates, struct error *err)
{
    if (getrandom(&rates->seed, sizeof rates->seed, 0) != sizeof rates->seed)
        return fail(err, errno, "take random bytes");
    return 0;
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

uint64_t hook_rates_mix(const struct hook_rates *rates, const char *name)
{
    return mix(rates->seed, name, strlen(name)) >> 17;
}

static uint64_t who_is(const struct hook_rates *rates, const char *hook, const char *address)
{
    struct ip ip = { 0 }; /* all who have none are one: a unix socket's */
    bool has_ip = ip_of_address(address, &ip);
    if (has_ip && !ip_is_v4(&ip))
        memset(ip.bytes + IPV6_HOST_AT, 0, sizeof ip.bytes - IPV6_HOST_AT);
    return mix(mix(rates->seed, hook, strlen(hook) + 1), ip.bytes, has_ip ? sizeof ip.bytes : 0) | 1;
}

bool hook_rate_take(struct hook_rates *rates, const char *hook, const char *address, const struct rate *rate,
                    uint64_t now_ms, uint64_t *ret_left_ms)
{
    uint64_t who = who_is(rates, hook, address);
    unsigned set = (unsigned)(who >> 32) % HOOK_RATE_SETS, best = 0;
    for (unsigned i = 0; i < HOOK_RATE_ROWS_IN_A_SET; i++) {
        if (rates->rows[set][i].who == who) {
            best = i;
            break;
        }
        if (rates->rows[set][i].since_ms < rates->rows[set][best].since_ms)
            best = i;
    }
    bool is_over = now_ms - rates->rows[set][best].since_ms >= rate->period_ms;
    if (rates->rows[set][best].who != who || is_over) {
        rates->rows[set][best].who = who;
        rates->rows[set][best].since_ms = now_ms;
        rates->rows[set][best].count = 0;
    }
    if (rates->rows[set][best].count < rate->count) {
        rates->rows[set][best].count++;
        return true;
    }
    *ret_left_ms = rates->rows[set][best].since_ms + rate->period_ms - now_ms;
    return false;
}
