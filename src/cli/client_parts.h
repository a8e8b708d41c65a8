/* What client.c and client_words.c share, and nobody else looks into. */
#pragma once

#include <curl/curl.h>

#include "address.h"
#include "credentials.h"

struct error;

struct client {
    struct address address;
    struct credentials credentials;
    CURL *call, *stream; /* two, for a call may be made while a stream is open */
    CURLM *multi;        /* of the stream */
};

/* Puts a failed exchange into one sentence that says what to do. */
void client_explain(const struct client *client, CURL *easy, CURLcode code, const char *curl_text, struct error *err);
