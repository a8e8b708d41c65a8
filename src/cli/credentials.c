#include "credentials.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"

#define FILE_MAX_BYTES (64 * 1024)

/* What a bearer token may consist of (RFC 6750, b64token). */
static bool token_is_sound(const char *token)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/=";
    size_t length = strlen(token);
    return length > 0 && length <= SECRET_MAX_BYTES && strspn(token, alphabet) == length;
}

static bool take_token(const char *text, size_t length, char token[SECRET_MAX_BYTES + 1])
{
    return text_copy_bytes(token, SECRET_MAX_BYTES + 1, text, length) && token_is_sound(token);
}

bool credentials_pick(const char *text, const char *url, char token[SECRET_MAX_BYTES + 1])
{
    bool has_general = false;
    for (const char *line = text; *line != '\0';) {
        const char *end = strchrnul(line, '\n');
        const char *first = line + strspn(line, " \t\r");
        size_t first_length = strcspn(first, " \t\r\n");
        const char *second = first + first_length + strspn(first + first_length, " \t");
        size_t second_length = second < end ? strcspn(second, " \t\r\n") : 0;
        char found[SECRET_MAX_BYTES + 1];
        if (*first != '#' && second_length > 0 && strlen(url) == first_length &&
            memcmp(first, url, first_length) == 0 && take_token(second, second_length, found))
            return text_copy(token, SECRET_MAX_BYTES + 1, found);
        if (*first != '#' && second_length == 0 && !has_general && take_token(first, first_length, found))
            has_general = text_copy(token, SECRET_MAX_BYTES + 1, found);
        line = *end == '\0' ? end : end + 1;
    }
    return has_general;
}

/* Judges the file that was opened, not the name: it may have been replaced in between. */
static int check_private(int fd, const char *path, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return fail(err, errno, "stat token file '%s'", path);
    if (st.st_uid != geteuid())
        return fail_plain(err, EPERM,
                          "token file '%s' belongs to another user (uid %u); use a copy of your own with mode 0600",
                          path, st.st_uid);
    if ((st.st_mode & 077) != 0)
        return fail_plain(err, EPERM, "token file '%s' can be read by others (mode %04o); run: chmod 600 '%s'", path,
                          st.st_mode & 07777, path);
    return 0;
}

/* The text of a file that only we can read, or NULL with err. The caller frees it. */
static char *read_private(int fd, const char *path, struct error *err)
{
    uint8_t *data;
    size_t size;
    if (check_private(fd, path, err) < 0)
        return NULL;
    if (fd_read_file(fd, FILE_MAX_BYTES, &data, &size, err) == 0)
        return (char *)data;
    fail_in(err, "token file '%s'", path);
    return NULL;
}

static int from_file(const char *path, struct credentials *credentials, struct error *err)
{
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return fail(err, errno, "open token file '%s'", path);
    auto_free char *text = read_private(fd, path, err);
    if (text == NULL)
        return -err->code;
    const char *start = text + strspn(text, " \t\r\n");
    size_t length = strcspn(start, " \t\r\n");
    if (!take_token(start, length, credentials->token) || start[length + strspn(start + length, " \t\r\n")] != '\0')
        return fail_plain(err, EINVAL, "token file '%s' must hold one token (sp_...) and nothing else", path);
    snprintf(credentials->source, sizeof credentials->source, "token file '%s'", path);
    return 0;
}

static int from_credentials(const char *url, struct credentials *credentials, struct error *err)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char path[PATH_MAX_BYTES];
    int length = -1;
    if (config != NULL && config[0] == '/')
        length = snprintf(path, sizeof path, "%s/sallyport/credentials", config);
    else if (home != NULL && home[0] == '/')
        length = snprintf(path, sizeof path, "%s/.config/sallyport/credentials", home);
    if (length < 0 || (size_t)length >= sizeof path)
        return 0;
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : fail(err, errno, "open token file '%s'", path);
    auto_free char *text = read_private(fd, path, err);
    if (text == NULL)
        return -err->code;
    if (credentials_pick(text, url, credentials->token))
        snprintf(credentials->source, sizeof credentials->source, "'%s'", path);
    else
        credentials->token[0] = '\0';
    return 0;
}

int credentials_find(const char *token_file, const char *url, struct credentials *ret_credentials, struct error *err)
{
    struct credentials found = { .token = "" };
    const char *named = getenv("SALLYPORT_TOKEN_FILE"), *token = getenv("SALLYPORT_TOKEN");
    int result = 0;
    if (token_file != NULL) {
        result = from_file(token_file, &found, err);
    } else if (named != NULL && named[0] != '\0') {
        result = from_file(named, &found, err);
    } else if (token != NULL && token[0] != '\0') {
        if (!take_token(token, strlen(token), found.token))
            return fail_plain(err, EINVAL, "SALLYPORT_TOKEN holds no token: one looks like sp_... and has no blanks");
        snprintf(found.source, sizeof found.source, "SALLYPORT_TOKEN");
    } else {
        result = from_credentials(url, &found, err);
    }
    if (result == 0)
        *ret_credentials = found;
    explicit_bzero(&found, sizeof found);
    return result;
}
