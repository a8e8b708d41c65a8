/* GET /v1/jobs/{id}/output: query and header fields become a view, or a search. */
#include <string.h>

#include "sallyport/base/text.h"
#include "sallyport/proto/output_log.h"

#include "handlers.h"
#include "output_search.h"
#include "problem.h"
#include "request.h"
#include "search.h"
#include "stream.h"

#define TAIL_MAX_LINES         1000000
#define SEARCH_MATCHES_DEFAULT 100

static const char *const offers[] = { "text/plain", "application/octet-stream", "application/x-ndjson",
                                      "text/event-stream" };
static const enum stream_format formats[] = { FORMAT_TEXT, FORMAT_BYTES, FORMAT_NDJSON, FORMAT_SSE };

/* The readers: NULL, or what is wrong with a query key. */
static const char *read_follow(const struct request *request, struct output_view *view)
{
    const char *follow = query_get(&request->query, "follow");
    if (follow != NULL && strcmp(follow, "0") != 0 && strcmp(follow, "1") != 0)
        return "'follow' must be 1 or 0.";
    view->follows = view->format == FORMAT_SSE || (follow != NULL && follow[0] == '1');
    return NULL;
}

static const char *read_offset(const struct request *request, struct output_view *view)
{
    const char *offset = query_get(&request->query, "offset");
    view->has_offset = offset != NULL;
    if (offset != NULL && !text_u64(offset, INT64_MAX, &view->offset))
        return "'offset' must be a number of bytes.";
    return NULL;
}

static const char *read_tail(const struct request *request, struct output_view *view)
{
    const char *tail = query_get(&request->query, "tail");
    view->has_tail = tail != NULL;
    if (tail != NULL && !text_u64(tail, TAIL_MAX_LINES, &view->tail))
        return "'tail' must be a number of lines, at most 1000000.";
    if (tail != NULL && view->has_offset)
        return "'tail' and 'offset' exclude each other.";
    return NULL;
}

static const char *parse_stream(const struct request *request, uint32_t *ret_only)
{
    const char *stream = query_get(&request->query, "stream");
    if (stream == NULL)
        return NULL;
    if (strcmp(stream, "stdout") == 0)
        *ret_only = OUTPUT_STDOUT;
    else if (strcmp(stream, "stderr") == 0)
        *ret_only = OUTPUT_STDERR;
    else
        return "'stream' must be stdout or stderr.";
    return NULL;
}

static const char *read_stream(const struct request *request, struct output_view *view)
{
    return parse_stream(request, &view->only);
}

/* Keys that belong to a search. */
static const char *read_no_search(const struct request *request, struct output_view *view)
{
    (void)view;
    bool has_any = query_get(&request->query, "ignore_case") != NULL || query_get(&request->query, "limit") != NULL;
    return has_any ? "'ignore_case' and 'limit' go with 'search'." : NULL;
}

/* A browser that reconnects repeats the query of its first request, so the header wins. */
static const char *read_last_event(const struct request *request, struct output_view *view)
{
    const char *id = request_header(request, "Last-Event-ID");
    if (view->format != FORMAT_SSE || id == NULL || id[0] == '\0')
        return NULL;
    view->is_resumed = true;
    view->has_tail = false;
    if (strcmp(id, "end") == 0) {
        view->has_heard_end = true;
        return NULL;
    }
    view->has_offset = true;
    return text_u64(id, INT64_MAX, &view->offset) ? NULL : "Last-Event-ID is none that was given out.";
}

/* NULL, or what is wrong with the text, or a number, of a search. */
static const char *read_search_text(const struct request *request, struct search_options *search)
{
    const void *text = query_get_bytes(&request->query, "search", &search->text_size);
    if (search->text_size == 0 || search->text_size > sizeof search->text)
        return "'search' must be 1 to 256 bytes.";
    if (memchr(text, '\n', search->text_size) != NULL)
        return "'search' is looked for in single lines; no line holds a newline.";
    memcpy(search->text, text, search->text_size);
    return NULL;
}

static const char *read_search_numbers(const struct request *request, struct search_options *search)
{
    const char *ignore_case = query_get(&request->query, "ignore_case"), *limit = query_get(&request->query, "limit"),
               *offset = query_get(&request->query, "offset");
    uint64_t matches = SEARCH_MATCHES_DEFAULT;
    if (ignore_case != NULL && strcmp(ignore_case, "0") != 0 && strcmp(ignore_case, "1") != 0)
        return "'ignore_case' must be 1 or 0.";
    search->ignores_case = ignore_case != NULL && ignore_case[0] == '1';
    if (limit != NULL && (!text_u64(limit, SEARCH_MATCHES_MAX, &matches) || matches == 0))
        return "'limit' must be a number from 1 to 1000.";
    search->limit = (uint32_t)matches;
    if (offset != NULL && !text_u64(offset, INT64_MAX, &search->offset))
        return "'offset' must be a number of bytes.";
    if (query_get(&request->query, "follow") != NULL || query_get(&request->query, "tail") != NULL)
        return "'search' looks at what is there now; 'follow' and 'tail' do not go with it.";
    return parse_stream(request, &search->only);
}

static void refuse(struct request *request, const char *code, const char *why)
{
    struct problem problem;
    problem_init(&problem, code, "%s", why);
    request_refuse(request, &problem);
}

static void run_search(struct request *request)
{
    static const char *const search_offers[] = { "application/x-ndjson" };
    struct search_options search = { 0 };
    const char *why = read_search_text(request, &search);
    if (why == NULL)
        why = read_search_numbers(request, &search);
    if (accept_choose(request_header(request, "Accept"), search_offers, 1) < 0)
        refuse(request, "not-acceptable", "What is found comes as application/x-ndjson.");
    else if (why != NULL)
        refuse(request, "bad-query", why);
    else
        search_open(request, &search);
}

/*
 * A range is a matter of GET alone (RFC 9110 section 14.2), and one of the bytes as they are. Who asks for a range has some
 * of these already, so the whole comes in that form, too, when there is no range to give.
 */
static void read_conditions(const struct request *request, struct output_view *view)
{
    const char *range = request_header(request, "Range");
    bool is_bytes = view->format == FORMAT_TEXT || view->format == FORMAT_BYTES;
    if (!request->is_head)
        range_parse(range, &view->range);
    view->takes_gzip =
        is_bytes && !view->follows && range == NULL && accepts_gzip(request_header(request, "Accept-Encoding"));
    view->if_range = request_header(request, "If-Range");
    view->if_none_match = request_header(request, "If-None-Match");
}

void route_output_read(struct request *request)
{
    static const char *(*const readers[])(const struct request *, struct output_view *) = {
        read_follow, read_offset, read_tail, read_stream, read_no_search, read_last_event,
    };
    size_t size;
    request_add_header(request, "Vary", "Accept, Accept-Encoding");
    if (query_get_bytes(&request->query, "search", &size) != NULL) {
        run_search(request);
        return;
    }
    int offer = accept_choose(request_header(request, "Accept"), offers, 4);
    if (offer < 0) {
        refuse(request, "not-acceptable",
               "On offer are text/plain, application/octet-stream, application/x-ndjson and text/event-stream.");
        return;
    }
    struct output_view view = { .format = formats[offer] };
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        const char *why = readers[i](request, &view);
        if (why != NULL) {
            refuse(request, "bad-query", why);
            return;
        }
    }
    read_conditions(request, &view);
    stream_open(request, &view);
}
