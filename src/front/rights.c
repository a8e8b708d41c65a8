#include "rights.h"

#include "sallyport/proto/channel.h"

#include "front.h"
#include "problem.h"
#include "request.h"

#define RELOAD_TRIES        20
#define RELOAD_ASK_AGAIN_MS 100

static void ask(struct request *request);

static void on_commands(struct request *request, struct message *message)
{
    const struct msg_commands *commands = &message->body.commands;
    if (commands->generation == request->front->settings.generation) {
        request->on_rights(request, commands);
        return;
    }
    if (++request->rights_tries < RELOAD_TRIES) {
        request_set_timer(request, RELOAD_ASK_AGAIN_MS, ask);
        return;
    }
    struct problem problem;
    problem_init(&problem, "reloading", "A new configuration is being taken over. Try again.");
    problem.retry_after_s = 1;
    request_problem(request, &problem);
}

static void ask(struct request *request)
{
    ask_list_commands(request, on_commands);
}

void rights_ask(struct request *request, rights_known known)
{
    request->on_rights = known;
    request->rights_tries = 0;
    ask(request);
}

static bool bit_is_set(struct span bits, int index)
{
    return index >= 0 && (uint32_t)index / 8 < bits.size && (bits.data[index / 8] >> (index % 8) & 1) != 0;
}

bool rights_may_see(const struct msg_commands *commands, int index)
{
    return bit_is_set(commands->visible, index);
}

bool rights_may_run(const struct msg_commands *commands, int index)
{
    return bit_is_set(commands->runnable, index);
}

bool rights_is_paused(const struct msg_commands *commands, int index)
{
    return bit_is_set(commands->paused, index);
}
