/*
 * Which entries of a layer may become files. A layer is a stranger's: libarchive finds names, kinds and sizes in it, and
 * everything else is judged here, before anything is made. No I/O.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sallyport/limits.h"

struct error;

enum entry_deed {
    ENTRY_MAKE,         /* a file, directory or link */
    ENTRY_NOTHING,      /* the root itself, or what jobs never see: /dev, /proc, /sys */
    ENTRY_REMOVE,       /* ".wh.NAME": path is what goes */
    ENTRY_REMOVE_BELOW, /* ".wh..wh..opq": path is the directory whose older content goes; "" for the root */
};

/* As the archive says it: texts may be NULL. */
struct entry_claim {
    const char *path, *symlink, *hardlink;
    mode_t type; /* S_IFREG, ... */
    int64_t size;
};

struct entry_judged {
    enum entry_deed deed;
    char path[PATH_MAX_BYTES];     /* relative, in its shortest form */
    char hardlink[PATH_MAX_BYTES]; /* likewise; "" for none */
};

/* -EPERM for what may not be, -EFBIG and -ENAMETOOLONG for what is too large: the whole image is refused then. */
int entry_judge(const struct entry_claim *claim, struct entry_judged *ret_judged, struct error *err);

/* Set-id bits and the rights of others to write are taken away; the owner can always read, and enter a directory. */
mode_t entry_mode(mode_t type, mode_t mode);
