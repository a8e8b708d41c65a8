/* The tables of functions.h, and their rows: a part of the page that messages.c is, and included by it alone. */
#pragma once

#include "sallyport/proto/functions.h"

static const struct field list_functions_fields[] = {
    EVIDENCE(struct msg_list_functions),   U8(struct msg_list_functions, wish, FUNCTIONS_WISH_COUNT - 1),
    ID(struct msg_list_functions, id),     TEXT(struct msg_list_functions, path),
    U64(struct msg_list_functions, after),
};

static const struct field change_functions_fields[] = {
    EVIDENCE(struct msg_change_functions),   U8(struct msg_change_functions, deed, FUNCTION_DEED_COUNT - 1),
    ID(struct msg_change_functions, id),     TEXT(struct msg_change_functions, image),
    TEXT(struct msg_change_functions, path), BYTES(struct msg_change_functions, variables, FUNCTION_VARIABLES_BYTES),
};

static const struct field function_fields[] = {
    U64(struct msg_function, number),   ID(struct msg_function, id),
    TEXT(struct msg_function, image),   BYTES(struct msg_function, variables, FUNCTION_VARIABLES_BYTES),
    ID(struct msg_function, route_id),  TEXT(struct msg_function, path),
    TEXT(struct msg_function, command),
};

#define FUNCTION_MESSAGES                                                                                              \
    [MSG_LIST_FUNCTIONS] = RECORD("list-functions", struct msg_list_functions, list_functions_fields),                 \
    [MSG_CHANGE_FUNCTIONS] = RECORD("change-functions", struct msg_change_functions, change_functions_fields),         \
    [MSG_FUNCTION] = RECORD("function", struct msg_function, function_fields)
