/*
 * The launcher: the process without capabilities that gives orders to the slots. Private to src/launcher/.
 *
 * Three parties speak to it. The bootstrap is believed: what it says wrongly is a fault of ours, and ends the launcher.
 * The keeper is a claimant: it names a command by index, and everything is checked again against our own policy. A slot's
 * supervisor is a stranger who is asked about the fate of the one job in its slot, and about nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/policy/policy.h"
#include "sallyport/policy/policy_match.h"
#include "sallyport/proto/channel.h"
#include "sallyport/proto/settings.h"
#include "slot.h"
#include "start_record.h"

struct event;
struct event_base;

enum phase { PHASE_HANDOVER = 1, PHASE_SERVING = 2, PHASE_STOPPING = 4 };

struct launcher {
    struct event_base *base;
    enum phase phase;
    struct channel control, keeper;
    struct event *control_readable, *keeper_readable;

    bool has_become;
    struct msg_become become;
    int cgroup_fd; /* below it jobs' groups are made; -1 for none */
    struct start_file starts;
    int null_fd; /* /dev/null, the standard input of jobs without one */

    struct policy *policy; /* in force, with its matcher and settings */
    struct matcher *matcher;
    struct setting_launcher settings;
    struct policy *next_policy; /* arrived, and waits for the settings of its generation */

    struct slot *slots[SLOT_COUNT_MAX]; /* in the order of arrival */
    uint32_t slot_count;
    bool is_keeper_greeted;
    uint64_t
        doubts_since_ms; /* monotonic: what a strange keeper asks for is told a few times in a while, and then counted */
    uint32_t doubts;
    struct event *patience; /* for supervisors that never become ready: then the keeper is greeted without them */
};

void launcher_init(struct launcher *launcher);

/* handover.c: one message of the bootstrap, before and after MSG_BEGIN. Takes what it needs of its descriptors. */
int handover_take(struct launcher *launcher, struct message *message, struct error *err);

/* lockdown.c: gives up all that is not needed to serve, and reads it back. */
int launcher_lock_down(const struct launcher *launcher, struct error *err);

/* launcher_answer.c: one message of the keeper, checked against the table of what is honoured, and when. */
void launcher_take(struct launcher *launcher, struct message *message);

/* launch.c */
void launch_job(struct launcher *launcher, const struct msg_launch *order, uint32_t request_id, int stdin_fd,
                int files_fd);

/*
 * keeper_tell.c: what the keeper hears. All of it is dropped while there is no keeper, or before it was greeted; what
 * still matters then is told by the greeting.
 */
int keeper_join(struct launcher *launcher, int fd, struct error *err); /* takes fd over; the old keeper is dropped */
void keeper_drop(struct launcher *launcher);
void keeper_greet_if_ready(struct launcher *launcher);
void tell_not_launched(struct launcher *launcher, uint32_t request_id, const struct job_id *job_id,
                       enum not_launched why, const char *detail);
void tell_launched(struct launcher *launcher, struct run *run);
void tell_exited(struct launcher *launcher, const struct msg_exited *exited);

/* Logs what no keeper of ours asks for, so that it is told by somebody else than the keeper; not without bound. */
void keeper_doubt(struct launcher *launcher, const char *format, ...) __attribute__((format(printf, 2, 3)));
