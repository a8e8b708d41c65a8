#include "order.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <sys/mman.h>

#include <curl/curl.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/http_field.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"
#include "sallyport/proto/messages.h"

#define FIELD_LINE_BYTES 1200 /* the longest name, ": ", the longest value */

static int read_url(const struct msg_deliver *deliver, struct order *order, struct error *err)
{
    text_copy(order->text, sizeof order->text, deliver->url);
    const char *why = url_parse(order->text, &order->url);
    if (why != NULL)
        return fail_plain(err, EINVAL, "the URL %s", why);
    if (order->url.is_plain && !deliver->allows_plain)
        return fail_plain(err, EINVAL, "http:// is not allowed for this callback");
    return 0;
}

static bool add_line(struct order *order, const char *line)
{
    struct curl_slist *longer = curl_slist_append(order->fields, line);
    if (longer != NULL)
        order->fields = longer;
    return longer != NULL;
}

static int add_field(struct order *order, const struct entry *entry, struct error *err)
{
    const char *name = (const char *)entry->name.data, *value = (const char *)entry->value.data;
    char line[FIELD_LINE_BYTES];
    if (entry->kind != ENTRY_FIELD || !http_field_name_is_good(name, entry->name.size) ||
        !http_field_value_is_good(value, entry->value.size) || http_field_is_framing(name, entry->name.size))
        return fail_plain(err, EINVAL, "a field of the head cannot be sent");
    int length = snprintf(line, sizeof line, "%.*s: %.*s", (int)entry->name.size, name, (int)entry->value.size, value);
    if (length < 0 || (size_t)length >= sizeof line)
        return fail_plain(err, EINVAL, "a field of the head is too long");
    return add_line(order, line) ? 0 : fail(err, ENOMEM, "read an order");
}

/* What libcurl would add of its own is taken out: it sends what is listed, Host, Content-Length, User-Agent and Accept. */
static int read_fields(const struct msg_deliver *deliver, struct order *order, struct error *err)
{
    struct reader in = { deliver->fields.data, deliver->fields.size };
    struct entry entry;
    bool has_type = false;
    unsigned count = 0;
    int got;
    while ((got = entries_next(&in, &entry)) > 0) {
        if (++count > CALLBACK_FIELDS_MAX)
            return fail_plain(err, EINVAL, "more than %d fields in the head", CALLBACK_FIELDS_MAX);
        int done = add_field(order, &entry, err);
        if (done < 0)
            return done;
        has_type |= entry.name.size == 12 && strncasecmp((const char *)entry.name.data, "content-type", 12) == 0;
    }
    if (got < 0)
        return fail_plain(err, EINVAL, "a list of fields that is cut short");
    if (!add_line(order, "Expect:") || (!has_type && !add_line(order, "Content-Type:")))
        return fail(err, ENOMEM, "read an order");
    return 0;
}

static int read_body(int body_fd, struct order *order, struct error *err)
{
    uint64_t size;
    struct error why = { 0 };
    if (memfd_check_sealed(body_fd, CALLBACK_BODY_MAX_BYTES, &size, &why) < 0)
        return fail_plain(err, EINVAL, "the body: %s", why.text);
    if (size == 0)
        return 0;
    void *body = mmap(NULL, size, PROT_READ, MAP_PRIVATE, body_fd, 0);
    if (body == MAP_FAILED)
        return fail(err, errno, "map the body");
    order->body = body;
    order->body_bytes = size;
    return 0;
}

int order_read(const struct msg_deliver *deliver, int body_fd, struct order *order, struct error *err)
{
    *order = (struct order){ .connect_timeout_ms = deliver->connect_timeout_ms, .timeout_ms = deliver->timeout_ms };
    if (order->connect_timeout_ms == 0 || order->timeout_ms == 0)
        return fail_plain(err, EINVAL, "an order without a time limit");
    if (!networks_unpack(deliver->allow_net, order->networks, CALLBACK_NETWORKS_MAX, &order->network_count))
        return fail_plain(err, EINVAL, "a list of networks that is none");
    int done = read_url(deliver, order, err);
    if (done == 0)
        done = read_fields(deliver, order, err);
    return done < 0 ? done : read_body(body_fd, order, err);
}

void order_done(struct order *order)
{
    curl_slist_free_all(order->fields);
    if (order->body != NULL)
        munmap(order->body, order->body_bytes);
    order->fields = NULL;
    order->body = NULL;
}
