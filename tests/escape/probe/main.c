/*
 * The entry: finds the row of the attack and runs it. `escape-probe --list` prints all rows.
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

static void list(void)
{
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (const struct attack *attack = tables[t]; attack->id != NULL; attack++)
            printf("%-6s %-22s %s\n", attack->id, attack->name, attack->help);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        list();
        return 0;
    }
    current_attack = argc < 2 ? NULL : find(argv[1]);
    if (current_attack == NULL) {
        fprintf(stderr, "usage: escape-probe ID [ARGUMENT...]   (escape-probe --list names them)\n");
        return BROKEN;
    }
    if (argc - 2 < current_attack->argument_count)
        return broken("needs %d arguments: %s", current_attack->argument_count, current_attack->help);
    return current_attack->run(argc - 2, argv + 2);
}
