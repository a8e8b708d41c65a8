#include "sallyport/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "sallyport/base/error.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

void fd_close(int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
    }
    *fd = -1;
}

int fd_sanitise_stdio(struct error *err)
{
    for (;;) {
        int fd = open("/dev/null", O_RDWR);
        if (fd < 0)
            return fail(err, errno, "open /dev/null");
        if (fd > 2) {
            close(fd);
            return 0;
        }
    }
}

int fd_read_exact(int fd, void *buffer, size_t size, struct error *err)
{
    uint8_t *at = buffer;
    while (size > 0) {
        ssize_t got = read(fd, at, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, errno, "read");
        if (got == 0)
            return fail_plain(err, EIO, "read: the end came %zu bytes early", size);
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

int fd_write_all(int fd, const void *data, size_t size, struct error *err)
{
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t put = write(fd, at, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return fail(err, errno, "write");
        at += put;
        size -= (size_t)put;
    }
    return 0;
}

int fd_read_file(int fd, size_t max, uint8_t **ret_data, size_t *ret_size, struct error *err)
{
    size_t room = 4096, used = 0;
    auto_free uint8_t *data = malloc(room + 1);
    if (data == NULL)
        return fail(err, ENOMEM, "read file");
    for (;;) {
        if (used == room) {
            if (room > max)
                return fail_plain(err, EFBIG, "larger than %zu bytes", max);
            room *= 2;
            uint8_t *larger = realloc(data, room + 1);
            if (larger == NULL)
                return fail(err, ENOMEM, "read file");
            data = larger;
        }
        ssize_t got = read(fd, data + used, room - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(err, errno, "read");
        if (got == 0)
            break;
        used += (size_t)got;
    }
    if (used > max)
        return fail_plain(err, EFBIG, "larger than %zu bytes", max);
    data[used] = '\0';
    *ret_data = data;
    *ret_size = used;
    data = NULL;
    return 0;
}

int memfd_open(const char *name, bool executable, int *ret_fd, struct error *err)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    auto_fd int fd = memfd_create(name, flags | (executable ? MFD_EXEC : MFD_NOEXEC_SEAL));
    if (fd < 0 && errno == EINVAL) /* before Linux 6.3: neither flag is known */
        fd = memfd_create(name, flags);
    if (fd < 0)
        return fail(err, errno, "create memory file '%s'", name);
    if (fchmod(fd, executable ? 0555 : 0400) < 0)
        return fail(err, errno, "set mode of memory file '%s'", name);
    *ret_fd = fd_take(&fd);
    return 0;
}

int memfd_seal(int fd, struct error *err)
{
    if (lseek(fd, 0, SEEK_SET) < 0)
        return fail(err, errno, "rewind memory file");
    return fcntl(fd, F_ADD_SEALS, SEALS) < 0 ? fail(err, errno, "seal memory file") : 0;
}

int memfd_sealed(const char *name, const void *data, size_t size, bool executable, int *ret_fd, struct error *err)
{
    auto_fd int fd = -1;
    int done = memfd_open(name, executable, &fd, err);
    if (done < 0)
        return done;
    if (fd_write_all(fd, data, size, err) < 0 || memfd_seal(fd, err) < 0)
        return fail_in(err, "fill memory file '%s'", name);
    *ret_fd = fd_take(&fd);
    return 0;
}

int memfd_check_sealed(int fd, uint64_t max_bytes, uint64_t *ret_size, struct error *err)
{
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0)
        return fail_plain(err, EPERM, "what was handed over is not a memory file");
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail(err, errno, "stat memory file");
    if ((seals & SEALS) != SEALS || !S_ISREG(st.st_mode) || (st.st_mode & 0111) != 0)
        return fail_plain(err, EPERM, "memory file can still be changed or executed");
    if ((uint64_t)st.st_size > max_bytes)
        return fail_plain(err, EFBIG, "memory file is larger than %llu bytes", (unsigned long long)max_bytes);
    if (ret_size != NULL)
        *ret_size = (uint64_t)st.st_size;
    return 0;
}

int memfd_read_sealed(int fd, uint64_t max_bytes, uint8_t **ret_data, size_t *ret_size, struct error *err)
{
    uint64_t size = 0;
    int done = memfd_check_sealed(fd, max_bytes, &size, err);
    if (done < 0)
        return done;
    auto_free uint8_t *data = malloc((size_t)size + 1);
    if (data == NULL)
        return fail(err, ENOMEM, "read a sealed file");
    for (size_t at = 0; at < size;) {
        ssize_t got = pread(fd, data + at, (size_t)size - at, (off_t)at);
        if (got <= 0)
            return fail(err, got < 0 ? errno : EIO, "read a sealed file");
        at += (size_t)got;
    }
    *ret_data = data;
    *ret_size = (size_t)size;
    data = NULL;
    return 0;
}
