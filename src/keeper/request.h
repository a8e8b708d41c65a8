/* A request of the front, after its evidence was looked at, and the ways to answer it. */
#pragma once

#include "rules.h"
#include "sallyport/proto/frame.h"

struct error;
struct intake;
struct job_record;
struct keeper;
struct own_submit;

struct request {
    uint32_t id;
    enum msg_type type;
    const struct evidence *evidence;
    const struct caller *who; /* NULL: unknown; then the answer is 401 whatever was asked */
    int stdin_fd, files_fd;   /* of a submit; stdin_fd also the bytes for a stream; or -1; the message owns them */
    struct intake *intake;    /* of a submit whose standard input and files are stored, or NULL */
    struct own_submit *own;   /* the keeper's own submit (own_submit.h): nobody at the front waits; or NULL */
    bool is_trial;            /* what is refused is the answer (submit_trial.c), and no refusal */
};

struct refusal {
    uint32_t status;  /* of HTTP */
    const char *code; /* of the API */
    uint32_t retry_after_s;
    struct span errors;          /* entries */
    const struct job_id *job_id; /* for the audit trail; or NULL */
    const char *command;         /* the same */
    const char *remark;          /* for the audit trail alone, where nobody is known: why */
    const char *rate_of;         /* whose rate was exceeded, */
    struct rate rate;            /* and which; or NULL */
};

/* Records the refusal, then answers. */
void request_refuse(struct keeper *keeper, const struct request *request, const struct refusal *refusal,
                    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* For what could not be read or stored: 503 store-full or 500 internal. The cause goes to the log alone. */
void request_refusal(const struct error *err, struct msg_refused *ret_refused);
void request_fail(struct keeper *keeper, const struct request *request, const struct error *err);

/* It is not what an honest sender makes: the front is let go; a submit of our own is refused. */
void request_distrust(struct keeper *keeper, const struct request *request, const char *why);

/* How long from now to that time, in seconds, never less than one. */
uint32_t request_retry_after_s(uint64_t now_unix_ms, uint64_t until_unix_ms);

/* What only an administrator may ask for. False for all others; then the refusal is on its way. */
bool request_is_for_admin(struct keeper *keeper, const struct request *request);

void request_answer(struct keeper *keeper, const struct request *request, enum msg_type type, const void *body);
