/* POST /v1/commands/{name}/pause and /resume. */
#include "sallyport/proto/channel.h"

#include "body.h"
#include "handlers.h"
#include "json_in.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"

static void on_changed(struct request *request, struct message *message)
{
    const struct pause_state *pause = &message->body.commands.pause;
    json_t *json = json_object();
    json_object_set_new(json, "name", json_text(request->path.name));
    json_object_set_new(json, "paused", json_boolean(pause->is_paused));
    json_object_set_new(json, "pause", json_pause(pause));
    request_reply_json(request, 200, "application/json", json);
}

typedef int body_parser(const void *body, size_t size, struct msg_pause *ret_pause, struct problem *problem);

static void change(struct request *request, body_parser *parse)
{
    const uint8_t *body;
    size_t size;
    struct problem problem;
    struct msg_pause pause;
    if (!body_json(request, &body, &size))
        return;
    if (parse(body, size, &pause, &problem) < 0)
        request_refuse(request, &problem);
    else
        ask_pause(request, &pause, on_changed);
}

void route_command_pause(struct request *request)
{
    change(request, json_in_pause);
}

void route_command_resume(struct request *request)
{
    change(request, json_in_resume);
}
