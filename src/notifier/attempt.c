#include "attempt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

#include "keeper_link.h"
#include "notifier.h"
#include "request.h"

static void on_resolved(void *arg, const struct ip *ips, unsigned count, const char *why); /* first the addresses, */
static void on_deadline(evutil_socket_t fd, short what, void *arg); /* then the transfer, unless time is over */

/* Certificates and servers have their say in what libcurl reports. */
static void copy_plain(char *to, size_t room, const char *from)
{
    size_t used = 0;
    for (; *from != '\0' && used + 1 < room; from++)
        to[used++] = (char)(*from >= 0x20 && *from <= 0x7e ? *from : '?');
    to[used] = '\0';
}

static void attempt_free(struct attempt *attempt)
{
    struct notifier *notifier = attempt->notifier;
    lookup_cancel(attempt->lookup);
    if (attempt->easy != NULL)
        transfers_remove(&notifier->transfers, attempt->easy);
    request_done(attempt);
    if (attempt->deadline != NULL)
        event_free(attempt->deadline);
    order_done(&attempt->order);
    TAILQ_REMOVE(&notifier->attempts, attempt, in_all);
    notifier->attempt_count--;
    free(attempt);
}

/* The attempt is over, and gone when this returns. */
static void attempt_end(struct attempt *attempt, enum outcome outcome, const char *detail)
{
    struct notifier *notifier = attempt->notifier;
    struct msg_delivered delivered = { .delivery_id = attempt->delivery_id,
                                       .outcome = (uint8_t)outcome,
                                       .duration_ms = (uint32_t)(clock_monotonic_ms() - attempt->started_ms) };
    if (outcome == OUTCOME_ANSWERED) {
        delivered.status = attempt->reply.status;
        delivered.has_retry_after = attempt->reply.has_retry_after;
        delivered.retry_after_s = attempt->reply.retry_after_s;
    } else {
        copy_plain(delivered.detail, sizeof delivered.detail, detail);
    }
    text_copy(delivered.address, sizeof delivered.address, attempt->address);
    attempt_free(attempt);
    keeper_tell(notifier, &delivered);
}

static void attempt_fail(struct attempt *attempt, const struct error *err)
{
    attempt_end(attempt, err->code == EINVAL ? OUTCOME_INVALID : OUTCOME_INTERNAL, err->text);
}

/* Those of the addresses that the order allows; the first that it does not is noted for the case that none is left. */
static unsigned keep_allowed(struct attempt *attempt, const struct ip *ips, unsigned count, struct ip *ret_ips)
{
    const struct order *order = &attempt->order;
    unsigned kept = 0;
    for (unsigned i = 0; i < count; i++) {
        if (networks_allow(order->networks, order->network_count, &ips[i]))
            ret_ips[kept++] = ips[i];
        else if (attempt->address[0] == '\0')
            ip_text(&ips[i], attempt->address);
    }
    return kept;
}

static void attempt_send(struct attempt *attempt, const struct ip *ips, unsigned count)
{
    struct ip allowed[ADDRESSES_MAX];
    struct error err = { 0 };
    count = keep_allowed(attempt, ips, count, allowed);
    if (count == 0) {
        char detail[128];
        snprintf(detail, sizeof detail, "the address %s is not one that this callback may reach", attempt->address);
        attempt_end(attempt, OUTCOME_NETWORK_REFUSED, detail);
        return;
    }
    attempt->address[0] = '\0';
    int done = request_make(attempt, allowed, count, &err);
    if (done == 0)
        done = transfers_add(&attempt->notifier->transfers, attempt->easy, &err);
    if (done < 0)
        attempt_fail(attempt, &err);
}

static void on_resolved(void *arg, const struct ip *ips, unsigned count, const char *why)
{
    struct attempt *attempt = arg;
    attempt->lookup = NULL;
    if (count == 0)
        attempt_end(attempt, OUTCOME_DNS, why != NULL ? why : "the name has no address");
    else
        attempt_send(attempt, ips, count);
}

