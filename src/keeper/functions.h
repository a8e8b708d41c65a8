/*
 * Functions of go-serverless, and the routes to them. Their clients make them; what an image means is the configuration's word,
 * each time anew: a function is an image and variables, and neither a program nor a right.
 */
#pragma once

#include <stdbool.h>

#include "sallyport/proto/messages.h"
#include "sallyport/store/functions.h"

struct caller;
struct command;
struct keeper;

/* The command that its image means now, or NULL. */
const struct command *function_command(const struct keeper *keeper, const struct stored_function *function);

/* Whether this caller may know of it: who may see its command, and who could delete it. */
bool function_is_visible(const struct keeper *keeper, const struct caller *who, const struct stored_function *function);

/* As the front hears of it. Its span lasts as long as the function's. */
void function_tell(const struct keeper *keeper, const struct stored_function *function, struct msg_function *ret_told);

/* function_check.c. NULL, or what is wrong with the variables for this command; the sentence is in the room. */
#define FUNCTION_WHY_BYTES 256
const char *function_variables_fault(const struct keeper *keeper, const struct command *command, struct span variables,
                                     char room[FUNCTION_WHY_BYTES]);
const char *function_path_fault(const char *path);
