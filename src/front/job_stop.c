/* POST /v1/jobs/{id}/cancel and /signal. */
#include "body.h"
#include "handlers.h"
#include "json_in.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"

#include "sallyport/json/signals.h"
#include "sallyport/proto/channel.h"

static json_t *json_of_job(const struct request *request)
{
    char id[JOB_ID_TEXT_BYTES], url[JOB_URL_BYTES];
    json_t *json = json_object();
    json_object_set_new(json, "id", json_string(job_id_text(&request->path.job_id, id)));
    json_object_set_new(json, "url", json_string(job_url(&request->path.job_id, url)));
    return json;
}

static void on_cancelled(struct request *request, struct message *message)
{
    bool has_changed = message->body.cancelled.has_changed;
    json_t *json = json_of_job(request);
    json_object_set_new(json, "changed", json_boolean(has_changed));
    request_reply_json(request, has_changed ? 202 : 200, "application/json", json);
}

void route_job_cancel(struct request *request)
{
    const uint8_t *body;
    size_t size;
    struct problem problem;
    struct msg_cancel cancel;
    if (!body_json(request, &body, &size))
        return;
    if (json_in_cancel(body, size, &cancel, &problem) < 0)
        request_refuse(request, &problem);
    else
        ask_cancel(request, &cancel, on_cancelled);
}

static void on_signalled(struct request *request, struct message *message)
{
    (void)message;
    request_reply_json(request, 202, "application/json", json_of_job(request));
}

void route_job_signal(struct request *request)
{
    const uint8_t *body;
    size_t size;
    struct problem problem;
    struct msg_signal signal;
    if (!body_json(request, &body, &size))
        return;
    if (json_in_signal(body, size, &signal, &problem) < 0)
        request_refuse(request, &problem);
    else
        ask_signal(request, &signal, on_signalled);
}
