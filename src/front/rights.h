/*
 * What the caller may see and run, as the keeper knows it: bits for the commands of the settings. While a new configuration is
 * being taken over keeper and front may have different ones; then it is asked again, and in the end refused.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct msg_commands;
struct request;

/* `commands` lasts until the call returns. The settings are those that its bits mean. */
typedef void (*rights_known)(struct request *request, const struct msg_commands *commands);

/* Refuses strangers. The request may be gone when it returns. */
void rights_ask(struct request *request, rights_known known);

/* index: of the settings' commands; one below 0 is none. */
bool rights_may_see(const struct msg_commands *commands, int index);
bool rights_may_run(const struct msg_commands *commands, int index);
bool rights_is_paused(const struct msg_commands *commands, int index);
