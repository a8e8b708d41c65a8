#include "programs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/error.h"

int programs_find(const char *name, char path[PATH_MAX_BYTES], struct error *err)
{
    char own[PATH_MAX_BYTES], beside[PATH_MAX_BYTES];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    if (length < 0)
        return fail(err, errno, "find our own program");
    own[length] = '\0';
    *strrchr(own, '/') = '\0'; /* .../bin */
    snprintf(beside, sizeof beside, "%s", own);
    if (strrchr(beside, '/') != NULL)
        *strrchr(beside, '/') = '\0';
    const struct {
        const char *directory, *below;
    } places[] = { { own, "" }, { beside, "/sbin" }, { beside, "/libexec/sallyport" }, { SALLYPORT_LIBEXECDIR, "" } };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        int size = snprintf(path, PATH_MAX_BYTES, "%s%s/%s", places[i].directory, places[i].below, name);
        if (size > 0 && size < PATH_MAX_BYTES && access(path, X_OK) == 0)
            return 0;
    }
    return fail_plain(err, ENOENT,
                      "there is no %s beside this program (%s), nor in ../sbin, nor in " SALLYPORT_LIBEXECDIR, name,
                      own);
}
