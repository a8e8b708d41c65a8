#include "system_files.h"

#include <errno.h>
#include <stdlib.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/limits.h"

#define FILES_MAX_BYTES (4u * SYSTEM_FILE_MAX_BYTES) /* three of them, and their heads */

/* By pread(2): the bootstrap hands the same file to our successor, and the two share its position. */
static int read_sealed(int fd, uint8_t **ret_data, size_t *ret_size, struct error *err)
{
    uint64_t size;
    int done = memfd_check_sealed(fd, FILES_MAX_BYTES, &size, err);
    if (done < 0)
        return done;
    auto_free uint8_t *data = malloc(size + 1);
    if (data == NULL)
        return fail(err, ENOMEM, "read settings");
    for (size_t at = 0; at < size;) {
        ssize_t got = pread(fd, data + at, size - at, (off_t)at);
        if (got <= 0)
            return fail(err, got < 0 ? errno : EIO, "read settings");
        at += (size_t)got;
    }
    *ret_data = data;
    *ret_size = size;
    data = NULL;
    return 0;
}

int system_files_read(int fd, struct system_files *ret_files, struct error *err)
{
    auto_free uint8_t *data = NULL;
    size_t size;
    int done = read_sealed(fd, &data, &size, err);
    if (done < 0)
        return done;
    struct reader in = { data, size };
    union any_setting setting;
    uint32_t type = SETTING_NONE;
    int got = record_file_next(&in, setting_defs, SETTING_COUNT, &type, &setting, sizeof setting, err);
    if (got < 0)
        return got;
    if (got == 0 || type != SETTING_NOTIFIER || in.left != 0)
        return fail_plain(err, EBADMSG, "settings that are not those of the notifier");
    *ret_files = (struct system_files){ .data = data, .parts = setting.notifier };
    data = NULL;
    return 0;
}

void system_files_done(struct system_files *files)
{
    free(files->data);
    *files = (struct system_files){ 0 };
}
