/* Arguments as people write them: the names that decide in profiles, which nobody knows the numbers of. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "sallyport/base/text.h"
#include "sallyport/filter/describe.h"

#define NAMED(name)                                                                                                    \
    {                                                                                                                  \
#name, name                                                                                                    \
    }

static const struct {
    const char *name;
    uint64_t value;
} constants[] = {
    NAMED(AF_UNIX),        NAMED(AF_INET),          NAMED(AF_INET6),
    NAMED(AF_NETLINK),     NAMED(AF_PACKET),        NAMED(AF_ALG),
    NAMED(AF_VSOCK),       NAMED(AF_BLUETOOTH),     NAMED(AF_KEY),
    NAMED(SOCK_STREAM),    NAMED(SOCK_DGRAM),       NAMED(SOCK_RAW),
    NAMED(SOCK_SEQPACKET), NAMED(SOCK_CLOEXEC),     NAMED(SOCK_NONBLOCK),
    NAMED(CLONE_NEWNS),    NAMED(CLONE_NEWCGROUP),  NAMED(CLONE_NEWUTS),
    NAMED(CLONE_NEWIPC),   NAMED(CLONE_NEWUSER),    NAMED(CLONE_NEWPID),
    NAMED(CLONE_NEWNET),   NAMED(CLONE_VM),         NAMED(CLONE_THREAD),
    NAMED(CLONE_VFORK),    NAMED(PROT_READ),        NAMED(PROT_WRITE),
    NAMED(PROT_EXEC),      NAMED(O_RDONLY),         NAMED(O_WRONLY),
    NAMED(O_RDWR),         NAMED(O_CREAT),          NAMED(O_TRUNC),
    NAMED(O_CLOEXEC),      NAMED(O_TMPFILE),        NAMED(TIOCSTI),
    NAMED(TIOCLINUX),      NAMED(TIOCSETD),         NAMED(TCGETS),
    NAMED(FIONREAD),       NAMED(FIONBIO),          NAMED(TIOCGWINSZ),
    NAMED(F_GETFD),        NAMED(F_SETFD),          NAMED(F_GETFL),
    NAMED(F_SETFL),        NAMED(F_SETLK),          NAMED(F_SETLKW),
    NAMED(F_SETLEASE),     NAMED(F_NOTIFY),         NAMED(F_OFD_SETLK),
    NAMED(PR_SET_NAME),    NAMED(PR_SET_DUMPABLE),  NAMED(PR_SET_SECCOMP),
    NAMED(PR_SET_MM),      NAMED(PR_SET_PDEATHSIG), NAMED(PR_SET_NO_NEW_PRIVS),
    NAMED(S_IFBLK),        NAMED(S_IFCHR),          NAMED(S_IFIFO),
    NAMED(AT_EMPTY_PATH),
};

static bool parse_one(const char *text, uint64_t *ret_value)
{
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        if (strcmp(constants[i].name, text) == 0) {
            *ret_value = constants[i].value;
            return true;
        }
    }
    char *end;
    errno = 0;
    *ret_value = strtoull(text, &end, 0); /* 10, 0x1f, 0755 */
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

bool argument_parse(const char *text, uint64_t *ret_value)
{
    *ret_value = 0;
    for (;;) {
        char word[CALL_NAME_BYTES];
        uint64_t value;
        size_t size = strcspn(text, "|");
        if (!text_copy_bytes(word, sizeof word, text, size) || !parse_one(word, &value))
            return false;
        *ret_value |= value;
        if (text[size] == '\0')
            return true;
        text += size + 1;
    }
}

/* Which names an argument has. Of flags several stand together. */
static const struct {
    const char *call, *prefix;
    unsigned index;
    bool are_flags;
} naming[] = {
    { "socket", "AF_", 0, false },         { "socket", "SOCK_", 1, true }, { "socketpair", "AF_", 0, false },
    { "socketpair", "SOCK_", 1, true },    { "clone", "CLONE_", 0, true }, { "unshare", "CLONE_", 0, true },
    { "setns", "CLONE_", 1, true },        { "mmap", "PROT_", 2, true },   { "mprotect", "PROT_", 2, true },
    { "pkey_mprotect", "PROT_", 2, true }, { "open", "O_", 1, true },      { "openat", "O_", 2, true },
    { "ioctl", "TIOC", 1, false },         { "ioctl", "TC", 1, false },    { "ioctl", "FIO", 1, false },
    { "fcntl", "F_", 1, false },           { "prctl", "PR_", 0, false },   { "mknod", "S_IF", 1, true },
    { "mknodat", "S_IF", 2, true },        { "execveat", "AT_", 4, true },
};

static void add_word(char *text, size_t room, const char *word)
{
    size_t used = strlen(text);
    snprintf(text + used, room - used, "%s%s", used > 0 ? "|" : "", word);
}

/* The constant of this kind that is the value or, of flags, the largest whose bits are all in it. */
static size_t find_constant(const char *prefix, bool are_flags, uint64_t value)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        uint64_t bits = constants[i].value;
        if (strncmp(constants[i].name, prefix, strlen(prefix)) != 0)
            continue;
        if (bits == value)
            return i;
        if (are_flags && bits != 0 && (value & bits) == bits && (best == SIZE_MAX || bits > constants[best].value))
            best = i;
    }
    return best;
}

void argument_text(const char *call, unsigned index, uint64_t value, char text[ARGUMENT_TEXT_BYTES])
{
    char rest[24];
    text[0] = '\0';
    for (size_t i = 0; i < sizeof naming / sizeof naming[0]; i++) {
        if (strcmp(naming[i].call, call) != 0 || naming[i].index != index)
            continue;
        size_t found;
        while ((found = find_constant(naming[i].prefix, naming[i].are_flags, value)) != SIZE_MAX) {
            add_word(text, ARGUMENT_TEXT_BYTES, constants[found].name);
            value &= ~constants[found].value;
            if (value == 0)
                return;
        }
    }
    snprintf(rest, sizeof rest, "%#llx", (unsigned long long)value);
    add_word(text, ARGUMENT_TEXT_BYTES, rest);
}
