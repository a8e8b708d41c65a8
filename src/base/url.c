#include "sallyport/base/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "sallyport/base/text.h"

static const char digits[] = "0123456789";
static const char hex[] = "0123456789abcdefABCDEF";

static const char *read_scheme(const char *text, struct url *url)
{
    static const char secure[] = "https://", plain[] = "http://";
    if (strncmp(text, secure, sizeof secure - 1) == 0)
        return text + sizeof secure - 1;
    url->is_plain = strncmp(text, plain, sizeof plain - 1) == 0;
    return url->is_plain ? text + sizeof plain - 1 : NULL;
}

static bool label_is_good(const char *label, size_t length)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-_";
    return length > 0 && length <= 63 && strspn(label, letters) >= length && label[0] != '-' &&
           label[length - 1] != '-';
}

/* Whoever reads a last label of digits (or 0x...) as a number would see an address where others see a name. */
static bool name_is_good(const char *name)
{
    for (;;) {
        size_t length = strcspn(name, ".");
        if (!label_is_good(name, length))
            return false;
        if (name[length] == '\0')
            return strspn(name, digits) < length && !(name[0] == '0' && name[1] == 'x');
        name += length + 1;
    }
}

static const char *take_host(const char *text, size_t length, struct url *url)
{
    struct in_addr v4;
    struct in6_addr v6;
    bool is_bracketed = text[0] == '[';
    if (is_bracketed && (length < 2 || text[length - 1] != ']'))
        return "has a bracket that is not closed";
    if (!text_copy_bytes(url->host, sizeof url->host, text + is_bracketed, length - 2 * is_bracketed))
        return "has a host name that is too long";
    for (char *at = url->host; *at != '\0'; at++)
        if (*at >= 'A' && *at <= 'Z')
            *at += 'a' - 'A';
    if (is_bracketed) {
        url->is_numeric = inet_pton(AF_INET6, url->host, &v6) == 1;
        return url->is_numeric ? NULL : "has no IPv6 address between the brackets";
    }
    url->is_numeric = inet_pton(AF_INET, url->host, &v4) == 1;
    if (url->is_numeric || name_is_good(url->host))
        return NULL;
    return "has no good host: a name of letters, digits, '-' and '.', an IPv4 address in full, or an IPv6 address in "
           "brackets";
}

static const char *take_authority(const char *text, size_t length, struct url *url)
{
    if (memchr(text, '@', length) != NULL)
        return "has a user name, which is not sent; receivers check the signature";
    size_t host_length = length;
    while (host_length > 0 && text[host_length - 1] >= '0' && text[host_length - 1] <= '9')
        host_length--;
    bool has_port = host_length > 0 && text[host_length - 1] == ':';
    uint64_t port = url->is_plain ? 80 : 443;
    if (has_port) {
        char number[8];
        if (!text_copy_bytes(number, sizeof number, text + host_length, length - host_length) ||
            !text_u64(number, UINT16_MAX, &port) || port == 0)
            return "has a port that is none: 1 to 65535";
        host_length--;
    } else {
        host_length = length;
    }
    url->port = (uint16_t)port;
    return host_length > 0 ? take_host(text, host_length, url) : "has no host";
}

/* One character of a step, escapes undone; -1 for a bad escape. */
static int next_character(const char **at)
{
    int character = (unsigned char)*(*at)++;
    uint8_t byte;
    char pair[3];
    if (character != '%')
        return character;
    if ((*at)[0] == '\0' || strchr(hex, (*at)[0]) == NULL || (*at)[1] == '\0' || strchr(hex, (*at)[1]) == NULL)
        return -1;
    for (int i = 0; i < 2; i++)
        pair[i] = (char)((*at)[i] >= 'A' && (*at)[i] <= 'F' ? (*at)[i] + ('a' - 'A') : (*at)[i]);
    pair[2] = '\0';
    *at += 2;
    return text_unhex(pair, 1, &byte) ? byte : -1;
}

/* One step of a path, at *at, which moves behind it. */
static const char *step_fault(const char **at)
{
    unsigned dots = 0, others = 0;
    while (**at != '\0' && **at != '/' && **at != '?') {
        int character = next_character(at);
        if (character < 0)
            return "has a '%' without two hex digits behind it";
        if (character == '/' || character == '\\' || character == '\0')
            return "has an escaped '/', '\\' or NUL in its path";
        if (character == ';' && others == 0) /* to some servers "..;x" is ".." */
            break;
        dots += character == '.';
        others += character != '.';
    }
    return others == 0 && (dots == 1 || dots == 2) ? "has a step '.' or '..' in its path" : NULL;
}

/* Some servers undo escapes and steps, and would land outside of a prefix. */
static const char *path_fault(const char *path)
{
    const char *why = NULL;
    while (why == NULL && *path != '\0' && *path != '?') {
        if (*path == '/')
            path++;
        why = step_fault(&path);
    }
    return why;
}

const char *url_parse(const char *text, struct url *ret_url)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/?@!$&'()*+,;=%[]";
    *ret_url = (struct url){ .path = "" };
    if (strlen(text) >= URL_MAX_BYTES)
        return "is too long for a URL: at most 2047 bytes";
    const char *authority = read_scheme(text, ret_url);
    if (authority == NULL)
        return "must begin with https:// (or http://), in lower case";
    if (strchr(text, '#') != NULL)
        return "has a '#', which is never sent";
    if (strspn(text, allowed) < strlen(text))
        return "has a character that no URL may have; write names outside ASCII as xn--..., and others as %XX";
    size_t length = strcspn(authority, "/?");
    ret_url->path = authority + length;
    if (strpbrk(ret_url->path, "[]") != NULL)
        return "has a bracket in its path; write %5B or %5D";
    const char *why = take_authority(authority, length, ret_url);
    return why != NULL ? why : path_fault(ret_url->path);
}

/* Without a path it is that of the root, with or without a query. */
static const char *path_of(const struct url *url)
{
    return url->path[0] == '/' ? url->path : "/";
}

bool url_is_below(const struct url *url, const struct url *prefix)
{
    if (url->is_plain != prefix->is_plain || url->port != prefix->port || strcmp(url->host, prefix->host) != 0)
        return false;
    const char *path = path_of(prefix), *candidate = path_of(url);
    size_t length = strlen(path);
    if (strncmp(candidate, path, length) != 0)
        return false;
    return path[length - 1] == '/' || candidate[length] == '\0' || candidate[length] == '/' || candidate[length] == '?';
}

bool url_write(const struct url *url, char ret_text[URL_MAX_BYTES])
{
    bool is_bracketed = strchr(url->host, ':') != NULL;
    char port[8] = "";
    if (url->port != (url->is_plain ? 80 : 443))
        snprintf(port, sizeof port, ":%u", url->port);
    int length = snprintf(ret_text, URL_MAX_BYTES, "%s%s%s%s%s%s%s", url->is_plain ? "http://" : "https://",
                          is_bracketed ? "[" : "", url->host, is_bracketed ? "]" : "", port,
                          url->path[0] == '/' ? "" : "/", url->path);
    return length > 0 && length < URL_MAX_BYTES;
}
