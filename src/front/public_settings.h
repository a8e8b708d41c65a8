/*
 * What the front may know of the configuration: its own few numbers, and each command's public description.
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "sallyport/limits.h"
#include "sallyport/proto/settings.h"

#include "forwarded.h"
#include "public_function.h"
#include "hook_settings.h"

struct error;
struct tls;

struct public_command {
    char name[NAME_MAX_BYTES];
    json_t *json; /* the object of GET /v1/commands/{name}; owned */
    bool is_sync; /* without a Prefer header a submit waits for the end */
};

/* One that came before, whose clients are served (compat/). */
struct public_predecessor {
    uint8_t which; /* enum predecessor */
    bool has_prefix;
    char prefix[PREFIX_MAX_BYTES];
    uint32_t requests_max;         /* 0: as many as there are */
    char callback[NAME_MAX_BYTES]; /* that takes URLs of its clients; "": none */
};

/* What clients of one say, and the command that they mean. */
struct public_called {
    uint8_t which; /* enum predecessor */
    char called[CALLED_MAX_BYTES];
    char command[NAME_MAX_BYTES];
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
    struct public_function *functions;
    uint32_t function_count;
    struct public_predecessor predecessors[PREDECESSOR_COUNT - 1];
    uint32_t predecessor_count;
    struct public_called *called; /* of all of them */
    uint32_t called_count;
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

/* NULL when it is not mounted. Lasts until other settings are loaded. */
const struct public_predecessor *public_settings_predecessor(const struct public_settings *settings, unsigned which);
