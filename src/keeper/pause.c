#include "pause.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authorize.h"
#include "keeper.h"
#include "keeper_answer.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/text.h"

static struct pause *find(const struct keeper *keeper, const char *command)
{
    struct pause *pause;
    LIST_FOREACH(pause, &keeper->pauses, in_list)
    if (strcmp(pause->paused.command, command) == 0)
        return pause;
    return NULL;
}

const struct paused_command *pause_find(const struct keeper *keeper, const char *command)
{
    const struct pause *pause = find(keeper, command);
    return pause != NULL ? &pause->paused : NULL;
}

static void forget(struct pause *pause)
{
    if (pause == NULL)
        return;
    LIST_REMOVE(pause, in_list);
    free(pause);
}

void pauses_done(struct keeper *keeper)
{
    struct pause *pause = LIST_FIRST(&keeper->pauses);
    while (pause != NULL) {
        struct pause *next = LIST_NEXT(pause, in_list);
        free(pause);
        pause = next;
    }
    LIST_INIT(&keeper->pauses);
}

static bool take_note(void *arg, const struct paused_command *paused)
{
    struct keeper *keeper = arg;
    struct pause *pause = queue_room(sizeof *pause);
    pause->paused = *paused;
    LIST_INSERT_HEAD(&keeper->pauses, pause, in_list);
    return true;
}

int pauses_load(struct keeper *keeper, struct error *err)
{
    return store_paused(keeper->store, take_note, keeper, err);
}

/* What is in effect once it is stored. */
struct change {
    uint32_t request_id;
    unsigned epoch;
    bool is_resume;
    struct paused_command paused;
};

static void set(struct keeper *keeper, const struct change *change)
{
    forget(find(keeper, change->paused.command));
    if (!change->is_resume)
        take_note(keeper, &change->paused);
    lanes_pause(keeper, change->paused.command, !change->is_resume);
    turn_schedule(keeper);
}

static struct msg_commands answer_of(const struct keeper *keeper, const char *command)
{
    struct msg_commands commands = { .generation = keeper->rules.generation };
    pause_tell(keeper, command, &commands.pause);
    return commands;
}

static void change_stored(struct keeper *keeper, void *arg, bool is_stored)
{
    struct change *change = arg;
    if (is_stored)
        set(keeper, change);
    struct msg_commands commands = answer_of(keeper, change->paused.command);
    struct msg_refused refused = { .status = 503,
                                   .code = "store-full",
                                   .retry_after_s = 30,
                                   .detail = "there is no room to record this, so it is not done; try again later" };
    if (change->epoch == keeper->front.epoch)
        peer_send(&keeper->front, is_stored ? MSG_COMMANDS : MSG_REFUSED, change->request_id,
                  is_stored ? (const void *)&commands : (const void *)&refused, NULL, 0);
    free(change);
}

static int store_change(struct keeper *keeper, const struct request *request, const struct change *change,
                        struct error *err)
{
    const struct paused_command *paused = &change->paused;
    char detail[REASON_MAX_BYTES + 64];
    snprintf(detail, sizeof detail, "%s%s%s", paused->refuses ? "new jobs are refused" : "",
             paused->refuses && paused->reason[0] != '\0' ? ": " : "", paused->reason);
    struct audit_entry entry = { .what = change->is_resume ? AUDIT_RESUME : AUDIT_PAUSE,
                                 .actor = request->who->name,
                                 .address = request->evidence->address,
                                 .command = paused->command,
                                 .detail = detail,
                                 .count = 1 };
    int done = turn_write(keeper, err);
    if (done < 0)
        return done;
    done =
        change->is_resume ? store_resume(keeper->store, paused->command, err) : store_pause(keeper->store, paused, err);
    if (done == 0)
        done = audit_record(keeper->store, &entry, err);
    if (done < 0)
        turn_spoil(keeper, err);
    return done;
}

static void make_change(struct keeper *keeper, const struct request *request, const struct msg_pause *asked)
{
    struct error err = { 0 };
    struct change *change = calloc(1, sizeof *change);
    if (change == NULL) {
        fail(&err, ENOMEM, "take a request");
        request_fail(keeper, request, &err);
        return;
    }
    *change = (struct change){ .request_id = request->id, .epoch = keeper->front.epoch, .is_resume = asked->is_resume };
    change->paused.refuses = asked->refuses && !asked->is_resume;
    change->paused.since_unix_ms = clock_unix_ms();
    text_copy(change->paused.command, sizeof change->paused.command, asked->command);
    text_copy(change->paused.reason, sizeof change->paused.reason, asked->reason);
    text_copy(change->paused.actor, sizeof change->paused.actor, request->who->name);
    if (store_change(keeper, request, change, &err) == 0) {
        turn_then(keeper, change_stored, change);
        return;
    }
    request_fail(keeper, request, &err);
    free(change);
}

void answer_pause(struct keeper *keeper, const struct request *request, const struct message *message)
{
    const struct msg_pause *asked = &message->body.pause;
    const char *name = asked->command;
    if (policy_find_command(keeper->rules.policy, name) < 0 || !may_see(request->who, name))
        request_refuse(keeper, request, &(struct refusal){ .status = 404, .code = "not-found", .command = name },
                       "there is no such command");
    else if (!may_pause(request->who))
        request_refuse(keeper, request, &(struct refusal){ .status = 403, .code = "forbidden", .command = name },
                       "this needs the scope admin");
    else if (!text_is_utf8(asked->reason, strlen(asked->reason)))
        request_distrust(keeper, request, "the reason of a pause is not UTF-8");
    else
        make_change(keeper, request, asked);
}

void pause_tell(const struct keeper *keeper, const char *command, struct pause_state *ret_state)
{
    const struct paused_command *paused = pause_find(keeper, command);
    *ret_state = (struct pause_state){ .is_paused = paused != NULL };
    if (paused == NULL)
        return;
    ret_state->refuses = paused->refuses;
    ret_state->since_unix_ms = paused->since_unix_ms;
    text_copy(ret_state->reason, sizeof ret_state->reason, paused->reason);
    text_copy(ret_state->actor, sizeof ret_state->actor, paused->actor);
}
