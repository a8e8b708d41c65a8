#include "file_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "owner.h"
#include "paths.h"
#include "reading.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"

#define FILE_NAMES_MAX 1024 /* as many as `values` may have */

static bool is_value(int directory_fd, const char *name)
{
    struct stat st;
    size_t length = strlen(name);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f)
            return false;
    return name[0] != '.' && text_is_utf8((const uint8_t *)name, length) &&
           fstatat(directory_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Sorted, as a list; the names are freed. */
static json_t *list_of(char **names, size_t count)
{
    json_t *list = json_array();
    if (count > 0)
        qsort(names, count, sizeof *names, compare_texts);
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_string(names[i]));
        free(names[i]);
    }
    free(names);
    return list;
}

/* NULL, and a fault: it cannot be read to its end, or has too many. */
static json_t *read_names(struct reading *reading, const char *key, const char *path, DIR *directory)
{
    char **names = NULL;
    uint32_t count = 0;
    errno = 0;
    for (struct dirent *entry; (entry = readdir(directory)) != NULL; errno = 0) {
        if (!is_value(dirfd(directory), entry->d_name))
            continue;
        char **name = count < FILE_NAMES_MAX ? grow(reading, &names, count, sizeof *names) : NULL;
        if (name == NULL) {
            fault_below(reading, key, -1, "%s has more than %d files", path, FILE_NAMES_MAX);
            break;
        }
        *name = copy_text(reading, entry->d_name);
        count += *name != NULL;
    }
    if (errno != 0)
        fault_below(reading, key, -1, "read %s: %s", path, strerror(errno));
    return list_of(names, count);
}

const json_t *file_names_read(struct reading *reading, const char *key, const char *path)
{
    struct error err = { 0 };
    char remark[ERROR_TEXT_BYTES] = "";
    auto_fd int fd = -1;
    if (!reading->may_read_files) {
        fault_below(reading, key, -1, "directories are not read from here");
        return NULL;
    }
    if (owner_open(path, true, reading->owners, &fd, remark, &err) < 0) {
        fault_below(reading, key, -1, "%s", err.text);
        return NULL;
    }
    if (remark[0] != '\0')
        warning_below(reading, key, -1, "%s", remark);
    DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        fault_below(reading, key, -1, "read %s: %s", path, strerror(errno));
        return NULL;
    }
    fd = -1; /* the directory's now */
    json_t *names = read_names(reading, key, path, directory);
    closedir(directory);
    if (names == NULL || json_array_append_new(reading->texts, names) < 0) {
        reading->report->is_out_of_memory = true;
        return NULL;
    }
    return names;
}
