#include "sallyport/base/host_range.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define SUBUID_MOST_BYTES (1024 * 1024)

static int check_accounts(uint32_t first, uint32_t count, struct error *err)
{
    struct passwd *account;
    int done = 0;
    setpwent();
    while (done == 0 && (account = getpwent()) != NULL)
        if (account->pw_uid >= first && account->pw_uid - first < count)
            done = fail_plain(err, EEXIST,
                              "slots.first_uid: id %u belongs to the account '%s'; choose a range that nobody uses",
                              (unsigned)account->pw_uid, account->pw_name);
    endpwent();
    return done;
}

int host_range_check_text(const char *subuid, uint32_t first, uint32_t count, struct error *err)
{
    for (const char *line = subuid; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t name = strcspn(line, ":\n");
        char *middle, *end;
        if (line[name] != ':')
            continue;
        unsigned long start = strtoul(line + name + 1, &middle, 10);
        unsigned long length = *middle == ':' ? strtoul(middle + 1, &end, 10) : 0;
        if (length > 0 && start < (unsigned long)first + count && first < start + length)
            return fail_plain(err, EEXIST,
                              "slots.first_uid: the range meets that of '%.*s' in /etc/subuid; choose another",
                              name > 64 ? 64 : (int)name, line);
    }
    return 0;
}

int host_range_check(uint32_t first, uint32_t count, struct error *err)
{
    int done = check_accounts(first, count, err);
    auto_fd int fd = done < 0 ? -1 : open("/etc/subuid", O_RDONLY | O_CLOEXEC);
    auto_free uint8_t *text = NULL;
    size_t size;
    if (fd < 0)
        return done;
    if (fd_read_file(fd, SUBUID_MOST_BYTES, &text, &size, err) < 0)
        return fail_in(err, "read /etc/subuid");
    return host_range_check_text((const char *)text, first, count, err);
}
