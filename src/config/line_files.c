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

static const char blanks[] = " \t\r\n";

/* Each without what surrounds it; empty ones are none. False when there are more, or one has a blank in it or is too long. */
static bool split(const char *data, char (*texts)[LINE_TEXT_BYTES], unsigned most, unsigned *ret_count)
{
    unsigned count = 0;
    for (data += strspn(data, blanks); *data != '\0'; data += strspn(data, blanks)) {
        size_t length = strcspn(data, blanks), gap = strspn(data + length, " \t\r");
        bool is_line = data[length + gap] == '\n' || data[length + gap] == '\0';
        if (count == most || !is_line || !text_copy_bytes(texts[count++], LINE_TEXT_BYTES, data, length))
            return false;
        data += length;
    }
    *ret_count = count;
    return true;
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

bool line_file_read_lines(struct reading *reading, const struct line_file *file, const char *path,
                          char (*ret_texts)[LINE_TEXT_BYTES], unsigned most, unsigned *ret_count)
{
    auto_free uint8_t *data = NULL;
    size_t size;
    if (!whole_file_read(reading, file->key, file->is_secret, path, LINE_FILE_MAX_BYTES, &data, &size))
        return false;
    bool is_read = strlen((const char *)data) == size && split((const char *)data, ret_texts, most, ret_count);
    if (!is_read)
        fault_below(reading, file->key, -1, "%s must hold %s and no more: %s", path,
                    most == 1 ? "one line" : "two lines at most", file->wanted);
    explicit_bzero(data, size);
    return is_read;
}

bool line_file_read(struct reading *reading, const struct line_file *file, const char *path,
                    char ret_text[LINE_TEXT_BYTES])
{
    unsigned count = 0;
    if (!line_file_read_lines(reading, file, path, (char(*)[LINE_TEXT_BYTES])ret_text, 1, &count))
        return false;
    if (count == 0)
        ret_text[0] = '\0'; /* which is too short for anything */
    return true;
}
