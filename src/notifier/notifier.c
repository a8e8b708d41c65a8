/*
 * The bootstrap's orders, in the order in which they come: who to be, the settings, the keeper's line, then MSG_BEGIN, on
 * which the process gives up what it has and starts to serve. Later there may be new settings, a new keeper, and the request
 * to come to an end.
 */
#include "notifier.h"

#include <errno.h>
#include <stdlib.h>

#include <curl/curl.h>
#include <event2/event.h>

#include "sallyport/base/error.h"
#include "sallyport/base/fd.h"
#include "sallyport/base/log.h"

#include "attempt.h"
#include "keeper_link.h"
#include "system_files.h"

/* What the bootstrap may say, but for the first and the last of its orders before we serve. */
static int control_take(struct notifier *notifier, struct message *message, int *ret_keeper_fd, int *ret_settings_fd,
                        struct error *err)
{
    switch (message->type) {
    case MSG_SETTINGS:
        fd_close(ret_settings_fd);
        *ret_settings_fd = fd_take(&message->fds[0]);
        return 0;
    case MSG_PEER:
        if (message->body.peer.process != PROCESS_KEEPER)
            return fail_plain(err, EBADMSG, "a peer that is not the keeper");
        fd_close(ret_keeper_fd);
        *ret_keeper_fd = fd_take(&message->fds[0]);
        return 0;
    case MSG_SHUTDOWN:
        notifier->is_stopping = true;
        return 0;
    default:
        return fail_plain(err, EBADMSG, "%s is not for the notifier", message_defs[message->type].name);
    }
}

static int read_orders(struct notifier *notifier, struct msg_become *ret_become, int *ret_keeper_fd,
                       int *ret_settings_fd, struct error *err)
{
    struct message message;
    int done = channel_wait(&notifier->control, &message, err);
    if (done < 0)
        return done;
    if (message.type != MSG_BECOME) {
        message_done(&message);
        return fail_plain(err, EBADMSG, "the first order is not whom to become");
    }
    *ret_become = message.body.become;
    for (;;) {
        done = channel_wait(&notifier->control, &message, err);
        if (done < 0)
            return done;
        bool is_last = message.type == MSG_BEGIN;
        if (!is_last)
            done = control_take(notifier, &message, ret_keeper_fd, ret_settings_fd, err);
        message_done(&message);
        if (is_last && *ret_settings_fd < 0)
            return fail_plain(err, EBADMSG, "begin without settings");
        if (is_last || done < 0)
            return done;
    }
}

void notifier_stop(struct notifier *notifier, bool is_broken)
{
    notifier->is_broken = is_broken;
    event_base_loopbreak(notifier->base);
}

/* What cannot be used leaves the old in place; without any, nothing can be sent. */
static int take_settings(struct notifier *notifier, int fd, struct error *err)
{
    struct system_files files;
    int done = system_files_read(fd, &files, err);
    if (done < 0)
        return done;
    struct resolver resolver = { 0 };
    struct trust trust = { 0 };
    done = resolver_open(&resolver, notifier->base, files.parts.resolv_conf, files.parts.hosts, err);
    if (done == 0)
        done = trust_open(&trust, files.parts.certificates, err);
    system_files_done(&files);
    if (done < 0) {
        resolver_close(&resolver);
        return done;
    }
    resolver_close(&notifier->resolver);
    trust_close(&notifier->trust);
    notifier->resolver = resolver;
    notifier->trust = trust;
    notifier->has_settings = true;
    if (trust.count == 0)
        log_warn("this host has no certificates of authorities; callbacks to https:// will fail until it has");
    log_info("%u name servers are asked, %u authorities are believed", resolver.conf.nameserver_count, trust.count);
    return 0;
}

static void on_control_readable(evutil_socket_t fd, short what, void *arg)
{
    struct notifier *notifier = arg;
    struct message message;
    struct error err = { 0 };
    auto_fd int settings_fd = -1;
    int keeper_fd = -1;
    (void)fd;
    (void)what;
    int done = channel_receive(&notifier->control, &message, &err);
    if (done == 0)
        return;
    if (done == -ECONNRESET) {
        log_info("the bootstrap is gone, ending");
        notifier_stop(notifier, false);
        return;
    }
    if (done > 0) {
        done = control_take(notifier, &message, &keeper_fd, &settings_fd, &err);
        message_done(&message);
    }
    if (done < 0) {
        log_error("the bootstrap said what cannot be: %s; ending", err.text);
        notifier_stop(notifier, true);
        return;
    }
    if (keeper_fd >= 0)
        keeper_attach(notifier, keeper_fd);
    if (settings_fd >= 0 && take_settings(notifier, settings_fd, &err) < 0)
        log_error("new settings cannot be used: %s; the old ones hold", err.text);
}

/* While a socket pair can still be made, and the files that libraries read at their start are there. */
static int prepare(struct notifier *notifier, struct error *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return fail_plain(err, EIO, "start libcurl");
    notifier->base = event_base_new();
    if (notifier->base == NULL)
        return fail(err, ENOMEM, "make event loop");
    int done = trust_check_library(err);
    return done < 0 ? done : transfers_open(&notifier->transfers, notifier->base, attempt_transferred, err);
}

static int serve(struct notifier *notifier, int keeper_fd, int settings_fd, struct error *err)
{
    int done = take_settings(notifier, settings_fd, err);
    if (done == 0)
        done = keeper_expect(notifier, err);
    if (done < 0) {
        fd_close(&keeper_fd);
        return done;
    }
    if (keeper_fd >= 0)
        keeper_attach(notifier, keeper_fd);
    notifier->control_readable =
        event_new(notifier->base, notifier->control.fd, EV_READ | EV_PERSIST, on_control_readable, notifier);
    if (notifier->control_readable == NULL || event_add(notifier->control_readable, NULL) < 0)
        return fail(err, ENOMEM, "listen to the bootstrap");
    event_base_dispatch(notifier->base);
    return notifier->is_broken ? fail_plain(err, EBADMSG, "ended, to be started anew") : 0;
}

static void notifier_done(struct notifier *notifier)
{
    if (notifier->base != NULL)
        keeper_done(notifier);
    if (notifier->control_readable != NULL)
        event_free(notifier->control_readable);
    channel_done(&notifier->control);
    transfers_close(&notifier->transfers);
    resolver_close(&notifier->resolver);
    trust_close(&notifier->trust);
    if (notifier->base != NULL)
        event_base_free(notifier->base);
    curl_global_cleanup();
}

int notifier_run(int control_fd, notifier_lockdown lockdown, struct error *err)
{
    struct notifier *notifier = calloc(1, sizeof *notifier);
    if (notifier == NULL)
        return fail(err, ENOMEM, "start");
    notifier->keeper.fd = -1;
    TAILQ_INIT(&notifier->attempts);
    auto_fd int keeper_fd = -1, settings_fd = -1;
    struct msg_become become;
    int done = channel_init(&notifier->control, NULL, control_fd, err);
    if (done == 0)
        done = read_orders(notifier, &become, &keeper_fd, &settings_fd, err);
    if (done == 0)
        done = prepare(notifier, err);
    if (done == 0)
        done = lockdown(&become, err);
    if (done == 0)
        done = serve(notifier, fd_take(&keeper_fd), settings_fd, err);
    notifier_done(notifier);
    free(notifier);
    return done;
}
