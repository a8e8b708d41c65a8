/*
 * The store of images: a directory of ours alone, with one directory for each image, named by its digest. An image is in
 * it as a whole or not at all: it is made under another name, written to the disk, and renamed. What is used is locked
 * (flock, shared, on the image's directory) by whoever uses it.
 *
 *     sha256-DIGITS/rootfs     its files, which belong to us
 *     sha256-DIGITS/settings   what it says about itself (settings.h)
 *     sha256-DIGITS/tree       digest of rootfs (seal.h)
 *     sha256-DIGITS/source     where it came from, for people
 *     .pull-*, .gone-*         being made, being removed
 */
#pragma once

#include <stdbool.h>

#include "sallyport/limits.h"

struct error;
struct image_reference;

struct image_store {
    const char *path;
    int fd;
};

/* Makes it, too. -EPERM if it is not ours alone. */
int image_store_open(const char *path, struct image_store *ret_store, struct error *err);
void image_store_close(struct image_store *store);

bool image_store_has(const struct image_store *store, const char *digest);

/* From a registry, or the OCI layout in `layout` unless that is NULL. -EEXIST without any work if it is there. */
int image_store_pull(const struct image_store *store, const struct image_reference *image, const char *layout,
                     bool is_plain, struct error *err);

/* Compares the files with what they were when they were pulled. -EBADMSG. */
int image_store_verify(const struct image_store *store, const char *digest, struct error *err);

/* Calls with the digest and the source of each image, in the order of digests; ends at the first that is not 0. */
int image_store_list(const struct image_store *store, int (*take)(void *arg, const char *digest, const char *source),
                     void *arg, struct error *err);

/* -EBUSY if it is used. */
int image_store_remove(const struct image_store *store, const char *digest, struct error *err);

/* Removes what was never finished, unless somebody is at it. */
int image_store_sweep(const struct image_store *store, struct error *err);
