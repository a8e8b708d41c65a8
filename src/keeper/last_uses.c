#include "last_uses.h"

#include <stdio.h>
#include <string.h>

#include "keeper.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/store/store.h"

#define MINUTE_MS       60000
#define MARK_NAME_BYTES (NAME_MAX_BYTES + 8)

/* By name: tokens and peers share one set of them, and a reload changes all else. */
static const char *mark_name(const struct caller *who, char name[MARK_NAME_BYTES])
{
    snprintf(name, MARK_NAME_BYTES, "used %s", who->name);
    return name;
}

void last_uses_note(struct keeper *keeper, const struct caller *who)
{
    struct caller *caller = &keeper->rules.callers[who - keeper->rules.callers];
    uint64_t minute_ms = clock_unix_ms() / MINUTE_MS * MINUTE_MS;
    if (caller->used_unix_ms == minute_ms)
        return;
    caller->used_unix_ms = minute_ms;
    caller->is_use_due = true;
}

/* Most reloads leave the order as it is. */
static struct caller *find_again(struct rules *rules, uint32_t likely, const char *name)
{
    if (likely < rules->caller_count && strcmp(rules->callers[likely].name, name) == 0)
        return &rules->callers[likely];
    for (uint32_t i = 0; i < rules->caller_count; i++)
        if (strcmp(rules->callers[i].name, name) == 0)
            return &rules->callers[i];
    return NULL;
}

void last_uses_move(const struct rules *from, struct rules *to)
{
    for (uint32_t i = 0; i < from->caller_count; i++) {
        const struct caller *old = &from->callers[i];
        struct caller *same = old->used_unix_ms != 0 ? find_again(to, i, old->name) : NULL;
        if (same == NULL)
            continue;
        same->used_unix_ms = old->used_unix_ms;
        same->is_use_due = old->is_use_due;
    }
}

static int write_use(struct keeper *keeper, struct caller *caller, struct error *err)
{
    char name[MARK_NAME_BYTES];
    int done = turn_write(keeper, err);
    if (done == 0)
        done = store_mark_set(keeper->store, mark_name(caller, name), caller->used_unix_ms, err);
    caller->is_use_due = false; /* also when it failed: the next minute tries again */
    return done;
}

void last_uses_write(struct keeper *keeper)
{
    struct error err = { 0 };
    for (uint32_t i = 0; i < keeper->rules.caller_count && !keeper->turn.is_behind; i++)
        if (keeper->rules.callers[i].is_use_due && write_use(keeper, &keeper->rules.callers[i], &err) < 0) {
            log_warn("when callers were last there cannot be recorded: %s", err.text);
            turn_spoil(keeper, &err);
            return;
        }
}

int last_use_read(struct keeper *keeper, const struct caller *who, uint64_t *ret_unix_ms, struct error *err)
{
    char name[MARK_NAME_BYTES];
    if (who->used_unix_ms == 0)
        return store_mark_read(keeper->store, mark_name(who, name), ret_unix_ms, err);
    *ret_unix_ms = who->used_unix_ms;
    return 0;
}
