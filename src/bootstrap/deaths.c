/*
 * What follows when one of ours has ended. Front, keeper and notifier are started again and joined to their neighbours, who
 * keep their side of things; a launcher takes the world of cells with it, and both are made anew. Nobody is trusted to be there
 * while that happens: several may die at once, and whoever starts later joins those that run.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#include "bootstrap.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"

static const char *end_text(int status, char text[64])
{
    if (WIFSIGNALED(status))
        snprintf(text, 64, "was ended by signal %d", WTERMSIG(status));
    else
        snprintf(text, 64, "ended with status %d", WEXITSTATUS(status));
    return text;
}

/* --- a child -------------------------------------------------------------------------------------------------- */

/* Ends sallyportd with this exit status, without waiting for jobs. */
static void give_up(struct bootstrap *bootstrap, int exit_status)
{
    bootstrap->is_stopping = true;
    bootstrap->exit_status = exit_status;
    bootstrap->stop_deadline_ms = 0;
}

/* `how` it ended, or could not be started. */
static void plan(struct bootstrap *bootstrap, struct child *child, const char *how)
{
    uint64_t now_ms = clock_monotonic_ms();
    bool is_hopeless = !restart_plan(&child->restart, now_ms);
    if (is_hopeless && !child->is_optional) {
        log_warn("%s %s", child->name, how);
        log_error("%s died %u times in a row, each time within %u s of its start; sallyportd ends, and the lines above "
                  "say why",
                  child->name, child->restart.quick_deaths, QUICK_DEATH_MS / 1000);
        give_up(bootstrap, EXIT_CHILDREN_DIE);
        return;
    }
    int wait_ms = restart_wait_ms(&child->restart, now_ms);
    if (is_hopeless)
        log_error("%s %s, again soon after its start; all else goes on without it, next try in %d ms", child->name, how,
                  wait_ms);
    else if (wait_ms == 0)
        log_warn("%s %s; it is started again", child->name, how);
    else
        log_warn("%s %s, soon after its start; it is started again in %d ms", child->name, how, wait_ms);
}

static int start_other(struct bootstrap *bootstrap, enum process process, struct error *err)
{
    int done = child_start(bootstrap, process, err);
    return done < 0 ? done : child_hand_parts(bootstrap, process, err);
}

static int start_launcher(struct bootstrap *bootstrap, struct error *err)
{
    int done = parts_renew_launcher(bootstrap, err);
    return done < 0 ? done : world_start(bootstrap, err);
}

void child_start_again(struct bootstrap *bootstrap, enum process process)
{
    struct child *child = &bootstrap->children[process];
    struct error err = { 0 };
    int done = process == PROCESS_LAUNCHER ? start_launcher(bootstrap, &err) : start_other(bootstrap, process, &err);
    if (done < 0) {
        if (process == PROCESS_LAUNCHER)
            world_end(bootstrap);
        child_end(bootstrap, process);
        log_warn("%s", err.text);
        plan(bootstrap, child, "could not be started");
        return;
    }
    /* A neighbour that cannot be told is killed for it, and joined when it is back. */
    if (children_join(bootstrap, process, &err) < 0)
        log_warn("%s; its end starts it anew", err.text);
    if (child_hand(bootstrap, process, MSG_BEGIN, NULL, -1, &err) < 0)
        log_warn("%s; its end starts it anew", err.text);
}

static void child_died(struct bootstrap *bootstrap, enum process process, int status)
{
    struct child *child = &bootstrap->children[process];
    char how[64];
    child->pid = 0;
    if (bootstrap->is_stopping)
        return;
    if (process == PROCESS_LAUNCHER) {
        /* Its jobs end with it; what they left in control groups goes before a new world can use the slots. */
        world_end(bootstrap);
        groups_sweep_jobs(bootstrap);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_CONFIG) {
        log_error("%s says that starting it again would not help; sallyportd ends, and the line above says why",
                  child->name);
        give_up(bootstrap, EXIT_CONFIG);
        return;
    }
    plan(bootstrap, child, end_text(status, how));
}

/* --- a supervisor ----------------------------------------------------------------------------------------------- */

