/* Lists of addresses and networks: of callbacks, tokens and proxies. */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "sallyport/base/network.h"

struct reading;

/*
 * Packs them one behind the other; what is none becomes a fault. Returns how many there are.
 *
 *   group  where the key is below the place of the walk: "server.trusted_proxies"; or ""
 *   list   texts, not more than there is room for; or NULL
 */
uint32_t networks_take(struct reading *reading, const char *group, const char *key, const json_t *list, uint8_t *to);
