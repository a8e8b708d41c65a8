#include "line_files.h"

#include <string.h>
#include <sys/stat.h>

#include "owner.h"
#include "paths.h"
#include "reading.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"

#define LINE_FILE_MAX_BYTES 4096

/* With a newline or blanks around it. */
static bool first_line(const char *data, char *ret_text, size_t room)
{
    static const char blanks[] = " \t\r\n";
    data += strspn(data, blanks);
    size_t length = strcspn(data, blanks);
    return data[length + strspn(data + length, blanks)] == '\0' && text_copy_bytes(ret_text, room, data, length);
}

static bool is_private(struct reading *reading, const char *key, const char *path, int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && (st.st_mode & (S_IRWXG | S_IRWXO)) == 0)
        return true;
    if (reading->owners == CONFIG_OWNER_ANY) {
        warning_below(reading, key, -1, "%s is a secret that others can read; chmod 600 it before use", path);
        return true;
    }
    fault_below(reading, key, -1, "%s is a secret that others can read: chmod 600 %s", path, path);
    return false;
}

bool whole_file_read(struct reading *reading, const char *key, bool is_secret, const char *path, size_t max,
                     uint8_t **ret_data, size_t *ret_size)
{
    struct error err = { 0 };
    const char *why = path_fault(path);
    if (why != NULL) {
        fault_below(reading, key, -1, "the path behind 'file:' %s", why);
        return false;
    }
    if (!reading->may_read_files) {
        fault_below(reading, key, -1, "files are not read from here");
        return false;
    }
    char remark[ERROR_TEXT_BYTES] = "";
    auto_fd int fd = -1;
    if (owner_open(path, false, reading->owners, &fd, remark, &err) < 0) {
        fault_below(reading, key, -1, "%s", err.text);
        return false;
    }
    if (remark[0] != '\0')
        warning_below(reading, key, -1, "%s", remark);
    if (is_secret && !is_private(reading, key, path, fd))
        return false;
    if (fd_read_file(fd, max, ret_data, ret_size, &err) < 0) {
        fault_below(reading, key, -1, "read %s: %s", path, err.text);
        return false;
    }
    return true;
}

bool line_file_read(struct reading *reading, const struct line_file *file, const char *path, char *ret_text,
                    size_t room)
{
    auto_free uint8_t *data = NULL;
    size_t size;
    if (!whole_file_read(reading, file->key, file->is_secret, path, LINE_FILE_MAX_BYTES, &data, &size))
        return false;
    bool is_read = first_line((const char *)data, ret_text, room);
    if (!is_read)
        fault_below(reading, file->key, -1, "%s must hold one line and no more: %s", path, file->wanted);
    explicit_bzero(data, size);
    return is_read;
}
