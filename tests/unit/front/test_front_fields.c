/* Header fields, queries, paths and times, as tables. */
#include <criterion/criterion.h>
#include <string.h>

#include "cursor.h"
#include "fields.h"
#include "path.h"
#include "query.h"
#include "timestamp.h"

Test(front_fields, chooses_the_offer_that_is_accepted_best)
{
    static const char *const offers[] = { "text/plain", "application/x-ndjson", "text/event-stream" };
    static const struct {
        const char *header;
        int offer;
    } cases[] = {
        { NULL, 0 },
        { "", 0 },
        { "*/*", 0 },
        { "text/event-stream", 2 },
        { "TEXT/Event-Stream ; charset=utf-8", 2 },
        { "application/*", 1 },
        { "text/plain;q=0.1, application/x-ndjson;q=0.5", 1 },
        { "text/plain;q=0, */*", 1 },
        { "text/*, text/plain;q=0.2", 2 },
        { "image/png", -1 },
        { "text/plain;q=0", -1 },
        { "text/plain;q=0.001", 0 },
        { "text", -1 },
        { ",,;;=,", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(accept_choose(cases[i].header, offers, 3), cases[i].offer, "%s", cases[i].header);
}

Test(front_fields, compresses_for_who_likes_gzip_no_less_than_the_bytes)
{
    static const struct {
        const char *header;
        bool takes;
    } cases[] = {
        { NULL, false },
        { "", false },
        { "gzip", true },
        { "GZip", true },
        { "x-gzip", true },
        { "br, deflate, gzip", true },
        { "*", true },
        { "*;q=0", false },
        { "*;q=0, gzip", true },
        { "gzip;q=0", false },
        { "gzip;q=0.0", false },
        { "gzip;q=0.000", false },
        { "gzip;q=0, *", false },
        { "*, gzip;q=0", false },
        { "gzip ; Q=0.001", true },
        { "gzip;q=1.000", true },
        { "identity", false },
        { "identity, gzip", true },
        { "identity;q=0.5, gzip;q=0.4", false },
        { "identity;q=0.5, gzip;q=0.5", true },
        { "identity;q=0.5, *;q=0.4", false },
        { "identity;q=0", false },
        { "identity;q=0, gzip", true },
        { "gzip, gzip;q=0", false },
        { "gzip;q=0, x-gzip", false },
        { "deflate, br;q=1.0, zstd", false },
        { "gzipx, xgzip", false },
        { ",,gzip,,", true },
        /* badly written: as if it were not there */
        { "gzip;q=", false },
        { "gzip;q=1.001", false },
        { "gzip;q=2", false },
        { "gzip;q=-1", false },
        { "gzip;q=.5", false },
        { "gzip;q=0.5000", false },
        { "gzip;q=10", false },
        { "gzip;q=1a", false },
        { "gzip;q =1", false },
        { "gzip;level=9", false },
        { "gzip;q=1;x=1", false },
        { "gzip q=1", false },
        { "\"gzip\"", false },
        { ";q=1", false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(accepts_gzip(cases[i].header), cases[i].takes, "%s", cases[i].header);
}

Test(front_fields, knows_json_by_its_content_type)
{
    cr_expect(content_type_is("application/json", "application/json"));
    cr_expect(content_type_is("Application/JSON; charset=UTF-8", "application/json"));
    cr_expect_not(content_type_is("application/json; charset=latin1", "application/json"));
    cr_expect_not(content_type_is("application/jsonx", "application/json"));
    cr_expect_not(content_type_is("text/plain; x=application/json", "application/json"));
    cr_expect_not(content_type_is(NULL, "application/json"));
}

Test(front_fields, reads_preferences_and_ignores_what_it_does_not_know)
{
    struct prefer prefer;
    prefer_parse("foo=1, Respond-Async, wait=20; x=y, WAIT=5,return=minimal", &prefer);
    cr_expect(prefer.respond_async);
    cr_expect(prefer.has_wait);
    cr_expect_eq(prefer.wait_ms, 5000);
    cr_expect(prefer.return_minimal);
    prefer_parse("wait=-1, wait=x, wait=99999999999999999999", &prefer);
    cr_expect_not(prefer.has_wait);
}

Test(front_fields, reads_one_range_of_bytes_and_ignores_the_rest)
{
    static const struct {
        const char *header;
        bool fits;
        uint64_t from, to;
    } cases[] = {
        { NULL, true, 0, 10 },        { "bytes=0-0", true, 0, 1 },
        { "bytes=3-", true, 3, 10 },  { "bytes=-3", true, 7, 10 },
        { "bytes=-99", true, 0, 10 }, { "bytes=9-99", true, 9, 10 },
        { "bytes=10-", false, 0, 0 }, { "bytes=-0", false, 0, 0 },
        { "bytes=5-4", true, 0, 10 }, { "bytes=1-2,4-5", true, 0, 10 },
        { "bytes=", true, 0, 10 },    { "bytes=-", true, 0, 10 },
        { "bytes=a-b", true, 0, 10 }, { "bytes=1-9999999999999999999999", true, 0, 10 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct range range;
        uint64_t from = 0, to = 0;
        range_parse(cases[i].header, &range);
        cr_expect_eq(range_apply(&range, 10, &from, &to), cases[i].fits, "%s", cases[i].header);
        cr_expect(from == cases[i].from && to == cases[i].to, "%s", cases[i].header);
    }
}

Test(front_fields, compares_entity_tags_weakly)
{
    cr_expect(etag_matches("W/\"7\"", "W/\"7\""));
    cr_expect(etag_matches("\"7\"", "W/\"7\""));
    cr_expect(etag_matches("\"6\", W/\"7\"", "W/\"7\""));
    cr_expect(etag_matches("*", "W/\"7\""));
    cr_expect_not(etag_matches("\"77\"", "W/\"7\""));
    cr_expect_not(etag_matches(NULL, "W/\"7\""));
}

Test(front_fields, honours_if_range_for_the_very_same_strong_tag_alone)
{
    cr_expect(if_range_holds(NULL, "\"7\""));
    cr_expect(if_range_holds(NULL, ""));
    cr_expect(if_range_holds(" \"7\" ", "\"7\""));
    cr_expect_not(if_range_holds("W/\"7\"", "W/\"7\""));
    cr_expect_not(if_range_holds("\"7\"", "W/\"7\""));
    cr_expect_not(if_range_holds("W/\"7\"", "\"7\""));
    cr_expect_not(if_range_holds("*", "\"7\""));
    cr_expect_not(if_range_holds("\"6\", \"7\"", "\"7\""));
    cr_expect_not(if_range_holds("Sun, 01 Mar 2026 10:00:00 GMT", "\"7\""));
    cr_expect_not(if_range_holds("", ""));
}

Test(front_fields, takes_idempotency_keys_quoted_or_bare)
{
    char key[9];
    cr_expect(idempotency_key_parse(" \"abc\" ", key, sizeof key));
    cr_expect_str_eq(key, "abc");
    cr_expect(idempotency_key_parse("a-b_c.1", key, sizeof key));
    static const char *const bad[] = { "", "\"\"", "a b", "a\"b", "123456789", "\x01", "\xc3\xa9" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(idempotency_key_parse(bad[i], key, sizeof key), "%s", bad[i]);
}

Test(front_fields, decodes_a_query_once_and_strictly)
{
    struct query query;
    const char *why;
    cr_assert(query_parse("a=b%20c&d=e+f&g&h=%2525&%6b=1", &query, &why));
    cr_expect_str_eq(query_get(&query, "a"), "b c");
    cr_expect_str_eq(query_get(&query, "d"), "e f");
    cr_expect_str_eq(query_get(&query, "g"), "");
    cr_expect_str_eq(query_get(&query, "h"), "%25");
    cr_expect_str_eq(query_get(&query, "k"), "1");
    cr_expect_null(query_get(&query, "x"));
    cr_expect(query_parse(NULL, &query, &why) && query.count == 0);
    static const char *const bad[] = { "&",     "=1",    "a=%",     "a=%4", "a=%zz", "a=%00",
                                       "a=%0a", "a=%ff", "a=1&a=2", "a&a",  "a=1&" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        why = NULL;
        cr_expect_not(query_parse(bad[i], &query, &why), "%s", bad[i]);
        cr_expect_not_null(why);
    }
}

Test(front_fields, takes_any_bytes_for_one_key_of_a_query_and_text_for_the_others)
{
    struct query query;
    const char *why;
    size_t size;
    cr_assert(query_parse_bytes("a=%41&b=%00%ff%0a+%2b&c=", "b", &query, &why));
    cr_assert_not_null(query_get_bytes(&query, "b", &size));
    cr_expect_eq(size, 5);
    cr_expect_arr_eq(query_get_bytes(&query, "b", &size), "\0\xff\n +", 5);
    cr_expect_null(query_get(&query, "b"));
    cr_expect_str_eq(query_get(&query, "a"), "A");
    cr_expect_not_null(query_get_bytes(&query, "c", &size));
    cr_expect_eq(size, 0);
    cr_expect_null(query_get_bytes(&query, "d", &size));
    static const char *const bad[] = { "b=1&b=2", "a=%ff&b=1", "b=%0", "%ff=1", "b&b" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(query_parse_bytes(bad[i], "b", &query, &why), "%s", bad[i]);
}

Test(front_fields, takes_only_paths_that_can_be_read_in_one_way)
{
    struct path path;
    struct path_match match;
    const char *query, *why;
    cr_assert(path_parse("/v1/jobs/%30%31jd8k3v9x5q2m7r4t6w8y0b1c/output?x=1", &path, &query, &why));
    cr_expect_str_eq(query, "x=1");
    cr_expect(path_matches(&path, "/v1/jobs/{id}/output", &match));
    cr_expect_not(path_matches(&path, "/v1/jobs/{id}", &match));
    cr_expect(path_matches(&path, "/v1/{rest}", &match));
    cr_expect_not(path_matches(&path, "/v1/jobs/{name}/output", &match));
    static const char *const bad[] = { "",      "v1",    "*",    "/a/../b", "/a/.",  "/%2e%2e/a", "/a%2fb",  "/a%5cb",
                                       "/a\\b", "/a%00", "/a b", "/a#b",    "/\x80", "/a%",       "/a%0d%0a" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(path_parse(bad[i], &path, &query, &why), "%s", bad[i]);
}

Test(front_fields, reads_points_in_time)
{
    static const struct {
        const char *text;
        uint64_t unix_ms; /* 0: refused */
    } cases[] = {
        { "2026-03-01T10:00:00Z", 1772359200000 },
        { "2026-03-01T10:00:00.120Z", 1772359200120 },
        { "2026-03-01T11:00:00.1+01:00", 1772359200100 },
        { "2026-03-01 09:30:00-00:30", 1772359200000 },
        { "1h", 1772355600000 },
        { "2026-03-01", 0 },
        { "2026-13-01T10:00:00Z", 0 },
        { "2026-03-01T10:00:00", 0 },
        { "2026-03-01T10:00:00Zx", 0 },
        { "1900-03-01T10:00:00Z", 0 },
        { "yesterday", 0 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t unix_ms = 0;
        cr_expect_eq(timestamp_parse(cases[i].text, 1772359200000, &unix_ms), cases[i].unix_ms != 0, "%s",
                     cases[i].text);
        cr_expect_eq(unix_ms, cases[i].unix_ms, "%s", cases[i].text);
    }
}

Test(front_fields, gives_cursors_that_hold_only_for_their_filters)
{
    struct query query, other;
    const char *why;
    struct job_id last = { { 1, 2, 3 } }, found;
    char cursor[CURSOR_BYTES];
    cr_assert(query_parse("command=a&state=lost&limit=5", &query, &why));
    cursor_text(&last, &query, cursor);
    cr_assert(query_parse("state=lost&limit=9&command=a", &other, &why));
    cr_expect(cursor_parse(cursor, &other, &found));
    cr_expect(job_id_equal(&found, &last));
    cr_assert(query_parse("state=lost&command=b", &other, &why));
    cr_expect_not(cursor_parse(cursor, &other, &found));
    cr_expect_not(cursor_parse("", &query, &found));
}
