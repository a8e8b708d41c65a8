/* An order of a keeper that may be lost: what cannot be sent as it stands is not sent. */
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "order.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/proto/entries.h"
#include "sallyport/proto/messages.h"

static struct msg_deliver deliver;
static uint8_t fields[CALLBACK_FIELDS_MAX_BYTES];
static struct writer fields_out;
static struct order order;
static struct error err;
static int body_fd;

static void start(void)
{
    deliver = (struct msg_deliver){ .url = "https://example.com/hook", .connect_timeout_ms = 1000, .timeout_ms = 2000 };
    fields_out = (struct writer){ fields, sizeof fields };
    cr_assert_eq(memfd_sealed("body", "{\"a\":1}", 7, false, &body_fd, &err), 0);
}

static void stop(void)
{
    order_done(&order);
    fd_close(&body_fd);
}

TestSuite(order, .init = start, .fini = stop);

static void add_field(const char *name, const char *value)
{
    cr_assert(entries_add_text(&fields_out, ENTRY_FIELD, name, value, ""));
    deliver.fields = (struct span){ fields, (uint32_t)(sizeof fields - fields_out.left) };
}

static int read_order(void)
{
    order_done(&order);
    err = (struct error){ 0 };
    return order_read(&deliver, body_fd, &order, &err);
}

static void expect_refusal(const char *why)
{
    cr_expect_eq(read_order(), -EINVAL, "%s", why);
    cr_expect_not_null(strstr(err.text, why), "%s: %s", why, err.text);
}

Test(order, is_taken_as_it_stands)
{
    add_field("webhook-id", "msg_1");
    add_field("Content-Type", "application/json");
    cr_assert_eq(read_order(), 0, "%s", err.text);
    cr_expect_str_eq(order.url.host, "example.com");
    cr_expect_eq(order.body_bytes, 7);
    cr_expect_eq(memcmp(order.body, "{\"a\":1}", 7), 0);
    cr_assert_not_null(order.fields);
    cr_expect_str_eq(order.fields->data, "webhook-id: msg_1");
    cr_expect_str_eq(order.fields->next->data, "Content-Type: application/json");
    cr_expect_str_eq(order.fields->next->next->data, "Expect:", "libcurl's own is taken out");
    cr_expect_null(order.fields->next->next->next);
}

Test(order, may_have_an_empty_body_and_no_type)
{
    auto_fd int empty = -1;
    cr_assert_eq(memfd_sealed("body", "", 0, false, &empty, &err), 0);
    cr_assert_eq(order_read(&deliver, empty, &order, &err), 0, "%s", err.text);
    cr_expect_null(order.body);
    cr_expect_str_eq(order.fields->next->data, "Content-Type:", "libcurl would call it a form");
}

Test(order, has_a_url_that_is_one)
{
    strcpy(deliver.url, "https://user@example.com/");
    expect_refusal("the URL has a user name");
    strcpy(deliver.url, "http://example.com/");
    expect_refusal("http:// is not allowed");
    deliver.allows_plain = true;
    cr_expect_eq(read_order(), 0, "%s", err.text);
}

Test(order, has_fields_that_cannot_end_their_line_or_frame_the_message)
{
    static const char *const bad[][2] = {
        { "x", "a\r\ny: z" },
        { "x", "" },
        { "x", "a\nb" },
        { "x\r\ny", "z" },
        { "x:", "y" },
        { "", "y" },
        { "host", "evil" },
        { "Content-Length", "0" },
        { "transfer-encoding", "chunked" },
        { "Expect", "100-continue" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        fields_out = (struct writer){ fields, sizeof fields };
        add_field(bad[i][0], bad[i][1]);
        expect_refusal("a field of the head cannot be sent");
    }
    fields_out = (struct writer){ fields, sizeof fields };
    cr_assert(entries_add_text(&fields_out, ENTRY_STRING, "x", "y", ""));
    deliver.fields = (struct span){ fields, (uint32_t)(sizeof fields - fields_out.left) };
    expect_refusal("a field of the head cannot be sent");
    deliver.fields.size--;
    expect_refusal("cut short");
}

Test(order, has_no_more_fields_than_the_limit)
{
    for (int i = 0; i < CALLBACK_FIELDS_MAX; i++)
        add_field("x", "y");
    cr_expect_eq(read_order(), 0, "%s", err.text);
    add_field("x", "y");
    expect_refusal("more than 32 fields");
}

Test(order, takes_the_longest_field_there_may_be)
{
    char name[65] = "", value[1025] = "";
    memset(name, 'n', 64);
    memset(value, 'v', 1024);
    add_field(name, value);
    cr_assert_eq(read_order(), 0, "%s", err.text);
    cr_expect_eq(strlen(order.fields->data), 64 + 2 + 1024);
}

Test(order, has_networks_that_are_some)
{
    uint8_t packed[NETWORK_PACKED_BYTES] = { [NETWORK_PACKED_BYTES - 1] = 129 };
    deliver.allow_net = (struct span){ packed, sizeof packed };
    expect_refusal("a list of networks that is none");
}

Test(order, has_time_limits)
{
    deliver.timeout_ms = 0;
    expect_refusal("without a time limit");
}

Test(order, has_a_body_that_nobody_can_change)
{
    int unsealed = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING), not_a_file[2];
    auto_fd int held = unsealed;
    cr_assert_eq(write(unsealed, "x", 1), 1);
    cr_expect_eq(order_read(&deliver, unsealed, &order, &err), -EINVAL);
    order_done(&order);
    cr_assert_eq(pipe(not_a_file), 0);
    cr_expect_eq(order_read(&deliver, not_a_file[0], &order, &err), -EINVAL);
    close(not_a_file[0]);
    close(not_a_file[1]);
    order_done(&order);
    auto_free char *large = calloc(1, CALLBACK_BODY_MAX_BYTES + 1);
    auto_fd int large_fd = -1;
    cr_assert_eq(memfd_sealed("body", large, CALLBACK_BODY_MAX_BYTES + 1, false, &large_fd, &err), 0);
    cr_expect_eq(order_read(&deliver, large_fd, &order, &err), -EINVAL);
}
