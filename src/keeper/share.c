#include "share.h"

#include <stdlib.h>
#include <string.h>

#include "keeper.h"
#include "lane.h"
#include "sallyport/base/text.h"

static unsigned bucket_of(const char *name)
{
    unsigned hash = 5381;
    for (; *name != '\0'; name++)
        hash = hash * 33 + (unsigned char)*name;
    return hash % SHARE_BUCKETS;
}

struct share *share_find(struct keeper *keeper, const char *name, uint8_t via)
{
    struct share *share;
    LIST_FOREACH(share, &keeper->queue.shares.buckets[bucket_of(name)], in_table)
    if (share->via == via && strcmp(share->name, name) == 0)
        return share;
    return NULL;
}

struct share *share_take(struct keeper *keeper, const char *name, uint8_t via)
{
    struct share *share = share_find(keeper, name, via);
    if (share == NULL) {
        share = queue_room(sizeof *share);
        text_copy(share->name, sizeof share->name, name);
        share->via = via;
        share->quota = rules_quota(&keeper->rules, name, via);
        LIST_INSERT_HEAD(&keeper->queue.shares.buckets[bucket_of(name)], share, in_table);
    }
    share->users++;
    return share;
}

void share_drop(struct share *share)
{
    share->users--;
    if (share->users > 0)
        return;
    while (share->held != NULL) {
        struct held *next = share->held->next;
        free(share->held);
        share->held = next;
    }
    LIST_REMOVE(share, in_table);
    free(share);
}

bool share_is_full(const struct share *share)
{
    return share->quota.running != 0 && share->running >= share->quota.running;
}

struct ranking *share_held(struct share *share, struct slot_kind *kind)
{
    struct held *held = share->held;
    while (held != NULL && held->kind != kind)
        held = held->next;
    if (held == NULL) {
        held = queue_room(sizeof *held);
        *held = (struct held){ .next = share->held, .kind = kind };
        share->held = held;
    }
    return &held->lanes;
}

void share_wake(struct keeper *keeper, struct share *share)
{
    if (share_is_full(share))
        return;
    for (struct held *held = share->held; held != NULL; held = held->next) {
        struct lane *lane = ranking_first(&held->lanes);
        if (lane != NULL)
            lane_settle(keeper, lane);
    }
}
