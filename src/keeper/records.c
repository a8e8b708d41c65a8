#include "records.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/stat.h>

#include "output_files.h"
#include "sallyport/base/error.h"
#include "sallyport/proto/state_files.h"

static const struct {
    int code; /* errno */
    bool is_hopeless;
    const char *advice;
} faults[] = {
    { EBADMSG, true,
      "; stop sallyportd, keep the state directory for a look, and start on the newest backup ('sallyport doctor "
      "--state "
      "DIR' looks at all of it)" },
    { EPROTO, true, "" },
    { EPERM, true, "; these are files of keeper/ in the state directory" },
    { EACCES, true, "; these are files of keeper/ in the state directory" },
    { ELOOP, true, "; these are files of keeper/ in the state directory" },
    { ENOTDIR, true, "; these are files of keeper/ in the state directory" },
    { ENOSPC, false, "; make room on the disk of the state directory" },
    { EDQUOT, false, "; raise the disk quota of the keeper's account" },
    { EFBIG, false, "; raise the limit on the size of files" },
    { EROFS, false,
      "; the disk of the state directory is read-only: look into the kernel's log, and mount it read-write" },
    { EIO, false, "; look into the kernel's log for faults of the disk" },
};

bool records_are_hopeless(int code)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (faults[i].code == code)
            return faults[i].is_hopeless;
    return false;
}

const char *records_advice(int code)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if (faults[i].code == code)
            return faults[i].advice;
    return "";
}

int records_check(int state_fd, struct error *err)
{
    struct stat st;
    bool is_there = fstatat(state_fd, STATE_FILE_DATABASE, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (!is_there && errno != ENOENT)
        return fail(err, errno, "look at '%s'", STATE_FILE_DATABASE);
    if ((is_there && st.st_size > 0) || !output_files_were_made(state_fd))
        return 0;
    return fail_plain(
        err, EPROTO,
        "'%s' is %s, but jobs have left output: put the records back from a backup, or move keeper/ in the "
        "state directory away to begin anew",
        STATE_FILE_DATABASE, is_there ? "empty" : "missing");
}
