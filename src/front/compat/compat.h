/*
 * What the adapters share. An adapter is a dialect (dialect.h) that translates the shapes of one predecessor's wire and nothing
 * else: its jobs are submitted, judged, recorded and limited like all others, and its clients are asked who they are.
 *
 * What a client calls a command becomes one of ours by the map of the configuration (`predecessors.*.commands`), and stays with
 * the job as its label LABEL_CALLED, beside the name of the dialect.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "sallyport/base/job_id.h"
#include "sallyport/job/callback_event.h"
#include "sallyport/proto/messages.h"
#include "sallyport/proto/predecessors.h"

#include "../dialect.h"
#include "../keeper_ask.h"

struct problem;

extern const struct dialect gort_dialect, jobrunner_dialect, http_runner_dialect, go_tasky_dialect,
    go_serverless_dialect;

#define PREDECESSORS_ROUTES_MAX 40 /* of all of them together */
#define COMPAT_TEXT             "text/plain; charset=utf-8"

/* NULL: none. */
const struct dialect *predecessor_dialect(unsigned which);

/*
 * The name of the command that a client means, if this caller may see it; or NULL. Lasts until other settings are loaded. What a
 * client calls a command that is not its to see is as good as not listed.
 */
const char *compat_command(const struct request *request, const struct msg_commands *commands, enum predecessor which,
                           const char *called);

/* What a dialect says of a problem: its sentence, and the first of its errors, which names what was wrong. */
#define COMPAT_DETAIL_BYTES 1024
const char *compat_detail(const struct problem *problem, char text[COMPAT_DETAIL_BYTES]);

/* What the public description says of a parameter: its member of params_schema.properties, borrowed; NULL for none. */
json_t *compat_param(const struct request *request, const char *command, const char *param);

/* The whole body, whatever it is said to be. False: it is too large, or compressed, and the request is gone. */
bool compat_body(struct request *request, const uint8_t **ret_data, size_t *ret_size);

/* What there is of the body, for who only wants to know whom it is meant for; nothing of one that is too long to be read. */
const uint8_t *compat_peek(const struct request *request, size_t *ret_size);

/* Submits a job. params is taken over, an object. False: refused, the request is gone or will be. */
bool compat_submit(struct request *request, const char *command, const char *called, json_t *params,
                   ask_answered answered);

/* The same, and who is told of its end, in which form. The URL is shorter than URL_MAX_BYTES. */
struct compat_callback {
    const char *name, *url;
    enum callback_format format;
};
bool compat_submit_callback(struct request *request, const char *command, const char *called, json_t *params,
                            const struct compat_callback *callback, ask_answered answered);

/* Commands one after another: the list is that of POST /v1/jobs, and taken over. */
bool compat_submit_steps(struct request *request, json_t *steps, ask_answered answered);

/* The same with these bytes as its standard input. */
bool compat_submit_input(struct request *request, const char *command, const char *called, const void *input,
                         size_t input_size, ask_answered answered);

/* Refuses with a code and a sentence, after the caller is known. The request is gone. */
void compat_refuse(struct request *request, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A status and a text, without more ado; for what a dialect says in its own words to those who are known. */
void compat_say(struct request *request, unsigned status, const char *text);

/* A JSON document, taken over, without a newline behind it. */
void compat_reply_json(struct request *request, unsigned status, const char *content_type, json_t *json);

/* The id of a job in 32 digits of lower-case hexadecimal, and back: exactly `size` bytes of text. */
#define COMPAT_ID_BYTES 33
const char *compat_id_text(const struct job_id *id, char text[COMPAT_ID_BYTES]);
bool compat_id_parse(const char *text, size_t size, struct job_id *ret_id);
