/*
 * Every message that one process can send another: a decoder that meets any bytes reads nothing beyond them, and what it
 * takes encodes to the same bytes. The first byte chooses the type. Plans of a cell, settings and metrics are decoded by the
 * same loop.
 */
#include <stdlib.h>
#include <string.h>

#include "sallyport/base/record.h"
#include "sallyport/cell/plan.h"
#include "sallyport/proto/entries.h"
#include "sallyport/proto/messages.h"
#include "sallyport/proto/metrics.h"
#include "sallyport/proto/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct record_def *def, const uint8_t *data, size_t size)
{
    union {
        union any_message message;
        union any_cell_message cell;
        union any_setting setting;
        union any_metric metric;
    } record;
    struct reader in = { data, size };
    if (def->name == NULL || record_decode(def, &in, &record, NULL) < 0)
        return;
    uint8_t *again = malloc(size + 1);
    struct writer out = { again, size };
    /* A boolean may come as any byte below its bound, which is 1, so even those are the same again. */
    if (again == NULL || record_encode(def, &record, &out, NULL) < 0 || out.left != 0 || memcmp(again, data, size) != 0)
        abort();
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    uint8_t type = data[0];
    if (type < MSG_COUNT)
        check(&message_defs[type], data + 1, size - 1);
    if (type < CELL_MESSAGE_COUNT)
        check(&cell_defs[type], data + 1, size - 1);
    if (type < SETTING_COUNT)
        check(&setting_defs[type], data + 1, size - 1);
    if (type < METRIC_COUNT)
        check(&metric_defs[type], data + 1, size - 1);
    struct reader in = { data + 1, size - 1 };
    struct entry entry;
    while (entries_next(&in, &entry) == 1)
        continue;
    return 0;
}
