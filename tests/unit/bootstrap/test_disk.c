#include "disk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "sallyport/base/error.h"

Test(disk, is_not_below_what_the_kernel_makes_up)
{
    static const struct {
        const char *path;
        int code;
        const char *says;
    } rows[] = {
        { "/proc", ENOTBLK, "'/proc' lies on no single disk; name the disk itself" },
        { "/sys", ENOTBLK, "'/sys' lies on no single disk" },
        { "/dev/no-such-disk", ENOENT, "'/dev/no-such-disk'" },
        { "/proc/self", ELOOP, "'/proc/self' leads through a symbolic link" },
        { "/dev/stdin", ELOOP, "'/dev/stdin' leads through a symbolic link" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = { 0 };
        uint64_t device = 7;
        cr_expect_eq(disk_identify(rows[i].path, &device, &err), -rows[i].code, "%s", rows[i].path);
        cr_expect_not_null(strstr(err.text, rows[i].says), "%s", err.text);
        cr_expect_eq(device, 7, "what is no disk has no number");
    }
}
