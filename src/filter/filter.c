#include "sallyport/filter/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"

#define FILE_MAX_BYTES (256 * 1024)

const char *const profile_names[] = { "strict", "base", "net", "build", NULL };

int profile_load(int directory_fd, const char *name, struct profile **ret_profile, struct error *err)
{
    char file[NAME_MAX_BYTES + sizeof ".json"];
    if (!text_is_name(name)) /* so it is one path element, and never hidden or above */
        return fail_plain(err, EINVAL, "'%s' is no name of a profile", name);
    snprintf(file, sizeof file, "%s.json", name);
    auto_fd int fd = openat(directory_fd, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return fail(err, errno, "profile '%s': open %s", name, file);
    auto_free uint8_t *data = NULL;
    size_t size;
    int done = fd_read_file(fd, FILE_MAX_BYTES, &data, &size, err);
    if (done < 0) {
        fail_in(err, "profile '%s'", name);
        return done;
    }
    return profile_parse(name, data, size, ret_profile, err);
}
