/*
 * A JSON document with all that a job wrote, as text: for clients that get a job and its output in one answer. It goes out as
 * the client takes it, however much that is; bytes that are no UTF-8 become U+FFFD.
 */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "sallyport/proto/output_log.h"

struct msg_job;
struct request;

/* One stream of the output as a text of the document. */
struct document_stream {
    const char *before; /* what stands before its text, from the quote or brace of the document on: `{"stdout":"` */
    enum output_stream stream; /* OUTPUT_STDOUT or OUTPUT_STDERR */
};

#define DOCUMENT_STREAMS_MAX 2

struct document_form {
    const char *content_type;
    struct document_stream streams[DOCUMENT_STREAMS_MAX];
    unsigned stream_count;
    const char *after; /* what stands behind the last text, up to the members that follow: `",` */
    const char *end;   /* and behind the document */
    /* The members that follow, an object; owned by who asks. */
    json_t *(*members)(const struct request *request, const struct msg_job *job);
};

/* Answers with request->path.job_id; the form stays. The request is gone, or will be. */
void job_document_send(struct request *request, const struct document_form *form);
