#include "notifier_answer.h"

#include "keeper.h"

/* Nothing is ordered yet, so no answer can be one to an order. */
void notifier_take(struct keeper *keeper, struct message *message)
{
    peer_break(&keeper->notifier, message->type == MSG_DELIVERED ? "an answer to a delivery that nobody ordered"
                                                                 : "a message that it may not send");
}
