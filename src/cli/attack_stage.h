/*
 * What the harmless attacks go for, made for them and taken away again: a file that only a reader can repeat, sockets that hear
 * nothing else, and the configuration of their cell. Nothing of it belongs to the host.
 */
#pragma once

#include <jansson.h>

#include "sallyport/limits.h"

struct error;
struct harmless_attack;

struct attack_stage {
    char directory[PATH_MAX_BYTES];
    char config[PATH_MAX_BYTES + 16];
    int abstract_fd, path_fd, loopback_fd;
    /* The {names} of harmless.h; "" for what could not be made, or would prove nothing here. */
    char nonce[33], canary[PATH_MAX_BYTES + 16], host_name[256], abstract[64], socket_path[PATH_MAX_BYTES + 16],
        port[8];
};

/* own_config: a configuration with the command `attack` in place of ours, or NULL. -errno, and nothing is left. */
int attack_stage_set(const char *own_config, struct attack_stage *ret_stage, struct error *err);
void attack_stage_clear(struct attack_stage *stage);

/* The probe's arguments, an array that the caller owns; NULL if something that the attack goes for is not there. */
json_t *attack_stage_words(const struct attack_stage *stage, const struct harmless_attack *attack);
