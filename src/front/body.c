#include "body.h"

#include <event2/buffer.h>
#include <event2/http.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/limits.h"

#include "fields.h"
#include "guard.h"
#include "json_in.h"
#include "problem.h"
#include "request.h"
#include "wipe.h"

#define STEP_BYTES ((size_t)1024 * 1024)

void body_forget(struct request *request)
{
    wipe_all(evhttp_request_get_input_buffer(request->http));
    guard_forget_body(request->guard);
}

bool body_json(struct request *request, const uint8_t **ret_data, size_t *ret_size)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request->http);
    size_t size = evbuffer_get_length(body);
    struct problem problem;
    if (size > REQUEST_JSON_MAX_BYTES) {
        body_forget(request);
        problem_init(&problem, "body-too-large", "A JSON body may have %d KiB, this one has more.",
                     REQUEST_JSON_MAX_BYTES / 1024);
        request_refuse(request, &problem);
        return false;
    }
    const char *coding = request_header(request, "Content-Encoding");
    if (size > 0 && (coding != NULL || !content_type_is(request_header(request, "Content-Type"), "application/json"))) {
        body_forget(request);
        request_add_header(request, "Accept-Post", "application/json");
        problem_init(&problem, "unsupported-media-type",
                     "The body must be sent as Content-Type: application/json, in UTF-8 and not compressed.");
        request_refuse(request, &problem);
        return false;
    }
    *ret_data = size > 0 ? evbuffer_pullup(body, -1) : (const uint8_t *)"";
    *ret_size = size;
    return true;
}

bool body_bytes(struct request *request, const uint8_t **ret_data, size_t *ret_size)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request->http);
    size_t size = evbuffer_get_length(body);
    const char *coding = request_header(request, "Content-Encoding");
    const char *type = request_header(request, "Content-Type");
    if (size > 0 && (coding != NULL || !content_type_is(type, "application/octet-stream"))) {
        struct problem problem;
        request_add_header(request, "Accept-Post", "application/octet-stream");
        problem_init(&problem, "unsupported-media-type",
                     "The body is bytes as they are: Content-Type: application/octet-stream, and no Content-Encoding.");
        request_refuse(request, &problem);
        return false;
    }
    *ret_data = size > 0 ? evbuffer_pullup(body, -1) : (const uint8_t *)"";
    *ret_size = size;
    return true;
}

int body_pour(struct request *request, int fd, struct error *err)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request->http);
    for (size_t taken = 0; taken < STEP_BYTES && evbuffer_get_length(body) > 0;) {
        struct evbuffer_iovec piece;
        if (evbuffer_peek(body, -1, NULL, &piece, 1) < 1)
            break;
        size_t size = piece.iov_len < STEP_BYTES - taken ? piece.iov_len : STEP_BYTES - taken;
        int done = fd_write_all(fd, piece.iov_base, size, err);
        if (done < 0)
            return done;
        evbuffer_drain(body, size);
        taken += size;
    }
    return 0;
}

bool body_nothing(struct request *request)
{
    const uint8_t *data;
    size_t size;
    struct problem problem;
    if (!body_json(request, &data, &size))
        return false;
    if (json_in_nothing(data, size, &problem) == 0)
        return true;
    request_refuse(request, &problem);
    return false;
}
