/* What confine_become() sets and confine_verify() expects, and what goes with both; private to confine/. */
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

/*
 * LeakSanitizer stops its process from a thread with ptrace(2) when that exits. Who is not dumpable cannot be stopped so,
 * and for who has a filter the call is fatal: no leaks are looked for from here on. Nothing without the sanitizer.
 */
void confine_end_leak_check(void);
