/* The text of /metrics, byte by byte: what a reader of Prometheus must be able to take. */
#include <criterion/criterion.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exposition.h"
#include "http_counts.h"

static struct evbuffer *text;
static struct http_counts counts;

static void setup(void)
{
    text = evbuffer_new();
}

static void teardown(void)
{
    evbuffer_free(text);
}

TestSuite(exposition, .init = setup, .fini = teardown);

/* All that was written, and nothing is left. */
static const char *said(void)
{
    static char room[65536];
    int size = evbuffer_remove(text, room, sizeof room - 1);
    cr_assert_geq(size, 0);
    room[size] = '\0';
    return room;
}

Test(exposition, heads_a_family_with_help_and_type)
{
    exposition_family(text, "x_total", "counter", "What it is.");
    exposition_number(text, "x_total", NULL, UINT64_MAX);
    cr_expect_str_eq(said(), "# HELP x_total What it is.\n# TYPE x_total counter\nx_total 18446744073709551615\n");
}

Test(exposition, escapes_what_a_label_must_not_hold)
{
    static const char *const cases[][2] = {
        { "deploy-web", "deploy-web" },
        { "", "" },
        { "a\"b", "a\\\"b" },
        { "a\\b", "a\\\\b" },
        { "a\nb", "a\\nb" },
        { "\"} 1\nevil 2", "\\\"} 1\\nevil 2" },
        { "\\", "\\\\" },
        { "a\rb\tc\x7f", "a?b?c?" },
        { "\xc3\xa9\xff", "???" },
        { "{x=\"y\",}", "{x=\\\"y\\\",}" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[128];
        exposition_number(text, "x", LABELS({ "a", cases[i][0] }, { "b", "2" }), 3);
        snprintf(expected, sizeof expected, "x{a=\"%s\",b=\"2\"} 3\n", cases[i][1]);
        cr_expect_str_eq(said(), expected);
    }
}

Test(exposition, writes_times_exactly_and_without_ballast)
{
    static const struct {
        uint64_t us;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 1, "0.000001" },
        { 500000, "0.5" },
        { 1000000, "1" },
        { 10000000, "10" },
        { 1207, "0.001207" },
        { 1772359200120000, "1772359200.12" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char expected[64];
        exposition_seconds(text, "x", NULL, cases[i].us);
        snprintf(expected, sizeof expected, "x %s\n", cases[i].text);
        cr_expect_str_eq(said(), expected);
    }
}

Test(exposition, adds_the_ranges_of_a_histogram_up)
{
    static histogram_bounds_us bounds = { 1000,    5000,    10000,    50000,    100000,    500000,
                                          1000000, 5000000, 10000000, 60000000, 300000000, 3600000000 };
    struct histogram histogram = { 0 };
    static const uint64_t values[] = { 1000, 1001, 600000, 4000000000 };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        histogram_add(&histogram, bounds, values[i]);
    exposition_histogram(text, "x", LABELS({ "c", "y" }), bounds, &histogram);
    cr_expect_str_eq(said(), "x_bucket{c=\"y\",le=\"0.001\"} 1\n"
                             "x_bucket{c=\"y\",le=\"0.005\"} 2\n"
                             "x_bucket{c=\"y\",le=\"0.01\"} 2\n"
                             "x_bucket{c=\"y\",le=\"0.05\"} 2\n"
                             "x_bucket{c=\"y\",le=\"0.1\"} 2\n"
                             "x_bucket{c=\"y\",le=\"0.5\"} 2\n"
                             "x_bucket{c=\"y\",le=\"1\"} 3\n"
                             "x_bucket{c=\"y\",le=\"5\"} 3\n"
                             "x_bucket{c=\"y\",le=\"10\"} 3\n"
                             "x_bucket{c=\"y\",le=\"60\"} 3\n"
                             "x_bucket{c=\"y\",le=\"300\"} 3\n"
                             "x_bucket{c=\"y\",le=\"3600\"} 3\n"
                             "x_bucket{c=\"y\",le=\"+Inf\"} 4\n"
                             "x_sum{c=\"y\"} 4000.602001\n"
                             "x_count{c=\"y\"} 4\n");
    exposition_histogram(text, "x", NULL, bounds, &(struct histogram){ 0 });
    cr_expect_eq(strncmp(said(), "x_bucket{le=\"0.001\"} 0\n", 23), 0, "a range needs no other label");
}

Test(exposition, counts_answers_by_row_method_and_status)
{
    http_counts_add(&counts, "/v1/jobs/{id}", EVHTTP_REQ_GET, 200, 2000);
    http_counts_add(&counts, "/v1/jobs/{id}", EVHTTP_REQ_GET, 200, 2000);
    http_counts_add(&counts, "/v1/jobs/{id}", EVHTTP_REQ_HEAD, 200, 2000);
    http_counts_add(&counts, NULL, EVHTTP_REQ_DELETE, 405, 90000000);
    http_counts_add(&counts, NULL, 0, 400, 0);
    counts.streams_open = 3;
    http_counts_write(&counts, text);
    const char *all = said();
    static const char *const lines[] = {
        "\nsallyport_http_requests_total{route=\"/v1/jobs/{id}\",method=\"GET\",code=\"200\"} 2\n",
        "\nsallyport_http_requests_total{route=\"/v1/jobs/{id}\",method=\"HEAD\",code=\"200\"} 1\n",
        "\nsallyport_http_requests_total{route=\"other\",method=\"DELETE\",code=\"405\"} 1\n",
        "\nsallyport_http_requests_total{route=\"other\",method=\"other\",code=\"400\"} 1\n",
        "\nsallyport_http_request_duration_seconds_bucket{route=\"/v1/jobs/{id}\",le=\"0.001\"} 0\n",
        "\nsallyport_http_request_duration_seconds_bucket{route=\"/v1/jobs/{id}\",le=\"0.005\"} 3\n",
        "\nsallyport_http_request_duration_seconds_bucket{route=\"other\",le=\"60\"} 1\n",
        "\nsallyport_http_request_duration_seconds_count{route=\"other\"} 2\n",
        "\nsallyport_streams_open 3\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        cr_expect_not_null(strstr(all, lines[i]), "%s is missing in:\n%s", lines[i], all);
}

/* A keeper that was taken over can make up statuses. */
Test(exposition, has_no_more_rows_than_its_bound_whatever_is_answered)
{
    for (unsigned status = 0; status < 3 * COUNTED_ANSWERS_MAX; status++)
        http_counts_add(&counts, "/v1/jobs", EVHTTP_REQ_GET, 1 + status, 0);
    cr_expect_eq(counts.answer_count, COUNTED_ANSWERS_MAX);
    cr_expect_eq(counts.route_count, 1);
    uint64_t total = 0;
    for (unsigned i = 0; i < counts.answer_count; i++)
        total += counts.answers[i].count;
    cr_expect_eq(total, 3 * COUNTED_ANSWERS_MAX, "and none is lost");
    cr_expect_str_eq(counts.answers[COUNTED_ANSWERS_MAX - 1].route, "other");
    cr_expect_eq(counts.answers[COUNTED_ANSWERS_MAX - 1].status, 0);
}
