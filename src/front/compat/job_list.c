/* Page by page, as the keeper tells them; the next page begins behind the last job of the one before. */
#include "job_list.h"

#include <stdlib.h>
#include <string.h>

#include "sallyport/proto/channel.h"
#include "sallyport/json/predecessors.h"
#include "sallyport/proto/entries.h"

#include "../request.h"
#include "compat.h"

struct listing {
    const struct job_list_form *form;
    json_t *items;
    struct job_id last;
    unsigned seen;
};

static void listing_free(void *state)
{
    struct listing *listing = state;
    json_decref(listing->items);
    free(listing);
}

static void on_jobs(struct request *request, struct message *message);

static void ask_page(struct request *request)
{
    const struct listing *listing = request->state;
    uint8_t room[256];
    struct writer out = { room, sizeof room };
    struct msg_list_jobs list = { .limit = LIST_JOBS_MAX, .has_before = listing->seen > 0, .before = listing->last };
    entries_add_text(&out, ENTRY_LABEL, LABEL_PREDECESSOR, request->dialect->name, "");
    list.label = (struct span){ room, (uint32_t)(sizeof room - out.left) };
    ask_list_jobs(request, &list, on_jobs);
}

static void on_jobs(struct request *request, struct message *message)
{
    struct listing *listing = request->state;
    if (message->type == MSG_JOBS_END && message->body.jobs_end.has_more && listing->seen < COMPAT_LIST_MAX) {
        ask_page(request);
        return;
    }
    if (message->type == MSG_JOBS_END) {
        listing->form->answer(request, listing->items);
        return;
    }
    json_t *item = listing->form->item(&message->body.job);
    if (item != NULL)
        json_array_append_new(listing->items, item);
    listing->last = message->body.job.job_id;
    listing->seen++;
    ask_expect_more(request);
}

void job_list_send(struct request *request, const struct job_list_form *form)
{
    struct listing *listing = calloc(1, sizeof *listing);
    if (listing == NULL) {
        request_abort(request);
        return;
    }
    *listing = (struct listing){ .form = form, .items = json_array() };
    request->state = listing;
    request->free_state = listing_free;
    ask_page(request);
}
