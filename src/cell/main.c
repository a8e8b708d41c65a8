/*
 * cell: what stands between the launcher and a job. One static program with two roles, chosen by its first argument:
 *
 *   cell reap UID GID    pid 1 of the outer pid namespace, in which the launcher and all slots live; when it ends, the
 *                        kernel ends them all. Ends itself when the bootstrap does.
 *   cell supervise       serves one slot: enters the slot's namespaces, takes orders from the launcher one at a time
 *
 * It believes whoever started it, and nobody else. It has no configuration, opens no path outside a job's root, and holds no
 * secret but those of the one job that it builds.
 */
#include <string.h>
#include <unistd.h>

#include "reaper.h"
#include "supervise.h"

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "reap") == 0)
        return reaper_run(argv[2], argv[3]);
    if (argc == 2 && strcmp(argv[1], "supervise") == 0)
        return supervise_run(false);
#if SALLYPORT_TEST_SWITCHES
    if (argc == 3 && strcmp(argv[1], "supervise") == 0 && strcmp(argv[2], "bare") == 0)
        return supervise_run(true);
#endif
    static const char usage[] = "cell is started by sallyportd and does nothing by itself. See sallyportd --help.\n";
    ssize_t put = write(STDERR_FILENO, usage, sizeof usage - 1);
    return put < 0 ? 1 : 2;
}
