#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bootstrap.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/proto/settings.h"

/* Files of the system's own, and no path of a child's; who reads them as what they are is the notifier. */
static int read_system_file(const char *path, uint8_t **ret_data, size_t *ret_size, struct error *err)
{
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(err, errno, "open '%s'", path);
    if (!S_ISREG(st.st_mode))
        return fail_plain(err, EINVAL, "'%s' is no regular file", path);
    int done = fd_read_file(fd, SYSTEM_FILE_MAX_BYTES, ret_data, ret_size, err);
    return done < 0 ? fail_in(err, "read '%s'", path) : 0;
}

/* One that is not there is empty: names may be resolved without a table, and http:// needs no authorities. */
static struct span read_or_empty(const char *path, uint8_t **ret_data)
{
    struct error err = { 0 };
    size_t size = 0;
    *ret_data = NULL;
    if (read_system_file(path, ret_data, &size, &err) < 0)
        log_warn("%s; callbacks do without it", err.text);
    return (struct span){ *ret_data, (uint32_t)size };
}

#if SALLYPORT_TEST_SWITCHES
static struct span test_resolv_conf(const struct config *config, char ret_text[128])
{
    snprintf(ret_text, 128, "nameserver %s\n", config->test_name_server);
    return (struct span){ (const uint8_t *)ret_text, (uint32_t)strlen(ret_text) };
}
#endif

int notifier_part_write(const struct config *config, struct record_file *file, struct error *err)
{
    auto_free uint8_t *resolv_conf = NULL;
    auto_free uint8_t *hosts = NULL;
    auto_free uint8_t *certificates = NULL;
    struct setting_notifier notifier = {
        .resolv_conf = read_or_empty("/etc/resolv.conf", &resolv_conf),
        .hosts = read_or_empty("/etc/hosts", &hosts),
        .certificates = read_or_empty("/etc/ssl/certs/ca-certificates.crt", &certificates),
    };
#if SALLYPORT_TEST_SWITCHES
    char text[128];
    if (config->test_name_server[0] != '\0')
        notifier.resolv_conf = test_resolv_conf(config, text);
#endif
    (void)config;
    return record_file_add(file, setting_defs, SETTING_COUNT, SETTING_NOTIFIER, &notifier, err);
}
