#include "callbacks.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "keys.h"
#include "line_files.h"
#include "networks.h"
#include "reading.h"
#include "sallyport/base/http_field.h"
#include "sallyport/base/network.h"
#include "sallyport/base/text.h"
#include "sallyport/base/url.h"
#include "sallyport/proto/entries.h"

/* A secret is never written into the configuration; a field with one would be. */
bool callback_field_is_name(const char *name)
{
    static const char *const refused[] = {
        "authorization",     "proxy-authorization", "cookie", "content-type", "webhook-id", "webhook-timestamp",
        "webhook-signature", "x-notify-timestamp",
    };
    size_t length = strlen(name);
    if (!http_field_name_is_good(name, length) || http_field_is_framing(name, length))
        return false;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (strcasecmp(name, refused[i]) == 0)
            return false;
    return true;
}

static struct config_callback *latest(struct reading *reading)
{
    return &reading->config->callbacks[reading->config->callback_count - 1];
}

void *callback_open(struct reading *reading, const char *name)
{
    struct config *config = reading->config;
    struct config_callback *callback = grow(reading, &config->callbacks, config->callback_count, sizeof *callback);
    if (callback == NULL)
        return NULL;
    config->callback_count++;
    text_copy(callback->setting.name, sizeof callback->setting.name, name);
    reading->callback = (struct callback_draft){ 0 };
    return &reading->callback;
}

/* What can be seen without asking anybody: a host that is an address is always or never reached. */
static bool is_reached(const struct config_callback *callback, const char *host)
{
    struct network networks[CALLBACK_NETWORKS_MAX];
    struct span packed = { callback->networks, NETWORK_PACKED_BYTES * callback->network_count };
    unsigned count = 0;
    struct ip ip;
    return !networks_unpack(packed, networks, CALLBACK_NETWORKS_MAX, &count) || !ip_parse(host, &ip) ||
           networks_allow(networks, count, &ip);
}

/* The URL is not repeated: with some receivers knowing it is all that it takes. */
static void take_url(struct reading *reading, struct config_callback *callback, const char *key, const char *text)
{
    struct url url;
    const char *why = url_parse(text, &url);
    struct setting_callback *setting = &callback->setting;
    if (why == NULL && setting->is_prefix && strchr(url.path, '?') != NULL)
        why = "has a query, which what other URLs begin with cannot have";
    if (why == NULL && url.is_plain && !setting->allows_plain)
        why = "is not encrypted: everybody on the way can read and change what is sent; write https://, or add "
              "allow_plain: true";
    if (why == NULL && url.is_numeric && !is_reached(callback, url.host))
        why = "has an address that is not in 'allow_net'; without such a list only public addresses are reached";
    if (why != NULL)
        fault_below(reading, key, -1, "%s", why);
    text_copy(setting->url, sizeof setting->url, text);
}

static void take_urls(struct reading *reading, struct config_callback *callback)
{
    const struct callback_draft *draft = &reading->callback;
    callback->setting.is_prefix = draft->url == NULL;
    if ((draft->url != NULL) == (draft->allow_url != NULL))
        fault_at_key(reading,
                     "needs exactly one of 'url' (where to send) and 'allow_url' (what a URL from a request must "
                     "begin with)");
    else if (draft->url != NULL)
        take_url(reading, callback, "url", draft->url);
    else
        take_url(reading, callback, "allow_url", draft->allow_url);
}

static const char *read_secret(const char *text, uint8_t secret[CALLBACK_SECRET_MAX_BYTES], uint32_t *ret_bytes)
{
    static const char prefix[] = "whsec_";
    size_t length = strlen(text), size = 0;
    if (strncmp(text, prefix, sizeof prefix - 1) == 0) {
        if (!text_unbase64(text + sizeof prefix - 1, secret, CALLBACK_SECRET_MAX_BYTES, &size))
            return "has no base64 behind 'whsec_', or more than 256 bytes of it";
    } else if (length <= CALLBACK_SECRET_MAX_BYTES) {
        memcpy(secret, text, length); /* NOLINT(bugprone-not-null-terminated-result): a key is bytes */
        size = length;
    } else {
        return "has a secret that is too long: at most 256 bytes";
    }
    if (size < CALLBACK_SECRET_MIN_BYTES)
        return "has a secret that is too short: at least 24 bytes, such as whsec_ and what `openssl rand -base64 32` "
               "prints";
    *ret_bytes = (uint32_t)size;
    return NULL;
}

/* Never repeats what stands there: it may be the secret itself. */
static void take_secret(struct reading *reading, struct config_callback *callback, const char *text, int at)
{
    static const struct line_file file = { "secret", "whsec_ and base64, or at least 24 characters", true };
    char line[LINE_TEXT_BYTES];
    if (strncmp(text, "file:", 5) != 0) {
        fault_below(reading, "secret", -1,
                    "must be file:PATH of a file with the secret, which must not be written down here");
        return;
    }
    if (!line_file_read(reading, &file, text + 5, line))
        return;
    const char *why = read_secret(line, callback->secrets[at], &callback->secret_bytes[at]);
    explicit_bzero(line, sizeof line);
    if (why != NULL)
        fault_below(reading, "secret", -1, "%s %s", text + 5, why);
}

static void take_secrets(struct reading *reading, struct config_callback *callback)
{
    const json_t *list = reading->callback.secrets;
    const uint32_t *bytes = callback->secret_bytes;
    for (size_t i = 0; i < json_array_size(list) && i < CALLBACK_SECRETS_MAX; i++)
        take_secret(reading, callback, text_item(list, i), (int)i);
    if (bytes[1] > 0 && bytes[0] == bytes[1] && memcmp(callback->secrets[0], callback->secrets[1], bytes[0]) == 0)
        fault_below(reading, "secret", -1, "names the same key twice");
}

static void take_fields(struct reading *reading, struct config_callback *callback)
{
    const json_t *headers = reading->callback.headers;
    struct writer out = { malloc(CALLBACK_OWN_FIELDS_MAX_BYTES), CALLBACK_OWN_FIELDS_MAX_BYTES };
    callback->fields = out.at;
    if (out.at == NULL) {
        reading->report->is_out_of_memory = true;
        return;
    }
    size_t length = enter_key(reading, "headers");
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)headers, name, value)
    {
        const char *text = scalar_text(reading, value);
        if (text == NULL || !callback_field_is_name(name)) /* told already */
            continue;
        if (!http_field_value_is_good(text, strlen(text)))
            fault_below(reading, name, -1, "must be printable ASCII without blanks around it, at most 1024 bytes");
        else if (!entries_add_text(&out, ENTRY_FIELD, name, text, ""))
            fault_below(reading, name, -1, "is too much: all fields together may have at most %d bytes",
                        CALLBACK_OWN_FIELDS_MAX_BYTES);
    }
    leave(reading, length);
    callback->fields_bytes = (uint32_t)(CALLBACK_OWN_FIELDS_MAX_BYTES - out.left);
}

void callback_close(struct reading *reading)
{
    const struct callback_draft *draft = &reading->callback;
    struct config_callback *callback = latest(reading);
    callback->setting.timeout_ms = (uint32_t)draft->timeout_ms;
    callback->setting.max_attempts = (uint32_t)draft->max_attempts;
    callback->setting.allows_plain = draft->allows_plain;
    callback->network_count = networks_take(reading, "", "allow_net", draft->allow_net, callback->networks);
    take_urls(reading, callback);
    take_secrets(reading, callback);
    take_fields(reading, callback);
}
