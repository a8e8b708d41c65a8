/* The parameters of a request, sorted by the command's own list. */
#pragma once

#include <stdint.h>

#include "sallyport/base/record.h"
#include "sallyport/limits.h"

struct command;
struct error;
struct faults;

/* What was given for one parameter; views into the request. */
struct given {
    uint8_t kind; /* enum entry_kind; ENTRY_NONE when nothing was given */
    struct span value;
    struct reader items; /* ENTRY_LIST: the entries of its items, and their number */
    uint32_t item_count;
};

struct request {
    struct given given[PARAM_COUNT_MAX]; /* in the order of command->params */
};

/*
 * Sorts the entries. Unknown and repeated names become faults. -EBADMSG for what is no list of parameters at all (cut
 * short, kinds that are no parameter's, an item without its list): a peer that sends it breaks the protocol.
 */
int request_read(const struct command *command, struct span params, struct request *ret_request, struct faults *faults,
                 struct error *err);

/* The next item of a list, with ENTRY_ITEM taken off its kind. False at the end. */
struct entry;
bool given_next_item(struct reader *items, struct entry *ret_item);
