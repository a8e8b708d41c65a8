/*
 * The questions put to the keeper, one function for each message, and the way back of its answers.
 *
 * A question lives inside the request that asks it and is known to the keeper by a number. The first answer of a kind that
 * was not asked for is a breach of the protocol: the keeper is dropped, and the bootstrap hands over a new one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/proto/messages.h"

struct ask;
struct channel;
struct front;
struct message;
struct request;

/*
 * Takes one answer, and the descriptors that it wants out of it. The request may be gone when it returns. For a request that
 * hears all (has_started, hears_all) `message` is NULL when the keeper is gone or silent, and may be MSG_REFUSED; for all
 * others these are a 503 and the problem document of the refusal, and nothing comes here.
 */
typedef void (*ask_answered)(struct request *request, struct message *message);

struct ask {
    struct ask *next; /* of the same bucket */
    struct request *request;
    ask_answered answered;
    uint64_t expects; /* bit n: message type MSG_STATUS + n may answer */
    uint32_t number;  /* 0: not asked */
    bool is_watch;
    unsigned fds_awaited; /* descriptors that are on their way */
};

#define ASK_BUCKETS 1024

struct asks {
    struct ask *buckets[ASK_BUCKETS];
    uint32_t last_number;
    unsigned count;
    unsigned fds_awaited;
};

/*
 * Each asks with the evidence of its request, through request->asks[0] (output: asks[1], so that a stream watches both).
 * False if the keeper is not there: it was told as above, so the request is gone or handled: return at once.
 */
bool ask_whoami(struct request *request, ask_answered answered);
bool ask_list_commands(struct request *request, ask_answered answered);
bool ask_submit(struct request *request, struct msg_submit *submit, int stdin_fd, int files_fd, ask_answered answered);
bool ask_call(struct request *request, struct msg_submit *submit, int stdin_fd, int files_fd, ask_answered answered);
bool ask_list_functions(struct request *request, struct msg_list_functions *list, ask_answered answered);
bool ask_change_functions(struct request *request, struct msg_change_functions *change, ask_answered answered);
bool ask_pause(struct request *request, struct msg_pause *pause, ask_answered answered);
bool ask_read_job(struct request *request, bool watch, ask_answered answered);
bool ask_read_output(struct request *request, bool watch, ask_answered answered);
bool ask_read_artifacts(struct request *request, ask_answered answered);
bool ask_list_callbacks(struct request *request, struct msg_list_callbacks *list, ask_answered answered);
bool ask_redeliver(struct request *request, ask_answered answered);
bool ask_list_callers(struct request *request, uint32_t from, ask_answered answered);
bool ask_list_schedules(struct request *request, ask_answered answered);
bool ask_hook(struct request *request, struct msg_hook *hook, int body_fd, ask_answered answered);
bool ask_hook_run(struct request *request, struct msg_hook_run *run, ask_answered answered);
bool ask_list_hooks(struct request *request, ask_answered answered);
bool ask_list_hook_deliveries(struct request *request, struct msg_list_hook_deliveries *list, ask_answered answered);
bool ask_hook_redeliver(struct request *request, struct msg_hook_redeliver *again, ask_answered answered);
bool ask_list_steps(struct request *request, ask_answered answered);
bool ask_list_jobs(struct request *request, struct msg_list_jobs *list, ask_answered answered);
bool ask_cancel(struct request *request, struct msg_cancel *cancel, ask_answered answered);
bool ask_stdin(struct request *request, struct msg_stdin *chunk, int bytes_fd, ask_answered answered);
bool ask_signal(struct request *request, struct msg_signal *signal, ask_answered answered);
bool ask_read_metrics(struct request *request, ask_answered answered);
bool ask_follow(struct request *request, struct msg_follow *follow, ask_answered answered);
bool ask_reload(struct request *request, ask_answered answered);
bool ask_drain(struct request *request, struct msg_drain *drain, ask_answered answered);
bool ask_read_drain(struct request *request, ask_answered answered);

/* login: without evidence, whatever the request shows. */
bool ask_login(struct request *request, struct msg_login *login, ask_answered answered);
bool ask_read_session(struct request *request, ask_answered answered);
bool ask_logout(struct request *request, ask_answered answered);

/* After one part of an answer in parts: the keeper's time for the next part starts now. */
void ask_expect_more(struct request *request);

/* The descriptors have come. */
void ask_fds_came(struct ask *ask);

/* Later answers mean nothing any more; a watch is taken back. Takes one that was never asked. */
void ask_forget(struct ask *ask);

/* The question with this number, or NULL. */
struct ask *asks_find(struct asks *asks, uint32_t number);

/* Whether a message of this type, from MSG_STATUS to MSG_REFUSED, may answer it. */
bool ask_expects(const struct ask *ask, enum msg_type type);

/* 503; the request is gone. */
void refuse_keeper_down(struct request *request, const char *detail);
