/*
 * Functions and routes of go-serverless, which its clients make (front/compat/go_serverless.c) and the keeper keeps: what the
 * front asks, and what it hears.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sallyport/proto/requests.h"

enum function_wish {
    FUNCTIONS_NONE,
    FUNCTIONS_ALL,
    FUNCTIONS_ONE, /* by its id */
    FUNCTIONS_ROUTES,
    FUNCTIONS_ROUTE, /* by its id */
    FUNCTIONS_ROUTE_AT /* by its path: that of a function which the caller may run */,
    FUNCTIONS_WISH_COUNT
};

struct msg_list_functions { /* one: MSG_FUNCTION; all: so many of these, and MSG_JOBS_END */
    struct evidence evidence;
    uint8_t wish; /* enum function_wish */
    struct job_id id;
    char path[FUNCTION_PATH_BYTES];
    uint64_t after; /* those with higher numbers */
};

enum function_deed {
    FUNCTION_NO_DEED,
    FUNCTION_CREATE,       /* of this image, with these variables */
    FUNCTION_DELETE,       /* by its id */
    FUNCTION_ROUTE_CREATE, /* from this path to the function of this id */
    FUNCTION_ROUTE_DELETE, /* by its id */
    FUNCTION_DEED_COUNT
};

struct msg_change_functions { /* answered with MSG_FUNCTION: what there is now, or what is gone */
    struct evidence evidence;
    uint8_t deed; /* enum function_deed */
    struct job_id id;
    char image[CALLED_MAX_BYTES];
    char path[FUNCTION_PATH_BYTES];
    struct span variables; /* entries of ENTRY_STRING */
};

struct msg_function {
    uint64_t number; /* of the function or route, in the order in which they were made */
    struct job_id id;
    char image[CALLED_MAX_BYTES]; /* as it was written */
    struct span variables;
    struct job_id route_id; /* all zero: it is a function */
    char path[FUNCTION_PATH_BYTES];
    char command[NAME_MAX_BYTES]; /* that the image means now; "" when it is not listed any more */
};
