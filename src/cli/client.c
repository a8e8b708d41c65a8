#include "client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "cli.h"
#include "client_parts.h"
#include "credentials.h"
#include "form.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"

#define BODY_MAX_BYTES     (32u * 1024 * 1024)
#define CALL_TIMEOUT_MS    60000
#define CONNECT_TIMEOUT_MS 10000

int client_new(const struct cli *cli, struct client **ret_client, struct error *err)
{
    struct client *client = calloc(1, sizeof *client);
    if (client == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(client);
        return fail(err, ENOMEM, "start the HTTP client");
    }
    client->call = curl_easy_init();
    client->stream = curl_easy_init();
    client->multi = curl_multi_init();
    int result = client->call == NULL || client->stream == NULL || client->multi == NULL
                     ? fail(err, ENOMEM, "start the HTTP client")
                     : 0;
    if (result == 0)
        result = address_find(cli->url, getenv("SALLYPORT_URL"), &client->address, err);
    const struct address *address = &client->address;
    if (result == 0 && !address->is_https && !address->is_loopback && !cli->allows_insecure_http)
        result = fail_plain(err, EPERM,
                            "%s would carry the token and all output in the clear; use https://, or --insecure-http if "
                            "the network between is yours",
                            address->shown);
    if (result == 0)
        result = credentials_find(cli->token_file, address->shown, &client->credentials, err);
    if (result < 0) {
        client_free(client);
        return result;
    }
    *ret_client = client;
    return 0;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    curl_easy_cleanup(client->call);
    curl_easy_cleanup(client->stream);
    curl_multi_cleanup(client->multi);
    explicit_bzero(&client->credentials, sizeof client->credentials);
    free(client);
    curl_global_cleanup();
}

const char *client_address(const struct client *client)
{
    return client->address.shown;
}

bool client_is_local(const struct client *client)
{
    return client->address.is_loopback;
}

void response_done(struct response *response)
{
    free(response->body);
    json_decref(response->json);
    *response = (struct response){ 0 };
}

/* An exchange under way. */
struct exchanging {
    CURL *easy;
    struct curl_slist *headers;
    char *body;              /* of the request */
    curl_mime *mime;         /* or the parts of a form, of which that is one */
    const struct sink *sink; /* or NULL: the body is collected */
    struct response *response;
    bool was_stopped, is_too_large;
    char curl_text[CURL_ERROR_SIZE];
};

static size_t on_body(char *data, size_t one, size_t size, void *arg)
{
    struct exchanging *exchange = arg;
    struct response *response = exchange->response;
    long status = 0;
    (void)one;
    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    if (exchange->sink != NULL && status == 200) {
        if (exchange->sink->on_bytes(exchange->sink->arg, data, size) == 0)
            return size;
        exchange->was_stopped = true;
        return CURL_WRITEFUNC_ERROR;
    }
    if (response->size + size > BODY_MAX_BYTES) {
        exchange->is_too_large = true;
        return CURL_WRITEFUNC_ERROR;
    }
    char *larger = realloc(response->body, response->size + size + 1);
    if (larger == NULL)
        return CURL_WRITEFUNC_ERROR;
    memcpy(larger + response->size, data, size);
    response->body = larger;
    response->size += size;
    larger[response->size] = '\0';
    return size;
}

static bool add_header(struct exchanging *exchange, const char *name, const char *value)
{
    char line[SECRET_MAX_BYTES + 128];
    if (value == NULL)
        return true;
    int length = snprintf(line, sizeof line, "%s: %s", name, value);
    struct curl_slist *longer = (size_t)length < sizeof line ? curl_slist_append(exchange->headers, line) : NULL;
    explicit_bzero(line, sizeof line);
    if (longer == NULL)
        return false;
    exchange->headers = longer;
    return true;
}

static bool is_form(const struct request *request)
{
    return request->form != NULL && request->form->count > 0;
}

/* NULL: libcurl says it, or there is no body. */
static const char *content_type(const struct request *request)
{
    if (is_form(request))
        return NULL;
    if (request->byte_count > 0)
        return request->bytes_type != NULL ? request->bytes_type : "application/octet-stream";
    return request->body != NULL ? "application/json" : NULL;
}

static bool add_fields(struct exchanging *exchange, const char *const *fields)
{
    for (; fields != NULL && *fields != NULL; fields++) {
        struct curl_slist *longer = curl_slist_append(exchange->headers, *fields);
        if (longer == NULL)
            return false;
        exchange->headers = longer;
    }
    return true;
}

