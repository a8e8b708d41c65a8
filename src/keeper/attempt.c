#include "attempt.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "keeper.h"
#include "signature.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/entries.h"
#include "sallyport/store/deliveries.h"

/* API "Outbound callbacks": behind the first attempt, the second, and so on. */
static const uint32_t pauses_s[] = { 5, 30, 120, 600, 3600, 21600, 86400 };
#define PAUSE_COUNT (sizeof pauses_s / sizeof pauses_s[0])

/* What http-runner's receivers know, beside what all get. */
static bool write_format_fields(uint8_t format, uint64_t now_unix_ms, struct writer *out)
{
    char timestamp[24];
    snprintf(timestamp, sizeof timestamp, "%" PRIu64, now_unix_ms);
    return format != CALLBACK_FORMAT_HTTP_RUNNER ||
           (entries_add_text(out, ENTRY_FIELD, "Accept", "application/json", "") &&
            entries_add_text(out, ENTRY_FIELD, "X-Notify-Timestamp", timestamp, ""));
}

static int write_fields(const struct setting_callback *callback, const struct delivery *delivery, struct span body,
                        struct writer *out, struct error *err)
{
    char signature[SIGNATURE_BYTES], timestamp[24], id[JOB_ID_TEXT_BYTES];
    uint64_t now_unix_ms = clock_unix_ms(), now_s = now_unix_ms / 1000;
    job_id_text(&delivery->id, id);
    const struct span keys[CALLBACK_SECRETS_MAX] = { callback->secret, callback->old_secret };
    int done = signature_make(keys, id, now_s, body, signature, err);
    if (done < 0)
        return done;
    snprintf(timestamp, sizeof timestamp, "%" PRIu64, now_s);
    if (!entries_add_text(out, ENTRY_FIELD, "Content-Type", "application/json", "") ||
        !entries_add_text(out, ENTRY_FIELD, "webhook-id", id, "") ||
        !entries_add_text(out, ENTRY_FIELD, "webhook-timestamp", timestamp, "") ||
        !entries_add_text(out, ENTRY_FIELD, "webhook-signature", signature, "") ||
        !write_format_fields(delivery->format, now_unix_ms, out) || out->left < callback->fields.size)
        return fail_plain(err, EMSGSIZE, "the fields of its head are too many");
    if (callback->fields.size > 0)
        memcpy(out->at, callback->fields.data, callback->fields.size);
    out->at += callback->fields.size;
    out->left -= callback->fields.size;
    return 0;
}

int attempt_send(struct keeper *keeper, const struct setting_callback *callback, const struct delivery *delivery,
                 struct error *err)
{
    static uint8_t room[CALLBACK_FIELDS_MAX_BYTES];
    static struct msg_deliver order;
    struct writer out = { room, sizeof room };
    struct span body = { 0 };
    auto_fd int fd = -1;
    int done = store_delivery_body(keeper->store, &delivery->id, &body, err);
    if (done == 0)
        return fail_plain(err, ENOENT, "its record is gone");
    if (done > 0)
        done = write_fields(callback, delivery, body, &out, err);
    if (done == 0)
        done = memfd_sealed("sallyport-callback", body.data, body.size, false, &fd, err);
    if (done < 0)
        return done;
    order = (struct msg_deliver){ .delivery_id = delivery->id,
                                  .fields = { room, (uint32_t)(sizeof room - out.left) },
                                  .allow_net = callback->allow_net,
                                  .connect_timeout_ms = CALLBACK_CONNECT_DEFAULT_MS,
                                  .timeout_ms = callback->timeout_ms,
                                  .allows_plain = callback->allows_plain };
    if (order.connect_timeout_ms > order.timeout_ms)
        order.connect_timeout_ms = order.timeout_ms;
    text_copy(order.url, sizeof order.url, delivery->url[0] != '\0' ? delivery->url : callback->url);
    if (!peer_send(&keeper->notifier, MSG_DELIVER, 0, &order, &fd, 1))
        return fail_plain(err, EPIPE, "the notifier does not take it");
    return 0;
}

enum attempt_result delivery_judge(const struct msg_delivered *answer)
{
    if (answer->outcome == OUTCOME_BUSY)
        return ATTEMPT_NOT_SENT;
    if (answer->outcome == OUTCOME_INVALID)
        return ATTEMPT_REFUSED;
    if (answer->outcome != OUTCOME_ANSWERED)
        return ATTEMPT_AGAIN;
    uint32_t status = answer->status;
    if (status >= 200 && status < 300)
        return ATTEMPT_DELIVERED;
    if (status == 410)
        return ATTEMPT_GONE;
    return status == 408 || status == 425 || status == 429 || status >= 500 ? ATTEMPT_AGAIN : ATTEMPT_REFUSED;
}

/* With up to a fifth on top, so that many that failed together do not come back together. */
uint64_t delivery_pause_ms(uint32_t attempts, const struct msg_delivered *answer, uint32_t random)
{
    uint32_t index = attempts == 0 ? 0 : attempts > PAUSE_COUNT ? PAUSE_COUNT - 1 : attempts - 1;
    uint64_t pause_ms = pauses_s[index] * 1000ull;
    uint64_t asked_s = answer->retry_after_s < RETRY_AFTER_MAX_S ? answer->retry_after_s : RETRY_AFTER_MAX_S;
    if (answer->has_retry_after && asked_s * 1000 > pause_ms)
        pause_ms = asked_s * 1000;
    return pause_ms + random % (pause_ms / 5 + 1);
}

uint32_t attempt_random(void)
{
    uint32_t random = 0;
    return getrandom(&random, sizeof random, GRND_NONBLOCK) == sizeof random ? random : 0;
}

uint64_t attempt_hastened_ms(const struct keeper *keeper, uint64_t ms)
{
#if SALLYPORT_TEST_SWITCHES
    if (keeper->rules.settings.test_retry_speed > 1)
        return ms / keeper->rules.settings.test_retry_speed + 1;
#endif
    (void)keeper;
    return ms;
}

static const char *const outcome_texts[OUTCOME_COUNT] = {
    [OUTCOME_NONE] = "",
    [OUTCOME_ANSWERED] = "answered",
    [OUTCOME_DNS] = "the host's name was not found",
    [OUTCOME_NETWORK_REFUSED] = "its address is in no network that the callback may reach",
    [OUTCOME_CONNECT] = "no connection",
    [OUTCOME_TLS] = "no encrypted connection",
    [OUTCOME_TIMEOUT] = "no answer in time",
    [OUTCOME_PROTOCOL] = "the connection broke, or what came was no answer",
    [OUTCOME_TOO_LARGE] = "the answer's head was too large",
    [OUTCOME_BUSY] = "not sent yet: too much is under way",
    [OUTCOME_INVALID] = "cannot be sent",
    [OUTCOME_INTERNAL] = "not sent: memory or descriptors ran out",
};

void attempt_text(const struct msg_delivered *answer, char text[REASON_MAX_BYTES])
{
    if (answer->outcome == OUTCOME_ANSWERED)
        snprintf(text, REASON_MAX_BYTES, "answered with %" PRIu32, answer->status);
    else
        snprintf(text, REASON_MAX_BYTES, "%s", outcome_texts[answer->outcome]);
}
