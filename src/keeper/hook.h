/*
 * Inbound webhooks. A delivery comes in two steps: the front hands over the body as it came, and what its headers say of it;
 * here it is proven (hook.c), and a ticket goes back. Then the front reads the body, and says with the ticket what follows
 * from it (hook_run.c): a job, whose constants it does not know, or nothing.
 *
 * Only what is genuine is noted in the database, in the commit that accepts its job. So a keeper that dies between the two
 * steps has forgotten the delivery, and its sender, who heard no good answer, sends it again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/proto/metrics.h"
#include "sallyport/store/hook_deliveries.h"

struct error;
struct keeper;
struct message;
struct request;

/* That a delivery was proven, for the front that asked. */
struct hook_ticket {
    struct job_id id;    /* all zero: free */
    uint64_t until_ms;   /* monotonic */
    unsigned epoch;      /* of the front's connection */
    uint32_t generation; /* of the rules by which it was proven: others may mean something else by it */
    unsigned uses;       /* the same delivery, twice at once, has one ticket */
    bool is_known;       /* the row is in the database: it came before, and started nothing */
    struct hook_delivery delivery;
};

struct hooks {
    uint8_t key[32]; /* random: what a hook that does not exist is verified with */
    struct hook_ticket tickets[HOOK_TICKETS_MAX];
    struct metric_hook *counts; /* of hooks that are, or were, in the configuration */
    uint32_t count_rows;
    struct metric_hook others;
};

int hooks_init(struct keeper *keeper, struct error *err);
void hooks_done(struct keeper *keeper);

/* MSG_HOOK and MSG_HOOK_RUN, which show no credential. */
void hook_take(struct keeper *keeper, const struct message *message);
void hook_run(struct keeper *keeper, const struct message *message);

/* Takes the ticket back, for one of those who got it. False: there is none, or it is too old, or another front's. */
bool hook_ticket_take(struct keeper *keeper, const struct job_id *id, struct hook_ticket *ret_ticket);

/* name: of the configuration, or "". */
void hook_count(struct keeper *keeper, const char *name, enum hook_result result);
