/* Values of header fields: a range stays inside what it is a range of, and what is taken over is plain. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/limits.h"

#include "events_wish.h"
#include "fields.h"
#include "timestamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_range(const char *text)
{
    static const uint64_t sizes[] = { 0, 1, 13, UINT32_MAX, INT64_MAX };
    struct range range;
    range_parse(text, &range);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint64_t from, to;
        if (range_apply(&range, sizes[i], &from, &to) &&
            (from > to || to > sizes[i] || (range.kind != RANGE_NONE && from == to)))
            abort();
    }
}

/* An event's id has one spelling. */
static void check_event_id(const char *text)
{
    char again[EVENT_ID_BYTES];
    uint64_t life, sequence;
    if (event_id_parse(text, &life, &sequence) && strcmp(event_id_text(life, sequence, again), text) != 0)
        abort();
}

static void check_events(char *text)
{
    struct query query = { .count = 2,
                           .pairs = { { .key = "kinds", .value = text }, { .key = "jobs", .value = text } } };
    struct events_wish wish;
    if (events_wish_read(&query, text, &wish) == NULL && (wish.kinds == 0 || wish.kinds > FEED_ALL))
        abort();
    query.count = 1;
    if (events_wish_read(&query, NULL, &wish) == NULL && (wish.kinds == 0 || wish.kinds > FEED_ALL))
        abort();
    query.pairs[0].key = "jobs";
    if (events_wish_read(&query, NULL, &wish) == NULL && (wish.job_count == 0 || wish.job_count > FEED_JOBS_MAX))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const offers[] = { "text/plain", "application/octet-stream", "application/x-ndjson",
                                          "text/event-stream" };
    char *text = strndup((const char *)data, size), key[IDEMPOTENCY_KEY_MAX_BYTES + 1];
    struct prefer prefer;
    uint64_t unix_ms;
    check_range(text);
    int offer = accept_choose(text, offers, 4);
    if (offer < -1 || offer > 3)
        abort();
    if (accepts_gzip(text) && strcasestr(text, "gzip") == NULL && strchr(text, '*') == NULL)
        abort();
    prefer_parse(text, &prefer);
    content_type_is(text, "application/json");
    etag_matches(text, "W/\"7\"");
    if (if_range_holds(text, "\"7\"") && strstr(text, "\"7\"") == NULL)
        abort();
    timestamp_parse(text, 1772359200000, &unix_ms);
    if (idempotency_key_parse(text, key, sizeof key) && (key[0] == '\0' || !field_value_is_plain(key)))
        abort();
    if (request_id_is_plain(text) && !field_value_is_plain(text))
        abort();
    check_event_id(text);
    check_events(text);
    free(text);
    return 0;
}