static bool set_headers(struct exchanging *exchange, const struct client *client, const struct request *request)
{
    char bearer[SECRET_MAX_BYTES + 16];
    snprintf(bearer, sizeof bearer, "Bearer %s", client->credentials.token);
    bool is_set = add_header(exchange, "Accept", request->accept != NULL ? request->accept : "application/json") &&
                  add_header(exchange, "Authorization", client->credentials.token[0] != '\0' ? bearer : NULL) &&
                  add_header(exchange, "Content-Type", content_type(request)) &&
                  add_header(exchange, "Idempotency-Key", request->idempotency_key) &&
                  add_header(exchange, "If-None-Match", request->if_none_match) &&
                  add_header(exchange, "Prefer", request->prefer) && add_fields(exchange, request->fields);
    explicit_bzero(bearer, sizeof bearer);
    /* Without a value: libcurl would wait a second for a "100 Continue" before it sends a body. */
    struct curl_slist *longer = is_set ? curl_slist_append(exchange->headers, "Expect:") : NULL;
    if (longer == NULL)
        return false;
    exchange->headers = longer;
    return true;
}

static curl_mimepart *add_part(struct exchanging *exchange, const char *name, const char *type)
{
    curl_mimepart *part = curl_mime_addpart(exchange->mime);
    bool is_set = part != NULL && curl_mime_name(part, name) == CURLE_OK && curl_mime_type(part, type) == CURLE_OK;
    return is_set ? part : NULL;
}

/* Files are read by libcurl as they are sent. What they are called here is nobody's business. */
static bool set_form(struct exchanging *exchange, const struct form *form)
{
    static const char bytes[] = "application/octet-stream";
    exchange->mime = curl_mime_init(exchange->easy);
    curl_mimepart *part = exchange->mime != NULL ? add_part(exchange, "job", "application/json") : NULL;
    bool is_set = part != NULL && curl_mime_data(part, exchange->body, CURL_ZERO_TERMINATED) == CURLE_OK;
    if (is_set && form->has_stdin) {
        part = add_part(exchange, "stdin", bytes);
        is_set = part != NULL && curl_mime_data(part, (const char *)form->stdin_data, form->stdin_size) == CURLE_OK;
    }
    for (size_t i = 0; i < form->count && is_set; i++) {
        part = add_part(exchange, form->files[i].name, bytes);
        is_set = part != NULL && curl_mime_filedata(part, form->files[i].path) == CURLE_OK &&
                 curl_mime_filename(part, form->files[i].name) == CURLE_OK;
    }
    return is_set && curl_easy_setopt(exchange->easy, CURLOPT_MIMEPOST, exchange->mime) == CURLE_OK;
}

static bool set_body(struct exchanging *exchange, const struct request *request)
{
    if (strcmp(request->method, "POST") != 0)
        return true;
    curl_easy_setopt(exchange->easy, CURLOPT_POST, 1L);
    if (request->byte_count > 0) { /* the caller's, who keeps them */
        curl_easy_setopt(exchange->easy, CURLOPT_POSTFIELDS, request->bytes);
        curl_easy_setopt(exchange->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->byte_count);
        return true;
    }
    exchange->body = request->body == NULL ? strdup("") : json_dumps(request->body, JSON_COMPACT);
    if (exchange->body == NULL)
        return false;
    if (is_form(request))
        return set_form(exchange, request->form);
    curl_easy_setopt(exchange->easy, CURLOPT_POSTFIELDS, exchange->body);
    curl_easy_setopt(exchange->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(exchange->body));
    return true;
}

static bool exchange_begin(struct exchanging *exchange, const struct client *client, const struct request *request)
{
    CURL *easy = exchange->easy;
    const struct address *address = &client->address;
    char url[2 * PATH_MAX_BYTES + 2048];
    if ((size_t)snprintf(url, sizeof url, "%s%s", address->base, request->path) >= sizeof url)
        return false;
    curl_easy_reset(easy); /* keeps connections */
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "sallyport/" SALLYPORT_VERSION);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->curl_text);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
    if (address->is_loopback)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    if (address->socket[0] != '\0')
        curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, address->socket);
    if (exchange->sink != NULL) {
        curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CURL_MAX_READ_SIZE);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)CLIENT_SILENCE_S);
    } else {
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                         (long)(request->timeout_ms > 0 ? request->timeout_ms : CALL_TIMEOUT_MS));
    }
    if (!set_body(exchange, request) || !set_headers(exchange, client, request))
        return false;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
    return true;
}

