#include "notifier_answer.h"

#include "keeper.h"

void notifier_take(struct keeper *keeper, struct message *message)
{
    if (message->type != MSG_DELIVERED)
        peer_break(&keeper->notifier, "a message that it may not send");
    else if (!delivery_answered(keeper, &message->body.delivered))
        peer_break(&keeper->notifier, "an answer to a delivery that nobody ordered");
}
