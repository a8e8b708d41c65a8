/*
 * Things that outlive a process and are found by name: keyrings, System V memory, queues.
 * `plant` and `find` run in different jobs, or on both sides of the wall.
 */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* linux/keyctl.h */
enum { SESSION_KEYRING = -3, USER_KEYRING = -4, KEYCTL_LINK_CALL = 8, KEYCTL_SEARCH_CALL = 10, KEYCTL_READ_CALL = 11 };

static int keyring_named(const char *name)
{
    return strcmp(name, "session") == 0 ? SESSION_KEYRING : USER_KEYRING;
}

static int plant_key(int argc, char **argv)
{
    (void)argc;
    long key = syscall(SYS_add_key, "user", argv[1], argv[2], strlen(argv[2]), keyring_named(argv[0]));
    return judge(key, "plant a key");
}

static int find_key(int argc, char **argv)
{
    (void)argc;
    syscall(SYS_keyctl, KEYCTL_LINK_CALL, USER_KEYRING,
            SESSION_KEYRING); /* whoever has a keyring may read what is in it */
    long key = syscall(SYS_keyctl, KEYCTL_SEARCH_CALL, keyring_named(argv[0]), "user", argv[1], 0);
    if (key < 0)
        return blocked(errno, "search the keyring");
    char payload[200] = "";
    if (syscall(SYS_keyctl, KEYCTL_READ_CALL, key, payload, sizeof payload - 1) < 0)
        return blocked(errno, "read the key");
    return worked("the key says '%s'", payload);
}

static int find_segment(int argc, char **argv)
{
    (void)argc;
    int id = shmget((key_t)number(argv[0]), 0, 0);
    if (id < 0)
        return blocked(errno, "find a System V segment by its key");
    const char *place = shmat(id, NULL, SHM_RDONLY);
    if (place == (void *)-1)
        return blocked(errno, "attach it");
    return worked("the segment says '%.100s'", place);
}

static int find_queue(int argc, char **argv)
{
    (void)argc;
    mqd_t queue = mq_open(argv[0], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (queue < 0)
        return blocked(errno, "open a message queue by its name");
    char text[8193] = "";
    if (mq_receive(queue, text, sizeof text - 1, NULL) < 0)
        return blocked(errno, "receive from it");
    return worked("the queue says '%.100s'", text);
}

static int host_name(int argc, char **argv)
{
    (void)argc;
    struct utsname about;
    uname(&about);
    if (strcmp(about.nodename, argv[0]) == 0)
        return worked("this host is '%s'", about.nodename);
    return blocked(ENOENT, "this host says '%s'", about.nodename);
}

const struct attack ipc_attacks[] = {
    { "S46p", "plant-key", plant_key, 3, "session|user NAME PAYLOAD: leaves a key behind" },
    { "S46f", "find-key", find_key, 2, "session|user NAME: reads a key that somebody else left" },
    { "S74a", "shared-segment", find_segment, 1, "KEY: reads a System V segment" },
    { "S74b", "message-queue", find_queue, 1, "NAME: reads a POSIX message queue" },
    { "S80", "host-name", host_name, 1, "NAME: is the host's name NAME?" },
    { 0 },
};
