#include "hook.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "keeper.h"
#include "request.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/text.h"
#include "sallyport/proto/hooks.h"

#define FULL_RETRY_AFTER_S 600
#define BUSY_RETRY_AFTER_S 5
#define STOP_RETRY_AFTER_S 10

int hooks_init(struct keeper *keeper, struct error *err)
{
    text_copy(keeper->hooks.others.hook, sizeof keeper->hooks.others.hook, METRICS_OTHER);
    if (getrandom(keeper->hooks.key, sizeof keeper->hooks.key, 0) != sizeof keeper->hooks.key)
        return fail(err, errno, "take random bytes");
    return 0;
}

void hooks_done(struct keeper *keeper)
{
    free(keeper->hooks.counts);
    keeper->hooks.counts = NULL;
    keeper->hooks.count_rows = 0;
}

static struct metric_hook *count_row(struct hooks *hooks, const char *name)
{
    for (uint32_t i = 0; i < hooks->count_rows; i++)
        if (strcmp(hooks->counts[i].hook, name) == 0)
            return &hooks->counts[i];
    struct metric_hook *larger = name[0] != '\0' && hooks->count_rows < 2 * HOOK_COUNT_MAX
                                     ? realloc(hooks->counts, (hooks->count_rows + 1) * sizeof *larger)
                                     : NULL;
    if (larger == NULL)
        return &hooks->others;
    hooks->counts = larger;
    struct metric_hook *row = &larger[hooks->count_rows++];
    *row = (struct metric_hook){ 0 };
    text_copy(row->hook, sizeof row->hook, name);
    return row;
}

void hook_count(struct keeper *keeper, const char *name, enum hook_result result)
{
    count_row(&keeper->hooks, name)->results[result]++;
}

/* --- tickets --------------------------------------------------------------------------------------------------------- */

static bool is_held(const struct keeper *keeper, const struct hook_ticket *ticket)
{
    return !job_id_is_none(&ticket->id) && ticket->epoch == keeper->front.epoch &&
           ticket->until_ms > clock_monotonic_ms();
}

/* The one of this delivery; NULL: none is held. */
static struct hook_ticket *ticket_find(struct keeper *keeper, const char *hook, const uint8_t identity[HASH_BYTES])
{
    for (unsigned i = 0; i < HOOK_TICKETS_MAX; i++) {
        struct hook_ticket *ticket = &keeper->hooks.tickets[i];
        if (is_held(keeper, ticket) && strcmp(ticket->delivery.hook, hook) == 0 &&
            hash_equal(ticket->delivery.identity, identity))
            return ticket;
    }
    return NULL;
}

/*
 * In the place of an older one of the same delivery, so that who saw one delivery has one ticket of its hook, however often he
 * sends it. NULL: as many of this hook, or of all, as there may be.
 */
static struct hook_ticket *ticket_new(struct keeper *keeper, const char *hook, const uint8_t identity[HASH_BYTES])
{
    struct hook_ticket *old = ticket_find(keeper, hook, identity);
    if (old != NULL)
        *old = (struct hook_ticket){ 0 };
    struct hook_ticket *free_one = NULL;
    unsigned of_hook = 0;
    for (unsigned i = 0; i < HOOK_TICKETS_MAX; i++) {
        struct hook_ticket *ticket = &keeper->hooks.tickets[i];
        if (!is_held(keeper, ticket))
            free_one = ticket;
        else
            of_hook += strcmp(ticket->delivery.hook, hook) == 0;
    }
    if (free_one == NULL || of_hook >= HOOK_CONCURRENCY_MAX)
        return NULL;
    *free_one = (struct hook_ticket){ .id = job_id_new(),
                                      .until_ms = clock_monotonic_ms() + HOOK_TICKET_MS,
                                      .epoch = keeper->front.epoch,
                                      .generation = keeper->rules.generation,
                                      .uses = 1 };
    return free_one;
}

bool hook_ticket_take(struct keeper *keeper, const struct job_id *id, struct hook_ticket *ret_ticket)
{
    for (unsigned i = 0; i < HOOK_TICKETS_MAX && !job_id_is_none(id); i++) {
        struct hook_ticket *ticket = &keeper->hooks.tickets[i];
        if (memcmp(ticket->id.bytes, id->bytes, JOB_ID_BYTES) != 0)
            continue;
        bool was_held = is_held(keeper, ticket);
        *ret_ticket = *ticket;
        if (--ticket->uses == 0)
            *ticket = (struct hook_ticket){ 0 };
        return was_held;
    }
    return false;
}

/* --- the proof -------------------------------------------------------------------------------------------------------- */

