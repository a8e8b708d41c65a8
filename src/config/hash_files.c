#include "hash_files.h"

#include <string.h>

#include "owner.h"
#include "paths.h"
#include "reading.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"

#define HASH_FILE_MAX_BYTES 4096

/* "sha256:...", with a newline or blanks around it. */
static bool first_line(const char *data, char *ret_text, size_t room)
{
    static const char blanks[] = " \t\r\n";
    data += strspn(data, blanks);
    size_t length = strcspn(data, blanks);
    return data[length + strspn(data + length, blanks)] == '\0' && text_copy_bytes(ret_text, room, data, length);
}

bool hash_file_read(struct reading *reading, const char *path, char *ret_text, size_t room)
{
    struct error err = { 0 };
    const char *why = path_fault(path);
    if (why != NULL) {
        fault_below(reading, "hash", -1, "the path behind 'file:' %s", why);
        return false;
    }
    if (!reading->may_read_files) {
        fault_below(reading, "hash", -1, "files are not read from here");
        return false;
    }
    char remark[ERROR_TEXT_BYTES] = "";
    auto_fd int fd = -1;
    auto_free uint8_t *data = NULL;
    size_t size;
    if (owner_open(path, false, reading->owners, &fd, remark, &err) < 0 ||
        fd_read_file(fd, HASH_FILE_MAX_BYTES, &data, &size, &err) < 0) {
        fault_below(reading, "hash", -1, "%s", err.text);
        return false;
    }
    if (remark[0] != '\0')
        warning_below(reading, "hash", -1, "%s", remark);
    if (first_line((const char *)data, ret_text, room))
        return true;
    fault_below(reading, "hash", -1, "%s must hold one line and no more: sha256: and 64 hex digits", path);
    return false;
}
