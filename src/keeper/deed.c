#include "deed.h"

#include <errno.h>
#include <stdlib.h>

#include "keeper.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

bool deed_when_stored(struct keeper *keeper, const struct request *request, const struct deed *wanted,
                      const struct audit_entry *entry, turn_effect *effect)
{
    struct error err = { 0 };
    struct deed *deed = malloc(sizeof *deed);
    if (deed == NULL) {
        fail(&err, ENOMEM, "take a request");
        request_fail(keeper, request, &err);
        return false;
    }
    *deed = *wanted;
    deed->request_id = request->id;
    deed->epoch = keeper->front.epoch;
    text_copy(deed->actor, sizeof deed->actor, request->who->name);
    text_copy(deed->address, sizeof deed->address, request->evidence->address);
    int done = turn_write(keeper, &err);
    if (done == 0)
        done = audit_record(keeper->store, entry, &err);
    if (done == 0) {
        turn_then(keeper, effect, deed);
        return true;
    }
    turn_spoil(keeper, &err);
    request_fail(keeper, request, &err);
    free(deed);
    return false;
}

void deed_answer(struct keeper *keeper, const struct deed *deed, enum msg_type type, const void *body)
{
    if (deed->epoch == keeper->front.epoch)
        turn_send(keeper, &keeper->front, type, deed->request_id, body, NULL, 0);
}

void deed_refuse(struct keeper *keeper, const struct deed *deed)
{
    struct msg_refused refused;
    request_refusal(&keeper->turn.failure, &refused);
    if (deed->epoch == keeper->front.epoch)
        peer_send(&keeper->front, MSG_REFUSED, deed->request_id, &refused, NULL, 0);
}
