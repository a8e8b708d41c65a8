/* Questions about commands that several subcommands ask. */
#pragma once

#include <jansson.h>
#include <stddef.h>

struct client;
struct error;

/* The command's description; -ENOENT with the nearest known name if the server has none of this name (for us). */
int command_ask(struct client *client, const char *name, json_t **ret_command, struct error *err);

/* All commands that the caller may see, as one array. The caller owns it. */
int commands_ask(struct client *client, json_t **ret_items, struct error *err);

/*
 * All items of a list resource, page after page until `limit` (0: all). `path` is with its query and without a cursor.
 */
int list_ask(struct client *client, const char *path, size_t limit, json_t **ret_items, struct error *err);

/* Adds "&name=value" to the path, unless value is NULL. */
int filter_add(char *path, size_t room, const char *name, const char *value, struct error *err);

/* -EINVAL with a sentence unless text is written as a job's id is. */
int job_id_check(const char *text, struct error *err);
