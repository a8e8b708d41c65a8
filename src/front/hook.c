/*
 * POST /hooks/{name}. The form of the proof is looked at here, and how much of the keeper's time the sender had already; then
 * the keeper gets the body's bytes and says whether they are genuine. Only then they are read, and what they say goes back to
 * the keeper with its ticket. No credential: whoever has one, shows it elsewhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>
#include <event2/http.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/channel.h"

#include "fields.h"
#include "front.h"
#include "handlers.h"
#include "hook_head.h"
#include "hook_match.h"
#include "hook_unsigned.h"
#include "hook_visits.h"
#include "json_out.h"
#include "problem.h"
#include "request.h"

#define BUSY_RETRY_AFTER_S 1

static void on_proven(struct request *request, struct message *message);
static void on_run(struct request *request, struct message *message);

/* Of one that is under way; the request's state. */
struct hook_visit {
    struct hook_visit_place *place;
    bool wants_text;
    char ignored[HOOK_WHY_BYTES]; /* why; "": it runs something */
};

static void refuse(struct request *request, const char *code, uint32_t retry_after_s, const char *detail)
{
    struct problem problem;
    problem_init(&problem, code, "%s", detail);
    problem.retry_after_s = retry_after_s;
    request_refuse(request, &problem);
}

static void visit_free(void *state)
{
    struct hook_visit *visit = state;
    hook_visits_leave(visit->place);
    free(visit);
}

/* What an address has over all names, for names are easily invented; and then for this hook. */
static bool takes_rate(struct request *request, const struct public_hook *hook, uint64_t *ret_left_ms)
{
    struct front *front = request->front;
    const struct rate all = public_hooks_rate(front->settings.hooks, front->settings.hook_count);
    const char *address = request->evidence.address;
    uint64_t now_ms = clock_monotonic_ms();
    return hook_rate_take(&front->hook_rates, "", address, &all, now_ms, ret_left_ms) &&
           (hook == NULL ||
            hook_rate_take(&front->hook_rates, request->path.name, address, &hook->setting.rate, now_ms, ret_left_ms));
}

/* NULL: refused, the request is gone. */
static struct hook_visit *begin_visit(struct request *request, const struct public_hook *hook)
{
    unsigned most = hook != NULL ? hook->setting.concurrency : HOOK_CONCURRENCY_DEFAULT;
    uint64_t left_ms = 0;
    if (!takes_rate(request, hook, &left_ms)) {
        refuse(request, "rate-limited", (uint32_t)((left_ms + 999) / 1000),
               "More deliveries came from this address than are looked at.");
        return NULL;
    }
    struct hook_visit_place *place = hook_visits_enter(&request->front->hook_visits, request->path.name, most);
    struct hook_visit *visit = place != NULL ? calloc(1, sizeof *visit) : NULL;
    if (visit == NULL) {
        if (place != NULL)
            hook_visits_leave(place);
        refuse(request, "rate-limited", BUSY_RETRY_AFTER_S, "As many deliveries as may be are looked at already.");
        return NULL;
    }
    visit->place = place;
    request->state = visit;
    request->free_state = visit_free;
    return visit;
}

static const char *header_of(void *arg, const char *name)
{
    return request_header(arg, name);
}

static const char *field(const struct request *request, const char *name)
{
    return name[0] != '\0' ? request_header(request, name) : NULL;
}

static void copy_or_nothing(char *to, size_t room, const char *from)
{
    if (from != NULL)
        text_copy(to, room, from);
}

/* The body as it came, in memory that nobody can change any more. */
static int seal_body(struct request *request, int *ret_fd, struct error *err)
{
    struct evbuffer *body = evhttp_request_get_input_buffer(request->http);
    size_t size = evbuffer_get_length(body);
    const void *data = size > 0 ? (const void *)evbuffer_pullup(body, -1) : "";
    if (data == NULL)
        return fail(err, ENOMEM, "gather a body");
    return memfd_sealed("hook", data, size, false, ret_fd, err);
}

static bool is_compressed(struct request *request)
{
    return request_header(request, "Content-Encoding") != NULL;
}

static bool is_form(const struct request *request)
{
    return content_type_is(request_header(request, "Content-Type"), "application/x-www-form-urlencoded");
}

static int keep_unsigned(struct request *request, const struct public_hook *hook, const struct hook_scheme *scheme,
                         struct span *ret_parts, struct error *err)
{
    static uint8_t room[HOOK_UNSIGNED_MAX_BYTES];
    struct writer out = { room, sizeof room };
    struct hook_content content = { .header = header_of, .arg = request };
    const char *query = evhttp_uri_get_query(evhttp_request_get_evhttp_uri(request->http));
    if (!hook_unsigned_write(hook, scheme, &content, query, is_form(request), &out))
        return fail_plain(err, EFBIG, "its headers have no room");
    *ret_parts = (struct span){ room, (uint32_t)(sizeof room - out.left) };
    return 0;
}

