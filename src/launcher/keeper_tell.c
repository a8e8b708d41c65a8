/*
 * What the keeper hears from the launcher. The greeting of a new keeper names every job that has a slot, once each, before
 * anything else; from then on it hears what happens.
 */
#include "launcher.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include <event2/event.h>

#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

#define DOUBTS_MAX       20
#define DOUBTS_WINDOW_MS 10000

static void on_keeper_readable(evutil_socket_t fd, short what, void *arg)
{
    struct launcher *launcher = arg;
    struct message message;
    struct error err = { 0 };
    (void)fd;
    (void)what;
    int got = channel_receive(&launcher->keeper, &message, &err);
    if (got > 0) {
        launcher_take(launcher, &message);
        message_done(&message);
    } else if (got < 0) {
        log_warn("keeper: %s; its running jobs go on, waiting for a new keeper", err.text);
        keeper_drop(launcher);
    }
}

void keeper_drop(struct launcher *launcher)
{
    if (launcher->keeper_readable != NULL)
        event_free(launcher->keeper_readable);
    launcher->keeper_readable = NULL;
    channel_done(&launcher->keeper);
    launcher->is_keeper_greeted = false;
    for (uint32_t i = 0; i < launcher->slot_count; i++)
        launcher->slots[i]->run.is_told = false;
}

int keeper_join(struct launcher *launcher, int fd, struct error *err)
{
    keeper_drop(launcher);
    int done = channel_init(&launcher->keeper, launcher->base, fd, err);
    if (done < 0) {
        fd_close(&fd);
        return done;
    }
    launcher->keeper_readable = event_new(launcher->base, fd, EV_READ | EV_PERSIST, on_keeper_readable, launcher);
    if (launcher->keeper_readable == NULL || event_add(launcher->keeper_readable, NULL) < 0) {
        keeper_drop(launcher);
        return fail(err, ENOMEM, "listen to the keeper");
    }
    keeper_greet_if_ready(launcher);
    return 0;
}

void keeper_doubt(struct launcher *launcher, const char *format, ...)
{
    uint64_t now_ms = clock_monotonic_ms();
    if (launcher->doubts == 0 || now_ms - launcher->doubts_since_ms >= DOUBTS_WINDOW_MS) {
        if (launcher->doubts > DOUBTS_MAX)
            log_warn("keeper: %u more things of this kind were not logged", launcher->doubts - DOUBTS_MAX);
        launcher->doubts_since_ms = now_ms;
        launcher->doubts = 0;
    }
    if (launcher->doubts++ >= DOUBTS_MAX)
        return;
    char text[ERROR_TEXT_MAX_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_warn("keeper: it asks for what none of ours does: %s", text);
}

static void tell(struct launcher *launcher, enum msg_type type, uint32_t request_id, const void *body, const int *fds,
                 unsigned fd_count)
{
    struct error err = { 0 };
    if (!launcher->is_keeper_greeted)
        return;
    if (channel_send(&launcher->keeper, type, request_id, body, fds, fd_count, &err) < 0) {
        log_error("keeper: %s; it is dropped, waiting for a new one", err.text);
        keeper_drop(launcher);
    }
}

void tell_not_launched(struct launcher *launcher, uint32_t request_id, const struct job_id *job_id,
                       enum not_launched why, const char *detail)
{
    struct msg_not_launched body = { .job_id = *job_id, .why = (uint8_t)why };
    text_copy(body.detail, sizeof body.detail, detail);
    tell(launcher, MSG_NOT_LAUNCHED, request_id, &body, NULL, 0);
}

void tell_launched(struct launcher *launcher, struct run *run)
{
    if (!launcher->is_keeper_greeted || run->is_told)
        return; /* told early, by the greeting */
    run->is_told = true;
    struct msg_launched body = {
        .job_id = run->job_id,
        .started_unix_ms = run->has_started ? run->started_unix_ms : clock_unix_ms(),
        .degraded = run->degraded,
        .has_stdin_stream = run->stdin_fds[1] >= 0,
        .has_artifacts = run->artifacts_fd >= 0,
        .artifacts_max_bytes = run->artifacts_max_bytes,
    };
    int fds[MESSAGE_FDS_MAX] = { run->output_fds[0], run->output_fds[1] };
    unsigned count = 2;
    if (body.has_stdin_stream) {
        fds[count++] = run->stdin_fds[0];
        fds[count++] = run->stdin_fds[1];
    }
    if (body.has_artifacts)
        fds[count++] = run->artifacts_fd;
    tell(launcher, MSG_LAUNCHED, 0, &body, fds, count);
}

void tell_exited(struct launcher *launcher, const struct msg_exited *exited)
{
    tell(launcher, MSG_EXITED, 0, exited, NULL, 0);
}

static bool is_anyone_getting_ready(const struct launcher *launcher)
{
    for (uint32_t i = 0; i < launcher->slot_count; i++)
        if (launcher->slots[i]->state == SLOT_NEW)
            return true;
    return false;
}

/*
 * Each job that has a slot is named once: by its read ends, so that a keeper that crashed can go on reading, or by its end
 * if its program never ran. The ends of those that had run come last.
 */
static void keeper_greet(struct launcher *launcher)
{
    struct msg_hello hello = { .incarnation = launcher->settings.incarnation,
                               .generation = launcher->policy->generation };
    for (uint32_t i = 0; i < launcher->slot_count; i++)
        hello.held += slot_has_run(launcher->slots[i]) && !launcher->slots[i]->run.is_seen ? 1 : 0;
    launcher->is_keeper_greeted = true;
    tell(launcher, MSG_HELLO, 0, &hello, NULL, 0);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < launcher->slot_count; i++) {
            struct run *run = &launcher->slots[i]->run;
            if (!slot_has_run(launcher->slots[i]) || run->is_seen)
                continue;
            bool is_named_by_end = run->is_reported && !run->has_started;
            if (pass == 0 && !is_named_by_end)
                tell_launched(launcher, run);
            if (run->is_reported && (pass == 0) == is_named_by_end)
                tell_exited(launcher, &run->exited);
        }
    }
}

/*
 * The keeper sends its orders as soon as it is greeted, so it is greeted when there is somebody to take them; a supervisor
 * that takes too long is not waited for.
 */
void keeper_greet_if_ready(struct launcher *launcher)
{
    if (launcher->phase == PHASE_HANDOVER || launcher->keeper.fd < 0 || launcher->is_keeper_greeted)
        return;
    bool is_patient = launcher->patience != NULL && evtimer_pending(launcher->patience, NULL);
    if (!is_patient || !is_anyone_getting_ready(launcher))
        keeper_greet(launcher);
}
