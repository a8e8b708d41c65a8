/*
 * Descriptors with an owner, whole reads and writes, and sealed memory files.
 *
 * Whoever opens a thing holds it in an `auto_fd` variable, so leaving by any door closes it; fd_take() hands it on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

struct error;

/* Closes *fd unless it is negative, and makes it -1. errno is kept. */
void fd_close(int *fd);

static inline int fd_take(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#define auto_fd __attribute__((cleanup(fd_close)))

static inline void auto_free_pointer(void *pointer)
{
    free(*(void **)pointer);
}

#define auto_free __attribute__((cleanup(auto_free_pointer)))

/* Descriptors 0, 1 and 2 are open afterwards (on /dev/null where they were not). Call first thing in main(). */
int fd_sanitise_stdio(struct error *err);

/* Reads exactly size bytes, or fails: EIO if the end came early. Retries EINTR. */
int fd_read_exact(int fd, void *buffer, size_t size, struct error *err);
int fd_write_all(int fd, const void *data, size_t size, struct error *err);

/*
 * Reads a whole file of at most max bytes into a fresh buffer, which the caller frees; a NUL stands behind the last
 * byte. EFBIG above max. The size is not trusted: the file may grow meanwhile.
 */
int fd_read_file(int fd, size_t max, uint8_t **ret_data, size_t *ret_size, struct error *err);

/*
 * A memory file that nobody can change any more: seals SEAL, SHRINK, GROW and WRITE. When `executable`, it may be
 * executed (memfd_create(2), MFD_EXEC on kernels that know it); otherwise it has no execute bit.
 */
int memfd_sealed(const char *name, const void *data, size_t size, bool executable, int *ret_fd, struct error *err);

/* The same in steps, for bytes that come in pieces: one that is empty and can be written; and the seals, with its position
 * at its start. */
int memfd_open(const char *name, bool executable, int *ret_fd, struct error *err);
int memfd_seal(int fd, struct error *err);

/* EPERM unless fd is a memfd with those four seals and no execute bit: what a peer hands over is judged, not believed. */
int memfd_check_sealed(int fd, uint64_t max_bytes, uint64_t *ret_size, struct error *err);

/*
 * All of such a file into a fresh buffer, which the caller frees. By position: others share the open file description, and
 * read it, too.
 */
int memfd_read_sealed(int fd, uint64_t max_bytes, uint8_t **ret_data, size_t *ret_size, struct error *err);
