/*
 * All attacks, found by their ids.
 */
#include "probe.h"

#include <stdio.h>
#include <string.h>

static const struct attack *const tables[] = {
    descriptor_attacks, mount_attacks,    file_attacks,    kernel_attacks, memory_attacks,
    ipc_attacks,        identity_attacks, process_attacks, socket_attacks, observer_tools,
};

const struct attack *current_attack;

static const struct attack *find(const char *id)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct attack *attack = tables[t]; attack->id != NULL; attack++)
            if (strcmp(attack->id, id) == 0)
                return attack;
    return NULL;
}

void attack_list(void)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct attack *attack = tables[t]; attack->id != NULL; attack++)
            printf("%-6s %-22s %s\n", attack->id, attack->name, attack->help);
}

int attack_run(const char *id, int argc, char **argv)
{
    current_attack = find(id);
    if (current_attack == NULL) {
        fprintf(stderr, "there is no attack %s\n", id);
        return BROKEN;
    }
    if (argc < current_attack->argument_count)
        return broken("needs %d arguments: %s", current_attack->argument_count, current_attack->help);
    return current_attack->run(argc, argv);
}
