#include "request.h"

#include <errno.h>
#include <string.h>

#include "faults.h"
#include "sallyport/base/error.h"
#include "sallyport/policy/policy.h"
#include "sallyport/proto/entries.h"

static bool is_value_kind(uint8_t kind)
{
    return (kind >= ENTRY_STRING && kind <= ENTRY_LIST) || kind == ENTRY_SECRET || kind == ENTRY_FILE;
}

static bool is_item_kind(uint8_t kind)
{
    return (kind & ENTRY_ITEM) != 0 && is_value_kind(kind & (uint8_t)~ENTRY_ITEM) && kind < ENTRY_LABEL;
}

bool given_next_item(struct reader *items, struct entry *ret_item)
{
    if (entries_next(items, ret_item) != 1)
        return false;
    ret_item->kind &= (uint8_t)~ENTRY_ITEM;
    return true;
}

/* Takes the items behind a list's entry: those that follow at once and carry its name. */
static int read_items(struct reader *in, const struct entry *list, struct given *given, struct error *err)
{
    const uint8_t *from = in->at;
    while (in->left > 0) {
        struct reader ahead = *in;
        struct entry item;
        if (entries_next(&ahead, &item) < 0)
            return fail_plain(err, EBADMSG, "parameters are cut short");
        if (!is_item_kind(item.kind))
            break;
        if (item.name.size != list->name.size || memcmp(item.name.data, list->name.data, item.name.size) != 0)
            return fail_plain(err, EBADMSG, "parameters hold an item of another list");
        given->item_count++;
        *in = ahead;
    }
    given->items = (struct reader){ from, (size_t)(in->at - from) };
    return 0;
}

static int find_param(const struct command *command, struct span name)
{
    for (uint32_t i = 0; i < command->param_count; i++)
        if (span_is(name, command->params[i].name))
            return (int)i;
    return -1;
}

static void sort(const struct command *command, const struct entry *entry, const struct given *given,
                 struct request *request, struct faults *faults)
{
    int index = find_param(command, entry->name);
    faults_at(faults, entry->name, -1);
    if (index < 0)
        faults_add(faults, "unknown", "the command has no parameter of this name");
    else if (request->given[index].kind != ENTRY_NONE)
        faults_add(faults, "duplicate", "was given twice");
    else
        request->given[index] = *given;
}

int request_read(const struct command *command, struct span params, struct request *ret_request, struct faults *faults,
                 struct error *err)
{
    struct request request = { 0 };
    struct reader in = { params.data, params.size };
    struct entry entry;
    int more;
    while ((more = entries_next(&in, &entry)) == 1) {
        if (!is_value_kind(entry.kind))
            return fail_plain(err, EBADMSG, "parameters hold an entry of kind %u", entry.kind);
        struct given given = { .kind = entry.kind, .value = entry.value };
        if (entry.kind == ENTRY_LIST && read_items(&in, &entry, &given, err) < 0)
            return -EBADMSG;
        sort(command, &entry, &given, &request, faults);
    }
    if (more < 0)
        return fail_plain(err, EBADMSG, "parameters are cut short");
    *ret_request = request;
    return 0;
}
