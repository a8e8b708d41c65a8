#include "removals.h"

#include <assert.h>

#include "keeper.h"
#include "sallyport/base/error.h"

bool removals_are_done(const struct removals *removals)
{
    return removals->noted == removals->count;
}

void removals_add(struct removals *removals, const struct remains *remains, bool with_record)
{
    if (removals_are_done(removals))
        removals_forget(removals);
    assert(removals->count < REMOVALS_MAX);
    removals->list[removals->count++] = (struct removal){ .remains = *remains, .with_record = with_record };
}

bool removals_order(struct keeper *keeper)
{
    struct removals *removals = &keeper->removals;
    if (removals->ordered == removals->count)
        return false;
    const struct unlink_order order = { .job_id = removals->list[removals->ordered].remains.id,
                                        .batch = removals->batch };
    if (!unlinker_order(&keeper->unlinker, &order))
        return false;
    removals->ordered++;
    return true;
}

int removals_hear(struct keeper *keeper, struct error *err)
{
    struct removals *removals = &keeper->removals;
    struct unlink_result result;
    while (unlinker_result(&keeper->unlinker, &result)) {
        if (result.order.batch != removals->batch)
            continue;
        assert(removals->unlinked < removals->ordered);
        if (result.code != 0)
            return fail(err, result.code, "remove the output of a job");
        removals->unlinked++;
    }
    return 0;
}

static int note(struct keeper *keeper, const struct removal *removal, struct error *err)
{
    const struct job_id *id = &removal->remains.id;
    return removal->with_record ? store_job_remove(keeper->store, id, err)
                                : store_output_removed(keeper->store, id, err);
}

int removals_note(struct keeper *keeper, unsigned most, struct error *err)
{
    struct removals *removals = &keeper->removals;
    for (; most > 0 && removals->noted < removals->unlinked; most--) {
        int done = note(keeper, &removals->list[removals->noted], err);
        if (done < 0) {
            turn_spoil(keeper, err); /* what was noted in part is not noted at all */
            return done;
        }
        removals->noted++;
    }
    return 0;
}

void removals_forget(struct removals *removals)
{
    removals->count = removals->ordered = removals->unlinked = removals->noted = 0;
    removals->batch++;
}

bool removals_have(const struct removals *removals, const struct job_id *id)
{
    for (unsigned i = removals->noted; i < removals->count; i++)
        if (job_id_equal(&removals->list[i].remains.id, id))
            return true;
    return false;
}
