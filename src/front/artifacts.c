/*
 * GET /v1/jobs/{id}/artifacts and .../artifacts/{name}: what a job left behind as files. The keeper hands over the collector's
 * stream and the index of it; a file is a window of the stream, and goes out as output does.
 *
 * A name keeps its slashes: they are those of the path, and the rest is escaped. So no part of a path is ever read in two
 * ways, by us and by a proxy.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/artifact_index.h"
#include "sallyport/proto/channel.h"

#include "artifacts.h"
#include "handlers.h"
#include "sallyport/output/output_log.h"
#include "problem.h"
#include "request.h"
#include "stream.h"

#define URL_BYTES (64 + JOB_ID_TEXT_BYTES + 3 * ARTIFACT_NAME_MAX_BYTES)

/* What came, and where its reading stands. */
struct found {
    struct output_log log;
    uint8_t *index;
    struct artifact_index_reader reader;
};

static void found_done(struct found *found)
{
    output_log_done(&found->log);
    free(found->index);
}

/* -EBADMSG for an index that nobody writes. */
static int found_init(struct found *found, struct message *message, struct error *err)
{
    const struct msg_artifacts *artifacts = &message->body.artifacts;
    *found = (struct found){ .reader.stream_bytes = artifacts->bytes };
    output_log_init(&found->log, -1, -1);
    if (message->fd_count != 2 || artifacts->index_bytes > ARTIFACT_INDEX_MAX_BYTES || artifacts->bytes > INT64_MAX)
        return fail_plain(err, EBADMSG, "no stream, or no index that can be");
    output_log_init(&found->log, fd_take(&message->fds[0]), fd_take(&message->fds[1]));
    found->index = malloc((size_t)artifacts->index_bytes + 1);
    if (found->index == NULL)
        return fail(err, ENOMEM, "read an index");
    int done = output_log_read_index(&found->log, found->index, (size_t)artifacts->index_bytes);
    if (done < 0)
        return fail(err, -done, "read an index");
    found->reader.in = (struct reader){ found->index, (size_t)artifacts->index_bytes };
    return 0;
}

int artifact_find(struct message *message, const char *name, struct output_log *ret_log, uint8_t *ret_why,
                  struct error *err)
{
    struct found found;
    struct artifact_index_entry entry;
    size_t size = strlen(name);
    *ret_why = ARTIFACT_WHY_NONE;
    if (message->body.artifacts.state != ARTIFACTS_STORED)
        return 0;
    int more = found_init(&found, message, err);
    while (more >= 0 && (more = artifact_index_next(&found.reader, &entry, err)) > 0)
        if (entry.name.size == size && memcmp(entry.name.data, name, size) == 0)
            break;
    if (more > 0 && entry.why == ARTIFACT_WHY_NONE) {
        output_log_show_window(&found.log, entry.offset, entry.bytes);
        *ret_log = found.log;
        found.log.bytes_fd = found.log.index_fd = -1; /* the caller's from here */
    } else if (more > 0) {
        *ret_why = entry.why;
        more = 0;
    }
    found_done(&found);
    return more;
}

static void refuse_broken(struct request *request, const struct error *err)
{
    struct problem problem;
    log_error("request=%s its artefacts cannot be read: %s", request->id, err->text);
    problem_init(&problem, "internal", "The artefacts cannot be read. The operator finds the reason in the log.");
    request_problem(request, &problem);
}

/* --- the list --- */

/* Each component escaped by itself: percent_encode(), which adds to what is there, escapes slashes, too. */
static void name_url(const struct job_id *job_id, const struct span *name, char to[URL_BYTES])
{
    char id[JOB_ID_TEXT_BYTES], component[ARTIFACT_NAME_MAX_BYTES];
    snprintf(to, URL_BYTES, "/v1/jobs/%s/artifacts", job_id_text(job_id, id));
    const char *at = (const char *)name->data, *end = at + name->size;
    while (at < end) {
        const char *slash = memchr(at, '/', (size_t)(end - at));
        size_t size = (size_t)((slash != NULL ? slash : end) - at);
        text_copy_bytes(component, sizeof component, at, size);
        size_t used = strlen(to);
        snprintf(to + used, URL_BYTES - used, "/"); /* there is room for a name all of which is escaped */
        percent_encode(component, to, URL_BYTES);
        at += size + 1;
    }
}

static json_t *item_of(const struct job_id *job_id, const struct artifact_index_entry *entry)
{
    char url[URL_BYTES], sha256[2 * 32 + 1];
    json_t *item = json_object();
    json_object_set_new(item, "name", json_stringn((const char *)entry->name.data, entry->name.size));
    if (entry->why != ARTIFACT_WHY_NONE) {
        json_object_set_new(item, "rejected", json_string(artifact_why_text(entry->why)));
        return item;
    }
    name_url(job_id, &entry->name, url);
    text_hex(entry->sha256.data, entry->sha256.size, sha256);
    json_object_set_new(item, "bytes", json_integer((json_int_t)entry->bytes));
    json_object_set_new(item, "sha256", json_string(sha256));
    json_object_set_new(item, "url", json_string(url));
    return item;
}

