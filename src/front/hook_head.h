/* Who a delivery is for and what it shows, from its head alone: before a large body is taken, and before a small one is. */
#pragma once

#include <stdint.h>

#include "sallyport/hook/scheme.h"

#include "wire.h"

struct evbuffer;
struct front;
struct public_hook;

/*
 * The hook of this name; for one that is none, one of the presets, always the same: so it asks for the same things as a hook
 * that exists, and nobody can tell them apart. *ret_hook is NULL then.
 */
const struct hook_scheme *hook_scheme_for(const struct front *front, const char *name,
                                          const struct public_hook **ret_hook);

/* Of a POST below /hooks/ with a large body: WIRE_FINE, WIRE_BODY_TOO_LARGE or WIRE_HOOK_UNPROVEN. text: the head's lines. */
enum wire_fault hook_head_judge(const struct front *front, struct evbuffer *text, uint64_t length);
