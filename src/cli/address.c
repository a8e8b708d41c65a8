#include "address.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

/* RFC 6761: "localhost" and what is below it is this host; libcurl never asks a name server for it. */
static bool host_is_loopback(const char *host)
{
    struct in_addr four;
    struct in6_addr six;
    char bare[INET6_ADDRSTRLEN + 2];
    size_t length = strlen(host);
    if (strcasecmp(host, "localhost") == 0)
        return true;
    if (inet_pton(AF_INET, host, &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127;
    if (length < 2 || host[0] != '[' || host[length - 1] != ']' ||
        !text_copy_bytes(bare, sizeof bare, host + 1, length - 2))
        return false;
    return inet_pton(AF_INET6, bare, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static int parse_unix(const char *path, struct address *address, struct error *err)
{
    enum { SOCKET_PATH_MAX = 107 }; /* sun_path of unix(7), less the closing NUL */
    if (path[0] != '/')
        return fail_plain(
            err, EINVAL, "'unix:%s' must name a socket by its absolute path, as in unix:" ADDRESS_DEFAULT_SOCKET, path);
    if (strlen(path) > SOCKET_PATH_MAX)
        return fail_plain(err, EINVAL, "the socket's path is longer than the %d bytes that the kernel takes",
                          SOCKET_PATH_MAX);
    snprintf(address->shown, sizeof address->shown, "unix:%s", path);
    snprintf(address->socket, sizeof address->socket, "%s", path);
    snprintf(address->base, sizeof address->base, "http://localhost");
    address->is_loopback = true;
    return 0;
}

/* One part of a parsed URL, "" where it is absent. */
static bool url_part(CURLU *parsed, CURLUPart part, char *to, size_t room)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(parsed, part, &text, 0);
    bool fits = text_copy(to, room, code == CURLUE_OK ? text : "");
    curl_free(text);
    return fits;
}

static int parse_http(CURLU *parsed, const char *url, struct address *address, struct error *err)
{
    char scheme[16], host[256], part[PATH_MAX_BYTES];
    CURLUcode code = curl_url_set(parsed, CURLUPART_URL, url, 0);
    if (code != CURLUE_OK)
        return fail_plain(err, EINVAL, "'%s' is no URL (%s); use http://, https:// or unix:/path", url,
                          curl_url_strerror(code));
    if (!url_part(parsed, CURLUPART_SCHEME, scheme, sizeof scheme) ||
        !url_part(parsed, CURLUPART_HOST, host, sizeof host))
        return fail_plain(err, EINVAL, "'%s' is too long for a URL of a server", url);
    address->is_https = strcmp(scheme, "https") == 0;
    if (!address->is_https && strcmp(scheme, "http") != 0)
        return fail_plain(err, EINVAL, "'%s' cannot be used; give a URL with http://, https:// or unix:/path", url);

    static const struct {
        CURLUPart part;
        const char *text;
    } refused[] = { { CURLUPART_USER, "a user name" },
                    { CURLUPART_PASSWORD, "a password" },
                    { CURLUPART_QUERY, "a query" },
                    { CURLUPART_FRAGMENT, "a fragment" } };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (!url_part(parsed, refused[i].part, part, sizeof part) || part[0] != '\0')
            return fail_plain(err, EINVAL,
                              "the server's URL must not hold %s; a token goes into --token-file or SALLYPORT_TOKEN",
                              refused[i].text);

    if (!url_part(parsed, CURLUPART_URL, address->base, sizeof address->base))
        return fail_plain(err, EINVAL, "'%s' is too long for a URL of a server", url);
    size_t length = strlen(address->base);
    while (length > 0 && address->base[length - 1] == '/')
        address->base[--length] = '\0';
    text_copy(address->shown, sizeof address->shown, address->base);
    address->is_loopback = host_is_loopback(host);
    return 0;
}

int address_parse(const char *url, struct address *ret_address, struct error *err)
{
    struct address address = { .is_loopback = false };
    int result;
    if (strncmp(url, "unix:", 5) == 0) {
        result = parse_unix(url + 5, &address, err);
    } else if (strstr(url, "://") == NULL) {
        result = fail_plain(err, EINVAL, "'%s' is no URL; write http://%s, https://%s or unix:/path", url, url, url);
    } else {
        CURLU *parsed = curl_url();
        result = parsed == NULL ? fail(err, ENOMEM, "read the URL") : parse_http(parsed, url, &address, err);
        curl_url_cleanup(parsed);
    }
    if (result == 0)
        *ret_address = address;
    return result;
}

int address_find(const char *option, const char *environment, struct address *ret_address, struct error *err)
{
    struct stat st;
    if (option != NULL)
        return address_parse(option, ret_address, err) < 0 ? fail_in(err, "--url") : 0;
    if (environment != NULL && environment[0] != '\0')
        return address_parse(environment, ret_address, err) < 0 ? fail_in(err, "SALLYPORT_URL") : 0;
    if (stat(ADDRESS_DEFAULT_SOCKET, &st) == 0 && S_ISSOCK(st.st_mode))
        return address_parse("unix:" ADDRESS_DEFAULT_SOCKET, ret_address, err);
    return address_parse(ADDRESS_DEFAULT_URL, ret_address, err);
}
