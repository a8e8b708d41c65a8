/*
 * The JSON of an image: its manifest, and its configuration. Both are strangers' bytes, whose digest was compared before;
 * a digest says that they are what was asked for, not that they mean well.
 * Sources: OCI image specification 1.0 (manifest, config, descriptor); Docker "Image Manifest Version 2, Schema 2".
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sallyport/limits.h"

struct error;

struct image_blob {
    char digest[IMAGE_DIGEST_DIGITS + 1];
    uint64_t size;
};

struct manifest {
    struct image_blob config;
    struct image_blob layers[IMAGE_LAYER_COUNT_MAX]; /* the lowest first */
    uint32_t layer_count;
};

/* What the configuration says beside what becomes the image's settings: the digest of each layer's bare tar. */
struct image_diffs {
    char digests[IMAGE_LAYER_COUNT_MAX][IMAGE_DIGEST_DIGITS + 1];
    uint32_t count;
};

/*
 * -EBADMSG for what is no manifest, -EOPNOTSUPP for a layer of an unknown kind or from elsewhere ("foreign"), -EMLINK for
 * an index of several platforms: the message then names the digest to write for `architecture` ("amd64").
 */
int manifest_parse(const uint8_t *data, size_t size, const char *architecture, struct manifest *ret_manifest,
                   struct error *err);

/* Reads the configuration, and writes the lines of the image's settings (settings.h). */
int image_config_parse(const uint8_t *data, size_t size, const char *architecture, FILE *settings,
                       struct image_diffs *ret_diffs, struct error *err);
