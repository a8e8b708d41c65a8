/* Trees of mounts, by descriptors and never twice by the same path. Used while a template root is built. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct error;

enum tree_kind {
    TREE_PROGRAMS, /* read-only, executable */
    TREE_WRITABLE, /* writable, not executable */
    TREE_DATA,     /* read-only, not executable */
    TREE_DEVICE,   /* a device node: usable, nothing else */
};

/*
 * A detached copy of what the path leads to, everything mounted below included, private and with its flags set before
 * anybody can see it. `follows_links`: for our own list of system paths; a path of the configuration may hold none, because
 * what it led to when the owner looked may not be what it leads to now. ENOENT, ELOOP and others as open(2) has them.
 */
int tree_copy(const char *path, enum tree_kind kind, bool follows_links, int *ret_fd, struct error *err);
int tree_copy_at(int directory_fd, const char *path, enum tree_kind kind, bool follows_links, int *ret_fd,
                 struct error *err);

/*
 * A detached copy of the tree at the path, in which what belongs to our root belongs to the one id that user_namespace maps it
 * to. The path must be a mount of its own. -EINVAL from file systems that cannot (mount_setattr(2), "ID-mapped mounts").
 */
int tree_copy_mapped(const char *path, int user_namespace, int *ret_fd, struct error *err);

/* A small detached tmpfs with nothing in it. */
int tree_new_tmpfs(const char *mode, int *ret_fd, struct error *err);

/*
 * A detached procfs that shows no process: its pid namespace's only member has ended. A mount namespace with an
 * uncovered procfs in it is what the kernel asks for before a user namespace may mount its own (mount_too_revealing).
 */
int tree_dead_proc(int *ret_fd, struct error *err);

/*
 * Attaches a detached tree at the path below root_fd, making the directories (or the file) that it needs there. Where the
 * place is in a tree that was attached before, it must be there, and no symbolic link may lead to it (ELOOP, EXDEV): a job
 * that may write in that tree would else choose where root makes things.
 */
int tree_attach(int root_fd, const char *path, int tree_fd, struct error *err);

int tree_make_directories(int root_fd, const char *path, struct error *err);
int tree_make_file(int root_fd, const char *path, const char *content, struct error *err);

/* The root of the calling process becomes the tree; the old root is gone. The tree becomes read-only itself. */
int tree_become_root(int tree_fd, struct error *err);
