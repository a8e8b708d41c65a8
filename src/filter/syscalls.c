#include "syscalls.h"

#include <seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/text.h"

/* Calls that came after libseccomp 2.5.4's table, which ends with Linux 5.17 (in Debian's security update with 6.7). New
 * calls have one number on all architectures. Source: Linux 6.18, scripts/syscall.tbl. */
static const struct {
    const char *name;
    uint32_t number;
} newer[] = {
    { "cachestat", 451 },         { "fchmodat2", 452 },         { "map_shadow_stack", 453 }, { "futex_wake", 454 },
    { "futex_wait", 455 },        { "futex_requeue", 456 },     { "statmount", 457 },        { "listmount", 458 },
    { "lsm_get_self_attr", 459 }, { "lsm_set_self_attr", 460 }, { "lsm_list_modules", 461 }, { "mseal", 462 },
    { "setxattrat", 463 },        { "getxattrat", 464 },        { "listxattrat", 465 },      { "removexattrat", 466 },
    { "open_tree_attr", 467 },    { "file_getattr", 468 },      { "file_setattr", 469 },
};

enum syscall_known syscall_find(const char *name, uint32_t *ret_number)
{
    for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++) {
        if (strcmp(newer[i].name, name) == 0) {
            *ret_number = newer[i].number;
            return SYSCALL_HERE;
        }
    }
    int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR)
        return SYSCALL_UNKNOWN;
    if (number < 0)
        return SYSCALL_ELSEWHERE; /* libseccomp's own numbers below -1 */
    *ret_number = (uint32_t)number;
    return SYSCALL_HERE;
}

const char *syscall_name(uint32_t number, char text[SYSCALL_TEXT_BYTES])
{
    for (size_t i = 0; i < sizeof newer / sizeof newer[0]; i++)
        if (newer[i].number == number)
            return text_copy(text, SYSCALL_TEXT_BYTES, newer[i].name) ? text : NULL;
    char *name = number < SYSCALL_NUMBERS ? seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)number) : NULL;
    bool is_known = name != NULL && text_copy(text, SYSCALL_TEXT_BYTES, name);
    free(name);
    return is_known ? text : NULL;
}

const char *syscall_nearest(const char *name)
{
    static char nearest[SYSCALL_TEXT_BYTES];
    char text[SYSCALL_TEXT_BYTES];
    unsigned least = 1 + (unsigned)strlen(name) / 2;
    nearest[0] = '\0';
    for (uint32_t number = 0; number < SYSCALL_NUMBERS; number++) {
        if (syscall_name(number, text) == NULL || text_distance(name, text) >= least)
            continue;
        least = text_distance(name, text);
        memcpy(nearest, text, sizeof nearest);
    }
    return nearest[0] != '\0' ? nearest : NULL;
}
