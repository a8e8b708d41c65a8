#include "lane.h"

#include <stdlib.h>
#include <string.h>

#include "keeper.h"
#include "sallyport/base/text.h"

static unsigned add_to_hash(unsigned hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = hash * 33 + (unsigned char)*text;
    return hash;
}

static unsigned bucket_of(const char *command, const char *key)
{
    return add_to_hash(add_to_hash(5381, command) + 1, key) % LANE_BUCKETS;
}

static struct lane *find(struct keeper *keeper, const char *command, const char *key, const struct share *share)
{
    struct lane *lane;
    LIST_FOREACH(lane, &keeper->queue.lanes.buckets[bucket_of(command, key)], in_table)
    if (lane->share == share && strcmp(lane->command, command) == 0 && strcmp(lane->key, key) == 0)
        return lane;
    return NULL;
}

struct lane *lane_find(struct keeper *keeper, const char *command, const char *key)
{
    return find(keeper, command, key, NULL);
}

struct lane *lane_take(struct keeper *keeper, const struct job *job, const struct command *command)
{
    const char *name = job->record.command, *key = job->record.queue_key;
    uint32_t limit = command != NULL ? command->queue.limit : 0;
    struct share *share = limit == 0 ? job->share : NULL;
    struct lane *lane = find(keeper, name, key, share);
    if (lane == NULL) {
        lane = queue_room(sizeof *lane);
        text_copy(lane->command, sizeof lane->command, name);
        text_copy(lane->key, sizeof lane->key, key);
        lane->share = share;
        lane->kind = queue_kind(keeper, command);
        lane->limit = limit;
        lane->is_paused = pause_find(keeper, name) != NULL;
        LIST_INIT(&lane->started);
        LIST_INSERT_HEAD(&keeper->queue.lanes.buckets[bucket_of(name, key)], lane, in_table);
    }
    lane->users++;
    return lane;
}

void lane_drop(struct lane *lane)
{
    lane->users--;
    if (lane->users > 0)
        return;
    LIST_REMOVE(lane, in_table);
    free(lane);
}

static struct ranking *where_it_belongs(struct lane *lane, struct job *first)
{
    if (first == NULL || lane->is_paused || (lane->limit != 0 && lane->running >= lane->limit))
        return NULL;
    return share_is_full(first->share) ? share_held(first->share, lane->kind) : &lane->kind->ready;
}

static bool is_ready(const struct lane *lane)
{
    return lane->within == &lane->kind->ready;
}

void lane_settle(struct keeper *keeper, struct lane *lane)
{
    struct job *first = ranking_first(&lane->waiting);
    struct share *before = lane->within != NULL ? lane->whose : NULL;
    if (lane->within != NULL)
        ranking_remove(lane->within, &lane->place);
    lane->within = where_it_belongs(lane, first);
    lane->whose = lane->within != NULL ? first->share : NULL;
    if (lane->within != NULL)
        ranking_add(lane->within, &lane->place, queue_order(first), lane);
    if (lane->within != NULL && is_ready(lane))
        turn_schedule(keeper);
    /* It was the one of its caller that could go on; others of the same caller may be held. */
    if (before != NULL && (lane->whose != before || !is_ready(lane)))
        share_wake(keeper, before);
}

void lanes_pause(struct keeper *keeper, const char *command, bool is_paused)
{
    for (unsigned i = 0; i < LANE_BUCKETS; i++) {
        struct lane *lane;
        LIST_FOREACH(lane, &keeper->queue.lanes.buckets[i], in_table)
        if (strcmp(lane->command, command) == 0) {
            lane->is_paused = is_paused;
            lane_settle(keeper, lane);
        }
    }
}
