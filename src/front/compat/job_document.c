/*
 * First the job, then its output: of a job that has ended by the first answer all output is there by the second. What is there
 * then is sent, and nothing that comes later.
 */
#include "job_document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/buffer.h>

#include "sallyport/base/fd.h"
#include "sallyport/output/output_log.h"
#include "sallyport/output/output_text.h"
#include "sallyport/proto/channel.h"

#include "../flow.h"
#include "../problem.h"
#include "../request.h"
#include "compat.h"

struct document {
    struct flow flow;
    const struct document_form *form;
    char *members; /* the object's text, owned */
    struct output_log log;
    bool has_log;
    unsigned stream; /* of the form's, which is told now; stream_count: the members are */
    bool has_begun;  /* what stands before its text is out */
    bool is_finished;
    struct output_text text;
};

static int add(struct evbuffer *chunk, const char *text, size_t size)
{
    return evbuffer_add(chunk, text, size) < 0 ? -ENOMEM : 0;
}

/* 1: a piece was added, 0: there is no more of this stream, -errno. */
static int add_piece(struct document *document, struct evbuffer *chunk)
{
    const char *text;
    size_t size;
    int more = output_text_next(document->has_log ? &document->log : NULL, &document->text, &text, &size);
    int done = more >= 0 ? add(chunk, text, size) : more;
    return done < 0 ? done : more;
}

static int add_members(struct document *document, struct evbuffer *chunk)
{
    const struct document_form *form = document->form;
    document->is_finished = true;
    int done = add(chunk, form->after, strlen(form->after));
    if (done == 0) /* without the brace that it begins with */
        done = add(chunk, document->members + 1, strlen(document->members) - 1);
    return done == 0 ? add(chunk, form->end, strlen(form->end)) : done;
}

static int fill(struct request *request, struct evbuffer *chunk, size_t room)
{
    struct document *document = request->state;
    int done = 0;
    while (done >= 0 && !document->is_finished && evbuffer_get_length(chunk) < room) {
        const struct document_stream *stream = &document->form->streams[document->stream];
        if (document->stream == document->form->stream_count)
            return add_members(document, chunk);
        if (!document->has_begun) {
            done = add(chunk, stream->before, strlen(stream->before));
            output_text_begin(&document->text, stream->stream, (uint32_t)(room / 6));
            document->has_begun = true;
            continue;
        }
        done = add_piece(document, chunk);
        if (done == 0) {
            document->stream++;
            document->has_begun = false;
        }
    }
    return done < 0 ? done : 0;
}

static bool is_finished(const struct request *request)
{
    const struct document *document = request->state;
    return document->is_finished;
}

static const struct flow_kind document_flow = { .fill = fill, .is_finished = is_finished };

static void document_free(void *state)
{
    struct document *document = state;
    if (document->has_log)
        output_log_done(&document->log);
    free(document->members);
    free(document);
}

/* Output that nobody keeps any more, or that this caller may not read, is told as none; what cannot be told now is not. */
static bool is_without(const struct message *message)
{
    unsigned status = message->type == MSG_REFUSED ? message->body.refused.status : 0;
    return status == 403 || status == 404 || status == 410;
}

static void on_output(struct request *request, struct message *message)
{
    struct document *document = request->state;
    struct problem problem;
    request->hears_all = false;
    if (message == NULL) {
        refuse_keeper_down(request, "The keeper went away before it told of the output. Try again.");
        return;
    }
    if (message->type == MSG_OUTPUT) {
        const struct msg_output *output = &message->body.output;
        output_log_init(&document->log, fd_take(&message->fds[0]), fd_take(&message->fds[1]));
        document->has_log = true;
        output_log_grow(&document->log, output->bytes, output->records, output->is_complete);
    } else if (!is_without(message)) {
        problem_from_refusal(&problem, &message->body.refused);
        request_problem(request, &problem);
        return;
    }
    ask_forget(&request->asks[ASK_OUTPUT]); /* all that will be shown is in our hands: the keeper may come and go */
    flow_start(request, 200, document->form->content_type);
    flow_pump(request);
}

static void on_job(struct request *request, struct message *message)
{
    struct document *document = request->state;
    json_t *members = document->form->members(request, &message->body.job);
    document->members = json_dumps(members, JSON_COMPACT);
    json_decref(members);
    if (document->members == NULL) {
        request_abort(request);
        return;
    }
    ask_forget(&request->asks[ASK_MAIN]);
    request->hears_all = true;
    ask_read_output(request, false, on_output);
}

void job_document_send(struct request *request, const struct document_form *form)
{
    struct document *document = calloc(1, sizeof *document);
    if (document == NULL) {
        request_abort(request);
        return;
    }
    *document =
        (struct document){ .flow.kind = &document_flow, .form = form, .log = { .bytes_fd = -1, .index_fd = -1 } };
    request->state = document;
    request->free_state = document_free;
    ask_read_job(request, false, on_job);
}
