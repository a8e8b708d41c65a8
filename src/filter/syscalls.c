#include "syscalls.h"

#include <seccomp.h>
#include <stddef.h>
#include <string.h>

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
