/*
 * Every message that one process can send another: a decoder that meets any bytes reads nothing beyond them, and what it
 * takes encodes to the same bytes. An input is a record's name, a NUL and its bytes: a name means the same when types come between.
 * Plans of a cell, settings and metrics are decoded by the same loop.
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

static void check_named(const struct record_def *defs, size_t count, const char *name, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (defs[i].name != NULL && strcmp(defs[i].name, name) == 0)
            check(&defs[i], data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\0', size);
    if (size < 1 || end == NULL)
        return 0;
    const char *name = (const char *)data;
    data = end + 1;
    size -= strlen(name) + 1;
    check_named(message_defs, MSG_COUNT, name, data, size);
    check_named(cell_defs, CELL_MESSAGE_COUNT, name, data, size);
    check_named(setting_defs, SETTING_COUNT, name, data, size);
    check_named(metric_defs, METRIC_COUNT, name, data, size);
    struct reader in = { data, size };
    struct entry entry;
    while (entries_next(&in, &entry) == 1)
        continue;
    return 0;
}
