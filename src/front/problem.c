#include "problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/http.h>

#include "sallyport/base/text.h"
#include "sallyport/proto/channel.h"
#include "sallyport/proto/entries.h"
#include "sallyport/proto/messages.h"

#include "dialect.h"
#include "json_out.h"
#include "request.h"
#include "routes.h"

/* Names, not places: RFC 9457 lets a type be any URI, and the daemon itself serves the text at /v1/problems/CODE. */
#define TYPE_PREFIX "urn:sallyport:problem:"

static const struct kind {
    const char *code;
    unsigned status;
    const char *title;
} kinds[] = {
    { "bad-request", 400, "The request is not well-formed" },
    { "bad-json", 400, "The body is not the JSON that was expected" },
    { "unknown-member", 400, "The body has a member that nobody knows" },
    { "bad-query", 400, "The query has a key or value that nobody knows" },
    { "unauthenticated", 401, "No valid credentials" },
    { "hook-unproven", 401, "The delivery is not proven to be genuine" },
    { "forbidden", 403, "The caller lacks the right" },
    { "cross-site", 403, "A page of another site asked" },
    { "tls-required", 403, "This is not sent where others can read it" },
    { "param-not-allowed", 403, "The caller may not use this value" },
    { "not-found", 404, "Not found" },
    { "method-not-allowed", 405, "The method does not fit the path" },
    { "not-acceptable", 406, "None of the accepted media types is on offer" },
    { "idempotency-mismatch", 422, "The idempotency key was used with another request" },
    { "request-timeout", 408, "The request took too long" },
    { "job-not-active", 409, "The job has ended or has not started" },
    { "stdin-gap", 409, "The bytes do not follow those that are known" },
    { "stdin-closed", 409, "The job takes no more input" },
    { "stdin-busy", 409, "Other input of the job is being stored" },
    { "command-paused", 409, "The command is paused" },
    { "secrets-required", 409, "Secrets are not kept, and are needed again" },
    { "input-not-kept", 409, "What the job was given is not there any more" },
    { "hook-replayed", 409, "The body was delivered before" },
    { "callback-not-kept", 409, "What the callback says is not there any more" },
    { "function-in-use", 409, "A route leads to the function" },
    { "hook-started-nothing", 409, "The delivery started no job" },
    { "output-expired", 410, "The output was removed" },
    { "etag-mismatch", 412, "The resource has changed" },
    { "body-too-large", 413, "The body is too large" },
    { "target-too-long", 414, "The target is too long" },
    { "unsupported-media-type", 415, "The body has the wrong media type" },
    { "range-not-satisfiable", 416, "The range lies outside the output" },
    { "expectation-failed", 417, "The expectation cannot be met" },
    { "params-invalid", 422, "Values are not what the command allows" },
    { "config-invalid", 422, "The configuration cannot be used" },
    { "misdirected", 421, "The host is not served here" },
    { "head-too-large", 431, "The head of the request is too large" },
    { "rate-limited", 429, "Too many requests" },
    { "concurrency-full", 429, "As many jobs of this command as may run are running" },
    { "internal", 500, "Internal error" },
    { "function-failed", 502, "The function has failed" },
    { "method-not-implemented", 501, "The method is not known" },
    { "version-not-supported", 505, "The version of HTTP is not spoken here" },
    { "queue-full", 503, "The queue is full" },
    { "draining", 503, "The service takes no new jobs" },
    { "store-full", 503, "There is no room for another record" },
    { "uploads-full", 503, "Too many large bodies at once" },
    { "bodies-full", 503, "Too many bodies at once" },
    { "launcher-down", 503, "The launcher is not there" },
    { "keeper-down", 503, "The keeper is not there" },
    { "function-rejected", 503, "The function did not get its turn" },
    { "function-timeout", 504, "The function took too long" },
    { "reloading", 503, "A new configuration is being taken over" },
};

static const struct kind *kind_find(const char *code)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].code, code) == 0)
            return &kinds[i];
    return NULL;
}

const char *problem_title(const char *code, unsigned *ret_status)
{
    const struct kind *kind = kind_find(code);
    if (kind == NULL)
        return NULL;
    *ret_status = kind->status;
    return kind->title;
}

void problem_init(struct problem *problem, const char *code, const char *format, ...)
{
    const struct kind *kind = kind_find(code);
    *problem = (struct problem){ .status = kind != NULL ? kind->status : 500 };
    text_copy(problem->code, sizeof problem->code, code);
    va_list args;
    va_start(args, format);
    vsnprintf(problem->detail, sizeof problem->detail, format, args);
    va_end(args);
}

