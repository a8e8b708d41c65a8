/*
 * The notifier as a whole: two channels (the bootstrap's orders, the keeper's), the attempts that are under way, and what
 * the system said about names and certificates. Nothing outlives the process.
 */
#pragma once

#include <stdbool.h>
#include <sys/queue.h>

#include "sallyport/proto/channel.h"
#include "sallyport/proto/messages.h"

#include "resolver.h"
#include "transfers.h"
#include "trust.h"

struct attempt;
struct event;
struct event_base;

struct notifier {
    struct event_base *base;
    struct channel control; /* from the bootstrap; its end is our end */
    struct channel keeper;
    struct event *control_readable, *keeper_readable;
    struct event *patience; /* pending while there is no keeper */
    struct transfers transfers;
    struct resolver resolver;
    struct trust trust;
    TAILQ_HEAD(attempts, attempt) attempts;
    unsigned attempt_count;
    bool has_settings;
    bool is_stopping; /* the bootstrap asked for an orderly stop: the keeper's end is ours */
    bool is_broken;   /* the loop ended for a reason worth an exit status */
};

/* How the process gives up its rights. */
typedef int (*notifier_lockdown)(const struct msg_become *become, struct error *err);

/*
 * Reads what the bootstrap hands over on control_fd until MSG_BEGIN, calls lockdown, then serves until the bootstrap goes
 * away, or the keeper does in a drain. control_fd is taken over.
 */
int notifier_run(int control_fd, notifier_lockdown lockdown, struct error *err);

/* Ends the loop; is_broken asks to be started anew. */
void notifier_stop(struct notifier *notifier, bool is_broken);
