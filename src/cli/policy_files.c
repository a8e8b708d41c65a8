#include "policy_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/filter/filter.h"
#include "sallyport/limits.h"

#define FILE_MAX_BYTES (256 * 1024)

/* Beside the programs in a build, else where they are installed: as sallyportd (bootstrap/siblings.c). */
static int open_directory(struct error *err)
{
    char own[PATH_MAX_BYTES], path[PATH_MAX_BYTES + 16];
    ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
    own[length > 0 ? length : 0] = '\0';
    char *slash = strrchr(own, '/');
    if (slash != NULL)
        *slash = '\0';
    snprintf(path, sizeof path, "%s/launcher", own);
    bool is_in_place = slash != NULL && access(path, X_OK) == 0;
    snprintf(path, sizeof path, is_in_place ? "%s/../policies" : SALLYPORT_POLICYDIR, own);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? fail(err, errno, "open the profiles '%s'", path) : fd;
}

static int read_file(const char *path, struct profile **ret_profile, struct error *err)
{
    const char *slash = strrchr(path, '/');
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%s", slash != NULL ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot != NULL)
        *dot = '\0';
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, errno, "open '%s'", path);
    auto_free uint8_t *data = NULL;
    size_t size;
    int done = fd_read_file(fd, FILE_MAX_BYTES, &data, &size, err);
    if (done < 0) {
        fail_in(err, "'%s'", path);
        return done;
    }
    return profile_parse(name, data, size, ret_profile, err);
}

static bool is_file(const char *word)
{
    size_t length = strlen(word);
    return strchr(word, '/') != NULL || (length > 5 && strcmp(word + length - 5, ".json") == 0);
}

int policy_open(const char *name_or_file, struct profile **ret_profile, struct error *err)
{
    if (is_file(name_or_file))
        return read_file(name_or_file, ret_profile, err);
    bool is_known = false;
    for (size_t i = 0; profile_names[i] != NULL; i++)
        is_known = is_known || strcmp(profile_names[i], name_or_file) == 0;
    if (!is_known)
        return fail_plain(err, ENOENT, "there is no profile '%s': strict, base, net, build, or a file as ./mine.json",
                          name_or_file);
    auto_fd int directory = open_directory(err);
    return directory < 0 ? directory : profile_load(directory, name_or_file, ret_profile, err);
}
