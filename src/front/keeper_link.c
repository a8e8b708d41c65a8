#include "keeper_link.h"

#include <errno.h>

#include <event2/event.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/proto/channel.h"

#include "front.h"
#include "hook_visits.h"
#include "keeper_ask.h"
#include "problem.h"
#include "request.h"

#define MESSAGES_PER_TURN 256 /* then the clients have their turn */

static void take_refusal(struct request *request, struct message *message)
{
    struct problem problem;
    problem_from_refusal(&problem, &message->body.refused);
    request_problem(request, &problem);
}

/* -EBADMSG for what the keeper may not say. */
static int keeper_take(struct front *front, struct message *message)
{
    if (message->type == MSG_STATUS) {
        front->status = message->body.status;
        front->has_status = true;
        return 0;
    }
    bool is_answer = message->type >= MSG_IDENTITY && message->type <= MSG_REFUSED;
    if (!is_answer && message->type < MSG_HOOK_ANSWER)
        return -EBADMSG;
    if (message->type == MSG_HOOK_ANSWER || message->type == MSG_REFUSED)
        hook_visits_answered(&front->hook_visits, message->request_id);
    struct ask *ask = asks_find(&front->asks, message->request_id);
    if (ask == NULL)
        return 0; /* its client left meanwhile */
    if (!ask_expects(ask, message->type))
        return -EBADMSG;
    struct request *request = ask->request;
    if (message->fd_count > 0)
        ask_fds_came(ask);
    if (message->type == MSG_REFUSED)
        ask->is_watch = false; /* over on the keeper's side: nothing to take back */
    if (!request->has_started)
        request_set_timer(request, 0, NULL);
    if (message->type == MSG_REFUSED && !request->has_started && !request->hears_all) {
        take_refusal(request, message);
    } else {
        if (message->type != MSG_REFUSED)
            request->is_known = true;
        ask->answered(request, message);
    }
    return 0;
}

static void on_keeper_readable(evutil_socket_t fd, short what, void *arg)
{
    struct front *front = arg;
    (void)fd;
    (void)what;
    for (unsigned i = 0; i < MESSAGES_PER_TURN; i++) {
        struct message message;
        struct error err = { 0 };
        int done = channel_receive(&front->keeper, &message, &err);
        if (done == 0)
            return;
        if (done > 0) {
            enum msg_type type = message.type;
            done = keeper_take(front, &message);
            message_done(&message);
            if (done < 0)
                fail_plain(&err, EBADMSG, "%s was not asked for", message_defs[type].name);
        }
        if (done < 0) {
            keeper_lost(front, err.text);
            return;
        }
    }
}

void keeper_attach(struct front *front, int fd)
{
    if (front->keeper.fd >= 0)
        keeper_lost(front, "a new one takes its place");
    struct error err = { 0 };
    if (channel_init(&front->keeper, front->base, fd, &err) == 0)
        front->keeper_readable = event_new(front->base, fd, EV_READ | EV_PERSIST, on_keeper_readable, front);
    if (front->keeper_readable == NULL || event_add(front->keeper_readable, NULL) < 0) {
        keeper_lost(front, err.code != 0 ? err.text : "out of memory");
        return;
    }
    front->keeper_left_ms = 0;
    log_info("keeper is there, requests are answered");
}

void keeper_lost(struct front *front, const char *why)
{
    if (front->keeper_readable != NULL)
        event_free(front->keeper_readable);
    front->keeper_readable = NULL;
    channel_done(&front->keeper);
    front->has_status = false;
    front->keeper_left_ms = clock_monotonic_ms();
    if (front->is_stopping)
        log_info("keeper has ended: %s", why);
    else
        log_warn("keeper is gone: %s; requests get 503 until a new one comes", why);

    for (unsigned i = 0; i < ASK_BUCKETS; i++)
        while (front->asks.buckets[i] != NULL) {
            struct ask *lost = front->asks.buckets[i];
            struct request *request = lost->request;
            ask_forget(lost);
            if (request->has_started || request->hears_all)
                lost->answered(request, NULL);
            else
                refuse_keeper_down(request, "The keeper went away before it answered. Try again.");
        }
    hook_visits_forget(&front->hook_visits);
}
