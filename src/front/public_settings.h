/*
 * What the front may know of the configuration: its own few numbers, and each command's public description.
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "sallyport/limits.h"
#include "sallyport/proto/settings.h"

#include "forwarded.h"
#include "hook_settings.h"

struct error;
struct tls;

struct public_command {
    char name[NAME_MAX_BYTES];
    json_t *json; /* the object of GET /v1/commands/{name}; owned */
    bool is_sync; /* without a Prefer header a submit waits for the end */
};

struct public_settings {
    uint32_t generation; /* of the policy whose command indexes these are */
    uint32_t max_wait_ms;
    uint32_t address_connections_max;
    uint32_t host_count, origin_count;
    char hosts[API_HOST_COUNT_MAX][HOST_NAME_MAX_BYTES];
    char origins[API_ORIGIN_COUNT_MAX][ORIGIN_MAX_BYTES];
    char version[NAME_MAX_BYTES];
    struct tls *tls; /* NULL: no listener speaks it */
    struct proxies proxies;
    struct public_command *commands;
    uint32_t command_count;
    struct public_hook *hooks;
    uint32_t hook_count;
};

/*
 * Reads a sealed file of settings records. On success the old settings are freed and replaced; on failure they stay.
 * fd stays the caller's.
 */
int public_settings_load(struct public_settings *settings, int fd, uint32_t generation, struct error *err);
void public_settings_done(struct public_settings *settings);

/* The index of the command, or -1. */
int public_settings_find(const struct public_settings *settings, const char *name);
