/* GET /v1/jobs/{id}/output: query and header fields become a view. */
#include <string.h>

#include "sallyport/base/text.h"
#include "sallyport/proto/output_log.h"

#include "handlers.h"
#include "problem.h"
#include "request.h"
#include "stream.h"

#define TAIL_MAX_LINES 1000000

static const char *const offers[] = { "text/plain", "application/octet-stream", "application/x-ndjson",
                                      "text/event-stream" };
static const enum stream_format formats[] = { FORMAT_TEXT, FORMAT_BYTES, FORMAT_NDJSON, FORMAT_SSE };

/* The next four: NULL, or what is wrong with a query key. */
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

static const char *read_stream(const struct request *request, struct output_view *view)
{
    const char *stream = query_get(&request->query, "stream");
    if (stream == NULL)
        return NULL;
    if (strcmp(stream, "stdout") == 0)
        view->only = OUTPUT_STDOUT;
    else if (strcmp(stream, "stderr") == 0)
        view->only = OUTPUT_STDERR;
    else
        return "'stream' must be stdout or stderr.";
    return NULL;
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
        read_follow, read_offset, read_tail, read_stream, read_last_event,
    };
    struct problem problem;
    int offer = accept_choose(request_header(request, "Accept"), offers, 4);
    if (offer < 0) {
        problem_init(&problem, "not-acceptable",
                     "On offer are text/plain, application/octet-stream, application/x-ndjson and text/event-stream.");
        request_refuse(request, &problem);
        return;
    }
    struct output_view view = { .format = formats[offer] };
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++) {
        const char *why = readers[i](request, &view);
        if (why != NULL) {
            problem_init(&problem, "bad-query", "%s", why);
            request_refuse(request, &problem);
            return;
        }
    }
    read_conditions(request, &view);
    request_add_header(request, "Vary", "Accept, Accept-Encoding");
    stream_open(request, &view);
}
