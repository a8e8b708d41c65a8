#include "request.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"

#include "attempt.h"
#include "notifier.h"

static curl_socket_t on_connect(void *arg, curlsocktype purpose,
                                struct curl_sockaddr *address);          /* each address again, */
static size_t on_line(char *line, size_t size, size_t count, void *arg); /* then the answer */
static size_t on_body(char *data, size_t size, size_t count, void *arg);

static void note_address(struct attempt *attempt, const struct ip *ip, unsigned port)
{
    char text[IP_TEXT_BYTES];
    bool is_v4 = ip_is_v4(ip);
    snprintf(attempt->address, sizeof attempt->address, is_v4 ? "%s:%u" : "[%s]:%u", ip_text(ip, text), port);
}

/*
 * The place that every connection passes, with the address that it is about to be made to. What was found out before, from
 * a name server's answer or from the URL, is not believed here.
 */
static curl_socket_t on_connect(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct attempt *attempt = arg;
    const struct order *order = &attempt->order;
    struct ip ip;
    if (purpose != CURLSOCKTYPE_IPCXN || address->socktype != SOCK_STREAM || !ip_of_sockaddr(&address->addr, &ip))
        return CURL_SOCKET_BAD;
    note_address(attempt, &ip, order->url.port);
    if (!networks_allow(order->networks, order->network_count, &ip)) {
        attempt->was_refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(address->family, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
}

static size_t on_line(char *line, size_t size, size_t count, void *arg)
{
    struct attempt *attempt = arg;
    size_t bytes = size * count;
    return reply_take_line(&attempt->reply, line, bytes, clock_unix_ms() / 1000) ? bytes : 0;
}

static size_t on_body(char *data, size_t size, size_t count, void *arg)
{
    struct attempt *attempt = arg;
    size_t bytes = size * count;
    (void)data;
    return reply_take_body(&attempt->reply, bytes) ? bytes : 0;
}

/* Whether libcurl's parser means the same host by it as ours: else one of the two was fooled. */
static bool is_same_host(const struct url *url, const char *theirs)
{
    struct ip ours, other;
    char inner[HOST_MAX_BYTES];
    if (!url->is_numeric)
        return strcasecmp(url->host, theirs) == 0;
    size_t length = strlen(theirs);
    bool is_bracketed = theirs[0] == '[' && length >= 2;
    snprintf(inner, sizeof inner, "%.*s", (int)(length - 2 * is_bracketed), theirs + is_bracketed);
    return ip_parse(url->host, &ours) && ip_parse(inner, &other) && memcmp(&ours, &other, sizeof ours) == 0;
}

static bool agrees(const struct url *url, const char *scheme, const char *host, const char *port)
{
    char number[8];
    snprintf(number, sizeof number, "%u", (unsigned)url->port);
    return scheme != NULL && host != NULL && port != NULL && strcmp(scheme, url->is_plain ? "http" : "https") == 0 &&
           strcmp(port, number) == 0 && is_same_host(url, host);
}

bool request_url_agrees(const struct url *url, const char *text)
{
    char *scheme = NULL, *host = NULL, *port = NULL;
    CURLU *theirs = curl_url();
    bool is_read = theirs != NULL &&
                   curl_url_set(theirs, CURLUPART_URL, text, CURLU_DISALLOW_USER | CURLU_PATH_AS_IS) == CURLUE_OK &&
                   curl_url_get(theirs, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                   curl_url_get(theirs, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                   curl_url_get(theirs, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;
    bool is_same = is_read && agrees(url, scheme, host, port);
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(theirs);
    return is_same;
}

/*
 * "host:port:address,[address]": libcurl takes these from its cache of names and looks nothing up. The cache is the
 * attempt's own, for what one order may reach another may not.
 */
static bool pin_addresses(struct attempt *attempt, const struct ip *ips, unsigned count)
{
    const struct url *url = &attempt->order.url;
    char line[HOST_MAX_BYTES + 16 + ADDRESSES_MAX * (IP_TEXT_BYTES + 3)], text[IP_TEXT_BYTES];
    size_t used = (size_t)snprintf(line, sizeof line, "%s:%u:", url->host, (unsigned)url->port);
    for (unsigned i = 0; i < count && used < sizeof line; i++)
        used += (size_t)snprintf(line + used, sizeof line - used, ip_is_v4(&ips[i]) ? "%s%s" : "%s[%s]",
                                 i > 0 ? "," : "", ip_text(&ips[i], text));
    attempt->pinned = used < sizeof line ? curl_slist_append(NULL, line) : NULL;
    attempt->cache = curl_share_init();
    return attempt->pinned != NULL && attempt->cache != NULL &&
           curl_share_setopt(attempt->cache, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS) == CURLSHE_OK &&
           curl_easy_setopt(attempt->easy, CURLOPT_SHARE, attempt->cache) == CURLE_OK &&
           curl_easy_setopt(attempt->easy, CURLOPT_RESOLVE, attempt->pinned) == CURLE_OK;
}

/* One request on a line of its own, HTTP/1.1, verified when it is encrypted, without help from the environment. */
static bool set_numbers(CURL *easy, const struct order *order)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        { CURLOPT_NOSIGNAL, 1 },
        { CURLOPT_POST, 1 },
        { CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
        { CURLOPT_HTTP09_ALLOWED, 0 },
        { CURLOPT_HTTP_CONTENT_DECODING, 0 },
        { CURLOPT_FOLLOWLOCATION, 0 },
        { CURLOPT_NETRC, CURL_NETRC_IGNORED },
        { CURLOPT_DISALLOW_USERNAME_IN_URL, 1 },
        { CURLOPT_PATH_AS_IS, 1 },
        { CURLOPT_FRESH_CONNECT, 1 },
        { CURLOPT_FORBID_REUSE, 1 },
        { CURLOPT_SSL_VERIFYPEER, 1 },
        { CURLOPT_SSL_VERIFYHOST, 2 },
        { CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
        { CURLOPT_SSL_SESSIONID_CACHE, 0 },
        { CURLOPT_CA_CACHE_TIMEOUT, 0 },      /* see trust.h */
        { CURLOPT_UPLOAD_BUFFERSIZE, 16384 }, /* the least */
        { CURLOPT_CONNECTTIMEOUT_MS, (long)order->connect_timeout_ms },
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (curl_easy_setopt(easy, numbers[i].option, numbers[i].value) != CURLE_OK)
            return false;
    return curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)order->body_bytes) == CURLE_OK;
}

static bool set_texts(CURL *easy, const struct order *order)
{
    const struct {
        CURLoption option;
        const char *value;
    } texts[] = {
        { CURLOPT_URL, order->text },
        { CURLOPT_PROTOCOLS_STR, order->url.is_plain ? "http" : "https" },
        { CURLOPT_PROXY, "" },
        { CURLOPT_NOPROXY, "*" },
        { CURLOPT_USERAGENT, "sallyport/" SALLYPORT_VERSION },
        { CURLOPT_CAINFO, NULL }, /* see trust.h */
        { CURLOPT_CAPATH, NULL },
        { CURLOPT_POSTFIELDS, order->body != NULL ? order->body : "" }, /* not copied */
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (curl_easy_setopt(easy, texts[i].option, texts[i].value) != CURLE_OK)
            return false;
    return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, order->fields) == CURLE_OK;
}

static bool set_callbacks(CURL *easy, struct attempt *attempt)
{
    return curl_easy_setopt(easy, CURLOPT_PRIVATE, attempt) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, attempt->said) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_connect) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, attempt) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, trust_use) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, &attempt->notifier->trust) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_line) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, attempt) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, attempt) == CURLE_OK;
}

