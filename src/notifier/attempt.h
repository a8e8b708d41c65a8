/*
 * One attempt: an order, the look-up of its host, the transfer, the answer to the keeper. Then nothing of it is left.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <curl/curl.h>

#include "order.h"
#include "reply.h"
#include "sallyport/proto/messages.h"

struct event;
struct lookup;
struct notifier;

struct attempt {
    TAILQ_ENTRY(attempt) in_all;
    struct notifier *notifier;
    struct job_id delivery_id;
    struct order order;
    struct event *deadline; /* for all of it */
    uint64_t started_ms;
    struct lookup *lookup;           /* while the name is looked up */
    CURL *easy;                      /* from then on */
    CURLSH *cache;                   /* of the addresses that this attempt may use, and no other */
    struct curl_slist *pinned;       /* what it is told */
    char said[CURL_ERROR_SIZE];      /* by libcurl, about what went wrong */
    bool was_refused;                /* an address, because the order does not allow it */
    char address[ADDRESS_MAX_BYTES]; /* connected to, or tried last */
    struct reply reply;
};

/* -EBADMSG for an order that is under way already; whatever else becomes of it, the keeper is told. */
int attempt_begin(struct notifier *notifier, const struct msg_deliver *deliver, int body_fd, struct error *err);

/* A transfer_ended: the owner is an attempt. */
void attempt_transferred(void *owner, CURLcode code);

/* All that are under way, without a word. */
void attempts_drop(struct notifier *notifier);
