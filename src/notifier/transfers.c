#include "transfers.h"

#include <errno.h>
#include <stdbool.h>

#include <event2/event.h>

#include "sallyport/base/error.h"

static int on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch); /* libcurl wants to know, */
static int on_timer_wish(CURLM *multi, long wait_ms, void *arg);
static void on_socket(evutil_socket_t fd, short what, void *arg); /* and hears of it; some transfers are over then */
static void on_timer(evutil_socket_t fd, short what, void *arg);

static int on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch)
{
    struct transfers *transfers = arg;
    (void)easy;
    if (watch != NULL)
        event_free(watch);
    curl_multi_assign(transfers->multi, fd, NULL);
    if (what == CURL_POLL_REMOVE)
        return 0;
    int events = ((what & CURL_POLL_IN) != 0 ? EV_READ : 0) | ((what & CURL_POLL_OUT) != 0 ? EV_WRITE : 0);
    struct event *event = event_new(transfers->base, fd, (short)(events | EV_PERSIST), on_socket, transfers);
    if (event == NULL)
        return -1;
    curl_multi_assign(transfers->multi, fd, event);
    return event_add(event, NULL);
}

static int on_timer_wish(CURLM *multi, long wait_ms, void *arg)
{
    struct transfers *transfers = arg;
    (void)multi;
    if (wait_ms < 0) {
        event_del(transfers->timer);
        return 0;
    }
    struct timeval wait = { wait_ms / 1000, (wait_ms % 1000) * 1000 };
    return event_add(transfers->timer, &wait);
}

static void tell_ended(struct transfers *transfers)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(transfers->multi, &left)) != NULL;) {
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode code = message->data.result;
        void *owner = NULL;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
        transfers->ended(owner, code); /* which removes it, and the message with it */
    }
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct transfers *transfers = arg;
    int running;
    int events = ((what & EV_READ) != 0 ? CURL_CSELECT_IN : 0) | ((what & EV_WRITE) != 0 ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(transfers->multi, fd, events, &running);
    tell_ended(transfers);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct transfers *transfers = arg;
    int running;
    (void)fd;
    (void)what;
    curl_multi_socket_action(transfers->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    tell_ended(transfers);
}

int transfers_open(struct transfers *transfers, struct event_base *base, transfer_ended *ended, struct error *err)
{
    *transfers = (struct transfers){ .multi = curl_multi_init(), .base = base, .ended = ended };
    transfers->timer = evtimer_new(base, on_timer, transfers);
    CURLM *multi = transfers->multi;
    bool is_good = multi != NULL && transfers->timer != NULL &&
                   curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket_wish) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, transfers) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer_wish) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_TIMERDATA, transfers) == CURLM_OK &&
                   curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING) == CURLM_OK;
    if (is_good)
        return 0;
    transfers_close(transfers);
    return fail(err, ENOMEM, "make libcurl's part of the event loop");
}

void transfers_close(struct transfers *transfers)
{
    if (transfers->multi != NULL)
        curl_multi_cleanup(transfers->multi);
    if (transfers->timer != NULL)
        event_free(transfers->timer);
    *transfers = (struct transfers){ 0 };
}

int transfers_add(struct transfers *transfers, CURL *easy, struct error *err)
{
    CURLMcode code = curl_multi_add_handle(transfers->multi, easy);
    return code == CURLM_OK ? 0 : fail_plain(err, ENOMEM, "%s", curl_multi_strerror(code));
}

void transfers_remove(struct transfers *transfers, CURL *easy)
{
    curl_multi_remove_handle(transfers->multi, easy);
}
