/*
 * A stored image as the service finds it: by its digest, whole or not at all. The store is made by `sallyport image pull`
 * (cli/image_store.h says what lies in it), and believed only if it belongs to us alone.
 */
#pragma once

#include "sallyport/image/settings.h"

struct error;

/*
 * Opens the image's directory and locks it against removal for as long as the descriptor lives. -ENOENT: it is not there;
 * -EPERM: the store is not ours alone; -EBUSY: it is being removed.
 */
int image_stored_hold(const char *store, const char *digest, int *ret_fd, struct error *err);

/* What it says about itself. The caller frees it. */
int image_stored_settings(int image_fd, struct image_settings *ret_settings, struct error *err);