/* One delivery on its way through. */
struct arrival {
    const struct request *request;
    const struct msg_hook *asked;
    const struct rule_hook *hook; /* NULL: there is none of this name */
    struct hook_headers headers;
    uint8_t *body;
    size_t size;
    uint8_t identity[HASH_BYTES], unsigned_digest[HASH_BYTES]; /* once it is genuine */
};

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/* One that does not exist is verified, too: once over the body, as for a hook of one secret and SHA-256. */
static enum hook_verdict verify(struct keeper *keeper, struct arrival *arrival)
{
    static const struct hook_headers none = { "sha256=0000000000000000000000000000000000000000000000000000000000000000",
                                              NULL, NULL };
    const struct hook_secret nobodys = { keeper->hooks.key, sizeof keeper->hooks.key };
    const struct rule_hook *hook = arrival->hook;
    const struct hook_scheme *scheme = hook != NULL ? &hook->setting.scheme : hook_scheme_find("github");
    const struct hook_headers *headers = hook != NULL ? &arrival->headers : &none;
    enum hook_verdict verdict =
        hook_verify(scheme, hook != NULL ? hook->secrets : &nobodys, hook != NULL ? hook->secret_count : 1, headers,
                    arrival->body, arrival->size, clock_unix_ms() / 1000);
    return hook == NULL && verdict == HOOK_GENUINE ? HOOK_FORGED : verdict;
}

/* The same to everybody, whatever it was. */
static void refuse(struct keeper *keeper, const struct arrival *arrival, enum hook_verdict verdict)
{
    static const char *const causes[] = {
        [HOOK_UNSIGNED] = "unsigned", [HOOK_MALFORMED] = "malformed", [HOOK_STALE] = "too old", [HOOK_FORGED] = "forged"
    };
    char remark[REFUSALS_REMARK_BYTES];
    snprintf(remark, sizeof remark, "webhook %s: %s", arrival->hook != NULL ? arrival->asked->hook : "of no such name",
             causes[verdict]);
    hook_count(keeper, arrival->hook != NULL ? arrival->asked->hook : "",
               verdict == HOOK_STALE ? HOOK_RESULT_STALE : HOOK_RESULT_FORGED);
    request_refuse(keeper, arrival->request,
                   &(struct refusal){ .status = 401, .code = "hook-unproven", .remark = remark },
                   "the delivery is not proven to come from where it says");
}

static void refuse_replay(struct keeper *keeper, const struct arrival *arrival)
{
    char remark[REFUSALS_REMARK_BYTES];
    snprintf(remark, sizeof remark, "webhook %s: replayed", arrival->asked->hook);
    hook_count(keeper, arrival->asked->hook, HOOK_RESULT_REPLAYED);
    request_refuse(keeper, arrival->request,
                   &(struct refusal){ .status = 409, .code = "hook-replayed", .remark = remark },
                   "this body was delivered before, under another name or with another header or query");
}

static void refuse_busy(struct keeper *keeper, const struct arrival *arrival, uint32_t status, const char *code,
                        uint32_t after_s, const char *detail)
{
    hook_count(keeper, arrival->asked->hook, HOOK_RESULT_FAILED);
    request_refuse(keeper, arrival->request,
                   &(struct refusal){ .status = status, .code = code, .retry_after_s = after_s, .remark = detail },
                   "%s", detail);
}

/* It was here before, and started this. */
static void tell_again(struct keeper *keeper, const struct arrival *arrival, const struct hook_delivery *known)
{
    hook_count(keeper, arrival->asked->hook, HOOK_RESULT_AGAIN);
    request_answer(keeper, arrival->request, MSG_HOOK_ANSWER, &(struct msg_hook_answer){ .job_id = known->job_id });
}

/* The same in all that counts, while the first is on its way. */
static bool share_ticket(struct keeper *keeper, const struct arrival *arrival)
{
    struct hook_ticket *ticket = ticket_find(keeper, arrival->asked->hook, arrival->identity);
    if (ticket == NULL || ticket->generation != keeper->rules.generation ||
        strcmp(ticket->delivery.delivery, arrival->asked->delivery) != 0 ||
        !hash_equal(ticket->delivery.unsigned_digest, arrival->unsigned_digest))
        return false;
    ticket->uses++;
    ticket->until_ms = clock_monotonic_ms() + HOOK_TICKET_MS;
    request_answer(keeper, arrival->request, MSG_HOOK_ANSWER, &(struct msg_hook_answer){ .ticket = ticket->id });
    return true;
}

