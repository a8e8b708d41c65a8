/*
 * The keeper: decides who may do what, and keeps every record and every byte of output. One struct, one loop, one thread;
 * beside it one that only unlinks (unlinker.h), and one that only compares passwords (verifier.h).
 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "alarms.h"
#include "copies.h"
#include "delivery.h"
#include "drain.h"
#include "feed.h"
#include "hook.h"
#include "intake.h"
#include "job_table.h"
#include "login.h"
#include "metrics.h"
#include "output_sync.h"
#include "pause.h"
#include "peer.h"
#include "queue.h"
#include "refusals.h"
#include "reload.h"
#include "removals.h"
#include "retention.h"
#include "rules.h"
#include "sessions.h"
#include "shutdown.h"
#include "stdin_chunk.h"
#include "throttle.h"
#include "turn.h"
#include "watch.h"
#include "workers.h"

struct error;
struct store;

struct keeper {
    struct event_base *base;
    struct store *store;
    int state_fd; /* "/", which is the state directory */
    int null_fd;  /* where output beyond the limit goes: there is no /dev in our root */
    int doorbell_fd;
    struct rules rules, draft; /* draft: a new policy whose settings have not come yet */
    bool is_rules_entry_due;   /* the audit trail does not say yet that they took effect */
    struct channel control;
    struct event *control_readable;
    struct event *tick; /* once a second: expiry, held back refusals, old keys */
    unsigned ticks;
    struct peer front, launcher;
    struct peer notifier; /* while there are callbacks */
    uint64_t incarnation; /* of the launcher that said hello last; 0: none yet */
    uint32_t held_left;   /* jobs that it has not named yet */
    bool has_hello;
    struct turn turn;
    struct job_table jobs;
    struct queue queue;
    struct alarms alarms;
    struct deliveries deliveries;
    struct hooks hooks;
    TAILQ_HEAD(, job) sequences_due; /* sequence.h */
    struct pauses pauses;
    struct watches watches;
    struct feeds feeds;
    struct refusals refusals; /* of callers whom nobody knows */
    struct refusals faults;   /* for which a front, launcher or notifier was let go */
    struct throttle throttle;
    struct shutdown shutdown;
    struct reloads reloads;
    struct drain drain;
    struct sweep sweep;
    struct removals removals;
    struct unlinker unlinker;
    struct verifier verifier;
    struct logins logins;
    struct sessions sessions;
    struct copies copies;
    struct intakes intakes;
    struct stdin_chunks stdin_chunks;
    struct output_syncs output_syncs;
    struct metrics metrics;
    int exit_code;
};

/*
 * Everything but the peers. Takes over the three descriptors (doorbell_fd may be -1), the workers and the rules.
 *
 *   base            taken over; made before the lockdown, because making one needs a socket pair
 *   database_path   "/jobs.db" when locked down
 */
int keeper_new(struct event_base *base, int state_fd, int null_fd, int doorbell_fd, struct workers *workers,
               const char *database_path, struct rules *rules, struct keeper **ret_keeper, struct error *err);
void keeper_free(struct keeper *keeper);

/* New rules take the place of the old: effective for the next request, and for every open watch. */
void keeper_change_rules(struct keeper *keeper, struct rules *draft);

/* A new peer from the bootstrap. Takes over fd. */
void keeper_connect(struct keeper *keeper, enum process process, int fd);

/* Ends the loop with this exit code. */
void keeper_stop(struct keeper *keeper, int exit_code);