static int add_items(const struct job_id *job_id, struct message *message, json_t *list, json_t *items,
                     struct error *err)
{
    struct found found;
    struct artifact_index_entry entry;
    int more = found_init(&found, message, err);
    while (more >= 0 && (more = artifact_index_next(&found.reader, &entry, err)) > 0)
        json_array_append_new(items, item_of(job_id, &entry));
    if (more == 0) {
        const struct artifact_index_head *head = &found.reader.head;
        bool is_complete = head->outcome == ARTIFACT_COMPLETE;
        json_object_set_new(list, "state", json_string(is_complete ? "complete" : "incomplete"));
        if (!is_complete)
            json_object_set_new(list, "detail", json_string(artifact_outcome_text(head->outcome)));
        if (head->unlisted > 0)
            json_object_set_new(list, "unlisted", json_integer(head->unlisted));
    }
    found_done(&found);
    return more;
}

static const char *const state_texts[ARTIFACTS_STATE_COUNT] = {
    [ARTIFACTS_NONE] = "none",
    [ARTIFACTS_PENDING] = "pending",
    [ARTIFACTS_GATHERING] = "collecting",
    [ARTIFACTS_STORED] = "complete",
};

static void on_list(struct request *request, struct message *message)
{
    const struct msg_artifacts *artifacts = &message->body.artifacts;
    struct error err = { 0 };
    json_t *items = json_array(),
           *list = json_pack("{s:s, s:O}", "state", state_texts[artifacts->state], "items", items);
    int done = artifacts->state == ARTIFACTS_STORED ? add_items(&request->path.job_id, message, list, items, &err) : 0;
    json_decref(items);
    if (done < 0) {
        json_decref(list);
        refuse_broken(request, &err);
        return;
    }
    request_reply_json(request, 200, "application/json", list);
}

void route_artifact_list(struct request *request)
{
    ask_read_artifacts(request, on_list);
}

/* --- one file --- */

/* A name for whoever saves it: the last component, with nothing in it that a shell, a browser or a file system could mind. */
static void add_disposition(struct request *request, const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    const char *slash = strrchr(name, '/'), *last = slash != NULL ? slash + 1 : name;
    char safe[ARTIFACT_NAME_MAX_BYTES], escaped[3 * ARTIFACT_NAME_MAX_BYTES] = "", value[5 * ARTIFACT_NAME_MAX_BYTES];
    text_copy(safe, sizeof safe, last);
    for (char *at = safe; *at != '\0'; at++)
        if (strchr(plain, *at) == NULL || (at == safe && (*at == '.' || *at == '-')))
            *at = '_';
    percent_encode(last, escaped, sizeof escaped);
    snprintf(value, sizeof value, "attachment; filename=\"%s\"; filename*=UTF-8''%s", safe, escaped);
    request_add_header(request, "Content-Disposition", value);
}

/* RFC 9530: of the whole file, also where a part of it is sent. */
static void add_digest(struct request *request, const struct span *sha256)
{
    char base64[4 * ((32 + 2) / 3) + 1], value[80];
    text_base64(sha256->data, sha256->size, base64);
    snprintf(value, sizeof value, "sha-256=:%s:", base64);
    request_add_header(request, "Repr-Digest", value);
}

static void send_file(struct request *request, struct found *found, const struct artifact_index_entry *entry)
{
    struct output_view view = { .format = FORMAT_BYTES,
                                .if_range = request_header(request, "If-Range"),
                                .if_none_match = request_header(request, "If-None-Match") };
    if (!request->is_head)
        range_parse(request_header(request, "Range"), &view.range);
    output_log_show_window(&found->log, entry->offset, entry->bytes);
    add_disposition(request, request->path.rest);
    add_digest(request, &entry->sha256);
    stream_open_window(request, &view, &found->log, entry->sha256);
}

static void refuse_missing(struct request *request, const struct msg_artifacts *artifacts)
{
    struct problem problem;
    bool is_early = artifacts->state == ARTIFACTS_PENDING || artifacts->state == ARTIFACTS_GATHERING;
    problem_init(&problem, "not-found", "%s",
                 is_early ? "The job's files are collected when it has ended." : "The job left no file of this name.");
    request_problem(request, &problem);
}

static void on_file(struct request *request, struct message *message)
{
    struct msg_artifacts artifacts = message->body.artifacts;
    struct found found;
    struct artifact_index_entry entry;
    struct error err = { 0 };
    if (artifacts.state != ARTIFACTS_STORED) {
        refuse_missing(request, &artifacts);
        return;
    }
    size_t size = strlen(request->path.rest);
    int more = found_init(&found, message, &err);
    while (more >= 0 && (more = artifact_index_next(&found.reader, &entry, &err)) > 0)
        if (entry.why == ARTIFACT_WHY_NONE && entry.name.size == size &&
            memcmp(entry.name.data, request->path.rest, size) == 0)
            break;
    if (more > 0)
        send_file(request, &found, &entry); /* the descriptors go with it */
    else if (more == 0)
        refuse_missing(request, &artifacts);
    else
        refuse_broken(request, &err);
    found_done(&found);
}

void route_artifact_read(struct request *request)
{
    ask_read_artifacts(request, on_file);
}