int request_make(struct attempt *attempt, const struct ip *ips, unsigned count, struct error *err)
{
    const struct order *order = &attempt->order;
    if (!request_url_agrees(&order->url, order->text))
        return fail_plain(err, EINVAL, "the URL means something else to libcurl");
    attempt->easy = curl_easy_init();
    if (attempt->easy == NULL || !set_numbers(attempt->easy, order) || !set_texts(attempt->easy, order) ||
        !set_callbacks(attempt->easy, attempt) || (!order->url.is_numeric && !pin_addresses(attempt, ips, count)))
        return fail(err, ENOMEM, "make a request");
    return 0;
}

void request_done(struct attempt *attempt)
{
    if (attempt->easy != NULL)
        curl_easy_cleanup(attempt->easy);
    if (attempt->cache != NULL)
        curl_share_cleanup(attempt->cache);
    curl_slist_free_all(attempt->pinned);
    attempt->easy = NULL;
    attempt->cache = NULL;
    attempt->pinned = NULL;
}

enum outcome request_outcome(const struct attempt *attempt, CURLcode code)
{
    static const struct {
        CURLcode code;
        enum outcome outcome;
    } meanings[] = {
        { CURLE_COULDNT_RESOLVE_HOST, OUTCOME_DNS },     { CURLE_COULDNT_CONNECT, OUTCOME_CONNECT },
        { CURLE_OPERATION_TIMEDOUT, OUTCOME_TIMEOUT },   { CURLE_SSL_CONNECT_ERROR, OUTCOME_TLS },
        { CURLE_PEER_FAILED_VERIFICATION, OUTCOME_TLS }, { CURLE_SSL_CIPHER, OUTCOME_TLS },
        { CURLE_SSL_CERTPROBLEM, OUTCOME_TLS },          { CURLE_SSL_ISSUER_ERROR, OUTCOME_TLS },
        { CURLE_SSL_INVALIDCERTSTATUS, OUTCOME_TLS },    { CURLE_SSL_CLIENTCERT, OUTCOME_TLS },
        { CURLE_USE_SSL_FAILED, OUTCOME_TLS },           { CURLE_OUT_OF_MEMORY, OUTCOME_INTERNAL },
        { CURLE_FAILED_INIT, OUTCOME_INTERNAL },         { CURLE_SSL_ENGINE_NOTFOUND, OUTCOME_INTERNAL },
    };
    if (attempt->reply
            .is_answered) /* what came behind the head changes nothing: we cut it off ourselves, or it broke */
        return OUTCOME_ANSWERED;
    /* One line of the head beyond libcurl's own limit is "out of memory" to it. */
    if (attempt->reply.is_too_large || (code == CURLE_OUT_OF_MEMORY && attempt->reply.head_bytes > 0))
        return OUTCOME_TOO_LARGE;
    if (code == CURLE_COULDNT_CONNECT && attempt->was_refused)
        return OUTCOME_NETWORK_REFUSED;
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (meanings[i].code == code)
            return meanings[i].outcome;
    return OUTCOME_PROTOCOL;
}
