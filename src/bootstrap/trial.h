/*
 * A sallyportd for one `sallyport try`: the commands of a configuration, and nothing else of it. Whoever started it is the only
 * caller, on a socket of its own; it ends when that one has, and leaves nothing.
 */
#pragma once

struct bootstrap;
struct error;

/*
 * Takes from the loaded configuration what is no business of a trial: listeners, callers, schedules, callbacks, and what would
 * start after the job. Slots get ids that no service uses.
 */
int trial_prepare(struct bootstrap *bootstrap, const char *socket_path, struct error *err);

/* Removes the state directory, and the one above it if nothing else is in it. For after the end of all children. */
void trial_remove_state(const struct bootstrap *bootstrap, const char *state);
