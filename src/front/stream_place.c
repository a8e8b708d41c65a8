#include "stream_state.h"

#include <inttypes.h>
#include <stdio.h>

/* The bytes [from, ...) of the view's stream, as a place in the log. */
static int place_at(struct stream *stream, uint64_t from)
{
    stream->cursor.at = from;
    if (stream->cursor.only == 0)
        return 0;
    return output_log_find_in_stream(&stream->log, stream->cursor.only, from, &stream->cursor.at);
}

static int total_bytes(struct stream *stream, uint64_t *ret_total)
{
    *ret_total = stream->log.bytes;
    if (stream->cursor.only == 0)
        return 0;
    return output_log_stream_bytes(&stream->log, stream->cursor.only, ret_total);
}

static enum place outside(struct place_head *head, uint64_t total)
{
    snprintf(head->content_range, sizeof head->content_range, "bytes */%" PRIu64, total);
    head->status = 416;
    return PLACE_OUTSIDE;
}

/* The last bytes of nothing are nothing, and no Content-Range can say so: then the whole of it is the answer. */
static bool has_range(const struct stream *stream, uint64_t total)
{
    const struct output_view *view = &stream->view;
    if (view->range.kind == RANGE_NONE || view->follows || view->has_offset || view->has_tail)
        return false;
    if (view->range.kind == RANGE_SUFFIX && view->range.last > 0 && total == 0)
        return false;
    return if_range_holds(view->if_range, stream->etag);
}

static enum place place_bytes(struct stream *stream, struct place_head *head)
{
    const struct output_view *view = &stream->view;
    uint64_t total, from = 0, to;
    if (total_bytes(stream, &total) < 0)
        return PLACE_FAILED;
    to = total;
    if (stream->etag[0] != '\0' && etag_matches(view->if_none_match, stream->etag))
        return PLACE_UNCHANGED;
    bool is_range = has_range(stream, total);
    if (is_range && !range_apply(&view->range, total, &from, &to))
        return outside(head, total);
    if (view->has_offset) {
        if (view->offset > total)
            return outside(head, total);
        from = view->offset;
    }
    if (place_at(stream, from) < 0)
        return PLACE_FAILED;
    head->has_length = !view->follows && !stream->is_gzip;
    if (is_range) {
        char whole[24] = "*";
        if (stream->log.is_complete)
            snprintf(whole, sizeof whole, "%" PRIu64, total);
        snprintf(head->content_range, sizeof head->content_range, "bytes %" PRIu64 "-%" PRIu64 "/%s", from, to - 1,
                 whole);
        head->status = 206;
    }
    head->length = to - from;
    stream->left = view->follows ? UINT64_MAX : to - from;
    return PLACE_OK;
}

static enum place place_records(struct stream *stream, struct place_head *head)
{
    const struct output_view *view = &stream->view;
    const struct output_log *log = &stream->log;
    if (view->has_heard_end)
        return PLACE_NOTHING_MORE;
    if (view->is_resumed && stream->has_ended && log->is_complete && view->offset >= log->bytes)
        return PLACE_NOTHING_MORE;
    if (view->has_offset && view->offset > log->bytes)
        return outside(head, log->bytes);
    stream->cursor.at = view->has_offset ? view->offset : 0;
    return PLACE_OK;
}

enum place stream_place(struct stream *stream, struct place_head *ret_head)
{
    *ret_head = (struct place_head){ .status = 200 };
    stream->cursor.only = stream->view.only;
    stream->to = stream->log.bytes;
    stream->left = UINT64_MAX;
    enum place place = stream_has_records(stream) ? place_records(stream, ret_head) : place_bytes(stream, ret_head);
    if (place != PLACE_OK)
        return place;
    if (stream->view.has_tail) {
        if (output_log_tail(&stream->log, stream->view.only, stream->view.tail, &stream->cursor.at) < 0)
            return PLACE_FAILED;
        /* How much of one stream lies behind a place in the log is not known without reading on: no length then. */
        ret_head->has_length = ret_head->has_length && stream->view.only == 0;
        ret_head->length = stream->to - stream->cursor.at;
        stream->left = UINT64_MAX;
    }
    if (output_log_find(&stream->log, stream->cursor.at, &stream->cursor.record) < 0)
        return PLACE_FAILED;
    if (stream->cursor.record > 0 && stream->cursor.record == stream->log.records)
        stream->cursor.record--;
    return PLACE_OK;
}
