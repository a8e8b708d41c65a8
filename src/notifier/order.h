/*
 * One order of the keeper, looked at as if the keeper were lost, and made ready for use. What is wrong with it is an answer
 * and no reason to leave the keeper: one bad order shall not hold up the others.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "sallyport/base/network.h"
#include "sallyport/base/url.h"

struct curl_slist;
struct error;
struct msg_deliver;

struct order {
    char text[URL_MAX_BYTES]; /* of the URL */
    struct url url;           /* points into text: an order stays where it was read to */
    struct curl_slist *fields;
    struct network networks[CALLBACK_NETWORKS_MAX];
    unsigned network_count;
    void *body; /* mapped, and sealed: it cannot change under us; NULL when it is empty */
    size_t body_bytes;
    uint32_t connect_timeout_ms, timeout_ms;
};

/* -EINVAL for an order that cannot be carried out, -ENOMEM; order_done() takes what is left in any case. */
int order_read(const struct msg_deliver *deliver, int body_fd, struct order *order, struct error *err);
void order_done(struct order *order);