static void copy_header(CURL *easy, const char *name, char *to, size_t room)
{
    struct curl_header *header = NULL;
    to[0] = '\0';
    if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        snprintf(to, room, "%s", header->value);
}

static enum exchange exchange_end(struct exchanging *exchange, const struct client *client, CURLcode code,
                                  struct error *err)
{
    struct response *response = exchange->response;
    char retry_after[32];
    long was_sent = 0;
    curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &response->status);
    curl_easy_getinfo(exchange->easy, CURLINFO_REQUEST_SIZE, &was_sent);
    copy_header(exchange->easy, "ETag", response->etag, sizeof response->etag);
    copy_header(exchange->easy, "Sallyport-Job", response->job_id, sizeof response->job_id);
    copy_header(exchange->easy, "Retry-After", retry_after, sizeof retry_after);
    response->retry_after_s = (uint32_t)strtoul(retry_after, NULL, 10);
    enum exchange result = EXCHANGE_ANSWERED;
    if (exchange->was_stopped) {
        result = EXCHANGE_STOPPED;
    } else if (exchange->is_too_large) {
        fail_plain(err, EFBIG, "%s answers with more than %u MiB; check the URL", client->address.shown,
                   BODY_MAX_BYTES >> 20);
        result = EXCHANGE_LOST;
    } else if (code != CURLE_OK) {
        client_explain(client, exchange->easy, code, exchange->curl_text, err);
        result = was_sent == 0 ? EXCHANGE_UNREACHABLE : EXCHANGE_LOST;
    } else if (response->body != NULL) {
        response->json = json_loadb(response->body, response->size, JSON_REJECT_DUPLICATES, NULL);
    }
    curl_slist_free_all(exchange->headers);
    curl_mime_free(exchange->mime);
    if (exchange->body != NULL)
        explicit_bzero(exchange->body, strlen(exchange->body)); /* parameters may be secrets */
    free(exchange->body);
    return result;
}

int client_call(struct client *client, const struct request *request, struct response *ret_response, struct error *err)
{
    struct exchanging exchange = { .easy = client->call, .response = ret_response };
    *ret_response = (struct response){ 0 };
    CURLcode code = exchange_begin(&exchange, client, request) ? curl_easy_perform(client->call) : CURLE_OUT_OF_MEMORY;
    return exchange_end(&exchange, client, code, err) == EXCHANGE_ANSWERED ? 0 : -err->code;
}

/* Milliseconds until the deadline, at most a second: libcurl has timers of its own. */
static int wait_ms(const struct sink *sink)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (sink->deadline_ms == 0 || sink->deadline_ms > now_ms + 1000)
        return 1000;
    return sink->deadline_ms <= now_ms ? 0 : (int)(sink->deadline_ms - now_ms);
}

static CURLcode stream_perform(struct client *client, struct exchanging *exchange)
{
    const struct sink *sink = exchange->sink;
    for (int running = 1;;) {
        if (curl_multi_perform(client->multi, &running) != CURLM_OK)
            return CURLE_RECV_ERROR;
        int left;
        const CURLMsg *message = curl_multi_info_read(client->multi, &left);
        if (message != NULL && message->msg == CURLMSG_DONE)
            return message->data.result;
        struct curl_waitfd wake = { .fd = sink->wake_fd, .events = CURL_WAIT_POLLIN };
        bool has_wake = sink->wake_fd >= 0;
        curl_multi_poll(client->multi, has_wake ? &wake : NULL, has_wake ? 1 : 0, wait_ms(sink), NULL);
        bool is_due = sink->deadline_ms != 0 && clock_monotonic_ms() >= sink->deadline_ms;
        if ((is_due || (has_wake && wake.revents != 0)) && sink->on_wake(sink->arg) != 0) {
            exchange->was_stopped = true;
            return CURLE_OK;
        }
    }
}

enum exchange client_stream(struct client *client, const struct request *request, const struct sink *sink,
                            struct response *ret_response, struct error *err)
{
    struct exchanging exchange = { .easy = client->stream, .response = ret_response, .sink = sink };
    CURLcode code = CURLE_OUT_OF_MEMORY;
    *ret_response = (struct response){ 0 };
    if (exchange_begin(&exchange, client, request) &&
        curl_multi_add_handle(client->multi, client->stream) == CURLM_OK) {
        code = stream_perform(client, &exchange);
        curl_multi_remove_handle(client->multi, client->stream);
    }
    return exchange_end(&exchange, client, code, err);
}