static void give_ticket(struct keeper *keeper, const struct arrival *arrival, const struct hook_delivery *known)
{
    if (share_ticket(keeper, arrival))
        return;
    struct hook_ticket *ticket = ticket_new(keeper, arrival->asked->hook, arrival->identity);
    if (ticket == NULL) {
        refuse_busy(keeper, arrival, 429, "rate-limited", BUSY_RETRY_AFTER_S,
                    "too many deliveries of this webhook are under way");
        return;
    }
    struct hook_delivery *delivery = &ticket->delivery;
    ticket->is_known = known != NULL;
    if (known != NULL) {
        *delivery = *known;
    } else {
        *delivery = (struct hook_delivery){ .id = job_id_new(), .created_unix_ms = clock_unix_ms() };
        memcpy(delivery->identity, arrival->identity, sizeof delivery->identity);
        memcpy(delivery->unsigned_digest, arrival->unsigned_digest, sizeof delivery->unsigned_digest);
        text_copy(delivery->hook, sizeof delivery->hook, arrival->asked->hook);
    }
    text_copy(delivery->delivery, sizeof delivery->delivery, arrival->asked->delivery);
    delivery->bytes = arrival->size;
    text_copy(delivery->address, sizeof delivery->address, arrival->asked->evidence.address);
    request_answer(keeper, arrival->request, MSG_HOOK_ANSWER, &(struct msg_hook_answer){ .ticket = ticket->id });
}

/*
 * What was accepted under another name, or started nothing with another header or query: that is not signed, so whoever saw the
 * delivery could have written it. What started nothing may have another name: it is looked at as if it had never come.
 */
static bool is_replay(const struct arrival *arrival, const struct hook_delivery *known)
{
    if (known->fate == HOOK_ACCEPTED)
        return strcmp(known->delivery, arrival->asked->delivery) != 0;
    return !hash_equal(known->unsigned_digest, arrival->unsigned_digest);
}

/* Genuine; was it here before, and is there room to remember it? */
static void admit(struct keeper *keeper, const struct arrival *arrival)
{
    struct hook_delivery known;
    struct error err = { 0 };
    uint64_t rows = 0;
    int found = store_hook_delivery_find(keeper->store, arrival->asked->hook, arrival->identity, &known, &err);
    int done = found == 0 ? store_hook_deliveries_count(keeper->store, arrival->asked->hook, &rows, &err) : 0;
    if (found < 0 || done < 0) {
        hook_count(keeper, arrival->asked->hook, HOOK_RESULT_FAILED);
        request_fail(keeper, arrival->request, &err);
    } else if (found > 0 && is_replay(arrival, &known)) {
        refuse_replay(keeper, arrival);
    } else if (found > 0 && known.fate == HOOK_ACCEPTED) {
        tell_again(keeper, arrival, &known);
    } else if (keeper->shutdown.is_on) {
        refuse_busy(keeper, arrival, 503, "draining", STOP_RETRY_AFTER_S,
                    "the service is stopping and takes no new work");
    } else if (found == 0 && rows >= HOOK_LOG_ROWS) {
        refuse_busy(keeper, arrival, 503, "store-full", FULL_RETRY_AFTER_S,
                    "as many deliveries of this webhook are remembered as there may be");
    } else {
        give_ticket(keeper, arrival, found > 0 ? &known : NULL);
    }
}

void hook_take(struct keeper *keeper, const struct message *message)
{
    const struct msg_hook *asked = &message->body.hook;
    const struct request request = {
        .id = message->request_id, .type = MSG_HOOK, .evidence = &asked->evidence, .stdin_fd = -1, .files_fd = -1
    };
    struct arrival arrival = { .request = &request,
                               .asked = asked,
                               .hook = rule_hook_find(&keeper->rules.hooks, asked->hook),
                               .headers = { or_null(asked->signature), or_null(asked->timestamp),
                                            or_null(asked->delivery) } };
    struct error err = { 0 };
    auto_free uint8_t *body = NULL;
    int done = memfd_read_sealed(message->fds[0], HOOK_BODY_MAX_BYTES, &body, &arrival.size, &err);
    if (done < 0 && done != -ENOMEM) {
        peer_break(&keeper->front, err.text);
        return;
    }
    arrival.body = body;
    enum hook_verdict verdict = done == 0 ? verify(keeper, &arrival) : HOOK_NO_MEMORY;
    if (verdict == HOOK_GENUINE) {
        hook_identity(&arrival.hook->setting.scheme, &arrival.headers, body, arrival.size, arrival.identity);
        hash_sha256(asked->unsigned_parts.data, asked->unsigned_parts.size, arrival.unsigned_digest);
        admit(keeper, &arrival);
    } else if (verdict == HOOK_NO_MEMORY) {
        fail(&err, ENOMEM, "look at a webhook");
        hook_count(keeper, arrival.hook != NULL ? asked->hook : "", HOOK_RESULT_FAILED);
        request_fail(keeper, &request, &err);
    } else {
        refuse(keeper, &arrival, verdict);
    }
}
