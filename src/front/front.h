/*
 * The front as a whole: the process that reads network bytes and holds no authority. It knows two channels (the
 * bootstrap's orders and the keeper's answers), the listening sockets it was handed, the public half of the
 * configuration, and the requests that are open.
 *
 * Nothing here decides who may do what. Every request carries its caller's evidence to the keeper.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/proto/channel.h"
#include "sallyport/proto/messages.h"

#include "crowd.h"
#include "guard.h"
#include "hook_rate.h"
#include "hook_visits.h"
#include "http_counts.h"
#include "keeper_ask.h"
#include "public_settings.h"

struct event;
struct event_base;
struct dialect;
struct evhttp;
struct evhttp_bound_socket;
struct request;

struct listener {
    struct front *front;
    int fd; /* handed over; -1 once evhttp has it */
    bool is_tls;
    bool is_own;                   /* a predecessor's: nothing else is served there */
    const struct dialect *dialect; /* that is spoken there first */
    struct evhttp *http;
    struct evhttp_bound_socket *bound;
};

struct front {
    struct event_base *base;
    struct channel control; /* from the bootstrap; its end is our end */
    struct channel keeper;
    struct event *control_readable, *keeper_readable;
    uint64_t keeper_left_ms;    /* when the keeper went; 0 while there is one */
    struct event *accept_again; /* pending while descriptors ran out and the listeners rest */
    struct listener listeners[LISTENER_COUNT_MAX];
    unsigned listener_count;
    bool is_open; /* they are served */
    struct public_settings settings;
    struct guards guards; /* one for each connection */
    struct crowd crowd;
    uint64_t crowd_told_ms; /* when the log last said that an address had too many */
    struct asks asks;
    struct request *requests; /* every open one */
    uint64_t flow_bytes;      /* of answers' chunks that have not left yet */
    unsigned gzips;           /* answers that are being compressed */
    struct hook_rates hook_rates;
    struct hook_visits hook_visits;
    unsigned searches;      /* requests that look through output */
    uint64_t uploads_bytes; /* of large bodies that are held or on their way */
    uint64_t bodies_begun;  /* since the start */
    uint64_t bodies_bytes;  /* of the others that are held, but for the first bytes of each */
    struct http_counts counts;
    unsigned scrapes;         /* texts of metrics that were not taken yet */
    struct msg_status status; /* what the keeper said last */
    bool has_status;
    unsigned descriptors_max; /* all that may be open at once */
    bool is_stopping;         /* the bootstrap asked for an orderly stop */
    bool is_broken;           /* the loop ended for a reason worth an exit status */
};

/* How the process gives up its rights; tests pass one that keeps them. */
typedef int (*front_lockdown)(const struct msg_become *become, struct error *err);

/*
 * Reads what the bootstrap hands over on control_fd until MSG_BEGIN, calls lockdown, then serves until the bootstrap
 * goes away or the orderly stop is over. control_fd is taken over.
 */
int front_run(int control_fd, front_lockdown lockdown, struct error *err);
