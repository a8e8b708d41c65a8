#include "outbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "keeper.h"
#include "report.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/json/job.h"
#include "sallyport/store/deliveries.h"

/* The keeper prints JSON and parses none: what it prints is made of its own records. The caller frees. */
static char *body_text(const struct msg_job *report, enum callback_event event, uint64_t now_unix_ms)
{
    char type[32], time[CLOCK_TEXT_BYTES];
    snprintf(type, sizeof type, "job.%s", callback_event_text(event));
    json_t *body = json_object();
    json_object_set_new(body, "type", json_string(type));
    json_object_set_new(body, "timestamp", json_string(clock_text(now_unix_ms, time)));
    int done = json_object_set_new(body, "data", json_job(report));
    char *text = done == 0 ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    return text;
}

int outbox_add(struct keeper *keeper, const struct job_record *record, enum callback_event event, const char *callback,
               struct error *err)
{
    struct msg_job report;
    struct delivery delivery = { .id = job_id_new(),
                                 .job_id = record->id,
                                 .event = (uint8_t)event,
                                 .state = DELIVERY_WAITING,
                                 .created_unix_ms = clock_unix_ms() };
    int done = report_job(keeper, record, &report, err);
    if (done < 0)
        return done;
    delivery.due_unix_ms = delivery.created_unix_ms;
    text_copy(delivery.command, sizeof delivery.command, record->command);
    text_copy(delivery.callback, sizeof delivery.callback, callback);
    auto_free char *body = body_text(&report, event, delivery.created_unix_ms);
    if (body == NULL)
        return fail(err, ENOMEM, "write what a callback says");
    keeper->deliveries.is_due = true;
    const struct span span = { (const uint8_t *)body, (uint32_t)strlen(body) };
    return store_delivery_add(keeper->store, &delivery, span, err);
}