/* A slot whose supervisor does not live stays unused, and is tried again every few seconds; the others serve. */
static void plan_supervisor(struct slot *slot, const char *how)
{
    uint64_t now_ms = clock_monotonic_ms();
    bool is_hopeless = !restart_plan(&slot->restart, now_ms);
    int wait_ms = restart_wait_ms(&slot->restart, now_ms);
    if (is_hopeless)
        log_error("a slot's supervisor %s, again soon after its start; the slot stays unused, next try in %d ms", how,
                  wait_ms);
    else
        log_warn("a slot's supervisor %s; it is started again", how);
}

void supervisor_start(struct bootstrap *bootstrap, uint32_t index)
{
    struct slot *slot = &bootstrap->slots[index];
    struct error err = { 0 };
    if (world_start_supervisor(bootstrap, index, &err) == 0)
        return;
    log_warn("%s", err.text);
    if (slot->supervisor == 0)
        plan_supervisor(slot, "could not be started");
}

static void supervisor_died(struct bootstrap *bootstrap, struct slot *slot, int status)
{
    char how[64];
    slot->supervisor = 0;
    if (!bootstrap->is_stopping && !bootstrap->is_worldless)
        plan_supervisor(slot, end_text(status, how));
}

static struct slot *slot_of(struct bootstrap *bootstrap, pid_t pid)
{
    for (uint32_t i = 0; i < bootstrap->slot_count; i++)
        if (bootstrap->slots[i].supervisor == pid)
            return &bootstrap->slots[i];
    return NULL;
}

/* --- the loop's two questions ------------------------------------------------------------------------------------- */

void child_ended(struct bootstrap *bootstrap, pid_t pid, int status)
{
    struct slot *slot = slot_of(bootstrap, pid);
    if (slot != NULL) {
        supervisor_died(bootstrap, slot, status);
    } else if (pid == bootstrap->reaper) {
        bootstrap->reaper = 0;
        if (!bootstrap->is_stopping && bootstrap->children[PROCESS_LAUNCHER].pid > 0)
            kill(bootstrap->children[PROCESS_LAUNCHER].pid, SIGKILL); /* it is going anyway; its end starts all anew */
    } else {
        for (enum process process = PROCESS_FRONT; process < PROCESS_COUNT; process++)
            if (bootstrap->children[process].pid == pid)
                child_died(bootstrap, process, status);
    }
}

static bool is_due(const struct restart *restart, bool is_waited_for)
{
    return is_waited_for ? restart_wait_ms(restart, clock_monotonic_ms()) == 0 : restart->due_ms != 0;
}

/*
 * Of supervisors one in a turn of the loop: when many are due, it is because their world ends, which the next turn may be told.
 * Nobody can be started into a dying one, and each attempt takes its time.
 */
void restart_due(struct bootstrap *bootstrap, bool is_waited_for)
{
    for (enum process process = PROCESS_FRONT; process < PROCESS_COUNT && !bootstrap->is_stopping; process++)
        if (is_due(&bootstrap->children[process].restart, is_waited_for))
            child_start_again(bootstrap, process);
    bool is_turn_over = bootstrap->is_stopping;
    for (uint32_t i = 0; i < bootstrap->slot_count && !is_turn_over; i++) {
        if (!is_due(&bootstrap->slots[i].restart, is_waited_for))
            continue;
        supervisor_start(bootstrap, i);
        is_turn_over = bootstrap->is_stopping || is_waited_for;
    }
}

static void sooner(int *wait_ms, int other_ms)
{
    if (other_ms >= 0 && (*wait_ms < 0 || other_ms < *wait_ms))
        *wait_ms = other_ms;
}

int restart_next_wait_ms(const struct bootstrap *bootstrap)
{
    uint64_t now_ms = clock_monotonic_ms();
    int wait_ms = -1;
    if (bootstrap->is_stopping)
        return -1;
    for (enum process process = PROCESS_FRONT; process < PROCESS_COUNT; process++)
        sooner(&wait_ms, restart_wait_ms(&bootstrap->children[process].restart, now_ms));
    for (uint32_t i = 0; i < bootstrap->slot_count; i++)
        sooner(&wait_ms, restart_wait_ms(&bootstrap->slots[i].restart, now_ms));
    return wait_ms;
}
