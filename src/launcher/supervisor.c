/*
 * The conversation with one slot's supervisor. It holds power inside its slot, so what it says is a stranger's word:
 *
 *   on_supervisor_readable   a message that its table allows, at a time when it makes sense,
 *   take_ready, take_started, take_ended     says what became of the one job in its slot
 *   supervisor_lose          and after anything else the slot is closed, its job ended, and both are told truthfully
 */
#include "slot.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "launcher.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

#define HEAD_BYTES     4    /* the type */
#define WORD_MAX_BYTES 1024 /* more than a supervisor has to say */

static uint8_t order[CELL_MESSAGE_MAX_BYTES];

static int supervisor_send(struct slot *slot, enum cell_message type, const void *body, const int *fds,
                           unsigned fd_count, struct error *err)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * CELL_RUN_FDS_MAX)];
    } control = { 0 };
    struct writer out = { order + HEAD_BYTES, sizeof order - HEAD_BYTES };
    memset(order, 0, HEAD_BYTES);
    order[0] = (uint8_t)type;
    int done = record_encode(&cell_defs[type], body, &out, err);
    if (done < 0)
        return done;
    struct iovec part = { order, sizeof order - out.left };
    struct msghdr head = { .msg_iov = &part, .msg_iovlen = 1 };
    if (fd_count > 0) {
        head.msg_control = control.bytes;
        head.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&head);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(rights), fds, sizeof(int) * fd_count);
    }
    ssize_t sent;
    do
        sent = sendmsg(slot->socket, &head, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    int code = errno;
    explicit_bzero(order, part.iov_len); /* a job's secrets do not wait here for the next order */
    return sent < 0 ? fail(err, code, "send to the supervisor of slot %u", slot->number) : 0;
}

int supervisor_run(struct slot *slot, const struct plan *plan, const int *fds, unsigned fd_count, struct error *err)
{
    return supervisor_send(slot, CELL_RUN, plan, fds, fd_count, err);
}

static void supervisor_say(struct slot *slot, enum cell_message type, const void *body)
{
    struct error err = { 0 };
    if (slot->socket >= 0 && supervisor_send(slot, type, body, NULL, 0, &err) < 0)
        supervisor_lose(slot, err.text);
}

void supervisor_signal(struct slot *slot, uint8_t number)
{
    supervisor_say(slot, CELL_SIGNAL, &(struct cell_signal){ .signal = number });
}

void supervisor_kill_job(struct slot *slot)
{
    supervisor_say(slot, CELL_KILL, &(struct cell_nothing){ 0 });
}

void supervisor_lose(struct slot *slot, const char *why)
{
    log_error("slot %u: its supervisor is lost (%s); its job is ended, and the slot waits for another", slot->number,
              why);
    if (slot->readable != NULL)
        event_free(slot->readable);
    slot->readable = NULL;
    fd_close(&slot->socket); /* its cell ends with it: the job's pid 1 asked the kernel for that */
    if (slot->state == SLOT_NEW || slot->state == SLOT_FREE) {
        slot_set_state(slot, SLOT_GONE);
        keeper_greet_if_ready(slot->launcher);
    } else if (slot_has_run(slot) && slot->state != SLOT_ENDED) {
        run_kill(slot);
        run_check_gone(slot);
    }
}

/* --- what it says --- */

static bool take_ready(struct slot *slot, const union any_cell_message *body)
{
    (void)body;
    if (slot->state != SLOT_NEW)
        return false;
    slot_set_state(slot, SLOT_FREE);
    keeper_greet_if_ready(slot->launcher);
    return true;
}

static bool take_started(struct slot *slot, const union any_cell_message *body)
{
    struct run *run = &slot->run;
    (void)body;
    if ((slot->state != SLOT_STARTING && slot->state != SLOT_STOPPING) || run->has_started || run->has_ended)
        return false;
    run->has_started = true;
    run->started_us = clock_monotonic_us();
    run->started_unix_ms = clock_unix_ms();
    if (slot->deadline == DEADLINE_START) { /* else it is being ended already */
        slot_set_state(slot, SLOT_RUNNING);
        deadline_set(slot, DEADLINE_TIMEOUT, run->timeout_ms);
        cpu_time_look(slot);
    }
    tell_launched(slot->launcher, run);
    return true;
}