void problem_done(struct problem *problem)
{
    json_decref(problem->errors);
    problem->errors = NULL;
}

static void add_error(struct problem *problem, json_t *pointer, json_t *code, json_t *detail)
{
    if (problem->errors == NULL)
        problem->errors = json_array();
    json_t *error = json_object();
    json_object_set_new(error, "pointer", pointer);
    json_object_set_new(error, "code", code);
    json_object_set_new(error, "detail", detail);
    json_array_append_new(problem->errors, error);
}

void problem_add_error(struct problem *problem, const char *pointer, const char *code, const char *detail)
{
    add_error(problem, json_text(pointer), json_text(code), json_text(detail));
}

void problem_from_refusal(struct problem *problem, const struct msg_refused *refused)
{
    *problem = (struct problem){ .status = refused->status, .retry_after_s = refused->retry_after_s };
    if (refused->status < 400 || refused->status > 599)
        problem->status = 500;
    text_copy(problem->code, sizeof problem->code, refused->code);
    text_copy(problem->detail, sizeof problem->detail, refused->detail);
    text_copy(problem->rate, sizeof problem->rate, refused->rate);
    problem->rate_count = refused->rate_count;
    problem->rate_period_s = refused->rate_period_s;
    struct reader in = { refused->errors.data, refused->errors.size };
    struct entry entry;
    while (entries_next(&in, &entry) > 0)
        if (entry.kind == ENTRY_ERROR)
            add_error(problem, json_text_span(entry.name), json_text_span(entry.value), json_text_span(entry.extra));
}

json_t *problem_json(const struct problem *problem, const struct request *request)
{
    char type[sizeof TYPE_PREFIX + sizeof problem->code];
    snprintf(type, sizeof type, "%s%s", TYPE_PREFIX, problem->code);
    const struct kind *kind = kind_find(problem->code);
    json_t *json = json_object();
    json_object_set_new(json, "type", json_text(type));
    json_object_set_new(json, "title", json_text(kind != NULL ? kind->title : problem->code));
    json_object_set_new(json, "status", json_integer(problem->status));
    json_object_set_new(json, "detail", json_text(problem->detail));
    json_object_set_new(json, "instance", json_text(routes_instance(request)));
    json_object_set_new(json, "code", json_text(problem->code));
    json_object_set_new(json, "request_id", json_text(request->id));
    if (problem->errors != NULL)
        json_object_set(json, "errors", problem->errors);
    if (problem->retry_after_s > 0)
        json_object_set_new(json, "retry_after", json_integer(problem->retry_after_s));
    return json;
}

/* RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers): nothing is left for so long. */
static void add_rate(struct request *request, const struct problem *problem)
{
    char policy[80], limit[80];
    if (problem->rate[0] == '\0')
        return;
    snprintf(policy, sizeof policy, "\"%s\";q=%u;w=%u", problem->rate, problem->rate_count, problem->rate_period_s);
    snprintf(limit, sizeof limit, "\"%s\";r=0;t=%u", problem->rate, problem->retry_after_s);
    request_add_header(request, "RateLimit-Policy", policy);
    request_add_header(request, "RateLimit", limit);
}

void request_problem(struct request *request, struct problem *problem)
{
    if (problem->status == 401) {
        /* What was found out beforehand is not for those whom nobody knows. */
        evhttp_remove_header(evhttp_request_get_output_headers(request->http), "Allow");
        evhttp_remove_header(evhttp_request_get_output_headers(request->http), "Accept-Post");
        request_add_header(request, "WWW-Authenticate", "Bearer realm=\"sallyport\"");
    }
    if (problem->retry_after_s > 0)
        request_add_header_number(request, "Retry-After", problem->retry_after_s);
    add_rate(request, problem);
    struct problem said = *problem; /* it may lie in the request, which is gone with the answer */
    problem->errors = NULL;
    if (request->dialect->refuse != NULL && said.status != 401) /* who is nobody learns nothing of what is mounted */
        request->dialect->refuse(request, &said);
    else
        request_reply_json(request, said.status, "application/problem+json", problem_json(&said, request));
    problem_done(&said);
}

static void on_known(struct request *request, struct message *message)
{
    (void)message;
    request_problem(request, request->held);
}

void request_refuse(struct request *request, struct problem *problem)
{
    if (request->is_known || (request->route != NULL && request->route->is_open)) {
        request_problem(request, problem);
        return;
    }
    request->held = malloc(sizeof *request->held);
    if (request->held == NULL) {
        problem_done(problem);
        request_abort(request);
        return;
    }
    *request->held = *problem;
    ask_whoami(request, on_known);
}
