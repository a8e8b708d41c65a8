/*
 * Makes and removes files below a root, by steps that never leave it: no symbolic link is followed on the way, whoever
 * made it.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

struct error;

/*
 * Opens the directory in which `path` lies, making missing ones if asked. -ENOENT without err's text if one is missing.
 *   ret_name  the last step of path
 */
int place_open_parent(int root_fd, const char *path, int makes, int *ret_fd, const char **ret_name, struct error *err);

/* A directory may be there already; anything else that is there goes first. */
int place_make_directory(int root_fd, const char *path, mode_t mode, struct error *err);
int place_make_file(int root_fd, const char *path, mode_t mode, int *ret_fd, struct error *err);
int place_make_symlink(int root_fd, const char *path, const char *target, struct error *err);
int place_make_hardlink(int root_fd, const char *path, const char *target, struct error *err);

/* With all that is below; what is not there is no fault. `path` "" with place_empty: the root. */
int place_remove(int root_fd, const char *path, struct error *err);
int place_empty(int root_fd, const char *path, struct error *err);

/* The same for one name in an open directory. */
int place_remove_at(int directory_fd, const char *name, struct error *err);
