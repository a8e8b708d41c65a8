/*
 * What an image says of the commands that run in it, added to what their owner wrote. The owner's word comes first, and an
 * image can say nothing that a configuration could not.
 */
#pragma once

#include "sallyport/image/settings.h"

struct command;
struct error;

/*
 * Without `exec` the image's entrypoint runs; without `workdir` the job works where the image says; variables are added that
 * `env` does not set. Loaders' and interpreters' variables are left out but for PATH: what is to be obeyed, the owner writes.
 * -ENOEXEC with what to write if there is no `exec` and no usable entrypoint.
 */
int config_add_image(struct command *command, const struct image_settings *settings, struct error *err);