static void attempt_resolve(struct attempt *attempt)
{
    const struct resolver *resolver = &attempt->notifier->resolver;
    struct ip known[ADDRESSES_MAX];
    struct error err = { 0 };
    unsigned count = resolver_knows(resolver, attempt->order.url.host, known);
    if (count > 0) {
        attempt_send(attempt, known, count);
        return;
    }
    attempt->lookup = lookup_start(resolver, attempt->order.url.host, on_resolved, attempt, &err);
    if (attempt->lookup == NULL)
        attempt_end(attempt, OUTCOME_DNS, err.text);
}

void attempt_transferred(void *owner, CURLcode code)
{
    struct attempt *attempt = owner;
    char *ip = NULL;
    long port = 0;
    curl_easy_getinfo(attempt->easy, CURLINFO_PRIMARY_IP, &ip);
    curl_easy_getinfo(attempt->easy, CURLINFO_PRIMARY_PORT, &port);
    if (ip != NULL && ip[0] != '\0')
        snprintf(attempt->address, sizeof attempt->address, strchr(ip, ':') != NULL ? "[%s]:%ld" : "%s:%ld", ip, port);
    attempt_end(attempt, request_outcome(attempt, code),
                attempt->said[0] != '\0' ? attempt->said : curl_easy_strerror(code));
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct attempt *attempt = arg;
    (void)fd;
    (void)what;
    if (attempt->reply.is_answered)
        attempt_end(attempt, OUTCOME_ANSWERED, "");
    else
        attempt_end(attempt, OUTCOME_TIMEOUT,
                    attempt->lookup != NULL ? "no answer of the name servers in time" : "no answer in time");
}

static bool is_under_way(const struct notifier *notifier, const struct job_id *delivery_id)
{
    const struct attempt *attempt;
    TAILQ_FOREACH(attempt, &notifier->attempts, in_all)
    if (job_id_equal(&attempt->delivery_id, delivery_id))
        return true;
    return false;
}

static struct attempt *attempt_new(struct notifier *notifier, const struct job_id *delivery_id)
{
    struct attempt *attempt = calloc(1, sizeof *attempt);
    if (attempt == NULL)
        return NULL;
    attempt->notifier = notifier;
    attempt->delivery_id = *delivery_id;
    attempt->started_ms = clock_monotonic_ms();
    TAILQ_INSERT_TAIL(&notifier->attempts, attempt, in_all);
    notifier->attempt_count++;
    return attempt;
}

static int start_deadline(struct attempt *attempt, struct error *err)
{
    struct timeval wait = { attempt->order.timeout_ms / 1000, (attempt->order.timeout_ms % 1000) * 1000 };
    attempt->deadline = evtimer_new(attempt->notifier->base, on_deadline, attempt);
    if (attempt->deadline == NULL || event_add(attempt->deadline, &wait) < 0)
        return fail(err, ENOMEM, "start an attempt");
    return 0;
}

int attempt_begin(struct notifier *notifier, const struct msg_deliver *deliver, int body_fd, struct error *err)
{
    struct msg_delivered busy = { .delivery_id = deliver->delivery_id, .outcome = OUTCOME_BUSY };
    struct error why = { 0 };
    if (is_under_way(notifier, &deliver->delivery_id))
        return fail_plain(err, EBADMSG, "an order that is under way already");
    struct attempt *attempt =
        notifier->attempt_count < CALLBACKS_AT_ONCE ? attempt_new(notifier, &deliver->delivery_id) : NULL;
    if (attempt == NULL) {
        keeper_tell(notifier, &busy);
        return 0;
    }
    int done = order_read(deliver, body_fd, &attempt->order, &why);
    if (done == 0)
        done = start_deadline(attempt, &why);
    if (done < 0)
        attempt_fail(attempt, &why);
    else
        attempt_resolve(attempt);
    return 0;
}

void attempts_drop(struct notifier *notifier)
{
    struct attempt *attempt = TAILQ_FIRST(&notifier->attempts);
    while (attempt != NULL) {
        struct attempt *next = TAILQ_NEXT(attempt, in_all);
        attempt_free(attempt);
        attempt = next;
    }
}