static bool take_ended(struct slot *slot, const union any_cell_message *body)
{
    struct run *run = &slot->run;
    const struct cell_ended *ended = &body->ended;
    bool has_order = slot_has_run(slot) && slot->state != SLOT_ENDED;
    if (!has_order || run->has_ended || ended->has_started != run->has_started ||
        (ended->has_status && !ended->has_started))
        return false;
    run->has_ended = true;
    run->ended = *ended;
    /* The text is for people and crosses other processes: what is no text is left out. */
    if (!text_is_utf8(run->ended.step, strlen(run->ended.step)))
        run->ended.step[0] = '\0';
    if (!text_is_utf8(run->ended.detail, strlen(run->ended.detail)))
        run->ended.detail[0] = '\0';
    if (slot->state != SLOT_QUARANTINE) {
        struct error err = { 0 };
        if (run->has_cgroup && cgroup_kill(&run->cgroup, &err) < 0) /* its word, that nothing is left, is not enough */
            log_error("job=%s: %s; waiting for its end", run->id_text, err.text);
        deadline_set(slot, DEADLINE_GONE, KILL_WAIT_MS);
    }
    run_check_gone(slot);
    return true;
}

/* A row that is missing is a message that no supervisor sends. */
static bool (*const takes[CELL_MESSAGE_COUNT])(struct slot *slot, const union any_cell_message *body) = {
    [CELL_READY] = take_ready,
    [CELL_STARTED] = take_started,
    [CELL_ENDED] = take_ended,
};

/* 1 and a message, 0 when there is none, or -errno. No room for descriptors: the kernel keeps them from us. */
static int supervisor_hear(struct slot *slot, enum cell_message *ret_type, union any_cell_message *ret_body,
                           struct error *err)
{
    uint8_t word[HEAD_BYTES + WORD_MAX_BYTES];
    struct iovec part = { word, sizeof word };
    struct msghdr head = { .msg_iov = &part, .msg_iovlen = 1 };
    ssize_t size = recvmsg(slot->socket, &head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (size < 0)
        return fail(err, errno, "receive");
    if (size == 0)
        return fail_plain(err, ECONNRESET, "it ended");
    if ((head.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || size < HEAD_BYTES || word[1] != 0 || word[2] != 0 ||
        word[3] != 0 || word[0] >= CELL_MESSAGE_COUNT || takes[word[0]] == NULL)
        return fail_plain(err, EBADMSG, "it sent what is no message of a supervisor");
    *ret_type = (enum cell_message)word[0];
    struct reader in = { word + HEAD_BYTES, (size_t)size - HEAD_BYTES };
    int done = record_decode(&cell_defs[*ret_type], &in, ret_body, err);
    return done < 0 ? done : 1;
}

static void on_supervisor_readable(evutil_socket_t fd, short what, void *arg)
{
    struct slot *slot = arg;
    struct error err = { 0 };
    enum cell_message type = CELL_NONE;
    union any_cell_message body;
    (void)fd;
    (void)what;
    int heard = supervisor_hear(slot, &type, &body, &err);
    if (heard < 0) {
        supervisor_lose(slot, err.text);
    } else if (heard > 0) {
        assert(takes[type] != NULL); /* supervisor_hear() let nothing else through */
        if (!takes[type](slot, &body))
            supervisor_lose(slot, "it sent a message at the wrong time");
    }
}

void supervisor_listen(struct slot *slot)
{
    slot->readable = event_new(slot->launcher->base, slot->socket, EV_READ | EV_PERSIST, on_supervisor_readable, slot);
    if (slot->readable == NULL || event_add(slot->readable, NULL) < 0)
        supervisor_lose(slot, "no memory to listen to it");
}