static void ask_keeper(struct request *request, const struct public_hook *known, const struct hook_scheme *scheme,
                       const struct hook_headers *headers)
{
    static struct msg_hook hook;
    struct error err = { 0 };
    auto_fd int body_fd = -1;
    struct span parts;
    struct hook_visit *visit = request->state;
    if (seal_body(request, &body_fd, &err) < 0 || keep_unsigned(request, known, scheme, &parts, &err) < 0) {
        log_error("request=%s has a delivery that could not be kept: %s; it is refused", request->id, err.text);
        refuse(request, "internal", 0, "The delivery could not be kept. The operator finds the reason in the log.");
        return;
    }
    visit->wants_text = scheme->wants_text;
    hook = (struct msg_hook){ .evidence = { .kind = EVIDENCE_NONE }, .unsigned_parts = parts };
    memcpy(hook.hook, request->path.name, sizeof hook.hook);
    copy_or_nothing(hook.signature, sizeof hook.signature, headers->signature);
    copy_or_nothing(hook.timestamp, sizeof hook.timestamp, headers->timestamp);
    copy_or_nothing(hook.delivery, sizeof hook.delivery, headers->delivery);
    if (ask_hook(request, &hook, body_fd, on_proven))
        visit->place->number = request->asks[ASK_MAIN].number;
}

void route_hook(struct request *request)
{
    const struct public_hook *hook;
    const struct hook_scheme *scheme = hook_scheme_for(request->front, request->path.name, &hook);
    const struct hook_headers headers = { field(request, scheme->signature), field(request, scheme->timestamp),
                                          field(request, scheme->delivery) };
    struct hook_claim claim;
    size_t size = evbuffer_get_length(evhttp_request_get_input_buffer(request->http));
    if (size > HOOK_BODY_MAX_BYTES)
        refuse(request, "body-too-large", 0, "A delivery may have 2 MiB, this one has more.");
    else if (is_compressed(request))
        refuse(request, "unsupported-media-type", 0, "The body must not be compressed.");
    else if (hook_claim_read(scheme, &headers, &claim) != HOOK_GENUINE)
        refuse(request, "hook-unproven", 0, HOOK_UNPROVEN_TEXT);
    else if (begin_visit(request, hook) != NULL)
        ask_keeper(request, hook, scheme, &headers);
}

/* --- what it says ------------------------------------------------------------------------------------------------------ */

static void answer_job(struct request *request, const struct job_id *job_id)
{
    const struct hook_visit *visit = request->state;
    char id[JOB_ID_TEXT_BYTES], url[JOB_URL_BYTES], text[64];
    job_id_text(job_id, id);
    request_add_header(request, "Sallyport-Job", id);
    request_add_header(request, "Location", job_url(job_id, url));
    if (visit->wants_text) {
        snprintf(text, sizeof text, "Accepted as job %s", id);
        request_reply_text(request, 200, text);
        return;
    }
    request_reply_json(request, 202, "application/json", json_pack("{s:s, s:s}", "job", id, "url", url));
}

static void answer_ignored(struct request *request)
{
    const struct hook_visit *visit = request->state;
    json_t *json = json_object();
    json_object_set_new(json, "ignored", json_text(visit->ignored));
    request_reply_json(request, 200, "application/json", json);
}

static void on_run(struct request *request, struct message *message)
{
    const struct msg_hook_answer *answer = &message->body.hook_answer;
    if (!job_id_is_none(&answer->job_id))
        answer_job(request, &answer->job_id);
    else
        answer_ignored(request);
}

/* What is said of it in the log; only if it is a text to print. */
static void take_event(struct request *request, const struct hook_scheme *scheme, char event[NAME_MAX_BYTES])
{
    const char *text = field(request, scheme->event);
    if (text != NULL && field_value_is_plain(text) && text_is_utf8(text, strlen(text)))
        text_copy(event, NAME_MAX_BYTES, text);
}

static void read_delivery(struct request *request, const struct public_hook *hook, const struct job_id *ticket)
{
    static struct msg_hook_run run; /* large, and one at a time */
    static uint8_t room[PARAMS_MAX_BYTES];
    struct hook_visit *visit = request->state;
    const struct hook_scheme *scheme = &hook->setting.scheme;
    struct writer out = { room, sizeof room };
    struct evbuffer *body = evhttp_request_get_input_buffer(request->http);
    size_t size = evbuffer_get_length(body);
    const char *data = size > 0 ? (const char *)evbuffer_pullup(body, -1) : "";
    struct hook_content content = { .header = header_of, .arg = request, .query = &request->query };
    run = (struct msg_hook_run){ .ticket = *ticket, .generation = request->front->settings.generation };
    take_event(request, scheme, run.event);
    if (scheme->ping[0] != '\0' && strcmp(run.event, scheme->ping) == 0) {
        text_copy(visit->ignored, sizeof visit->ignored, "ping");
    } else {
        hook_content_read(&content, data, size, is_form(request));
        if (hook_matches(hook, &content, visit->ignored) && !hook_params(hook, &content, &out))
            text_copy(visit->ignored, sizeof visit->ignored, "its parameters are above 48 KiB");
        hook_content_done(&content);
    }
    run.wish = visit->ignored[0] != '\0' ? HOOK_IGNORE : HOOK_RUN;
    memcpy(run.reason, visit->ignored, sizeof run.reason);
    if (run.wish == HOOK_RUN)
        run.params = (struct span){ room, (uint32_t)(sizeof room - out.left) };
    if (ask_hook_run(request, &run, on_run))
        visit->place->number = request->asks[ASK_MAIN].number;
}

static void on_proven(struct request *request, struct message *message)
{
    const struct msg_hook_answer *answer = &message->body.hook_answer;
    const struct public_settings *settings = &request->front->settings;
    const struct public_hook *hook = public_hook_find(settings->hooks, settings->hook_count, request->path.name);
    if (job_id_is_none(&answer->ticket))
        answer_job(request, &answer->job_id);
    else if (hook == NULL) /* a reload took it away, meanwhile */
        refuse(request, "reloading", BUSY_RETRY_AFTER_S, "A new configuration is being taken over.");
    else
        read_delivery(request, hook, &answer->ticket);
}
