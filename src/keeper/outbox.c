#include "outbox.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "http_runner_body.h"
#include "keeper.h"
#include "output_tail.h"
#include "report.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"
#include "sallyport/json/job.h"
#include "sallyport/store/deliveries.h"

static json_t *json_base64(const struct output_tail *tail)
{
    char text[4 * ((CALLBACK_TAIL_MAX_BYTES + 2) / 3) + 1];
    text_base64(tail->bytes, tail->size, text);
    return json_string(text);
}

/* A log that cannot be read is no reason to tell nothing. Returns what the setters do. */
static int add_tail(struct keeper *keeper, const struct job_record *record, uint32_t most, json_t *output)
{
    struct output_tail tail;
    struct error err = { 0 };
    bool is_read = output_tail_read(keeper->state_fd, record, most, &tail, &err) == 0;
    if (!is_read && !record->is_metadata_only)
        log_warn("a callback is told nothing of the output of a job of '%s': %s", record->command, err.text);
    json_t *text = !is_read       ? json_null()
                   : tail.is_text ? json_stringn((const char *)tail.bytes, tail.size)
                                  : json_base64(&tail);
    int done = json_object_set_new(output, is_read && !tail.is_text ? "tail_b64" : "tail", text);
    json_t *offset = is_read ? json_integer((json_int_t)tail.offset) : json_null();
    return json_object_set_new(output, "tail_offset", offset) == 0 ? done : -1;
}

/* The keeper prints JSON and parses none: what it prints is made of its own records. The caller frees. */
static char *body_text(struct keeper *keeper, const struct job_record *record, const struct msg_job *report,
                       const struct telling *telling, uint64_t now_unix_ms)
{
    char type[32], time[CLOCK_TEXT_BYTES];
    snprintf(type, sizeof type, "job.%s", callback_event_text(telling->event));
    json_t *body = json_object();
    json_object_set_new(body, "type", json_string(type));
    json_object_set_new(body, "timestamp", json_string(clock_text(now_unix_ms, time)));
    json_t *job = json_job(report);
    int done = json_object_set_new(body, "data", job);
    if (done == 0 && telling->tail_bytes > 0)
        done = add_tail(keeper, record, telling->tail_bytes, json_object_get(job, "output"));
    char *text = done == 0 ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

int outbox_is_full(struct keeper *keeper, const char *callback, uint64_t bytes, char ret_why[REASON_MAX_BYTES],
                   struct error *err)
{
    const struct {
        const char *callback, *whose;
        uint64_t rows, bytes;
    } bounds[] = { { callback, "this callback", CALLBACK_WAITING_ROWS, CALLBACK_WAITING_BYTES },
                   { "", "all callbacks", CALLBACKS_WAITING_ROWS, CALLBACKS_WAITING_BYTES } };
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++) {
        struct waiting_total total = { 0 };
        int done = store_deliveries_total(keeper->store, bounds[i].callback, &total, err);
        if (done < 0)
            return done;
        if (total.rows < bounds[i].rows && total.bytes + bytes <= bounds[i].bytes)
            continue;
        snprintf(ret_why, REASON_MAX_BYTES, "given up at once: %" PRIu64 " deliveries (%" PRIu64 " KiB) wait for %s",
                 total.rows, total.bytes / 1024, bounds[i].whose);
        return 1;
    }
    return 0;
}

static int find_room(struct keeper *keeper, struct delivery *delivery, uint64_t bytes, struct error *err)
{
    int full = outbox_is_full(keeper, delivery->callback, bytes, delivery->detail, err);
    if (full < 0)
        return full;
    if (full > 0) {
        delivery->state = DELIVERY_FAILED;
        delivery->ended_unix_ms = delivery->created_unix_ms;
    }
    deliveries_note_room(keeper, delivery, full > 0);
    return 0;
}

int outbox_add(struct keeper *keeper, const struct job_record *record, const struct telling *telling, struct error *err)
{
    struct msg_job report;
    struct delivery delivery = { .id = job_id_new(),
                                 .job_id = record->id,
                                 .event = (uint8_t)telling->event,
                                 .format = telling->format,
                                 .state = DELIVERY_WAITING,
                                 .created_unix_ms = clock_unix_ms() };
    int done = report_job(keeper, record, &report, err);
    if (done < 0)
        return done;
    delivery.due_unix_ms = delivery.created_unix_ms;
    text_copy(delivery.command, sizeof delivery.command, record->command);
    text_copy(delivery.callback, sizeof delivery.callback, telling->callback);
    text_copy(delivery.url, sizeof delivery.url, telling->url);
    auto_free char *body = telling->format == CALLBACK_FORMAT_HTTP_RUNNER
                               ? http_runner_body(keeper, record, &report)
                               : body_text(keeper, record, &report, telling, delivery.created_unix_ms);
    if (body == NULL)
        return fail(err, ENOMEM, "write what a callback says");
    keeper->deliveries.is_due = true;
    const struct span span = { (const uint8_t *)body, (uint32_t)strlen(body) }, nothing = { (const uint8_t *)"", 0 };
    done = find_room(keeper, &delivery, span.size, err);
    if (delivery.state != DELIVERY_WAITING && telling->format == CALLBACK_FORMAT_HTTP_RUNNER)
        return done < 0 ? done : store_delivery_add(keeper->store, &delivery, nothing, err);
    return done < 0 ? done : store_delivery_add(keeper->store, &delivery, span, err);
}

int outbox_renew(struct keeper *keeper, const struct delivery *delivery, struct error *err)
{
    struct job_record record;
    struct msg_job report;
    if (delivery->format != CALLBACK_FORMAT_HTTP_RUNNER)
        return 1;
    int found = store_job_read(keeper->store, &delivery->job_id, &record, err);
    if (found <= 0)
        return found;
    int done = report_job(keeper, &record, &report, err);
    if (done < 0)
        return done;
    auto_free char *body = http_runner_body(keeper, &record, &report);
    if (body == NULL)
        return fail(err, ENOMEM, "write what a callback says");
    const struct span span = { (const uint8_t *)body, (uint32_t)strlen(body) };
    done = store_delivery_body_set(keeper->store, &delivery->id, span, err);
    return done < 0 ? done : 1;
}
