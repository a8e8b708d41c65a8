/*
 * A reload of the configuration that a caller asks for. It is recorded, then the doorbell rings, and the bootstrap does the rest.
 * Who asked waits for the word of a reload that began after the ring: one that was under way already (SIGHUP, another caller)
 * may have read the file before it was changed. The bootstrap counts our rings and says with each end how many it had heard at
 * the beginning, so those who asked together are answered together.
 */
#pragma once

#include <stdint.h>
#include <sys/queue.h>

#include "deed.h"

struct keeper;
struct msg_reloaded;

#define RELOAD_WAITERS_MAX 64 /* more are refused; the front has an answer for each within RELOAD_WAIT_MS */

struct reload_waiter {
    STAILQ_ENTRY(reload_waiter) in_list;
    struct deed deed;
    uint64_t ring; /* the number of its ring, from 1 */
    uint64_t deadline_ms;
};

struct reloads {
    STAILQ_HEAD(, reload_waiter) waiters; /* in the order of their rings */
    unsigned count;
    uint64_t rings;
};

void reloads_init(struct keeper *keeper);
void reloads_done(struct keeper *keeper);

/* The word of the bootstrap; the rules that the reload brought are in effect already. */
void reloads_take(struct keeper *keeper, const struct msg_reloaded *reloaded);

/* Answers those who have waited too long: every second. */
void reloads_check(struct keeper *keeper);
