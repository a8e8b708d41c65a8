/* Arguments as people write them: the names that decide in profiles, which nobody knows the numbers of. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
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
