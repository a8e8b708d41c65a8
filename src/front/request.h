/*
 * One request of a client, from its head to the last byte of the answer. Made by http.c, freed by whatever answers it or by
 * the client's going away; both take its questions to the keeper back.
 *
 * After any function here that answers, the request is gone: return at once.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "sallyport/proto/messages.h"

#include "fields.h"
#include "keeper_ask.h"
#include "path.h"
#include "query.h"
#include "rights.h"

struct evbuffer;
struct event;
struct evhttp_connection;
struct dialect;
struct evhttp_request;
struct front;
struct guard;
struct problem;
struct route;

enum { ASK_MAIN, ASK_OUTPUT, ASK_COUNT };

struct request {
    struct front *front;
    struct request *next, **link; /* among the front's open ones */
    struct evhttp_request *http;
    struct evhttp_connection *connection;
    struct event *gone;  /* the client closed its end */
    struct guard *guard; /* of the connection */
    struct event *timer; /* one wait at a time */
    void (*on_timer)(struct request *request);
    void (*on_head)(struct request *request, json_t *head); /* output_head.c */
    rights_known on_rights;                                 /* rights.c */
    unsigned rights_tries;
    const struct dialect *dialect; /* how it is spoken to */
    const struct route *route;     /* of that; NULL while none was found */
    uint64_t began_us;             /* monotonic: when all of it was there */
    bool is_head;                  /* HEAD: all of the answer but its body */
    bool is_known;                 /* the keeper accepted the evidence */
    bool has_started;              /* the head of a stream is out: no more problem documents */
    bool hears_all;                /* refusals and the keeper's end are for the handler to answer */
    bool closes;                   /* the connection ends with this answer */
    bool lingers;                  /* and it does so slowly (guard.c) */
    bool is_tls;
    bool is_private; /* nobody on the way reads along: TLS, a unix socket, or a proxy of ours says so */
    bool is_unix;    /* a unix socket: it has no address, and no browser comes over it */
    char id[REQUEST_ID_BYTES];
    struct path_match path;
    struct query query;
    struct prefer prefer;
    struct evidence evidence; /* its secret points into the request's head, or to one of the two that follow */
    char claims[CLAIMS_MAX_BYTES];
    uint8_t basic[SECRET_MAX_BYTES];
    int peer_fd; /* the connection's own descriptor for EVIDENCE_PEER, else -1; not owned */
    struct ask asks[ASK_COUNT];
    size_t flow_bytes;    /* of the front's, for a chunk of the answer that has not left yet */
    struct problem *held; /* told once the keeper knows the caller */
    void *state;          /* of the route's handler */
    void (*free_state)(void *state);
};

/* NULL when memory is short; the caller then has the connection closed. */
struct request *request_new(struct front *front, struct evhttp_request *http);

/* Lets go of the client's request without an answer; for those who answered already, or whose client is gone. */
void request_free(struct request *request);

/* The guard tells that the connection ends, whoever ends it. */
void request_connection_closed(struct request *request);

/* Ends the connection at once, in the middle of whatever was being said. */
void request_abort(struct request *request);

/* A header field of the request, or NULL. */
const char *request_header(const struct request *request, const char *name);

/* Adds a header field to the answer. A value with control characters is dropped: it could split the answer in two. */
void request_add_header(struct request *request, const char *name, const char *value);
void request_add_header_number(struct request *request, const char *name, uint64_t number);

/* Calls `on_timer` once after that time; replaces the timer before. 0 stops it. */
void request_set_timer(struct request *request, uint32_t after_ms, void (*on_timer)(struct request *request));

/* Answers. json is taken over. text is one line. */
void request_reply_json(struct request *request, unsigned status, const char *content_type, json_t *json);
void request_reply_bytes(struct request *request, unsigned status, const char *content_type, const void *data,
                         size_t size);
void request_reply_text(struct request *request, unsigned status, const char *text);
void request_reply_empty(struct request *request, unsigned status);

/* Begins an answer whose body follows piece by piece; has_started is true afterwards. */
void request_start(struct request *request, unsigned status, const char *content_type);

/* Ends it; the request is gone. */
void request_finish(struct request *request);
