/* What confine_become() sets and confine_verify() expects; private to confine/. */
#pragma once

#include <linux/securebits.h>

/*
 * An exec by root gains nothing, a change of ids moves no capability, KEEP_CAPS stays off, nothing becomes ambient; and
 * none of it can be undone (capabilities(7), "The securebits flags").
 */
#define CONFINE_SECUREBITS                                                                                             \
    (SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |                   \
     SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

#define CONFINE_CAP_COUNT_MAX 64 /* a capability set is 64 bits wide; the kernel has 41 of them today */
