/* Capability sets by plain system calls: after clone3 the usual library keeps the parent's state. */
#pragma once

#include <stdint.h>

/* Permitted and effective become `keep` (bits by number), inheritable empty. -1 with errno. */
int caps_set(uint64_t keep);
int caps_empty_bounding_set(void);

/* NOROOT, NO_SETUID_FIXUP, no KEEP_CAPS, NO_CAP_AMBIENT_RAISE: all locked; the ambient set is cleared. */
int caps_lock_securebits(void);
