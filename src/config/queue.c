#include "queue.h"

#include <string.h>

#include "placeholders.h"
#include "reading.h"

static struct rate rate_of(const struct rate_draft *draft)
{
    return (struct rate){ .count = (uint32_t)draft->count, .period_ms = draft->period_ms };
}

struct quota quota_of(const struct quota_draft *draft)
{
    return (struct quota){ .running = (uint32_t)draft->running,
                           .waiting = (uint32_t)draft->waiting,
                           .rate = rate_of(&draft->rate) };
}

/* A key is kept with the job and told to whoever may read it. */
static void take_key(struct reading *reading, const char *group, const char *text, struct template *ret_key)
{
    if (text == NULL)
        return;
    size_t length = enter_key(reading, group);
    enter_key(reading, "key");
    const struct placeholder_rule rule = {
        .no_secret = "the key is kept with the job, and shown",
        .no_file = "a file has the same path in every job",
        .no_param = reading->command_draft.record == 1
                        ? "the key is kept with the job, and 'record: metadata-only' keeps no value"
                        : NULL,
    };
    placeholders_read(reading, text, &rule, ret_key);
    leave(reading, length);
}

static void check_limit(struct reading *reading, const struct queue_draft *draft)
{
    const struct {
        const char *key;
        bool is_written;
    } useless[] = {
        { "key", draft->key != NULL },
        { "when_full", draft->when_full != FULL_QUEUE },
        { "max_queue", draft->max_queue != 0 },
    };
    if (draft->limit != 0)
        return;
    size_t length = enter_key(reading, "concurrency");
    for (size_t i = 0; i < sizeof useless / sizeof useless[0]; i++)
        if (useless[i].is_written)
            fault_below(reading, useless[i].key, -1, "means nothing without 'limit'; add limit: 1, or remove it");
    leave(reading, length);
}

void queue_rules_take(struct reading *reading, struct command *command)
{
    const struct queue_draft *draft = &reading->command_draft.queue;
    struct queue_rules *queue = &command->queue;
    queue->priority = (uint8_t)draft->priority;
    queue->limit = (uint32_t)draft->limit;
    queue->when_full = (uint8_t)draft->when_full;
    queue->max_queue = (uint32_t)draft->max_queue;
    queue->max_wait_ms = draft->max_wait_ms;
    queue->rate = rate_of(&draft->rate);
    queue->dedupe_ms = draft->dedupe_ms;
    take_key(reading, "concurrency", draft->key, &queue->key);
    take_key(reading, "dedupe", draft->dedupe_key, &queue->dedupe_key);
    check_limit(reading, draft);
}
