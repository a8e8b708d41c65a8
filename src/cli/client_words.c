#include "client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client_parts.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

static void explain_connect(const struct client *client, CURL *easy, struct error *err)
{
    const char *shown = client->address.shown;
    long code = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &code);
    if (code == EACCES || code == EPERM)
        fail_plain(err, EACCES,
                   "this user may not connect to %s; join the group that owns the socket, or give --url and a token",
                   shown);
    else if (client->address.socket[0] != '\0' && (code == ENOENT || code == 0))
        fail_plain(err, ENOENT,
                   "there is no server at %s; start sallyportd, or say where it is with --url or SALLYPORT_URL", shown);
    else
        fail_plain(
            err, code > 0 ? (int)code : ECONNREFUSED,
            "no server answers at %s%s%s; start sallyportd there, or say where it is with --url or SALLYPORT_URL",
            shown, code > 0 ? ": " : "", code > 0 ? strerrordesc_np((int)code) ?: "" : "");
}

void client_explain(const struct client *client, CURL *easy, CURLcode code, const char *curl_text, struct error *err)
{
    const char *shown = client->address.shown;
    const char *text = curl_text[0] != '\0' ? curl_text : curl_easy_strerror(code);
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        explain_connect(client, easy, err);
        break;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        fail_plain(err, EHOSTUNREACH, "the host of %s is not known (%s); check --url or SALLYPORT_URL", shown, text);
        break;
    case CURLE_OPERATION_TIMEDOUT:
        fail_plain(err, ETIMEDOUT, "%s does not answer in time; check that it is reachable, and the server's log",
                   shown);
        break;
    case CURLE_SSL_CONNECT_ERROR:
        fail_plain(err, EPROTO, "%s does not speak TLS as expected (%s); perhaps it is http://", shown, text);
        break;
    case CURLE_PEER_FAILED_VERIFICATION:
        fail_plain(err, EPROTO,
                   "the certificate of %s cannot be trusted (%s); check the name in the URL and the authorities that "
                   "this host knows",
                   shown, text);
        break;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_HTTP2:
        fail_plain(err, EPROTO, "%s does not answer in HTTP; check --url or SALLYPORT_URL", shown);
        break;
    case CURLE_OUT_OF_MEMORY:
        fail(err, ENOMEM, "send the request");
        break;
    default:
        fail_plain(err, ECONNRESET, "the connection to %s broke: %s", shown, text);
    }
}

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

static int refusal_401(const struct client *client, struct error *err)
{
    if (client->credentials.token[0] == '\0')
        return fail_plain(err, EACCES,
                          "%s wants a token; give one with --token-file, SALLYPORT_TOKEN_FILE or SALLYPORT_TOKEN (its "
                          "owner makes one with 'sallyport token create')",
                          client->address.shown);
    return fail_plain(err, EACCES, "%s does not accept the token from %s; it may be mistyped, expired or revoked",
                      client->address.shown, client->credentials.source);
}

/* All that is wrong with the parameters, in one line: "env: must be one of a, b; ref: is required". */
static void append_faults(const json_t *faults, char *text, size_t room)
{
    for (size_t i = 0; i < json_array_size(faults); i++) {
        const json_t *fault = json_array_get(faults, i);
        size_t used = strlen(text);
        const char *pointer = member(fault, "pointer");
        if (strncmp(pointer, "/params/", 8) == 0)
            pointer += 8;
        snprintf(text + used, room - used, "%s%s%s%s", i == 0 ? ": " : "; ", pointer, pointer[0] == '\0' ? "" : ": ",
                 member(fault, "detail"));
    }
}

int client_refusal(const struct client *client, const struct response *response, struct error *err)
{
    char text[ERROR_TEXT_BYTES];
    const json_t *problem = response->json;
    if (response->status == 401)
        return refusal_401(client, err);
    if (!json_is_object(problem) || member(problem, "title")[0] == '\0')
        return fail_plain(err, EPROTO,
                          "%s answers with status %ld, but not as sallyport does; check --url or SALLYPORT_URL",
                          client->address.shown, response->status);

    const char *detail = member(problem, "detail"), *title = member(problem, "title");
    snprintf(text, sizeof text, "%s", detail[0] != '\0' ? detail : title);
    append_faults(json_object_get(problem, "errors"), text, sizeof text);
    if (response->retry_after_s > 0) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "; try again in %u s", response->retry_after_s);
    }
    static const struct {
        long status;
        int code;
    } codes[] = { { 403, EACCES }, { 404, ENOENT }, { 409, EBUSY }, { 410, ESTALE },
                  { 422, EINVAL }, { 429, EAGAIN }, { 503, EAGAIN } };
    int code = EPROTO;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].status == response->status)
            code = codes[i].code;
    return fail_plain(err, code, "%s", text);
}

int client_ask(struct client *client, const struct request *request, json_t **ret_json, struct error *err)
{
    struct response response;
    int result = client_call(client, request, &response, err);
    if (result == 0 && (response.status < 200 || response.status > 299))
        result = client_refusal(client, &response, err);
    else if (result == 0 && response.json == NULL)
        result = fail_plain(err, EPROTO, "%s answers with something that is not JSON; check --url or SALLYPORT_URL",
                            client->address.shown);
    if (result == 0)
        *ret_json = json_incref(response.json);
    response_done(&response);
    return result;
}

bool client_escape(char *path, size_t room, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    size_t used = strlen(path);
    for (; *text != '\0'; text++) {
        if (used + 4 > room)
            return false;
        if (strchr(plain, *text) != NULL)
            path[used++] = *text;
        else
            used += (size_t)snprintf(path + used, 4, "%%%02X", (unsigned char)*text);
    }
    path[used] = '\0';
    return true;
}
