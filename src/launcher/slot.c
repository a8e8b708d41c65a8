#include "slot.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "launcher.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"

#define ROOTS_AT_ONCE_MAX (2 * ROOT_COUNT_MAX) /* the generation in force, and the one that is being handed over */

static void run_none(struct run *run)
{
    *run = (struct run){ .output_fds = { -1, -1 }, .stdin_fds = { -1, -1 }, .artifacts_fd = -1 };
    cgroup_none(&run->cgroup);
}

void run_end_stdin(struct run *run)
{
    for (int i = 0; i < 2; i++)
        fd_close(&run->stdin_fds[i]);
}

/* What we hold of its pipes. */
static void run_close(struct run *run)
{
    for (int i = 0; i < 2; i++)
        fd_close(&run->output_fds[i]);
    run_end_stdin(run);
    fd_close(&run->artifacts_fd);
    cgroup_close(&run->cgroup);
}

int slot_new(struct launcher *launcher, const struct msg_slot *config, int socket_fd, struct slot **ret_slot,
             struct error *err)
{
    struct slot *slot = calloc(1, sizeof *slot);
    if (slot == NULL)
        return fail(err, ENOMEM, "make slot %u", config->slot);
    slot->launcher = launcher;
    slot->number = config->slot;
    slot->account = config->account;
    slot->uid = config->uid;
    slot->gid = config->gid;
    slot->state = SLOT_NEW;
    slot->socket = slot->next_socket = -1;
    run_none(&slot->run);
    int done = deadline_prepare(slot, err);
    if (done == 0)
        done = cpu_time_prepare(slot, err);
    if (done < 0) {
        slot_free(slot);
        return done;
    }
    slot->socket = socket_fd;
    *ret_slot = slot;
    return 0;
}

void slot_free(struct slot *slot)
{
    if (slot == NULL)
        return;
    struct event *const events[] = { slot->readable, slot->timer, slot->cpu_timer, slot->emptied };
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        if (events[i] != NULL)
            event_free(events[i]);
    for (uint32_t i = 0; i < slot->root_count; i++)
        fd_close(&slot->roots[i].fd);
    free(slot->roots);
    run_close(&slot->run);
    fd_close(&slot->socket);
    fd_close(&slot->next_socket);
    free(slot);
}

static void slot_adopt(struct slot *slot)
{
    if (slot->state != SLOT_GONE || slot->next_socket < 0)
        return;
    slot->socket = fd_take(&slot->next_socket);
    slot_set_state(slot, SLOT_NEW);
    supervisor_listen(slot);
}

void slot_replace_supervisor(struct slot *slot, int socket_fd)
{
    if (slot->socket >= 0) /* the bootstrap heard of its end before its socket told us */
        supervisor_lose(slot, "the bootstrap started another");
    fd_close(&slot->next_socket);
    slot->next_socket = socket_fd;
    slot_adopt(slot);
}

int slot_add_root(struct slot *slot, const struct msg_slot_root *root, int fd, struct error *err)
{
    for (uint32_t i = 0; i < slot->root_count; i++) {
        if (slot->roots[i].generation == root->generation && slot->roots[i].root == root->root) {
            fd_close(&slot->roots[i].fd); /* told again, with a new supervisor */
            slot->roots[i].fd = fd;
            return 0;
        }
    }
    if (slot->root_count == slot->root_room) {
        uint32_t room = slot->root_room == 0 ? 4 : 2 * slot->root_room;
        struct slot_root *more = room > ROOTS_AT_ONCE_MAX ? NULL : realloc(slot->roots, room * sizeof *more);
        if (more == NULL)
            return fail(err, ENOMEM, "keep a root of slot %u", slot->number);
        slot->roots = more;
        slot->root_room = room;
    }
    slot->roots[slot->root_count++] =
        (struct slot_root){ .generation = root->generation, .root = root->root, .fd = fd };
    return 0;
}

int slot_find_root(const struct slot *slot, uint32_t generation, uint32_t root)
{
    for (uint32_t i = 0; i < slot->root_count; i++)
        if (slot->roots[i].generation == generation && slot->roots[i].root == root)
            return slot->roots[i].fd;
    return -1;
}

void slot_forget_roots(struct slot *slot, uint32_t current_generation)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < slot->root_count; i++) {
        if (slot->roots[i].generation == current_generation)
            slot->roots[kept++] = slot->roots[i];
        else
            fd_close(&slot->roots[i].fd);
    }
    slot->root_count = kept;
}

bool slot_has_run(const struct slot *slot)
{
    return slot->state >= SLOT_STARTING && slot->state <= SLOT_QUARANTINE;
}

/* What may follow what: a bit for each state. A slot without a supervisor is gone from wherever it stands. */
static const uint32_t next_states[SLOT_STATE_COUNT] = {
    [SLOT_NEW] = 1u << SLOT_FREE | 1u << SLOT_GONE,
    [SLOT_FREE] = 1u << SLOT_STARTING | 1u << SLOT_GONE,
    [SLOT_STARTING] =
        1u << SLOT_RUNNING | 1u << SLOT_STOPPING | 1u << SLOT_ENDED | 1u << SLOT_QUARANTINE | 1u << SLOT_FREE,
    [SLOT_RUNNING] = 1u << SLOT_STOPPING | 1u << SLOT_ENDED | 1u << SLOT_QUARANTINE,
    [SLOT_STOPPING] = 1u << SLOT_ENDED | 1u << SLOT_QUARANTINE,
    [SLOT_QUARANTINE] = 1u << SLOT_ENDED,
    [SLOT_ENDED] = 1u << SLOT_FREE | 1u << SLOT_GONE,
    [SLOT_GONE] = 1u << SLOT_NEW,
};

void slot_set_state(struct slot *slot, enum slot_state state)
{
    assert((next_states[slot->state] & 1u << state) != 0);
    slot->state = state;
}

void slot_release(struct slot *slot)
{
    assert(slot->emptied == NULL && slot->deadline == DEADLINE_NONE);
    cpu_time_clear(slot);
    run_close(&slot->run);
    run_none(&slot->run);
    slot_set_state(slot, slot->socket >= 0 ? SLOT_FREE : SLOT_GONE);
    slot_adopt(slot);
}

struct slot *slot_of_job(const struct launcher *launcher, const struct job_id *job_id)
{
    for (uint32_t i = 0; i < launcher->slot_count; i++) {
        struct slot *slot = launcher->slots[i];
        if (slot_has_run(slot) && job_id_equal(&slot->run.job_id, job_id))
            return slot;
    }
    return NULL;
}

struct slot *slot_find_free(const struct launcher *launcher, uint32_t account, uint32_t generation, uint32_t root,
                            bool *ret_is_hopeless)
{
    *ret_is_hopeless = true;
    for (uint32_t i = 0; i < launcher->slot_count; i++) {
        struct slot *slot = launcher->slots[i];
        if (slot->account != account || slot_find_root(slot, generation, root) < 0)
            continue;
        *ret_is_hopeless = false;
        if (slot->state == SLOT_FREE)
            return slot;
    }
    return NULL;
}
