/*
 * One entry of a layer: two bytes choose its kind, then come its name, its symbolic and its hard link, each with a NUL. What may be
 * made lies below the root, in its shortest form.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "sallyport/base/error.h"
#include "sallyport/image/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_path(const char *path)
{
    unsigned depth = 0;
    check(path[0] != '/' && path[0] != '\0' && strlen(path) < PATH_MAX_BYTES);
    for (const char *step = path; step != NULL; depth++) {
        const char *slash = strchr(step, '/');
        size_t length = slash != NULL ? (size_t)(slash - step) : strlen(step);
        check(length > 0 && length <= IMAGE_NAME_MAX_BYTES);
        check(!(length == 1 && step[0] == '.') && !(length == 2 && step[0] == '.' && step[1] == '.'));
        step = slash != NULL ? slash + 1 : NULL;
    }
    check(depth <= IMAGE_DEPTH_MAX);
}

static void try_claim(const struct entry_claim *claim)
{
    struct entry_judged judged;
    struct error err = { 0 };
    if (entry_judge(claim, &judged, &err) < 0) {
        check(err.text[0] != '\0');
        return;
    }
    if (judged.deed == ENTRY_MAKE || judged.deed == ENTRY_REMOVE || judged.path[0] != '\0')
        check_path(judged.path);
    if (judged.hardlink[0] != '\0')
        check_path(judged.hardlink);
    if (judged.deed == ENTRY_MAKE && claim->hardlink == NULL)
        check(S_ISREG(claim->type) || S_ISDIR(claim->type) || S_ISLNK(claim->type));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const mode_t types[] = { S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK, 0 };
    if (size < 2)
        return 0;
    char *text = calloc(1, size + 2); /* ends with two NULs and more */
    memcpy(text, data + 2, size - 2);
    const char *end = text + size - 2, *path = text;
    const char *symlink = path + strlen(path) < end ? path + strlen(path) + 1 : end;
    const char *hardlink = symlink + strlen(symlink) < end ? symlink + strlen(symlink) + 1 : end;
    const struct entry_claim claim = {
        .path = path,
        .symlink = symlink[0] != '\0' ? symlink : NULL,
        .hardlink = hardlink[0] != '\0' ? hardlink : NULL,
        .type = types[data[0] % 8],
        .size = data[1] == 255 ? -1 : (int64_t)data[1] << (data[1] % 64 / 2),
    };
    try_claim(&claim);
    free(text);
    return 0;
}
