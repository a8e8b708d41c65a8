/* The routes that are about the service itself and the caller. */
#include "sallyport/proto/channel.h"

#include "front.h"
#include "handlers.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"

void route_healthz(struct request *request)
{
    request_reply_text(request, 200, "ok");
}

void route_readyz(struct request *request)
{
    const struct front *front = request->front;
    bool is_ready = front->keeper.fd >= 0 && front->has_status && front->status.is_launcher_up &&
                    !front->status.is_stopping && !front->status.is_drained && !front->is_stopping;
    request_reply_text(request, is_ready ? 200 : 503, is_ready ? "ready" : "unready");
}

static void on_version_known(struct request *request, struct message *message)
{
    (void)message;
    json_t *json = json_object();
    json_object_set_new(json, "version", json_text(request->front->settings.version));
    request_reply_json(request, 200, "application/json", json);
}

void route_version(struct request *request)
{
    ask_whoami(request, on_version_known);
}

static void on_whoami(struct request *request, struct message *message)
{
    request_reply_json(request, 200, "application/json", json_identity(&message->body.identity));
}

void route_whoami(struct request *request)
{
    ask_whoami(request, on_whoami);
}

static void on_problem_known(struct request *request, struct message *message)
{
    unsigned status;
    const char *title = problem_title(request->path.name, &status);
    (void)message;
    if (title == NULL) {
        struct problem problem;
        problem_init(&problem, "not-found", "There is no problem of this name.");
        request_problem(request, &problem);
        return;
    }
    json_t *json = json_object();
    json_object_set_new(json, "code", json_string(request->path.name));
    json_object_set_new(json, "title", json_string(title));
    json_object_set_new(json, "status", json_integer(status));
    request_reply_json(request, 200, "application/json", json);
}

void route_problem_read(struct request *request)
{
    ask_whoami(request, on_problem_known);
}
