/*
 * Who could have written a file: what the configuration says is obeyed with root's rights, so nobody but root may be able
 * to change it, nor put another in its place.
 *
 * The file, and every directory on the way to it, must belong to root (for a rootless instance: or to its own user) and
 * must not be writable by group or others. No step may be a symbolic link. A sticky directory such as /tmp is taken as a
 * step when what comes next is a directory: it is judged itself, and nobody else can remove or rename it there. A file
 * directly in a sticky directory is refused, because others could link a file of root's into it under a name of theirs.
 */
#pragma once

#include <stdbool.h>

#include "sallyport/config/config.h"

/*
 * Opens for reading: a regular file, or a directory when is_directory. Each step is judged by the descriptor that the next
 * one is opened from, so what is judged is what is read.
 *
 *   remark   ERROR_TEXT_BYTES; for CONFIG_OWNER_ANY what the other checks would have refused, else ""
 *
 * -EPERM, with the command that mends it, for what others could change; -errno for what cannot be opened.
 */
int owner_open(const char *path, bool is_directory, enum config_owner_check check, int *ret_fd, char *remark,
               struct error *err);
