#include "request_callback.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "authorize.h"
#include "keeper.h"
#include "outbox.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"
#include "sallyport/base/url.h"
#include "sallyport/proto/entries.h"
#include "sallyport/store/deliveries.h"

static bool refuse(char why[REASON_MAX_BYTES], const char *text)
{
    snprintf(why, REASON_MAX_BYTES, "%s", text);
    return false;
}

/* The URL of a request, below that of the configuration. */
static bool take_url(const struct setting_callback *callback, const char *text, char ret_url[URL_MAX_BYTES],
                     char why[REASON_MAX_BYTES])
{
    struct url url, prefix;
    const char *fault = url_parse(text, &url);
    if (fault != NULL) {
        snprintf(why, REASON_MAX_BYTES, "its URL %s", fault);
        return false;
    }
    if (url_parse(callback->url, &prefix) != NULL || !url_is_below(&url, &prefix))
        return refuse(why, "its URL is not below what this callback allows: the same scheme, host and port, and a path "
                           "that begins so");
    return url_write(&url, ret_url) || refuse(why, "its URL is too long");
}

bool request_callback_is_good(const struct setting_callback *callback, const char *url, char ret_url[URL_MAX_BYTES],
                              char why[REASON_MAX_BYTES])
{
    ret_url[0] = '\0';
    if (callback == NULL)
        return refuse(why, "there is no such callback");
    if (callback->is_prefix)
        return url[0] != '\0' ? take_url(callback, url, ret_url, why)
                              : refuse(why, "this callback needs a URL: {\"name\": NAME, \"url\": URL}");
    return url[0] == '\0' || refuse(why, "this callback has a URL of its own, and takes no other");
}

void request_callback_check(struct keeper *keeper, const struct submit *submit, struct writer *errors)
{
    const struct msg_submit *asked = submit->asked;
    char url[URL_MAX_BYTES], why[REASON_MAX_BYTES];
    if (asked->callback[0] == '\0' && asked->callback_url[0] == '\0')
        return;
    if (!request_callback_is_good(rules_find_callback(&keeper->rules, asked->callback), asked->callback_url, url, why))
        entries_add_text(errors, ENTRY_ERROR, "/callback", "callback", why);
    else if (asked->callback_format != CALLBACK_FORMAT_OWN && !may_read_own(submit->request->who))
        entries_add_text(errors, ENTRY_ERROR, "/callback", "callback",
                         "it is sent the output of the job, which who asks may not read (read:own)");
}

bool request_callback_has_room(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id)
{
    struct job_callback last;
    struct error err = { 0 };
    if (submit->asked->callback[0] == '\0')
        return true;
    int found = store_job_callback_next(keeper->store, job_id, CALLBACKS_OF_JOB_MAX - 1, &last, &err);
    if (found == 0)
        return true;
    if (found < 0) {
        request_fail(keeper, submit->request, &err);
        return false;
    }
    uint8_t room[256];
    struct writer errors = { room, sizeof room };
    entries_add_text(&errors, ENTRY_ERROR, "/callback", "max_items", "the job that it joins tells enough callbacks");
    request_refuse(keeper, submit->request,
                   &(struct refusal){ .status = 422,
                                      .code = "params-invalid",
                                      .errors = { room, (uint32_t)(sizeof room - errors.left) },
                                      .job_id = job_id,
                                      .command = submit->command->name },
                   "%d callbacks are told of the end of the job that is there already", CALLBACKS_OF_JOB_MAX);
    return false;
}

int request_callback_store(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id,
                           struct error *err)
{
    const struct msg_submit *asked = submit->asked;
    struct job_callback callback = { .format = asked->callback_format };
    char why[REASON_MAX_BYTES];
    if (asked->callback[0] == '\0')
        return 0;
    if (!request_callback_is_good(rules_find_callback(&keeper->rules, asked->callback), asked->callback_url,
                                  callback.url, why))
        return fail_plain(err, EINVAL, "a callback that was not checked: %s", why);
    text_copy(callback.callback, sizeof callback.callback, asked->callback);
    return store_job_callback_add(keeper->store, job_id, &callback, err);
}

/* Whether the commit that stores its end is yet to come. */
static bool end_is_to_come(struct keeper *keeper, const struct job_id *job_id)
{
    const struct job *job = job_find(keeper, job_id);
    return job != NULL && (!job_has_ended(job->record.state) || (job->due & DUE_TELL_END) != 0);
}

int request_callback_join(struct keeper *keeper, const struct submit *submit, const struct job_id *job_id,
                          struct error *err)
{
    struct job_record record;
    if (submit->asked->callback[0] == '\0')
        return 0;
    int done = request_callback_store(keeper, submit, job_id, err);
    if (done < 0 || end_is_to_come(keeper, job_id))
        return done;
    int found = store_job_read(keeper->store, job_id, &record, err);
    return found > 0 ? request_callbacks_tell(keeper, &record, err) : found;
}

int request_callbacks_tell(struct keeper *keeper, const struct job_record *record, struct error *err)
{
    struct job_callback named = { .number = 0 };
    int found;
    while ((found = store_job_callback_next(keeper->store, &record->id, named.number, &named, err)) > 0) {
        const struct telling telling = { .event = callback_event_of(record->state),
                                         .callback = named.callback,
                                         .url = named.url,
                                         .format = named.format };
        int done = outbox_add(keeper, record, &telling, err);
        if (done < 0)
            return done;
    }
    return found < 0 || named.number == 0 ? found : store_job_callbacks_remove(keeper->store, &record->id, err);
}
