/*
 * libcurl in our event loop: it says which sockets it waits for and until when, and is called when that has come. Knows
 * nothing of callbacks.
 */
#pragma once

#include <curl/curl.h>

struct error;
struct event;
struct event_base;

/* A transfer is over; `owner` is its CURLOPT_PRIVATE. It may be removed, and others added. */
typedef void transfer_ended(void *owner, CURLcode code);

struct transfers {
    CURLM *multi;
    struct event_base *base;
    struct event *timer;
    transfer_ended *ended;
};

/* Makes a socket pair, so it comes before the lockdown. Takes no connection over from one transfer to the next. */
int transfers_open(struct transfers *transfers, struct event_base *base, transfer_ended *ended, struct error *err);

/* All transfers were removed. Takes one that was zeroed, too. */
void transfers_close(struct transfers *transfers);

int transfers_add(struct transfers *transfers, CURL *easy, struct error *err);
void transfers_remove(struct transfers *transfers, CURL *easy); /* not from within libcurl's callbacks */
