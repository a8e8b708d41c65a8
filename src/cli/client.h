/*
 * HTTP to the server: the one place that knows libcurl. Sends the token only in the Authorization header, and only
 * over loopback, a unix socket or TLS; follows no redirect; uses no proxy for this host itself.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;
struct client;
struct form;
struct error;

struct request {
    const char *method;      /* "GET", "POST" */
    const char *path;        /* with its query, escaped: "/v1/jobs?limit=20" */
    const json_t *body;      /* or NULL */
    const struct form *form; /* what goes with it, or NULL */
    const void *bytes;       /* a body of bytes as they are; or NULL */
    size_t byte_count;
    const char *bytes_type;      /* their media type; NULL: application/octet-stream */
    const char *const *fields;   /* more lines of the head, closed by NULL; or NULL */
    const char *accept;          /* NULL: application/json */
    const char *idempotency_key; /* or NULL */
    const char *if_none_match;   /* or NULL */
    const char *prefer;          /* or NULL */
    uint32_t timeout_ms;         /* of the whole exchange; 0: a minute. Streams have none */
};

struct response {
    long status; /* 0: there was no answer */
    char *body;  /* NUL-terminated; a stream's only if it was refused */
    size_t size;
    json_t *json; /* the body if it is JSON, else NULL */
    char etag[128];
    char job_id[32]; /* the header Sallyport-Job, "" without one */
    uint32_t retry_after_s;
};

/* How an exchange ended. */
enum exchange {
    EXCHANGE_ANSWERED,    /* with any status */
    EXCHANGE_STOPPED,     /* the sink wanted no more */
    EXCHANGE_UNREACHABLE, /* nothing was sent: no connection came about */
    EXCHANGE_LOST,        /* the connection broke, or fell silent; the request may have been served */
};

/* Who takes a stream's bytes. Both functions may make calls of their own on the client; nonzero ends the exchange. */
struct sink {
    int (*on_bytes)(void *arg, const char *data, size_t size);
    int (*on_wake)(void *arg); /* wake_fd can be read, or the deadline has come */
    int wake_fd;               /* or -1 */
    uint64_t deadline_ms;      /* monotonic; 0 for none */
    void *arg;
};

/* Finds address and token as the options and the environment say. No connection yet. Freed by client_free(). */
int client_new(const struct cli *cli, struct client **ret_client, struct error *err);
void client_free(struct client *client);

/* The server as people know it. */
const char *client_address(const struct client *client);

/* Whether it is on this host: over loopback, or a unix socket. */
bool client_is_local(const struct client *client);

/*
 * One exchange. -errno with a sentence when no answer came; any status is an answer. The caller gives ret_response to
 * response_done() in any case.
 */
int client_call(struct client *client, const struct request *request, struct response *ret_response, struct error *err);

/*
 * The same with the body of a 200 given to the sink as it comes. err is filled unless answered or stopped. A stream
 * without a byte for CLIENT_SILENCE_S is lost: the server sends something every 15 s.
 */
#define CLIENT_SILENCE_S 60
enum exchange client_stream(struct client *client, const struct request *request, const struct sink *sink,
                            struct response *ret_response, struct error *err);

/*
 * client_call() for when only success will do: -errno with a sentence also for any status but 2xx, and for a body that
 * is not JSON. The caller owns *ret_json.
 */
int client_ask(struct client *client, const struct request *request, json_t **ret_json, struct error *err);

/* Puts an answer that is no success into words: what the problem document says, and what to do. Returns -errno. */
int client_refusal(const struct client *client, const struct response *response, struct error *err);

/* Appends text to a path as one segment or one query value (RFC 3986), into at most room bytes. */
bool client_escape(char *path, size_t room, const char *text);

void response_done(struct response *response);
