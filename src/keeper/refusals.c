#include "refusals.h"

#include <string.h>

#include "keeper.h"
#include "sallyport/base/clock.h"
#include "sallyport/base/error.h"
#include "sallyport/base/log.h"
#include "sallyport/base/text.h"

static void write_down(struct keeper *keeper, enum audit_what what, const char *address, const char *remark,
                       uint32_t count)
{
    struct error err = { 0 };
    struct audit_entry entry = { .what = what, .address = address, .detail = remark, .count = count };
    int done = turn_write(keeper, &err);
    if (done == 0)
        done = audit_record(keeper->store, &entry, &err);
    if (done < 0) {
        log_error("a refusal or a fault could not be recorded: %s", err.text);
        turn_spoil(keeper, &err);
    }
}

/* The row of this address and cause, or a free one; the last one belongs to all who find no other. */
static unsigned row_of(const struct refusals *refusals, const char *address, const char *remark)
{
    unsigned free_row = REFUSALS_ADDRESSES - 1;
    for (unsigned i = 0; i < REFUSALS_ADDRESSES; i++) {
        if (refusals->rows[i].since_ms != 0 && strcmp(refusals->rows[i].address, address) == 0 &&
            strcmp(refusals->rows[i].remark, remark) == 0)
            return i;
        if (refusals->rows[i].since_ms == 0 && free_row == REFUSALS_ADDRESSES - 1)
            free_row = i;
    }
    return free_row;
}

void refusals_note(struct keeper *keeper, struct refusals *refusals, const char *address, const char *cause)
{
    char remark[REFUSALS_REMARK_BYTES];
    text_copy(remark, sizeof remark, cause);
    unsigned at = row_of(refusals, address, remark);
    if (refusals->rows[at].since_ms != 0) {
        refusals->rows[at].held_back++;
        return;
    }
    refusals->rows[at].since_ms = clock_monotonic_ms();
    refusals->rows[at].held_back = 0;
    text_copy(refusals->rows[at].address, sizeof refusals->rows[at].address,
              at == REFUSALS_ADDRESSES - 1 ? "many" : address);
    text_copy(refusals->rows[at].remark, sizeof refusals->rows[at].remark,
              at == REFUSALS_ADDRESSES - 1 ? refusals->others : remark);
    write_down(keeper, refusals->what, address, remark, 1);
}

void refusals_flush(struct keeper *keeper, struct refusals *refusals)
{
    uint64_t now_ms = clock_monotonic_ms();
    for (unsigned i = 0; i < REFUSALS_ADDRESSES; i++) {
        if (refusals->rows[i].since_ms == 0 || now_ms - refusals->rows[i].since_ms < REFUSALS_WINDOW_MS)
            continue;
        if (refusals->rows[i].held_back > 0)
            write_down(keeper, refusals->what, refusals->rows[i].address, refusals->rows[i].remark,
                       refusals->rows[i].held_back);
        refusals->rows[i].since_ms = 0;
    }
}
