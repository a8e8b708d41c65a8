/*
 * probe: what `sallyport selftest --attacks` lets run in a cell of the user's own host. The attacks are the escape tests' own
 * (tests/escape/probe), so that what a user tries is what the tests show; but only the rows of harmless.c can be named here.
 * It believes nobody who names another one, and needs no file, no /proc and no library.
 */
#include <stdio.h>
#include <string.h>

#include "probe.h"
#include "sallyport/probe/harmless.h"

/* For the test that compares the rows with the escape tests' corpus. */
static void list(void)
{
    for (size_t i = 0; i < harmless_attack_count; i++) {
        const struct harmless_attack *row = &harmless_attacks[i];
        printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\n", row->id, row->title, row->words, row->refusals, row->stopped_by,
               row->at_worst, row->given_up_by ?: "");
    }
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        list();
        return 0;
    }
    if (argc < 2 || harmless_attack_find(argv[1]) == NULL) {
        fprintf(stderr, "probe: takes one of its harmless attacks and its arguments (--list)\n");
        return BROKEN;
    }
    return attack_run(argv[1], argc - 2, argv + 2);
}
