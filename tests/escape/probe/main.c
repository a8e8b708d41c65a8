/*
 * The entry of the tests' probe, which knows every row. `escape-probe --list` prints them. The probe that is installed has
 * another entry (src/probe), which knows the harmless ones alone.
 */
#include "probe.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        attack_list();
        return 0;
    }
    if (argc < 2) {
        fprintf(stderr, "usage: escape-probe ID [ARGUMENT...]   (escape-probe --list names them)\n");
        return BROKEN;
    }
    return attack_run(argv[1], argc - 2, argv + 2);
}
