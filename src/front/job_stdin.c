/*
 * POST /v1/jobs/{id}/stdin: bytes for a job's stream of input. The body is whole before anything is asked, so a client that leaves
 * in the middle has sent nothing.
 */
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/channel.h"

#include "body.h"
#include "handlers.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"

#define OFFSET_HEADER "Sallyport-Stdin-Offset"

static void refuse(struct request *request, const char *code, uint64_t bytes, uint32_t retry_after_s)
{
    struct problem problem;
    problem_init(&problem, code, "%s",
                 strcmp(code, "stdin-gap") == 0 ? "These bytes do not follow those that are stored. " OFFSET_HEADER
                                                  " says where the next begin."
                 : strcmp(code, "stdin-busy") == 0
                     ? "Other bytes for this job are being stored. Send these when that is over."
                     : "The job's input has ended: a request said so, nothing came for "
                       "'stdin_idle', or the job closed it.");
    problem.retry_after_s = retry_after_s;
    request_add_header_number(request, OFFSET_HEADER, bytes);
    request_refuse(request, &problem);
}

static void on_taken(struct request *request, struct message *message)
{
    const struct msg_stdin_taken *taken = &message->body.stdin_taken;
    static const char *const codes[STDIN_VERDICT_COUNT] = {
        [STDIN_GAP] = "stdin-gap", [STDIN_CLOSED] = "stdin-closed", [STDIN_BUSY] = "stdin-busy"
    };
    if (codes[taken->verdict] != NULL) {
        refuse(request, codes[taken->verdict], taken->bytes, taken->verdict == STDIN_BUSY ? 1 : 0);
        return;
    }
    char id[JOB_ID_TEXT_BYTES], url[JOB_URL_BYTES];
    json_t *json = json_object();
    json_object_set_new(json, "id", json_string(job_id_text(&request->path.job_id, id)));
    json_object_set_new(json, "url", json_string(job_url(&request->path.job_id, url)));
    json_object_set_new(json, "bytes", json_integer((json_int_t)taken->bytes));
    json_object_set_new(json, "ended", json_boolean(taken->has_ended));
    request_add_header_number(request, OFFSET_HEADER, taken->bytes);
    request_reply_json(request, 202, "application/json", json);
}

/* False: refused, the request is gone. */
static bool read_query(struct request *request, struct msg_stdin *ret_stdin)
{
    const char *eof = query_get(&request->query, "eof"), *offset = query_get(&request->query, "offset");
    struct problem problem;
    ret_stdin->ends = eof != NULL && strcmp(eof, "1") == 0;
    ret_stdin->has_offset = offset != NULL;
    if (eof != NULL && strcmp(eof, "1") != 0 && strcmp(eof, "0") != 0)
        problem_init(&problem, "bad-query", "eof is 1 (nothing comes behind these bytes) or 0.");
    else if (offset != NULL && !text_u64(offset, UINT64_MAX, &ret_stdin->offset))
        problem_init(&problem, "bad-query", "offset is the number of bytes that the job was given before these.");
    else
        return true;
    request_refuse(request, &problem);
    return false;
}

void route_job_stdin(struct request *request)
{
    const uint8_t *body;
    size_t size;
    struct error err = { 0 };
    struct problem problem;
    struct msg_stdin chunk = { 0 };
    auto_fd int bytes_fd = -1;
    if (!read_query(request, &chunk) || !body_bytes(request, &body, &size))
        return;
    chunk.has_bytes = size > 0;
    if (size > 0 && memfd_sealed("stdin", body, size, false, &bytes_fd, &err) < 0) {
        log_error("request=%s has no stdin: %s; it is refused", request->id, err.text);
        problem_init(&problem, "internal", "The bytes could not be kept. The operator finds the reason in the log.");
        request_refuse(request, &problem);
        return;
    }
    ask_stdin(request, &chunk, bytes_fd, on_taken);
}
